"""Cadres by classes: no row tells of one or two persons, nor what rows leave open of their total; sums stay."""

from itertools import product

import pytest

from shop.reports.cadre_classes import CLASSES, OTHER, class_of, classes_told

#: How many persons a class may have, and orders of somebody in each.
PERSONS, ORDERS = range(6), {50: 60, 10: 20, 1: 5, 0: 0}
EVERY_COUNTY = list(product(PERSONS, repeat=len(CLASSES)))


def brought(county: tuple[int, ...]) -> list[int]:
    """The orders of each cadre, where so many persons are in each class."""
    return [ORDERS[low] for (low, _), persons in zip(CLASSES, county, strict=True) for _ in range(persons)]


def rows_of(county: tuple[int, ...]) -> dict[str, int]:
    """The persons of each row."""
    orders = brought(county)
    return {row.key: sum(class_of(one) in row.lows for one in orders) for row in classes_told(orders)}


def test_no_row_tells_of_one_or_two_in_any_county_of_few() -> None:
    for county in EVERY_COUNTY:
        rows = rows_of(county)
        assert sum(rows.values()) == sum(county)
        if sum(county) >= 3:
            assert not {1, 2} & set(rows.values()), county


def test_what_the_rows_leave_open_of_their_total_is_three_persons_or_more() -> None:
    for county in EVERY_COUNTY:
        rows = rows_of(county)
        open_ = sum(county) - sum(persons for key, persons in rows.items() if key != OTHER)
        assert open_ == rows.get(OTHER, 0)
        assert open_ == 0 or open_ >= 3 or sum(county) < 3, county


def test_no_class_is_put_away_without_need() -> None:
    for county in EVERY_COUNTY:
        few = [persons for persons in county if 0 < persons < 3]
        assert (OTHER in rows_of(county)) == bool(few), county


def test_every_class_stands_in_one_row() -> None:
    for county in EVERY_COUNTY:
        lows = [low for row in classes_told(brought(county)) for low in row.lows]
        # Nobody who brought nothing is no row: a class of a year that none is in is kept at zero.
        assert sorted(lows) == sorted(low for low, _ in CLASSES if low or county[-1]), county


@pytest.mark.parametrize(
    ("county", "rows"),
    [
        ((0, 0, 0, 0), {"50": 0, "10": 0, "1": 0}),
        ((3, 4, 5, 0), {"50": 3, "10": 4, "1": 5}),
        ((3, 4, 5, 3), {"50": 3, "10": 4, "1": 5, "0": 3}),
        ((1, 4, 5, 0), {"1": 5, OTHER: 5}),
        ((1, 0, 5, 0), {"10": 0, OTHER: 6}),
        ((1, 2, 5, 0), {"1": 5, OTHER: 3}),
        ((0, 0, 1, 0), {"50": 0, "10": 0, OTHER: 1}),
        ((0, 4, 5, 1), {"50": 0, "1": 5, OTHER: 5}),
    ],
)
def test_the_smallest_classes_are_put_together(county: tuple[int, ...], rows: dict[str, int]) -> None:
    assert rows_of(county) == rows


@pytest.mark.parametrize(("orders", "low"), [(0, 0), (1, 1), (9, 1), (10, 10), (49, 10), (50, 50), (1_000, 50)])
def test_a_class_begins_where_the_one_below_ends(orders: int, low: int) -> None:
    assert class_of(orders) == low
