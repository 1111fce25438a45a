"""Why an order is refused."""

from shop.kit.errors import DomainError


class CampaignClosed(DomainError):
    """No campaign is open on the day of the order."""

    code = "campaign-closed"
    title_zh, title_en = "活动未开放", "Campaign not open"
    zh = "{day} 没有开放的活动。"
    en = "No campaign is open on {day}."


class OccasionNotOpen(DomainError):
    """The session, round or promotion is not selling now, or belongs to another partner."""

    code = "occasion-not-open"
    title_zh, title_en = "场次未开放", "Occasion not open"
    zh = "场次 {occasion} 现在不能下单。"
    en = "Occasion {occasion} is not selling now."


class OccasionRequired(DomainError):
    """The channel sells only on an occasion (a live session, an agreement)."""

    code = "occasion-required"
    title_zh, title_en = "缺少场次或协议", "Occasion required"
    zh = "{channel}须指明场次或采购协议。"
    en = "The {channel} channel sells only on an occasion: name the session or agreement."


class PartnerDoesNotFit(DomainError):
    """The partner is not one of this channel, or the buyer is not that partner."""

    code = "partner-does-not-fit"
    title_zh, title_en = "销售伙伴与渠道不符", "Partner does not fit the channel"
    zh = "{partner} 不能通过{channel}下单。"
    en = "{partner} cannot be used in the {channel} channel."


class NotForSale(DomainError):
    """The product is not listed, its firm is not admitted, or this occasion does not offer it."""

    code = "not-for-sale"
    title_zh, title_en = "商品不可售", "Not for sale"
    zh = "商品 {sku} 目前不出售。"
    en = "Product {sku} is not for sale here now."


class PresaleNotOpen(DomainError):
    """The pre-sale takes no orders now, is of another product, or the channel sells only what is there."""

    code = "presale-not-open"
    title_zh, title_en = "预售未开放", "Pre-sale not open"
    zh = "预售 {presale} 现在不能这样下单；一张预售订单只含该商品。"
    en = "Pre-sale {presale} cannot be ordered like this now; its order holds that product alone."


class OrderingClosed(DomainError):
    """Its firm takes no orders of the product on this day, whatever the harvest."""

    code = "ordering-closed"
    title_zh, title_en = "不在下单日期内", "Ordering closed"
    zh = "{sku} {day} 不接受下单。"
    en = "{sku} is not ordered on {day}."


class PaperMissing(DomainError):
    """A licence the product must have is missing or expired: sale is stopped."""

    code = "paper-missing"
    title_zh, title_en = "证照不全", "Paper missing"
    zh = "商品 {sku} 缺少有效的{paper_zh}，不能销售。"
    en = "Product {sku} has no valid {paper}; it cannot be sold."


class FirmLacksItems(DomainError):
    """The firm lacks an item of its checklist that is needed to sell in this channel."""

    code = "firm-lacks-items"
    title_zh, title_en = "企业资料不全", "Firm lacks items"
    zh = "商品 {sku} 的企业还缺：{items_zh}，暂不能在这里销售。"
    en = "The firm of {sku} lacks what is needed to sell here: {items_zh}."


class NotForThisChannel(DomainError):
    """Medicinal materials are not food: they never go to canteens and unions."""

    code = "not-for-this-channel"
    title_zh, title_en = "该渠道不可售", "Not for this channel"
    zh = "商品 {sku} 不是食品，不能通过{channel}销售。"
    en = "Product {sku} is not food and cannot be sold through the {channel} channel."


class OneSellerPerOrder(DomainError):
    """An order has one selling firm."""

    code = "one-seller-per-order"
    title_zh, title_en = "一单一企", "One seller per order"
    zh = "一张订单只能有一家企业的商品：{firms}。请分开下单。"
    en = "An order has one selling firm; this one names {firms}. Place one order for each."


