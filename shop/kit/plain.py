"""Text that is kept and comes out again in files: no formula of a spreadsheet, no number that belongs to a person."""

import re
import unicodedata

_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s\-·.]+(?=\d)")
_PHONE = re.compile(r"(?<!\d)(?:86)?1[3-9]\d{9}(?!\d)")
_CARD = re.compile(r"(?<!\d)\d{15,19}[Xx]?(?!\d)")
#: A mobile number has eleven digits.
_SHORTEST_PERSONAL = 11


def unfit(text: str) -> tuple[str, str] | None:
    """Why a text is not kept, in Chinese and English: a spreadsheet would run it, or it is somebody's number."""
    first = unicodedata.normalize("NFKC", text[:1])
    if first in ("=", "+", "@") or (first == "-" and len(text) > 1):
        return "不能以 = + - @ 开头", "may not start with = + - or @"
    if len(text) >= _SHORTEST_PERSONAL and _looks_personal(text):
        return "像电话、身份证或银行卡号码，不得导入", "looks like a phone, identity or card number"
    return None


def _looks_personal(text: str) -> bool:
    """A phone, identity or card number, also in full-width digits or with blanks, dots or hyphens between them."""
    digits = _BETWEEN_DIGITS.sub("", unicodedata.normalize("NFKC", text))
    return bool(_PHONE.search(digits) or _CARD.search(digits))
