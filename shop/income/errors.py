"""Why a month is not closed, a slip not corrected, a surplus plan refused."""

from shop.kit.errors import DomainError

__all__ = [
    "AnsweredAfterMeeting", "AreaRecordedAnew", "ContractCodeTaken", "ContractVoid", "CostCodeTaken", "CostInTheFuture",
    "CostTakenOver", "CostsEntered", "EarlierMonthOpen", "EndingStands", "FamilyLandBeyondHolding", "GuaranteePaid",
    "GuaranteeUnpaid", "GuaranteedFirst", "LandBeyondHolding", "LandPromised", "LastYearOutside", "LaterPlanStands",
    "MembershipCounted", "MembershipUsed", "MonthClosed", "MonthNotOver", "NoCostRate", "NoProfit", "NoRateOfDay",
    "NoTransactions", "NotACooperative", "NotAMember", "NotInContract", "NothingToCorrect", "ObjectionAnswered",
    "ObjectionTooLate", "ObjectionsUnanswered", "PaidAfterwards", "PaidInTheFuture", "PaidTooEarly", "PaymentCodeTaken",
    "PaymentsStand", "PlanExists", "PlanOutdated", "RateTaken", "RecordStands", "SecondShareStands", "SharedElsewhere",
    "SignedInTheFuture", "SurplusBelowFloor", "TooEarlyToApprove", "YearNotBegun", "YearNotOver",
]  # fmt: skip


class MonthNotOver(DomainError):
    """The month still runs: entries of it are still to come."""

    code = "month-not-over"
    title_zh, title_en = "月份尚未结束", "Month not over"
    zh = "{month} 尚未结束，不能结账。"
    en = "{month} is not over yet and cannot be closed."


class MonthClosed(DomainError):
    """The month was closed before; what it said stays as it is."""

    code = "month-closed"
    title_zh, title_en = "月份已结账", "Month closed before"
    zh = "{month} 已经结账，更正请记入当前月份。"
    en = "{month} is closed; corrections go to the open month."


class EarlierMonthOpen(DomainError):
    """Months close in their order."""

    code = "earlier-month-open"
    title_zh, title_en = "前面的月份未结账", "An earlier month is open"
    zh = "{earlier} 有记录且未结账，请先结该月。"
    en = "{earlier} has entries and is still open: close it first."


class NothingToCorrect(DomainError):
    """The corrected slip would weigh and be worth what it does now."""

    code = "nothing-to-correct"
    status = 422
    title_zh, title_en = "没有需要更正的", "Nothing to correct"
    zh = "交售单 {slip} 现在就是 {weight_g}、{amount_fen}。"
    en = "Slip {slip} is of {weight_g}, worth {amount_fen}, already."


class RecordStands(DomainError):
    """The corrected payment or cost would be what it is now."""

    code = "record-stands"
    status = 422
    title_zh, title_en = "没有需要更正的", "Nothing to correct"
    zh = "{record} 现在就是 {amount_fen}。"
    en = "{record} says {amount_fen} already."


class NotACooperative(DomainError):
    """Only co-operatives and collectives have members who share a surplus."""

    code = "not-a-cooperative"
    title_zh, title_en = "不是合作社", "Not a co-operative"
    zh = "{firm} 不是合作社或集体，没有盈余可分配。"
    en = "{firm} is no co-operative or collective and shares no surplus."


class YearNotOver(DomainError):
    """The surplus of a year is known when the year is over."""

    code = "year-not-over"
    title_zh, title_en = "年度尚未结束", "Year not over"
    zh = "{year} 年到 {day} 尚未结束，还不能分配。"
    en = "{year} is not over on {day}: what it brings cannot be shared yet."


class SurplusBelowFloor(DomainError):
    """Co-operative law, art. 44: at least 60 % of what may be shared is returned by members' transactions."""

    code = "surplus-below-floor"
    status = 422
    title_zh, title_en = "返还低于法定比例", "Return below the legal floor"
    zh = "按交易量返还 {return_bp}，低于法定的 {floor_bp}。"
    en = "{return_bp} by transactions is below the legal floor of {floor_bp}."


