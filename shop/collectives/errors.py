"""Why what a village collective earned is not recorded."""

from shop.kit.errors import DomainError


class CollectiveCodeTaken(DomainError):
    """A paper counts once."""

    code = "collective-code-taken"
    title_zh, title_en = "编号已登记", "Recorded before"
    zh = "{taken} 已登记过。"
    en = "{taken} was recorded before."


class NotAVillage(DomainError):
    """Urban communities have no village collective here, and a pairing has two villages."""

    code = "not-two-villages"
    status = 422
    title_zh, title_en = "须为两个不同的村", "Not two villages"
    zh = "{named} 不是可以结对的两个不同的村。"
    en = "{named} are not two different villages."


class OutsideAgreement(DomainError):
    """A joint income falls into the days of its agreement."""

    code = "outside-village-agreement"
    title_zh, title_en = "不在协议期内", "Outside the agreement"
    zh = "{day} 不在结对 {pairing} 的协议期内。"
    en = "{day} is not within the agreement of pairing {pairing}."


class EarnedInTheFuture(DomainError):
    """Nothing was earned tomorrow."""

    code = "earned-in-the-future"
    status = 422
    title_zh, title_en = "日期未到", "Earned in the future"
    zh = "{day} 还没有到。"
    en = "{day} is still to come."


class ReversedAlready(DomainError):
    """An event is reversed once, a reversal never."""

    code = "collective-income-reversed"
    title_zh, title_en = "已冲销", "Reversed before"
    zh = "{event} 已冲销，或本身就是冲销。"
    en = "{event} is reversed already, or is a reversal itself."


class TiersOfThePast(DomainError):
    """A year that is over keeps its tiers: its report is out."""

    code = "collective-tiers-of-the-past"
    title_zh, title_en = "往年分档不改", "Tiers of a past year stay"
    zh = "{year} 年已过，当年的村集体分档已用于报表；改动请从 {current} 年起。"
    en = "{year} is over and its report was made with the tiers that hold; give changed ones {current} or later."


class TiersTaken(DomainError):
    """Tiers of a year are set once; changed ones hold from a later year, or take their place with a reason."""

    code = "collective-tiers-taken"
    title_zh, title_en = "该年分档已设", "Tiers of that year exist"
    zh = "{year} 年的分档已设；改动请从以后的年度起，录错的请写明原因重设。"
    en = "The tiers from {year} are set; give changed ones a later year, or a reason if they were keyed wrong."


class TiersNotSet(DomainError):
    """A reason is for tiers that take the place of others."""

    code = "collective-tiers-not-set"
    title_zh, title_en = "该年没有分档", "No tiers of that year"
    zh = "{year} 年起没有设过分档，无须写重设原因。"
    en = "No tiers are set from {year}: there is nothing to replace, leave the reason out."


class PairingIsVoid(DomainError):
    """An agreement that was keyed wrong earns nothing."""

    code = "village-pairing-void"
    title_zh, title_en = "结对已作废", "The pairing is void"
    zh = "结对 {pairing} 已作废。"
    en = "Pairing {pairing} is void."


class PairingEarned(DomainError):
    """What a joint project shared is reversed before its agreement is void."""

    code = "village-pairing-earned"
    title_zh, title_en = "结对已有收入", "The pairing earned"
    zh = "结对 {pairing} 的收入还在：{events}；请先冲销。"
    en = "Pairing {pairing} earned {events}: reverse these first."
