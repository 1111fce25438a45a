"""Why something about a campaign is refused."""

from shop.kit.errors import DomainError


class NoGoalForThis(DomainError):
    """Goals are for campaigns, channels, townships and units; nobody who passes sales on is given one."""

    code = "no-goal-for-this"
    status = 422
    title_zh, title_en = "不能设目标", "No goal for this"
    zh = "目标只能设给活动、渠道、乡镇和采购单位，不能设给 {partner}。"
    en = "Goals are for a campaign, a channel, a township or a unit, not for {partner}."


class CampaignOver(DomainError):
    """The campaign's last day has passed: its products and prices are history."""

    code = "campaign-over"
    title_zh, title_en = "活动已结束", "Campaign over"
    zh = "活动 {campaign} 已于 {ends_on} 结束。"
    en = "Campaign {campaign} ended on {ends_on}."


class NotOfThisCampaign(DomainError):
    """The campaign is about other products."""

    code = "not-of-this-campaign"
    status = 422
    title_zh, title_en = "不是活动商品", "Not of this campaign"
    zh = "商品 {sku} 不在活动 {campaign} 的商品之列。"
    en = "Campaign {campaign} is not about {sku}."
