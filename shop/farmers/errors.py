"""Why a delivery is refused."""

from shop.kit.errors import DomainError, NotFoundError

__all__ = [
    "AlreadyRelated", "DeliveredAfterwards", "DeliveredInTheFuture", "DeliveryCodeTaken", "FactorTaken",
    "GroupCodeTaken", "HasMergedRecords", "JoiningStands", "LeasedBeyondLand", "LeftSince", "MergedAlready",
    "NoDeparture", "NoGradeFactor", "NoJoining", "NoSharesHere", "NotADeliveredProduct", "NotFoundError", "NotMerged",
    "NotOfThisFirm", "NotTied", "NothingToChange", "SlipTooLarge", "SlipWorthNothing", "TieAhead", "TieTooEarly",
    "TiedAlready", "TooEarly",
]  # fmt: skip


class DeliveredInTheFuture(DomainError):
    """Nothing was weighed tomorrow."""

    code = "delivered-in-the-future"
    status = 422
    title_zh, title_en = "交售日期未到", "Delivered in the future"
    zh = "交售日期 {day} 还没有到。"
    en = "{day} is still to come."


class NotOfThisFirm(DomainError):
    """The household has no relation to the firm."""

    code = "household-not-of-firm"
    title_zh, title_en = "农户不属于该企业", "Household not of this firm"
    zh = "{household} 与该企业没有社员或订单关系。"
    en = "{household} is neither a member nor a contract grower of this firm."


class NotADeliveredProduct(DomainError):
    """The firm makes this product itself, or it is another firm's, or it is not harvested then."""

    code = "not-a-delivered-product"
    title_zh, title_en = "不能交售该商品", "Not a delivered product"
    zh = "{sku} 在 {day} 不能向该企业交售。"
    en = "{sku} cannot be delivered to this firm on {day}."


class DeliveryCodeTaken(DomainError):
    """The slip was recorded before: a slip counts once."""

    code = "delivery-code-taken"
    title_zh, title_en = "交售单已登记", "Delivery slip recorded before"
    zh = "交售单 {slip} 已登记过，{way_zh}。"
    en = "Slip {slip} was recorded before: {way_en}."


class NoGradeFactor(DomainError):
    """A base price needs to know what the grade is paid of it."""

    code = "no-grade-factor"
    title_zh, title_en = "没有等级系数", "No factor for the grade"
    zh = "{day} 没有 {grade} 的等级系数。"
    en = "No factor of grade {grade} holds on {day}."


class FactorTaken(DomainError):
    """A factor is never changed: another one holds from a later day."""

    code = "grade-factor-taken"
    title_zh, title_en = "该日已有等级系数", "A factor of that day exists"
    zh = "{grade} 自 {valid_from} 起的系数已登记；改动请从以后的日期起。"
    en = "{grade} has a factor from {valid_from} already; give a changed one a later day."


class MergedAlready(DomainError):
    """A record counts for one family, and the one it counts for counts for itself."""

    code = "household-merged"
    title_zh, title_en = "农户记录已合并", "Record merged before"
    zh = "{household} 或 {into} 已经合并到别的记录，或两者相同；请先撤销。"
    en = "{household} or {into} counts for another record already, or they are the same; undo that first."


class HasMergedRecords(DomainError):
    """Others count for this record: it cannot count for another one."""

    code = "household-has-merged-records"
    title_zh, title_en = "有记录合并到此户", "Other records count for it"
    zh = "有别的记录合并到 {household}；请先撤销。"
    en = "Other records count for {household}; undo that first."


class NotMerged(DomainError):
    """The record counts for itself."""

    code = "household-not-merged"
    title_zh, title_en = "农户记录未合并", "Record not merged"
    zh = "{household} 没有合并到别的记录。"
    en = "{household} counts for itself already."


class AlreadyRelated(DomainError):
    """The household belongs to the firm now."""

    code = "already-of-firm"
    title_zh, title_en = "已是该企业的农户", "Belongs to the firm already"
    zh = "{household} 现在就是 {firm} 的社员或订单农户。"
    en = "{household} is a member or grower of {firm} now."


class TooEarly(DomainError):
    """Who joins has left before, who leaves has joined before, and no day lies ahead."""

    code = "membership-day-impossible"
    status = 422
    title_zh, title_en = "日期不可能", "The day cannot be"
    zh = "日期与以前的加入、退出不符，或还没有到（{earliest}）。"
    en = "The day contradicts when it joined or left before, or lies ahead ({earliest})."


class DeliveredAfterwards(DomainError):
    """Who leaves delivers until his last day: no slip is later than it."""

    code = "delivered-afterwards"
    title_zh, title_en = "退出日之后还有交售", "Slips later than the last day"
    zh = "{household} 在 {last} 还向该企业交售过，退出日期不能早于这一天。"
    en = "{household} delivered to this firm on {last}: its last day is not earlier than that."


class NoDeparture(DomainError):
    """Only a departure that was recorded is void."""

    code = "no-departure"
    title_zh, title_en = "没有退出记录", "No departure"
    zh = "{household} 没有退出过 {firm}，无可作废。"
    en = "{household} never left {firm}: there is nothing to make void."


class NoJoining(DomainError):
    """Only a joining that was recorded is void; who was there since before any record leaves instead."""

    code = "no-joining"
    title_zh, title_en = "没有加入记录", "No joining"
    zh = "{household} 没有加入 {firm} 的记录，无可作废；不再是该企业农户的，请登记退出。"
    en = "No joining of {household} at {firm} is recorded, so none is made void; who is there no more leaves."


