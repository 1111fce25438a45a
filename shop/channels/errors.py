"""Why a channel refuses."""

from shop.kit.errors import DomainError, MoveRefusedError, NotFoundError

__all__ = ["CodeTaken", "MoveRefusedError", "NotFoundError", "RewardRefused"]


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
    zh = "该销售伙伴不得计酬，或超过上限 {cap_bp} 基点。"
    en = "This partner cannot be rewarded, or not above {cap_bp} basis points."
