"""Why something about a buying round is refused."""

from shop.kit.errors import DomainError


class RoundNotOpen(DomainError):
    """The closing time has passed, or the round was closed or cancelled: nobody joins, changes or withdraws."""

    code = "round-not-open"
    title_zh, title_en = "团购已截止", "Round not open"
    zh = "团购已于 {closes_at} 截止或已取消，不能再报名、修改或退出。"
    en = "The round closed at {closes_at} or was cancelled: joining, changing and withdrawing have ended."


class NoRoundsHere(DomainError):
    """The partner's channel knows no buying rounds."""

    code = "no-rounds-here"
    title_zh, title_en = "不能开团", "No rounds here"
    zh = "{partner} 所在渠道没有团购。"
    en = "The channel of {partner} knows no buying rounds."


class ClosesTooLate(DomainError):
    """The closing time must lie ahead, and within the longest time a round may stay open."""

    code = "closes-too-late"
    status = 422
    title_zh, title_en = "截止时间不合适", "Closing time does not fit"
    zh = "截止时间须在现在之后、{days} 天之内。"
    en = "The closing time must lie ahead, at most {days} days."


class NotInThisRound(DomainError):
    """The round does not offer the product."""

    code = "not-in-this-round"
    status = 422
    title_zh, title_en = "本次团购没有该商品", "Not in this round"
    zh = "本次团购没有商品 {sku}。"
    en = "This round does not offer {sku}."


class PacksOutOfBounds(DomainError):
    """Fewer or more packs than the round sells to a person who wants the product: the same bounds for everybody."""

    code = "packs-out-of-bounds"
    status = 422
    title_zh, title_en = "数量超出范围", "Packs out of bounds"
    zh = "{sku} 每人 {least} 至 {most} {unit}，不需要可以不选。"
    en = "{sku}: {least} to {most} packs for a person; leave it out if you do not want it."


class RoundSoldOut(DomainError):
    """Fewer packs are left of the round's total than were asked for."""

    code = "round-sold-out"
    title_zh, title_en = "团购数量不足", "Too few left in the round"
    zh = "{sku} 本次团购还剩 {left} {unit}。"
    en = "{left} packs of {sku} are left in this round."


class RoundFull(DomainError):
    """As many people as a round takes have joined."""

    code = "round-full"
    title_zh, title_en = "报名人数已满", "Round full"
    zh = "本次团购最多 {people} 人报名。"
    en = "A round takes {people} people at most."


class AlreadyJoined(DomainError):
    """This phone or staff number is in the round already; its holder changes the entry with his own code."""

    code = "already-joined"
    title_zh, title_en = "已经报名", "Already joined"
    zh = "该手机号或工号已经报名，请用本人的修改码修改。"
    en = "This phone or staff number has joined: change the entry with its own code."


class SecretNotKnown(DomainError):
    """No entry of this round has the secret: mistyped, of another round, or withdrawn."""

    code = "secret-not-known"
    status = 422
    title_zh, title_en = "修改码不对", "Secret not known"
    zh = "修改码不对，或者已经退出。"
    en = "No entry has this secret: mistyped, or withdrawn."


class NobodyJoined(DomainError):
    """An empty round orders nothing: cancel it."""

    code = "nobody-joined"
    title_zh, title_en = "无人报名", "Nobody joined"
    zh = "团购 {round} 无人报名，可以取消。"
    en = "Nobody joined round {round}: cancel it."


class NothingToHandOut(DomainError):
    """The goods have not been accepted, or nothing of them is for this person."""

    code = "nothing-to-hand-out"
    title_zh, title_en = "没有可发放的货", "Nothing to hand out"
    zh = "团购 {round} 的货还没有验收，不能发放。"
    en = "The goods of round {round} have not been accepted yet."
