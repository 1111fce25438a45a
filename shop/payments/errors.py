"""Why money does not move."""

from shop.kit.errors import DomainError, NotFoundError

__all__ = [
    "NotFoundError",
    "NothingToPay",
    "NotificationRefused",
    "PaymentBeyondOwed",
    "RefundBeyondPaid",
    "RefundByBank",
    "RefundByMarketplace",
    "SignatureRefused",
    "TransferBooked",
]


class NothingToPay(DomainError):
    """The order is not waiting for this payment."""

    code = "nothing-to-pay"
    title_zh, title_en = "无须付款", "Nothing to pay"
    zh = "订单 {number} 现在不需要这笔付款。"
    en = "Order {number} is not waiting for this payment."


class PaymentBeyondOwed(NothingToPay):
    """More than the order still owes."""

    code = "payment-beyond-owed"
    title_zh, title_en = "超过欠款", "More than is owed"
    zh = "订单 {number} 还欠 {owed_fen}，这笔是 {asked_fen}。"
    en = "Order {number} owes {owed_fen}, this payment is {asked_fen}."


class RefundBeyondPaid(DomainError):
    """More than what is left of the payment."""

    code = "refund-beyond-paid"
    title_zh, title_en = "退款超过已付", "Refund beyond what was paid"
    zh = "最多还可退 {left_fen}，申请退 {asked_fen}。"
    en = "At most {left_fen} can be refunded, {asked_fen} were asked."


class RefundByBank(DomainError):
    """An invoice is paid by bank and follows the accepted weight; no provider could give anything back."""

    code = "refund-by-bank"
    title_zh, title_en = "对公订单不走退款", "Not refunded here"
    zh = "订单 {number} 按验收开票、对公转账，不能在线退款；请在验收时按实收数量核减。"
    en = "Order {number} is on invoice and paid by bank: what is not good is refused at acceptance, not refunded."


class RefundByMarketplace(DomainError):
    """The buyer paid a marketplace: it gives the money back and tells of it in its files."""

    code = "refund-by-marketplace"
    title_zh, title_en = "须在平台退款", "Refunded at the marketplace"
    zh = "订单 {number} 在平台付款，请在平台办理退款，退款随平台文件导入。"
    en = "Order {number} was paid at a marketplace: refund it there, its files bring the refund here."


class TransferBooked(DomainError):
    """This bank reference was booked before."""

    code = "transfer-booked"
    title_zh, title_en = "该笔转账已入账", "Transfer booked before"
    zh = "银行流水 {reference} 已入账。"
    en = "Bank reference {reference} was booked before."


class SignatureRefused(DomainError):
    """A notification with a missing, wrong or old signature."""

    code = "signature-refused"
    status = 401
    title_zh, title_en = "签名无效", "Signature refused"
    zh = "通知签名无效。"
    en = "The notification's signature is not good."


class NotificationRefused(DomainError):
    """Signed, but it does not fit our books: unknown number, other amount, other currency."""

    code = "notification-refused"
    title_zh, title_en = "通知与账不符", "Notification refused"
    zh = "通知与账不符：{why}。"
    en = "The notification does not fit our books: {why}."


class DepositBeyond(DomainError):
    """More than is left to use of the deposit that came in."""

    code = "deposit-beyond"
    title_zh, title_en = "超出定金余额", "Beyond the deposit"
    zh = "协议 {agreement} 的定金还有 {left_fen}，要求 {asked_fen}。"
    en = "The deposit of {agreement} has {left_fen} left, {asked_fen} were asked."


class DepositBeyondAgreed(DepositBeyond):
    """More than is still to come of the agreed deposit; nothing is once the agreement has ended."""

    code = "deposit-beyond-agreed"
    title_zh, title_en = "超出约定的定金", "Beyond the agreed deposit"
    zh = "协议 {agreement} 的定金还应收 {left_fen}，到账 {asked_fen}。"
    en = "{left_fen} of the deposit of {agreement} are still to come, {asked_fen} came in."


