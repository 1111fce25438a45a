"""One shape of refusal: a DomainError carries facts, a stable type, and a sentence in Chinese and in English.

Each room declares its own subclasses in `errors.py`; `kit.problems` renders them as RFC 9457 problem+json, and
`docs/errors.md` is generated from `all_errors()`.
"""

from collections.abc import Mapping
from typing import ClassVar

from shop.kit.money import kilograms, percent, yuan


def _as_said(name: str, fact: object, language: str) -> object:
    """A fact in a sentence with its unit: `left_g` in kg, `paid_fen` in yuan, `rate_bp` in %, `mu_tenths` in mu.

    Several are told one after the other.
    """
    if isinstance(fact, list):
        return ("、" if language == "zh" else ", ").join(str(_as_said(name, each, language)) for each in fact)
    if not isinstance(fact, int):
        return fact
    if name.endswith("_g"):
        return f"{kilograms(fact)} {'公斤' if language == 'zh' else 'kg'}"
    if name.endswith(("_fen", "fen_per_kg")):
        return f"{yuan(fact)} {'元' if language == 'zh' else 'yuan'}"
    if name.endswith("mu_tenths"):
        return f"{fact // 10}.{fact % 10} {'亩' if language == 'zh' else 'mu'}"
    return percent(fact) if name.endswith("_bp") else fact


class DomainError(Exception):
    """The business refuses. Subclasses set `code`, `status`, `title_zh`, `title_en`, `zh`, `en`.

    `zh` and `en` are sentences with the facts in braces: `"只剩 {left_g}"`. Facts are plain JSON values and are sent
    along as extra members, so that a client can act on them; a sentence says those in grams, fen and basis points in
    kilograms, yuan and per cent, unit included. They never hold another person's data.
    """

    code: ClassVar[str] = ""
    status: ClassVar[int] = 409
    title_zh: ClassVar[str] = ""
    title_en: ClassVar[str] = ""
    zh: ClassVar[str] = ""
    en: ClassVar[str] = ""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.sentence("en"))

    def sentence(self, language: str) -> str:
        """The refusal in `language` ("zh" or "en"), facts filled in."""
        return self.said(self.facts, language)

    def said(self, facts: Mapping[str, object], language: str) -> str:
        """The sentence of these facts."""
        template = self.zh if language == "zh" else self.en
        return template.format(**{name: _as_said(name, fact, language) for name, fact in facts.items()})

    def title(self, language: str) -> str:
        """The stable short title in `language`."""
        return self.title_zh if language == "zh" else self.title_en


class NotFoundError(DomainError):
    """Missing, or not yours: the two are never told apart."""

    code = "not-found"
    status = 404
    title_zh = "没有找到"
    title_en = "Not found"
    zh = "没有找到 {what}。"
    en = "No such thing, or not visible to you: {what}."


class ForbiddenError(DomainError):
    """The role does not include this function."""

    code = "forbidden"
    status = 403
    title_zh = "没有权限"
    title_en = "Not allowed"
    zh = "您的身份不能办理此事。"
    en = "Your role does not include this."


class MoveRefusedError(DomainError):
    """The state does not allow the event."""

    code = "move-refused"
    title_zh = "当前状态不允许"
    title_en = "The state does not allow it"
    zh = "当前是“{state_zh}”，不能{event_zh}。"
    en = "It is in state {state}; {event} is not possible now."


def all_errors() -> list[type[DomainError]]:
    """Every concrete DomainError known to the process, by code. Raises ValueError when two share a code."""
    found: dict[str, type[DomainError]] = {}
    queue = list(DomainError.__subclasses__())
    while queue:
        kind = queue.pop()
        queue.extend(kind.__subclasses__())
        if not kind.code:
            continue
        if kind.code in found and found[kind.code] is not kind:
            raise ValueError(f"two errors share the code {kind.code}: {kind.__name__}, {found[kind.code].__name__}")
        found[kind.code] = kind
    return [found[code] for code in sorted(found)]
