"""Why a channel refuses."""

from shop.kit.errors import DomainError, MoveRefusedError, NotFoundError

__all__ = [
    "AlreadyPartner", "CodeTaken", "FeeTaken", "MoveRefusedError", "NoCampaign", "NoLinks", "NoStorefront",
    "NotABuyer", "NotFoundError", "OccasionOfAnother", "RewardRefused", "RuleTaken",
]  # fmt: skip


class CodeTaken(DomainError):
    """Another one has this code."""

    code = "code-taken"
    title_zh, title_en = "编号已存在", "Code taken"
    zh = "编号 {taken} 已存在。"
    en = "The code {taken} exists already."


class RewardRefused(DomainError):
    """This partner cannot be paid, or not that much (a public-help campaign caps commission at 10 %)."""

    code = "reward-refused"
    status = 422
    title_zh, title_en = "不得计酬", "Reward refused"
    zh = "该销售伙伴不得计酬，或超过上限 {cap_bp}。"
    en = "This partner cannot be rewarded, or not above {cap_bp}."


class AlreadyPartner(DomainError):
    """A party is partner of a kind once."""

    code = "already-partner"
    title_zh, title_en = "已是销售伙伴", "Already a partner"
    zh = "该单位或个人已是同类销售伙伴。"
    en = "This party is a partner of that kind already."


class NoStorefront(DomainError):
    """Only an online shop can be our own storefront."""

    code = "no-storefront"
    status = 422
    title_zh, title_en = "不能作为自营店", "No storefront"
    zh = "{partner} 不是网店，不能作为自营店。"
    en = "{partner} is not an online shop and cannot be a storefront of ours."


class FeeTaken(DomainError):
    """A rate that begins on a day is not replaced: orders may have been settled by it."""

    code = "fee-taken"
    title_zh, title_en = "该日费率已存在", "Fee taken"
    zh = "{partner} 自 {valid_from} 起的费率已存在。"
    en = "{partner} has a rate from {valid_from} on already."


class NoCampaign(DomainError):
    """No campaign is open on that day."""

    code = "no-campaign"
    title_zh, title_en = "当日没有活动", "No campaign"
    zh = "{day} 没有进行中的活动。"
    en = "No campaign is open on {day}."


class OccasionOfAnother(DomainError):
    """A partner advertises his own sessions only."""

    code = "occasion-of-another"
    status = 422
    title_zh, title_en = "不是该伙伴的场次", "Session of another"
    zh = "该场次不属于伙伴 {partner}。"
    en = "This session is not one of {partner}."


class NoLinks(DomainError):
    """Who buys under an agreement calls off by weight: no link leads there."""

    code = "no-links"
    status = 422
    title_zh, title_en = "没有推广链接", "No links"
    zh = "{partner} 按采购协议要货，没有推广链接。"
    en = "{partner} calls off under an agreement and has no links."


class RuleTaken(DomainError):
    """A rule that begins on a day is not replaced: orders may have been attributed by it."""

    code = "link-rule-taken"
    title_zh, title_en = "该日规则已存在", "Rule taken"
    zh = "自 {valid_from} 起的链接规则已存在。"
    en = "There is a rule for links from {valid_from} on already."


class NotABuyer(DomainError):
    """Only who buys for itself by price lists has prices of its own."""

    code = "not-a-buyer"
    status = 422
    title_zh, title_en = "不是按价目采购的单位", "Not a buyer by price lists"
    zh = "{partner} 不按价目表为自己采购，不能为它定价。"
    en = "{partner} does not buy for itself by price lists and has no prices of its own."