class PenaltyUndecided(DomainError):
    """The firm may still take the deposit for the buyer's breach."""

    code = "penalty-undecided"
    title_zh, title_en = "违约金未决定", "A penalty is not decided"
    zh = "协议 {agreement} 对采购方第 {number} 次提出的违约金还没有决定：企业主张、放弃或适用定金罚则后，才能返还定金。"
    en = "Penalty {number} of the buyer under {agreement} is open: the firm claims it, waives it or keeps the deposit."


class DepositUsedUp(DepositBeyond):
    """There is nothing to return, to lose or to double: no deposit came in, or it was used."""

    code = "deposit-used-up"
    title_zh, title_en = "定金没有余额", "Nothing left of the deposit"
    zh = "协议 {agreement} 没有可退还、没收或双倍返还的定金：没有收到，或已抵作货款、退还。"
    en = "Nothing of a deposit of {agreement} is left to return, lose or double: none came in, or it was used."


class DepositStillBound(DomainError):
    """A deposit is returned or lost when the agreement has ended; before, only what exceeds its terms goes back."""

    code = "deposit-still-bound"
    title_zh, title_en = "协议未结束，定金不能处置", "The deposit is bound"
    zh = "协议 {agreement} 尚未结束，定金只能抵作货款；超出条款约定的部分可以先退。"
    en = "Agreement {agreement} has not ended: its deposit can only be set off, what exceeds its terms returned."


class PenaltyBeyondClaimed(DomainError):
    """More than is still open of a claimed penalty, or nothing."""

    code = "penalty-beyond-claimed"
    title_zh, title_en = "超出未付的违约金", "Beyond the claimed penalty"
    zh = "协议 {agreement} 第 {number} 号违约金还有 {left_fen}未付，登记 {asked_fen}。"
    en = "{left_fen} of penalty {number} under {agreement} are open, {asked_fen} were said to be paid."


class NotYoursToReceive(DomainError):
    """That a penalty was paid is said by who has the money, or by the county."""

    code = "not-yours-to-receive"
    title_zh, title_en = "应由收款方登记", "Not yours to receive"
    zh = "协议 {agreement} 的违约金到账由收款的守约方或县里登记或作废。"
    en = "That a penalty under {agreement} was paid is said or made void by the side that has the money or the county."


class PenaltyPaidTooEarly(DomainError):
    """Nothing was paid of a penalty before there was an agreement."""

    code = "penalty-paid-too-early"
    status = 422
    title_zh, title_en = "付款日期过早", "Paid before it was signed"
    zh = "付款日期 {day} 早于协议 {agreement} 的签订日期 {signed_on}。"
    en = "{day} is before {signed_on}, when {agreement} was signed."


class NoSuchPenaltyPayment(DomainError):
    """Nothing was paid of the agreement's penalties by this bank number."""

    code = "no-such-penalty-payment"
    title_zh, title_en = "没有该笔违约金付款", "No such payment of a penalty"
    zh = "协议 {agreement} 没有银行流水 {reference} 的违约金付款。"
    en = "No penalty under {agreement} was paid by bank reference {reference}."


class PenaltyPaymentVoided(DomainError):
    """This payment of a penalty is void already."""

    code = "penalty-payment-voided"
    title_zh, title_en = "该笔违约金付款已作废", "The payment is void already"
    zh = "银行流水 {reference} 的违约金付款已作废。"
    en = "The payment of a penalty by bank reference {reference} is void already."


class PenaltyPaid(DomainError):
    """A claim of which something was paid is not withdrawn."""

    code = "penalty-paid"
    title_zh, title_en = "违约金已付，不能撤回主张", "The penalty was paid"
    zh = "协议 {agreement} 第 {number} 号违约金已付 {paid_fen}，不能撤回主张；登记有误或已退回的，先作废该笔付款。"
    en = "{paid_fen} of penalty {number} under {agreement} were paid: void what was keyed wrong or went back first."