class LeftSince(DomainError):
    """What came last is undone first."""

    code = "left-since"
    title_zh, title_en = "此后已退出", "It left since"
    zh = "{household} 已于 {left_on} 退出 {firm}：请先作废退出，再作废或更正加入。"
    en = "{household} left {firm} on {left_on}: make the departure void first, then its joining is void or corrected."


class JoiningStands(DomainError):
    """The corrected joining would be what it is now."""

    code = "joining-stands"
    status = 422
    title_zh, title_en = "没有需要更正的", "Nothing to correct"
    zh = "{household} 在 {firm} 的加入日期和股份现在就是这样。"
    en = "{household} joined {firm} on that day with those shares already."


class NoSharesHere(DomainError):
    """Capital shares are of members, and only co-operatives have members."""

    code = "no-shares-in-firm"
    status = 422
    title_zh, title_en = "该企业没有社员股份", "No shares in this firm"
    zh = "{firm} 不是合作社，农户以订单农户加入，没有股份。"
    en = "{firm} is no co-operative: a household joins as a contract grower and holds no shares."


class SlipWorthNothing(DomainError):
    """Weight times price is less than half a fen: nobody would be paid."""

    code = "slip-worth-nothing"
    status = 422
    title_zh, title_en = "交售单不足一分", "Slip worth nothing"
    zh = "交售单 {slip} 的重量乘单价不足一分。"
    en = "Slip {slip} is worth less than half a fen."


class SlipTooLarge(DomainError):
    """Weight times price is more than anybody pays at once: one of the two was mistyped."""

    code = "slip-too-large"
    status = 422
    title_zh, title_en = "交售单金额过大", "Slip too large"
    zh = "交售单 {slip} 的重量乘单价为 {amount_fen}，超过一张单的上限 {most_fen}，请核对。"
    en = "Slip {slip} would be worth {amount_fen}, more than the {most_fen} of one slip; look at weight and price."


class GroupCodeTaken(DomainError):
    """Another group has this code."""

    code = "group-code-taken"
    title_zh, title_en = "分组编号已用", "Group code taken"
    zh = "分组 {group} 已存在。"
    en = "Group {group} exists already."


class TiedAlready(DomainError):
    """The household is in the group now."""

    code = "household-tied"
    title_zh, title_en = "已在组内", "In the group already"
    zh = "{household} 现在就在分组 {to} 内。"
    en = "{household} is in group {to} now."


class NotTied(DomainError):
    """It is not in the group."""

    code = "household-not-tied"
    title_zh, title_en = "不在组内", "Not in the group"
    zh = "{household} 现在不在分组 {to} 内。"
    en = "{household} is not in group {to} now."


class NotAHelper(DomainError):
    """Only cadres and units are paired: who earns by a sale helps nobody by it."""

    code = "not-a-helper"
    status = 422
    title_zh, title_en = "不是帮扶方", "Not a helper"
    zh = "{helper} 不是干部，也不是单位，不能结对。"
    en = "{helper} is neither a cadre nor a unit and cannot be paired."


class AlreadyPaired(DomainError):
    """The pairing stands on that day already."""

    code = "already-paired"
    title_zh, title_en = "已经结对", "Already paired"
    zh = "{helper} 与 {whom} 在该日已经结对。"
    en = "{helper} is paired with {whom} on that day already."


class NotPaired(DomainError):
    """No such pairing runs, or it began later than the day it should end on."""

    code = "not-paired"
    title_zh, title_en = "没有结对", "Not paired"
    zh = "{helper} 与 {whom} 在该日没有结对。"
    en = "{helper} was not paired with {whom} on that day."


class HouseholdTaken(DomainError):
    """Another household has this code."""

    code = "household-taken"
    title_zh, title_en = "农户编号已存在", "Household code taken"
    zh = "农户编号 {household} 已存在。"
    en = "The household code {household} exists already."


class NothingToChange(DomainError):
    """A correction of a household says another thing than its record."""

    code = "household-stands"
    status = 422
    title_zh, title_en = "农户记录现在就是这样", "The record says so already"
    zh = "{household} 的记录现在就是这样，没有可更正的。"
    en = "The record of {household} says so already: there is nothing to correct."


class LeasedBeyondLand(DomainError):
    """What is leased out is part of the land."""

    code = "leased-beyond-land"
    status = 422
    title_zh, title_en = "流转多于土地", "Leased out more than there is"
    zh = "{household} 的土地 {land_mu_tenths}，不能流转出 {leased_out_mu_tenths}。"
    en = "{household} has {land_mu_tenths} and cannot lease out {leased_out_mu_tenths}."


class TieAhead(DomainError):
    """Nobody comes into a group or leaves it on a day to come."""

    code = "tie-day-ahead"
    status = 422
    title_zh, title_en = "入组、出组日期未到", "Day in a group still to come"
    zh = "{day} 还没有到；入组、出组日期最晚为 {latest}。"
    en = "{day} is still to come; a household comes into a group or leaves it by {latest} at the latest."


class TieTooEarly(DomainError):
    """Who leaves a group has come into it before, and who comes back has left it before."""

    code = "tie-day-too-early"
    status = 422
    title_zh, title_en = "入组、出组日期过早", "Day in a group too early"
    zh = "{day} 与以前的入组、出组不符；最早为 {earliest}。录错的入组请作废。"
    en = "{day} contradicts when it was in the group before; the earliest is {earliest}. Void what was keyed wrong."
