"""Rows of few households: what the totals beside them leave open is never of few."""

from datetime import date

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.kit.db import db, transaction
from shop.reports.income_report import IncomeBy, Months, income_report
from shop.reports.told import FEW, untold, untold_places

OPERATOR = Actor(None, (Grant(Role.OPERATOR, 1, PartyKind.COUNTY),))
COUNTS = st.integers(0, 6)
ROWS = st.dictionaries(st.sampled_from("abcdefghi"), COUNTS)
VILLAGES = st.dictionaries(st.tuples(st.integers(1, 4), st.integers(1, 4)), COUNTS).map(
    lambda found: {f"14082910{township}{village:03}": count for (township, village), count in found.items()}
)


def together(households: dict[str, int], hidden: set[str]) -> int:
    return sum(count for key, count in households.items() if key in hidden)


@given(ROWS)
def test_rows_of_few_do_not_tell_and_the_smallest_others_with_them(households: dict[str, int]) -> None:
    hidden = untold(households)
    few = {key for key, count in households.items() if 0 < count < FEW}
    assert few <= hidden
    assert bool(hidden) == bool(few)
    # Nobody joins without need, and none that tells is smaller than one that joined.
    joined = [(households[key], key) for key in hidden - few]
    assert all((count, key) > max(joined) for key, count in households.items() if joined and count >= FEW
               and key not in hidden)  # fmt: skip
    assert not joined or together(households, hidden - {max(joined)[1]}) < FEW


@given(ROWS, st.data())
def test_a_row_of_assisted_households_alone_does_not_tell_nor_do_those_that_would_leave_it_open(
    households: dict[str, int], data: st.DataObject
) -> None:
    assisted = {key: data.draw(st.integers(0, count)) for key, count in households.items()}
    hidden = untold(households, assisted)
    assert {key for key, count in households.items() if 0 < count == assisted[key]} <= hidden
    left, known = together(households, hidden), together(assisted, hidden)
    everybody = all(count == 0 or key in hidden for key, count in households.items())
    assert not hidden or everybody or (left >= FEW and left != known)


@given(VILLAGES)
def test_what_the_totals_leave_open_is_never_of_few_households(villages: dict[str, int]) -> None:
    hidden = untold_places(villages)
    townships: dict[str, int] = {}
    for village, count in villages.items():
        townships[village[:9]] = townships.get(village[:9], 0) + count
    open_in = {
        township: together({village: n for village, n in villages.items() if village[:9] == township}, hidden)
        for township in townships
    }
    for township, count in townships.items():
        if township not in hidden:
            # The township less its villages that tell.
            assert open_in[township] == 0 or open_in[township] >= FEW
        else:
            assert open_in[township] > 0 or count == 0
    # The county less its townships that tell, and less what the villages of the others tell.
    left = sum(open_in[township] for township in townships if township in hidden)
    county = sum(townships.values())
    assert left == 0 or left >= FEW or county < FEW
    assert all(key in hidden for key, count in {**villages, **townships}.items() if 0 < count < FEW)


@pytest.fixture
def three_townships(county: Flask) -> list[str]:
    """One household received something in the first, three in the next, four in the last."""
    with transaction() as session:
        session.execute(text("INSERT INTO dirty_keys (rollup, on_day) VALUES ('income_cuts', '2025-03-01')"))
        session.execute(text("DELETE FROM income_months"))
        found = session.execute(
            text(
                "SELECT townships.code, array_agg(households.id ORDER BY households.id)"
                " FROM households JOIN villages ON villages.id = village_id"
                " JOIN townships ON townships.id = township_id GROUP BY 1 HAVING count(*) > 3 ORDER BY 1 LIMIT 3"
            )
        ).all()
        chosen = [ids[:count] for (_, ids), count in zip(found, (1, 3, 4), strict=True)]
        for ids in chosen:
            session.execute(
                text(
                    "INSERT INTO income_months (month, household_id, firm_id, amount_fen, weight_g, wage_fen)"
                    " SELECT '2025-03-01', id, 1, 100, 0, 100 FROM unnest(CAST(:ids AS bigint[])) AS id"
                ),
                {"ids": ids},
            )
    return [code for code, _ in found]


def assisted(by: IncomeBy, place: str | None = None) -> tuple[int | None, dict[str, int | None]]:
    march = Months(date(2025, 3, 1), date(2025, 3, 1), place)
    found = income_report(db.session(), OPERATOR, by, march, "zh", limit=100, after=None)
    rows = {row["key"]: row["assisted_households"] for row in found["items"] if row["households"]}
    return found["total"]["assisted_households"], rows


def test_no_report_of_a_place_tells_what_the_county_s_report_does_not(three_townships: list[str]) -> None:
    small, beside, large = three_townships
    total, rows = assisted(IncomeBy.TOWNSHIP)
    assert (rows[small], rows[beside]) == (None, None)
    assert total is not None
    assert rows[large] is not None
    for place in (small, beside):
        for by in (IncomeBy.TOWNSHIP, IncomeBy.VILLAGE, IncomeBy.FIRM, IncomeBy.MONTH):
            told, own = assisted(by, place)
            assert told is None
            assert set(own.values()) == {None}
    villages = assisted(IncomeBy.VILLAGE)[1]
    assert any(value is None for code, value in villages.items() if code.startswith(beside))
    assert assisted(IncomeBy.FIRM, large)[0] == rows[large]