class YearNotBegun(DomainError):
    """What is guaranteed for a year is paid when the year has begun."""

    code = "year-not-begun"
    title_zh, title_en = "年度尚未开始", "Year not begun"
    zh = "{year} 年尚未开始，保底收益还不能付。"
    en = "{year} has not begun: its guarantee cannot be paid yet."


class NoTransactions(DomainError):
    """Co-operative law, art. 44: at least 60 % is returned by transactions, so there must be some to go by."""

    code = "no-transactions"
    title_zh, title_en = "该年度没有社员交售", "No transactions of the year"
    zh = "方案 {plan}：系统里没有社员 {year} 年的交售单，不能按交易量返还；请先补录交售单。"
    en = "Plan {plan}: no slip of a member in {year} is recorded, so nothing can be returned by transactions; record"
    en += " the slips first."


class PlanExists(DomainError):
    """A year has one plan that is neither withdrawn nor reversed."""

    code = "surplus-plan-exists"
    title_zh, title_en = "该年度已有方案", "The year has a plan"
    zh = "该年度已有方案 {plan}，{way_zh}。"
    en = "Plan {plan} stands for this year: {way_en}."


class TooEarlyToApprove(DomainError):
    """A plan is laid open to the members for 15 days before their meeting, and no meeting lies ahead."""

    code = "too-early-to-approve"
    title_zh, title_en = "公示期未满或会议未开", "Not laid open long enough, or the meeting is still to come"
    zh = "方案 {plan} 须公示满十五日：成员大会不早于 {earliest}，不晚于今天 {today}。"
    en = "Plan {plan} is laid open for 15 days: the meeting is not before {earliest} and not after today, {today}."


class ObjectionTooLate(DomainError):
    """Members object while a plan is laid open."""

    code = "plan-not-laid-open"
    title_zh, title_en = "方案不在公示期", "The plan is not laid open"
    zh = "方案 {plan} 当前是“{state_zh}”，不在公示期。"
    en = "Plan {plan} is in state {state}, not laid open."


class MembershipUsed(DomainError):
    """Papers stand on days that would no longer be of the membership: they are void first."""

    code = "membership-in-use"
    title_zh, title_en = "还有有效的单据", "Papers stand"
    zh = "{household} 共有 {count} 份有效单据将不在社员或订单关系之内：{papers}；请先作废这些单据。"
    en = "{count} papers of {household} would be of no membership any more: {papers}. Make them void first."


class MembershipCounted(DomainError):
    """What was shown to the members, or shared, counted the membership as it is."""

    code = "membership-counted"
    title_zh, title_en = "盈余分配方案已计入", "Counted by a surplus plan"
    zh = "盈余分配方案 {plans} 已按 {household} 现在的社员关系计算：请先撤回方案（已入账的先冲销），改正后另拟。"
    en = "Surplus plans count {household} as it stands now ({plans}): withdraw them first, reverse booked ones, and"
    en += " draw up others after it."


class NotAMember(DomainError):
    """Contract growers get a price; only members share and object."""

    code = "not-a-member"
    title_zh, title_en = "不是社员", "Not a member"
    zh = "{household} 不是该合作社的社员。"
    en = "{household} is not a member of this co-operative."


class ObjectionAnswered(DomainError):
    """An answer stays as it was given."""

    code = "objection-answered"
    title_zh, title_en = "异议已答复", "Objection answered before"
    zh = "第 {position} 条异议已答复过。"
    en = "Objection {position} was answered before."


class ObjectionsUnanswered(DomainError):
    """The meeting decides when every objection has its answer."""

    code = "objections-unanswered"
    title_zh, title_en = "异议未答复", "Objections unanswered"
    zh = "方案 {plan} 还有未答复的异议：{positions}。"
    en = "Plan {plan} has objections without an answer: {positions}."


