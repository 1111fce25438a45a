"""Why cadres' affairs are refused."""

from shop.kit.errors import DomainError


class RankingOff(DomainError):
    """Cadres are not ranked unless the county said so, from a day on."""

    code = "ranking-off"
    title_zh, title_en = "未开启排名", "Ranking is off"
    zh = "县里没有开启干部排名，可按姓名或分档查看。"
    en = "The county has not turned ranking on: look by name or by class."