class PerBuyerCap(DomainError):
    """More than the occasion sells to one buyer, in all his orders that stand."""

    code = "per-buyer-cap"
    title_zh, title_en = "超过限购数量", "Above the cap per buyer"
    zh = "{sku} 每人限购 {cap} {unit}，已订 {had} {unit}。"
    en = "{sku} is limited to {cap} per buyer; {had} are ordered already."


class OrderTooLarge(DomainError):
    """Above the largest order the shop takes."""

    code = "order-too-large"
    status = 422
    title_zh, title_en = "订单金额过大", "Order too large"
    zh = "单张订单最多 {limit_fen}。"
    en = "An order is at most {limit_fen}."


class ReferenceTaken(DomainError):
    """The buyer has an order under this number of his own already."""

    code = "reference-taken"
    title_zh, title_en = "单号已用过", "Reference taken"
    zh = "单号 {reference} 已用于订单 {number}，内容不同。"
    en = "The reference {reference} is that of order {number}, which is another."


class CouponNotForThis(DomainError):
    """The coupon is of another occasion or firm, before or after its dates, or the goods are below its sum."""

    code = "coupon-not-for-this"
    title_zh, title_en = "优惠券不适用", "Coupon not for this order"
    zh = "优惠券 {coupon} 不适用于本单（满 {min_goods_fen} 可用）。"
    en = "Coupon {coupon} does not apply to this order (goods of {min_goods_fen} or more)."


class CouponUsed(DomainError):
    """A coupon counts once for each buyer, while the order it was used for stands."""

    code = "coupon-used"
    title_zh, title_en = "优惠券已使用", "Coupon used"
    zh = "优惠券 {coupon} 每人限用一次。"
    en = "Coupon {coupon} is good once for each buyer."


class CouponSpent(DomainError):
    """The budget of the coupon is spent."""

    code = "coupon-spent"
    title_zh, title_en = "优惠券已领完", "Coupon spent"
    zh = "优惠券 {coupon} 已用完。"
    en = "The budget of coupon {coupon} is spent."


class ReceiptRuleTaken(DomainError):
    """A rule of receipt is never replaced: orders are on their way by it."""

    code = "receipt-rule-taken"
    title_zh, title_en = "收货规则已设定", "Receipt rule taken"
    zh = "自 {valid_from} 起的自动收货规则已经设定，不能替换。"
    en = "There is a rule of receipt from {valid_from} on; it is never replaced."


class SignatureDoesNotFit(DomainError):
    """A parcel is signed for once, between the day it was sent and today."""

    code = "signature-does-not-fit"
    title_zh, title_en = "签收日不对", "Signature does not fit"
    zh = "包裹 {position} 的签收日须在 {sent_on} 至 {today} 之间，且只记一次。"
    en = "Parcel {position} is signed for once, between {sent_on} and {today}."


class NotInTheOrder(DomainError):
    """The order has no such product: nothing of it is sent or accepted."""

    code = "not-in-the-order"
    status = 422
    title_zh, title_en = "订单没有该商品", "Not in the order"
    zh = "订单 {number} 没有商品 {sku}。"
    en = "Order {number} has no product {sku}."


class DispatchBeyondOrder(DomainError):
    """More than what is left to dispatch."""

    code = "dispatch-beyond-order"
    title_zh, title_en = "发货超出订单", "Dispatch beyond the order"
    zh = "{sku} 还可发 {left_g}，要求发 {asked_g}。"
    en = "{sku}: {left_g} are left to dispatch, {asked_g} were asked."


class CutBeyondOrder(DomainError):
    """More is to be taken off than is left to send."""

    code = "cut-beyond-order"
    title_zh, title_en = "取消超出未发货数量", "Cut beyond what is left"
    zh = "{sku} 未发货 {left_g}，要求取消 {asked_g}。"
    en = "{sku}: {left_g} are left to send, {asked_g} were to be taken off."


class NotWholePacks(DomainError):
    """What is sold by the pack is taken off by whole packs."""

    code = "not-whole-packs"
    status = 422
    title_zh, title_en = "须按整件取消", "Not whole packs"
    zh = "{sku} 每件 {unit_weight_g}，须按整件取消。"
    en = "{sku} is taken off by whole packs of {unit_weight_g}."