class LaterPlanStands(DomainError):
    """A later year's plan stands on the accounts that this one makes or would change: that is undone first."""

    code = "later-plan-stands"
    title_zh, title_en = "以后年度的方案以它为准", "A later plan stands on it"
    zh = "以后年度的方案 {plans} 已以 {plan} 这一年为准公示或入账：请先撤回（已入账的先冲销）。"
    en = "Plans of later years ({plans}) stand on the year of {plan}: withdraw or reverse them first."


class SharedElsewhere(DomainError):
    """What the county's files tell was shared before this system was there."""

    code = "plan-shared-elsewhere"
    title_zh, title_en = "以前年度已在系统外分配", "Shared elsewhere"
    zh = "方案 {plan} 随县里资料导入，是在本系统之外分配的，不能在此冲销。"
    en = "Plan {plan} came with the county's files and was shared elsewhere: it is not reversed here."


class PlanOutdated(DomainError):
    """The meeting decides on, and what is booked follows, the members and accounts as they are."""

    code = "surplus-plan-outdated"
    title_zh, title_en = "社员或账户已变动", "Members or accounts changed"
    zh = "方案 {plan} 公示之后，{households} 等 {count} 户的社员关系或成员账户有变动：请撤回方案，重新拟定。"
    en = "Since plan {plan} was laid open, membership or account of {count} households changed ({households}): withdraw"
    en += " it, the plan must be drawn up anew."


class AnsweredAfterMeeting(DomainError):
    """A meeting decides on what was answered by its day; later answers, also to later objections, want another one."""

    code = "answered-after-meeting"
    title_zh, title_en = "会议之后才答复异议", "Answered after the meeting"
    zh = "方案 {plan} 的异议 {positions} 在 {met_on} 的社员大会之后才答复：请在 {earliest} 或以后再开会表决。"
    en = "Objections {positions} to plan {plan} were answered after the meeting of {met_on}: a meeting decides on"
    en += " {earliest} or later."


class ContractCodeTaken(DomainError):
    """Another contract has this code, also where that one is void."""

    code = "contract-code-taken"
    title_zh, title_en = "合同编号已用", "Contract code taken"
    zh = "合同编号 {contract} 已用，{way_zh}。"
    en = "Contract {contract} was recorded before: {way_en}."


class ContractVoid(DomainError):
    """What was keyed wrong pays nothing, ends never and is not voided twice."""

    code = "contract-void"
    title_zh, title_en = "合同已作废", "The contract is void"
    zh = "合同 {contract} 已作废。"
    en = "Contract {contract} is void."


class PaymentsStand(DomainError):
    """A contract that was keyed wrong has paid nothing: what it paid is made void first, with a reason of its own."""

    code = "guarantee-payments-stand"
    title_zh, title_en = "还有有效的支付", "Payments stand"
    zh = "合同 {contract} 还有有效的支付（年度：{years}），请先作废这些支付。"
    en = "Contract {contract} has payments that stand, for {years}: make them void first."


class PaidAfterwards(DomainError):
    """A year that was paid was owed."""

    code = "guarantee-paid-afterwards"
    title_zh, title_en = "此后的年度已付", "A later year was paid"
    zh = "合同 {contract} 的 {year} 年度已付，不能终止到 {last_year} 年；付错的请先作废。"
    en = "Contract {contract} paid {year}, so it cannot end with {last_year}; make void what was paid wrongly first."


class LastYearOutside(DomainError):
    """A contract ends within its years, or with the year before them; more years are another contract."""

    code = "last-year-outside"
    status = 422
    title_zh, title_en = "终止年度不在范围内", "Last year out of range"
    zh = "合同 {contract} 的最后年度须在 {earliest} 至 {latest} 之间。"
    en = "The last year of contract {contract} lies between {earliest} and {latest}."


class EndingStands(DomainError):
    """The contract would run as long as it does now."""

    code = "ending-stands"
    status = 422
    title_zh, title_en = "终止年度没有变化", "The last year is the same"
    zh = "合同 {contract} 现在就到 {last_year} 年为止。"
    en = "Contract {contract} runs until {last_year} already."


