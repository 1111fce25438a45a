"""Why cadres' affairs are refused."""

from shop.kit.errors import DomainError


class NotAHelper(DomainError):
    """Only who helps for nothing is paired with villages."""

    code = "not-a-helper"
    status = 422
    title_zh, title_en = "不是帮扶干部", "Not a helper"
    zh = "{partner} 不是帮扶干部，不能结对。"
    en = "{partner} is not a helping cadre and cannot be paired."


class AlreadyPaired(DomainError):
    """The pairing runs already."""

    code = "already-paired"
    title_zh, title_en = "已经结对", "Already paired"
    zh = "{partner} 与 {with_whom} 已经结对。"
    en = "{partner} is paired with {with_whom} already."


class NotPaired(DomainError):
    """No such pairing runs, or it began later than the day it should end on."""

    code = "not-paired"
    title_zh, title_en = "没有结对", "Not paired"
    zh = "{partner} 与 {with_whom} 在该日没有结对。"
    en = "{partner} was not paired with {with_whom} on that day."


class RankingOff(DomainError):
    """Cadres are not ranked unless the county said so, from a day on."""

    code = "ranking-off"
    title_zh, title_en = "未开启排名", "Ranking is off"
    zh = "县里没有开启干部排名，可按姓名或分档查看。"
    en = "The county has not turned ranking on: look by name or by class."
