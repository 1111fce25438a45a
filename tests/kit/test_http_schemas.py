"""Fields at the edge: what a clerk may write, and what nobody may."""

from datetime import date
from typing import Any

import pytest
from marshmallow import ValidationError, fields

from shop.kit.schemas import (
    MAX_FEN,
    Code,
    Day,
    Month,
    PageQuery,
    QueryWhole,
    Secret,
    StrictSchema,
    Text,
    Whole,
    cursor_key,
    page,
)


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        (Text(), "  红富士 苹果  ", "红富士 苹果"),
        (Text(), "e\u0301", "é"),
        (Text(high=3), "苹果王", "苹果王"),
        (Code(), "PL-2025_苹果", "PL-2025_苹果"),
        (Secret(), " as typed ", " as typed "),
        (Whole(), 0, 0),
        (Whole(), MAX_FEN, MAX_FEN),
        (QueryWhole(), "24", 24),
        (Day(), "2025-02-28", date(2025, 2, 28)),
        (Month(), "2025-07", date(2025, 7, 1)),
    ],
)
def test_a_field_keeps_what_is_meant(field: fields.Field[Any], given: object, kept: object) -> None:
    assert field.deserialize(given) == kept


@pytest.mark.parametrize(
    "value", [1.9, 1.0, "5", "1_000", "１２", "٣", " 7 ", "+5", True, None, [], -1, MAX_FEN + 1, 10**30]
)
def test_a_whole_number_is_a_whole_number_within_its_bounds(value: object) -> None:
    with pytest.raises(ValidationError):
        Whole().deserialize(value)


@pytest.mark.parametrize("value", ["", "1.0", "1_0", "１２", " 7", "+5", "-1", "1e3", "9" * 13])
def test_a_whole_number_in_a_query_is_written_in_ascii_digits(value: str) -> None:
    with pytest.raises(ValidationError):
        QueryWhole().deserialize(value)


@pytest.mark.parametrize(
    "value",
    [
        "", "   ", "a\x00b", "a\nb", "a\x7fb", "\ud800", "a\u202eb", "a\u2066b", "a\u200bb", "\ufeffa", "a\u2028b",
        "x" * 121, "e" + "\u0301" * 10_000, 5, None, ["a"],
    ],
)  # fmt: skip
def test_text_is_printable_short_and_not_turned_around(value: object) -> None:
    with pytest.raises(ValidationError):
        Text().deserialize(value)


@pytest.mark.parametrize("value", ["a b", "a/b", "../x", "a%2e", "x" * 41, "", "a;b", "<b>"])
def test_a_code_holds_only_what_codes_hold(value: str) -> None:
    with pytest.raises(ValidationError):
        Code().deserialize(value)


@pytest.mark.parametrize(
    "value",
    ["0001-01-01", "1999-12-31", "2101-01-01", "20251123", "2025-W47-1", "2025-02-30", "２025-01-01", "", 20250101,
     "9999-12-31T23:59:59-23:59", "2025-1-1"],
)  # fmt: skip
def test_a_day_is_written_one_way_and_lies_in_our_century(value: object) -> None:
    with pytest.raises(ValidationError):
        Day().deserialize(value)


@pytest.mark.parametrize("value", ["2025", "2025-13", "2025-00", "1999-12", "2101-01", "2025-W1", "2025-07-01", 202507])
def test_a_month_is_written_one_way_and_lies_in_our_century(value: object) -> None:
    with pytest.raises(ValidationError):
        Month().deserialize(value)


@pytest.mark.parametrize("value", ["", "\x00", "\ud800", "x" * 201, 5])
def test_a_password_is_text_that_can_be_hashed(value: object) -> None:
    with pytest.raises(ValidationError):
        Secret().deserialize(value)


def test_an_unknown_field_is_refused_not_ignored() -> None:
    class Order(StrictSchema):
        quantity = Whole()

    with pytest.raises(ValidationError) as refused:
        Order().load({"quantity": 1, "price_fen": 1})
    assert refused.value.messages == {"price_fen": ["Unknown field."]}


@pytest.mark.parametrize("limit", ["0", "101", "1000000000", "-1"])
def test_a_page_has_one_to_a_hundred_rows(limit: str) -> None:
    with pytest.raises(ValidationError):
        PageQuery().load({"limit": limit})


def test_pages_follow_each_other_without_gap_or_overlap() -> None:
    rows = list(range(1, 8))
    seen: list[int] = []
    cursor: str | None = None
    while True:
        after = cursor_key(cursor) or 0
        answer = page([row for row in rows if row > after][:4], 3, lambda row: row)
        seen += answer["items"]  # type: ignore[arg-type]
        cursor = answer["next"]  # type: ignore[assignment]
        if cursor is None:
            break
    assert seen == rows


@pytest.mark.parametrize("cursor", ["", "!", "苹果", "LTE", "MQ==MQ", "9" * 90])
def test_a_cursor_that_we_never_gave_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationError):
        cursor_key(cursor)
