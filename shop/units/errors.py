"""Why something at a unit's desk is refused."""

from shop.kit.errors import DomainError


class NotAUnit(DomainError):
    """Only a partner that buys for itself and approves its own orders has a desk."""

    code = "not-a-unit"
    title_zh, title_en = "不是采购单位", "Not a unit"
    zh = "{partner} 不是自行审批的采购单位。"
    en = "{partner} is not a unit that buys and approves for itself."


class RuleTaken(DomainError):
    """A rule that begins on a day is not replaced: units may have filed by it."""

    code = "rule-taken"
    title_zh, title_en = "该日规定已存在", "Rule taken"
    zh = "{authority} 自 {valid_from} 起的规定已存在。"
    en = "{authority} has a rule from {valid_from} on already."


class NoRule(DomainError):
    """The authority has no rule on that day: percent, cap and date are settings, never assumed."""

    code = "no-rule"
    title_zh, title_en = "没有预留规定", "No rule"
    zh = "{authority} 在 {day} 没有预留比例规定，请先由县里录入。"
    en = "{authority} has no rule on {day}: the county enters it first."


class NotFiled(DomainError):
    """The unit has filed nothing for the year, so neither members nor cap are known."""

    code = "not-filed"
    title_zh, title_en = "本年未填报", "Not filed"
    zh = "{partner} 尚未填报 {year} 年预留份额。"
    en = "{partner} has filed nothing for {year}."


class PurchaseTaken(DomainError):
    """The order number was recorded before: a purchase counts once."""

    code = "purchase-taken"
    title_zh, title_en = "采购已登记", "Purchase taken"
    zh = "订单号 {number} 已登记过。"
    en = "Order number {number} was recorded before."


class AlreadyDeclared(DomainError):
    """What the order was bought for has been declared, or it is past that."""

    code = "already-declared"
    title_zh, title_en = "不能再登记用途", "Already declared"
    zh = "订单 {number} 已登记用途，或已审批、取消，或属于职工团购。"
    en = "Order {number} was declared, approved or cancelled, or is the colleagues' own round."


class NotEqualForAll(DomainError):
    """Goods of a union are the same for each member: packs must divide among the filed members without rest."""

    code = "not-equal-for-all"
    status = 422
    title_zh, title_en = "不能均分", "Not equal for all"
    zh = "{sku} 共 {packs} 件，不能平均分给 {members} 名会员。"
    en = "{sku}: {packs} packs do not divide equally among {members} members."


class UnionCapExceeded(DomainError):
    """With this order a member would receive more than the year's cap."""

    code = "union-cap-exceeded"
    title_zh, title_en = "超过会员年度标准", "Union cap exceeded"
    zh = "会员每人每年标准 {cap_fen}，已用 {used_fen}，本单每人 {asked_fen}。"
    en = "The cap is {cap_fen} for a member and year; {used_fen} used, this order {asked_fen} for each."