class NothingWouldBeLeft(DomainError):
    """All of it: then the order is cancelled as a whole."""

    code = "nothing-would-be-left"
    title_zh, title_en = "全部取消请取消订单", "Nothing would be left"
    zh = "订单 {number} 将一件不剩，请取消整张订单。"
    en = "Nothing of order {number} would be left: cancel the order."


class NotCutHere(DomainError):
    """Sold on a marketplace, or asked for by a round or an agreement: changed there, or not by the buyer."""

    code = "not-cut-here"
    title_zh, title_en = "不能在此部分取消", "Not cut here"
    zh = "订单 {number} 来自外部平台、团购或采购协议，买方不能在此部分取消。"
    en = "Order {number} comes from a marketplace, a round or an agreement: its buyer does not take packs off here."


class RestNotLate(DomainError):
    """The firm may still send the rest: its day has not passed."""

    code = "rest-not-late"
    title_zh, title_en = "余货未到期", "The rest is not late"
    zh = "订单 {number} 的交货日是 {due_on}，过了这一天仍未发的余货才能按未交关闭。"
    en = "Order {number} is due on {due_on}: what is not sent by then is closed after that day."


class StillToInspect(DomainError):
    """The buyer may still say what he found."""

    code = "still-to-inspect"
    title_zh, title_en = "验收期未过", "Still to inspect"
    zh = "订单 {number} 的采购方在 {until}（北京时间）前可以自己验收；过后仍无答复的，县里才能代为验收。"
    en = "The buyer of {number} may accept it himself until {until} (Beijing); the county may only after that."


class GoodsRecalled(DomainError):
    """Goods that were recalled are not accepted for anybody."""

    code = "goods-recalled"
    title_zh, title_en = "货物已召回", "Goods are recalled"
    zh = "订单 {number} 中有已召回的货物，不能代为验收：请先处理召回，由采购方自己验收或拒收。"
    en = "Goods of {number} are recalled: they are not accepted for the buyer, who accepts or refuses them himself."


class NotForItsBuyer(DomainError):
    """A consumer's order is received by the clock, what was sold elsewhere when that shop says so."""

    code = "not-for-its-buyer"
    title_zh, title_en = "不能代为验收", "Not accepted for its buyer"
    zh = "订单 {number} 不由县里代为验收：消费者的订单到期自动收货，其他平台的订单以平台的收货为准。"
    en = "Order {number} is not accepted by the county: a consumer's is received by the clock, a marketplace's there."


class PromiseCalledAgain(DomainError):
    """What was refused was called again meanwhile: with more accepted, more than the promise would stand."""

    code = "promise-called-again"
    title_zh, title_en = "退回的数量已再次要货", "Called again meanwhile"
    zh = (
        "协议 {agreement} 只余 {left_g}，更正要多验收 {asked_g}：退回的数量已再次要货。"
        "请先取消、减少尚未确认的要货，或先签补充协议增加约定总量。"
    )
    en = (
        "{left_g} are left of {agreement}, and {asked_g} more would be accepted: what was given back was called again. "
        "Cancel or reduce a call-off that is not confirmed, or amend the promise first."
    )


class CouponWouldNotHold(DomainError):
    """What stands would be below what the coupon asks for."""

    code = "coupon-would-not-hold"
    title_zh, title_en = "不足优惠券门槛", "Coupon would not hold"
    zh = "取消后不足优惠券 {coupon} 满 {min_goods_fen} 的门槛，可取消整张订单。"
    en = "What stands would be below the {min_goods_fen} of coupon {coupon}: cancel the whole order instead."


