"""Harvest windows, over the new year too, and how long what was harvested keeps."""

from datetime import date

import pytest

from shop.catalog.season import in_harvest, sellable


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (7, 8, {7, 8}),
        (6, 6, {6}),
        (1, 12, set(range(1, 13))),
        (12, 5, {12, 1, 2, 3, 4, 5}),
        (10, 5, {10, 11, 12, 1, 2, 3, 4, 5}),
    ],
)
def test_a_window_holds_its_months_both_included(start: int, end: int, months: set[int]) -> None:
    assert {month for month in range(1, 13) if in_harvest(start, end, date(2025, month, 15))} == months
    assert {month for month in range(1, 13) if in_harvest(start, end, date(2025, month, 1))} == months


@pytest.mark.parametrize(
    ("day", "good"),
    [
        (date(2025, 6, 30), False), (date(2025, 7, 1), True), (date(2025, 8, 31), True), (date(2025, 9, 7), True),
        (date(2025, 9, 8), False), (date(2025, 1, 1), False),
    ],
)  # fmt: skip
def test_what_was_harvested_last_keeps_for_its_shelf_life(day: date, good: bool) -> None:
    assert sellable(7, 8, 7, day) is good


@pytest.mark.parametrize(
    ("day", "good"),
    [(date(2025, 11, 30), False), (date(2025, 12, 1), True), (date(2026, 5, 31), True), (date(2026, 6, 3), True),
     (date(2026, 6, 4), False)],
)  # fmt: skip
def test_a_window_over_the_new_year_keeps_likewise(day: date, good: bool) -> None:
    assert sellable(12, 5, 3, day) is good


def test_a_long_shelf_life_reaches_into_the_next_year() -> None:
    assert sellable(10, 11, 180, date(2026, 5, 29)) is True
    assert sellable(10, 11, 180, date(2026, 5, 30)) is False
