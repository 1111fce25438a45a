"""Schedules and prices: pure arithmetic."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.agreements.models import PriceRule
from shop.agreements.pricing import Quote, day_price
from shop.agreements.schedule import due_weights, parse, well_written

FIRST, LAST = date(2025, 1, 1), date(2025, 3, 31)


def days(written: str) -> list[date]:
    return list(due_weights(parse(written), FIRST, LAST, 1_000, lambda _: True))


def test_weekly_days_count_from_monday() -> None:
    assert days("weekly:1")[:2] == [date(2025, 1, 6), date(2025, 1, 13)]
    assert days("weekly:7")[0] == date(2025, 1, 5)


def test_a_monthly_day_that_a_month_lacks_is_its_last_day() -> None:
    assert days("monthly:31") == [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)]
    assert days("monthly:29,30")[2:3] == [date(2025, 2, 28)]


def test_daily_and_once() -> None:
    assert len(days("daily")) == 90
    assert days("once:2025-01-20") == [date(2025, 1, 20)]


@pytest.mark.parametrize("written", ["", "yearly", "weekly:", "weekly:8", "weekly:1,1", "monthly:0", "monthly:32",
                                     "once:2025-02-30", "daily:1"])  # fmt: skip
def test_anything_else_is_no_schedule(written: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(written)


@pytest.mark.parametrize("written", ["weekly:１", "weekly:+1", "weekly: 1", "monthly:1_0", "monthly:٣", "monthly:05",
                                     "daily:", "once:2026-W50-1", "once:20260120"])  # fmt: skip
def test_what_is_written_otherwise_is_not_signed(written: str) -> None:
    with pytest.raises(ValueError, match="not a schedule"):
        well_written(written)


def test_nothing_is_due_when_there_is_nothing_to_deliver() -> None:
    february = due_weights(parse("weekly:1"), FIRST, LAST, 1_000, lambda day: day.month == 2)
    assert list(february) == [date(2025, 2, 3), date(2025, 2, 10), date(2025, 2, 17), date(2025, 2, 24)]


def test_a_schedule_that_never_fits_makes_all_due_on_the_last_day() -> None:
    assert due_weights(parse("daily"), FIRST, LAST, 1_000, lambda _: False) == {LAST: 1_000}


@given(st.sampled_from(["daily", "weekly:1,4", "monthly:5,20", "monthly:31", "once:2025-02-02"]),
       st.integers(1, 10**10))  # fmt: skip
def test_what_is_due_adds_up_to_what_was_promised(written: str, committed_g: int) -> None:
    due = due_weights(parse(written), FIRST, LAST, committed_g, lambda day: day.month != 2)
    assert sum(due.values()) == committed_g
    assert max(due.values()) - min(due.values()) <= 1


DAY = date(2025, 7, 15)


@pytest.mark.parametrize(
    ("rule", "margin_bp", "quote", "price"),
    [
        (PriceRule.FIXED, 0, Quote(DAY, 900), 500),
        (PriceRule.FLOOR_OR_MARKET, 0, Quote(DAY, 620), 620),
        (PriceRule.FLOOR_OR_MARKET, 0, Quote(DAY, 380), 500),
        (PriceRule.FLOOR_OR_MARKET, 0, None, 500),
        (PriceRule.FLOOR_OR_MARKET, 0, Quote(date(2025, 7, 8), 620), 620),
        (PriceRule.FLOOR_OR_MARKET, 0, Quote(date(2025, 7, 7), 620), 500),
        (PriceRule.FLOOR_OR_MARKET, 0, Quote(date(2025, 7, 16), 620), 500),
        (PriceRule.MARKET_PLUS, 500, Quote(DAY, 610), 641),
        (PriceRule.MARKET_PLUS, 500, Quote(DAY, 400), 500),
        (PriceRule.MARKET_PLUS, 500, None, 500),
    ],
)
def test_the_price_of_a_day_follows_its_rule_and_the_floor_holds(
    rule: PriceRule, margin_bp: int, quote: Quote | None, price: int
) -> None:
    assert day_price(rule, 500, margin_bp, quote, DAY) == price


@given(st.sampled_from(PriceRule), st.integers(1, 10**6), st.integers(0, 3_000), st.integers(1, 10**6))
def test_no_rule_and_no_market_goes_below_the_floor(rule: PriceRule, floor: int, margin_bp: int, market: int) -> None:
    assert day_price(rule, floor, margin_bp, Quote(DAY, market), DAY) >= floor
