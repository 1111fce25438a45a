"""Shapes at the edge: strict schemas, bounded fields, keyset pages. A shape is refused with 422 and a JSON pointer."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

#: The largest amount, weight or count anybody may send.
MAX_FEN = 10_000_000_000  # 100 million yuan
MAX_GRAMS = 10_000_000_000  # 10,000 tonnes
#: What a kilogram of anything costs at most: above that somebody mistyped. Times MAX_GRAMS it is far below BIGINT.
MAX_FEN_PER_KG = 10_000_000  # 100,000 yuan
MAX_PAGE = 100

#: Unicode categories that no name or code needs: control, format (bidi overrides, zero width), surrogates, separators.
_REFUSED = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _refuse_unprintable(text: str) -> None:
    if any(unicodedata.category(char) in _REFUSED for char in text):
        raise ValidationError("Control characters are not allowed.")


class StrictSchema(Schema):
    """A request's shape: unknown fields are refused, never ignored."""

    class Meta:
        """Settings of marshmallow."""

        unknown = RAISE


class Text(fields.String):
    """Text in Unicode form NFC, stripped, without control or direction-changing characters, `low..high` long."""

    def __init__(self, high: int = 120, low: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low, self.high = low, high
        self.validators = [*self.validators, validate.Length(min=low, max=high)]

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if isinstance(value, str) and len(value) > self.high * 20:
            raise ValidationError("Too long.")
        text = super()._deserialize(value, attr, data, **kwargs)
        if text is None:
            return text
        text = unicodedata.normalize("NFC", str(text)).strip()
        _refuse_unprintable(text)
        return text


class Secret(fields.String):
    """A password: taken as typed, 1 to `high` printable characters."""

    def __init__(self, high: int = 200, **kwargs: Any) -> None:
        super().__init__(load_only=True, **kwargs)
        self.validators = [*self.validators, validate.Length(min=1, max=high)]

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **kwargs))
        _refuse_unprintable(text)
        return text


class Code(Text):
    """A code as printed on papers: letters, digits, `-`, `_`, Chinese; 40 at most."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(high=40, **kwargs)
        self.validators = [*self.validators, validate.Regexp(r"^[0-9A-Za-z_\-\u4e00-\u9fff]+$")]


class Whole(fields.Integer):
    """A whole number in `low..high`; never text, never a fraction, never true or false."""

    def __init__(self, low: int = 0, high: int = MAX_FEN, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)
        self.validators = [*self.validators, validate.Range(min=low, max=high)]

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError("Must be a whole number.")
        return int(value)


class QueryWhole(fields.Integer):
    """A whole number in a query string: ASCII digits only."""

    def __init__(self, low: int = 0, high: int = MAX_FEN, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators = [*self.validators, validate.Range(min=low, max=high)]

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12):
            raise ValidationError("Must be a whole number.")
        return int(value)


class Day(fields.Date):
    """A calendar day `YYYY-MM-DD` in 2000..2100."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            raise ValidationError("Must be YYYY-MM-DD.")
        day: date = super()._deserialize(value, attr, data, **kwargs)
        if not 2000 <= day.year <= 2100:
            raise ValidationError("Must lie in 2000 to 2100.")
        return day


class Month(fields.Field[date]):
    """A month `YYYY-MM` in 2000..2100, as its first day."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return value.strftime("%Y-%m") if value else None

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        try:
            if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}", value):
                raise ValueError
            month = date.fromisoformat(f"{value}-01")
        except ValueError:
            raise ValidationError("Must be YYYY-MM.") from None
        if not 2000 <= month.year <= 2100:
            raise ValidationError("Must lie in 2000 to 2100.")
        return month


def each_once(rows: Iterable[Mapping[str, Any]], name: str, field: str, said: str = "Named twice.") -> None:
    """Raise ValidationError about `field` where two rows have the same `name`: which of them is meant, nobody knows."""
    names = [row[name] for row in rows]
    if len(set(names)) != len(names):
        raise ValidationError(said, field)


class PageQuery(StrictSchema):
    """Keyset paging: `limit` rows after `cursor`."""

    limit = QueryWhole(low=1, high=MAX_PAGE, load_default=24)
    cursor = fields.String(validate=validate.Length(max=100), load_default=None)


def cursor_of(key: int) -> str:
    """The cursor of what lies beyond the id `key`."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def cursor_key(cursor: str | None) -> int | None:
    """The id behind a cursor. Raises ValidationError for one we never gave."""
    if cursor is None:
        return None
    try:
        key = int(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=="))
    except (ValueError, binascii.Error):
        key = -1
    if not 0 <= key < 2**62 or cursor_of(key) != cursor:
        raise ValidationError({"cursor": ["Not a cursor of this list."]})
    return key


def page(rows: Sequence[Any], limit: int, key: Callable[[Any], int]) -> dict[str, object]:
    """A page from `limit + 1` rows: the items, and the cursor of the next page or None."""
    items = list(rows[:limit])
    return {"items": items, "next": cursor_of(key(items[-1])) if len(rows) > limit else None}