class AcceptanceDoesNotFit(DomainError):
    """Accepted and refused weights are not what was dispatched, grades do not add up, or a refusal has no reason."""

    code = "acceptance-does-not-fit"
    title_zh, title_en = "验收数量不符", "Acceptance does not fit"
    zh = "{sku} 发货 {dispatched_g}，验收 {accepted_g}；各等级之和须等于验收重量，拒收须写明原因。"
    en = (
        "{sku}: {dispatched_g} were dispatched, {accepted_g} accepted; grades must add up to what is accepted, and"
        " what is refused needs a reason."
    )


class NothingAccepted(DomainError):
    """The goods were not accepted yet: there is nothing to reverse."""

    code = "nothing-accepted"
    title_zh, title_en = "尚未验收", "Nothing accepted yet"
    zh = "订单 {number} 尚未验收，没有可更正的验收。"
    en = "Order {number} was not accepted yet: there is nothing to reverse."


class AcceptanceSame(DomainError):
    """The goods were accepted just so."""

    code = "acceptance-same"
    title_zh, title_en = "验收没有变化", "Accepted so already"
    zh = "订单 {number} 原来就是这样验收的。"
    en = "Order {number} was accepted just so."


class AcceptancePaid(DomainError):
    """The buyer has paid more than the goods would cost, and money of an invoice goes back by bank."""

    code = "acceptance-paid"
    title_zh, title_en = "货款已多于更正后的应付", "More was paid already"
    zh = (
        "订单 {number} 已收货款 {paid_fen}，更正后应付 {owed_fen}。本系统不退发票款：只能更正到不低于已收货款；"
        "多收的部分由企业经银行退还买方，双方书面说明。"
    )
    en = (
        "Order {number} was paid with {paid_fen} and would cost {owed_fen}. Money of an invoice goes back by "
        "bank, not here: correct it to no less than what was paid; the firm returns the rest by bank, on paper of both."
    )


class PenaltyStands(DomainError):
    """A penalty that counts this call-off was claimed, or the deposit taken for it."""

    code = "penalty-stands"
    title_zh, title_en = "已按原验收追究违约", "A penalty rests on it"
    zh = (
        "协议 {agreement} 第 {number} 号违约金已按原验收主张，或为它适用了定金罚则，验收不再更正："
        "主张方先撤回主张（已付的先作废付款）；适用了定金罚则的，双方另行书面协商。"
    )
    en = (
        "Penalty {number} under {agreement} was claimed by what was accepted, or the deposit taken for it: it stands. "
        "Who claimed it withdraws first (what was paid is void before); of a deposit the sides settle on paper."
    )


class OutcomeStands(DomainError):
    """The agreement has ended fulfilled or short, and would have ended otherwise."""

    code = "outcome-stands"
    title_zh, title_en = "协议已按原验收结束", "The outcome rests on it"
    zh = "协议 {agreement} 已按原验收结束，更正会改变其履约结论；请双方先重开协议再更正。"
    en = "{agreement} ended by what was accepted, and would have ended otherwise: the sides reopen it first."


class ReopenTooLate(DomainError):
    """Both sides must have consented within thirty days after the end."""

    code = "reopen-too-late"
    title_zh, title_en = "重开期限已过", "Too late to reopen"
    zh = "协议 {agreement} 须在 {until} 前由双方同意重开；现在请另签或续签。"
    en = "Both sides of {agreement} had to consent by {until}: draft another, or a renewal."


class ReopeningBarred(DomainError):
    """Something was built on the end of the agreement."""

    code = "reopening-barred"
    title_zh, title_en = "不能重开", "Not reopened"
    zh = "协议 {agreement} 不能重开：{bar_zh}。"
    en = "{agreement} is not reopened: {bar_en}."


class AlreadyOnTheWay(DomainError):
    """Something was dispatched: it can be refused at acceptance or refunded, the rest closed, no longer cancelled."""

    code = "already-on-the-way"
    title_zh, title_en = "已发货不能取消", "Already on the way"
    zh = "订单 {number} 已发货，不能取消，可在验收时拒收或申请退款；只发了一部分的，余货逾期后可按未交关闭。"
    en = (
        "Order {number} was dispatched: refuse it at acceptance or ask for a refund; of one that was sent in part "
        "what is late is closed as not delivered."
    )