class GuaranteeUnpaid(DomainError):
    """Only a payment that stands is made void."""

    code = "guarantee-unpaid"
    title_zh, title_en = "没有有效的支付", "No payment stands"
    zh = "合同 {contract} 的 {year} 年度没有有效的{kind_zh}，无可作废。"
    en = "Contract {contract} has no {kind_en} for {year} that stands."


class SecondShareStands(DomainError):
    """A second share comes on top of a guarantee: it is made void before it."""

    code = "second-share-stands"
    title_zh, title_en = "二次分红仍有效", "The second share stands"
    zh = "合同 {contract} 的 {year} 年度还有二次分红，请先作废二次分红。"
    en = "Contract {contract} has a second share for {year} that stands: make it void first."


class SignedInTheFuture(DomainError):
    """Nothing was signed tomorrow."""

    code = "signed-in-the-future"
    status = 422
    title_zh, title_en = "签订日期未到", "Signed in the future"
    zh = "签订日期 {day} 还没有到。"
    en = "{day} is still to come."


class LandBeyondHolding(DomainError):
    """A household puts in the land that it has and did not lease out, and in any year each of it once."""

    code = "land-beyond-holding"
    title_zh, title_en = "超过农户的土地", "More land than the household has"
    zh = (
        "{household} 共有土地 {land_mu_tenths}，其中已流转 {leased_out_mu_tenths}：{year} 年加上已入其他合同的，"
        "放不下 {mu_tenths}。"
    )
    en = (
        "{household} has {land_mu_tenths}, of which {leased_out_mu_tenths} are leased out: {mu_tenths} more do not fit"
        " in {year} beside other contracts."
    )


class FamilyLandBeyondHolding(DomainError):
    """Several records put in the land of one family: who knows one of them is told nothing of another's land."""

    code = "family-land-beyond-holding"
    title_zh, title_en = "超过同一户的土地", "More land than the family has"
    zh = "{household} 与其他记录为同一户，该户 {year} 年可入的土地不足以再放 {mu_tenths}。"
    en = (
        "{household} is of one family with other records: what land it can still put in in {year} does not hold"
        " {mu_tenths} more."
    )


class LandPromised(DomainError):
    """What contracts hold of a household's land, it has: they are ended or void first."""

    code = "land-in-contracts"
    title_zh, title_en = "土地已入合同", "The land is in contracts"
    zh = (
        "{household} 在保底分红合同中有 {held_mu_tenths}（{year} 年），多于更正后未流转的 {free_mu_tenths}；"
        "请先终止或作废合同。"
    )
    en = (
        "Contracts hold {held_mu_tenths} of {household} in {year}, more than the {free_mu_tenths} that it would have"
        " and not lease out; end the contract or make it void first."
    )


class NotInContract(DomainError):
    """The contract does not run in that year."""

    code = "year-not-in-contract"
    title_zh, title_en = "年度不在合同期内", "Year not in the contract"
    zh = "{year} 年不在合同 {contract} 的期限内。"
    en = "Contract {contract} does not run in {year}."


class GuaranteePaid(DomainError):
    """A year is paid once."""

    code = "guarantee-paid"
    title_zh, title_en = "该年度已付", "The year was paid before"
    zh = "合同 {contract} 的 {year} 年度已付过。"
    en = "Contract {contract} paid {year} before."


class GuaranteedFirst(DomainError):
    """The guarantee is a debt; a part of the profit comes on top of it."""

    code = "guaranteed-first"
    title_zh, title_en = "须先付保底", "The guarantee comes first"
    zh = "合同 {contract} 的 {year} 年度保底收益还没有付，不能二次分红。"
    en = "Contract {contract} has not paid its guarantee for {year} yet."


class NoProfit(DomainError):
    """Without profit there is nothing on top; the guarantee is paid all the same."""

    code = "no-profit-to-share"
    title_zh, title_en = "没有可分配利润", "No profit to share"
    zh = "合同 {contract} 的 {year} 年度没有可分的利润；保底收益照付。"
    en = "Contract {contract} has no profit to share for {year}; the guarantee is paid all the same."


class RateTaken(DomainError):
    """A rate is never changed: a new one holds from a later day, and one that was keyed wrong is void first."""

    code = "cost-rate-taken"
    title_zh, title_en = "该日已有成本率", "A rate of that day exists"
    zh = "{sku} 自 {valid_from} 起的成本率已登记；改动请从以后的日期起，录错的请先作废。"
    en = "{sku} has a rate from {valid_from} already; give a changed one a later day, void one that was keyed wrong."


class NoRateOfDay(DomainError):
    """No rate holds from exactly that day: it was never set, or is void."""

    code = "no-cost-rate-of-day"
    title_zh, title_en = "该日没有成本率", "No rate of that day"
    zh = "{sku} 没有自 {valid_from} 起的成本率，或已作废。"
    en = "{sku} has no rate from {valid_from}, or it is void."


class CostCodeTaken(DomainError):
    """A paper about costs counts once."""

    code = "cost-record-taken"
    title_zh, title_en = "成本记录已登记", "Cost recorded before"
    zh = "成本记录 {record} 已登记过，{way_zh}。"
    en = "Cost record {record} was recorded before: {way_en}."


class CostInTheFuture(DomainError):
    """Nothing was spent tomorrow."""

    code = "cost-in-the-future"
    status = 422
    title_zh, title_en = "支出日期未到", "Spent in the future"
    zh = "支出日期 {day} 还没有到。"
    en = "{day} is still to come."


class NoCostRate(DomainError):
    """An area needs a rate a mu that holds on its day."""

    code = "no-cost-rate"
    title_zh, title_en = "没有每亩成本率", "No rate a mu"
    zh = "{sku} 在 {day} 没有每亩成本率。"
    en = "{sku} has no rate a mu on {day}."


class CostsEntered(DomainError):
    """What was entered, or an area, tells the costs of the year already."""

    code = "costs-recorded-before"
    title_zh, title_en = "该年成本已有记录", "The year's costs are recorded"
    zh = "{household} 的 {sku} 在 {year} 年已有成本记录，不再按面积计算。"
    en = "The costs of {sku} of {household} in {year} are recorded already and are not counted by area."


class AreaRecordedAnew(DomainError):
    """The costs of an area are its rate times its mu, never another amount."""

    code = "area-recorded-anew"
    status = 422
    title_zh, title_en = "面积须重新登记", "An area is recorded anew"
    zh = "{record} 按面积计算，不能改金额：请先作废（金额 0），再按正确的面积登记。"
    en = "{record} is counted by area and takes no amount: void it with 0, then record the right area."


class CostTakenOver(DomainError):
    """What was entered took the place of this area: nothing of it counts any more."""

    code = "cost-taken-over"
    title_zh, title_en = "该记录已不计入", "The record counts no more"
    zh = "{record} 已被登记的成本取代，不再计入，无须更正。"
    en = "What was entered took the place of {record}: it counts no more, and there is nothing to correct."


class PaidInTheFuture(DomainError):
    """Nothing was paid tomorrow."""

    code = "paid-in-the-future"
    status = 422
    title_zh, title_en = "支付日期未到", "Paid in the future"
    zh = "支付日期 {day} 还没有到。"
    en = "{day} is still to come."


class PaidTooEarly(DomainError):
    """Nothing was paid before it was promised or decided."""

    code = "paid-too-early"
    status = 422
    title_zh, title_en = "支付日期过早", "Paid too early"
    zh = "支付日期 {day} 早于签订、表决或保底支付的日期 {earliest}。"
    en = "{day} is before {earliest}, when it was signed, decided, or its guarantee was paid."


class PaymentCodeTaken(DomainError):
    """A payment counts once."""

    code = "payment-code-taken"
    title_zh, title_en = "支付单已登记", "Payment recorded before"
    zh = "支付单 {payment} 已登记过，{way_zh}。"
    en = "Payment {payment} was recorded before: {way_en}."