class NotTheApprover(DomainError):
    """The buyer has named who approves its orders, and it is somebody else."""

    code = "not-the-approver"
    title_zh, title_en = "不是审批人", "Not the approver"
    zh = "订单 {number} 须由本单位指定的审批人审批。"
    en = "Order {number} is approved by those whom its buyer named."


class NotApprovedByYou(DomainError):
    """The channel has no approval, or it is another side's to give."""

    code = "approval-not-needed"
    title_zh, title_en = "无须审批", "No approval needed"
    zh = "订单 {number} 不需要审批。"
    en = "Order {number} needs no approval."


class NotACallOff(DomainError):
    """Only the order of a call-off is changed this way."""

    code = "not-a-call-off"
    title_zh, title_en = "不是要货订单", "Not a call-off"
    zh = "订单 {number} 不是采购协议的要货。"
    en = "Order {number} is not the order of a call-off."


class GradesNotAgreed(DomainError):
    """Only what is called off under an agreement is priced by grade."""

    code = "grades-not-agreed"
    status = 422
    title_zh, title_en = "没有约定分级价", "No grades agreed"
    zh = "订单 {number} 没有采购协议，不能按等级验收。"
    en = "Order {number} has no agreement: it is not accepted by grade."


class GradeNotTaken(DomainError):
    """The agreement does not take this grade: it is refused with a reason."""

    code = "grade-not-taken"
    title_zh, title_en = "协议不收该等级", "Grade not taken"
    zh = "协议不收{grade}，应写明原因拒收。"
    en = "The agreement does not take grade {grade}: refuse it with a reason."


class NotYoursToDecide(DomainError):
    """A penalty is claimed or waived by the side that was let down."""

    code = "not-yours-to-decide"
    title_zh, title_en = "应由守约方决定", "Not yours to decide"
    zh = "协议 {agreement} 的违约金由守约方主张或放弃。"
    en = "A penalty under {agreement} is claimed or waived by the other side."


class NoSuchPenalty(DomainError):
    """The agreement has no proposal of this number."""

    code = "no-such-penalty"
    title_zh, title_en = "没有该违约金提议", "No such penalty"
    zh = "协议 {agreement} 没有第 {number} 号违约金提议。"
    en = "Agreement {agreement} has no proposed penalty {number}."


class DayAhead(DomainError):
    """What agreements kept, and who is behind, is looked at today or on a day before."""

    code = "day-ahead"
    status = 422
    title_zh, title_en = "日期在将来", "The day lies ahead"
    zh = "{day} 尚未到来。"
    en = "{day} has not come yet."


class PenaltyOutdated(DomainError):
    """What was proposed does not stand any more: goods came, an acceptance was corrected, a side was excused."""

    code = "penalty-outdated"
    title_zh, title_en = "违约金已变", "No longer so"
    zh = "按现在的记录，截至 {as_of} 可主张的是 {stands_g}、{stands_fen}，少于第 {number} 次提出的数；请重新计算。"
    en = "Up to {as_of} {stands_g} and {stands_fen} can be claimed now, less than no. {number} says: propose anew."


class TakenAlready(DomainError):
    """For one side's breach a penalty was claimed or the deposit taken already."""

    code = "taken-already"
    title_zh, title_en = "已主张过违约责任", "Taken already"
    zh = "协议 {agreement} 已就该方的这些违约主张违约金或定金，二者只能择一、一次；此后到期的可另行计算主张。"
    en = (
        "Under {agreement} a penalty was claimed or the deposit taken for that breach already: one of them, once. What"
        " fell due later may be proposed and claimed."
    )


class AttributionSame(DomainError):
    """The order is counted so already: there is nothing to correct."""

    code = "attribution-same"
    title_zh, title_en = "归属没有变化", "Counted so already"
    zh = "订单 {number} 已经这样归属。"
    en = "Order {number} is counted so already."
