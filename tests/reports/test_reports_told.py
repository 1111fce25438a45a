"""Rows of few households: what the totals beside them leave open is never of few, within a year and beside another."""

from collections import Counter
from datetime import date
from itertools import product

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.kit.db import db, transaction
from shop.places.queries import TOWNSHIP_DIGITS
from shop.reports.income_report import IncomeBy, Months, income_report
from shop.reports.told import FEW, WHOLE, Counts, kept_back, since, untold, untold_places

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
    hidden = untold(Counts(households))
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
    hidden = untold(Counts(households, assisted))
    assert {key for key, count in households.items() if 0 < count == assisted[key]} <= hidden
    left, known = together(households, hidden), together(assisted, hidden)
    everybody = all(count == 0 or key in hidden for key, count in households.items())
    assert not hidden or everybody or (left >= FEW and left != known)


@given(VILLAGES)
def test_what_the_totals_leave_open_is_never_of_few_households(villages: dict[str, int]) -> None:
    hidden = untold_places(Counts(villages))
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


#: Households of two townships with two villages each: where each lives, and whether it is assisted.
FAMILIES = st.lists(st.tuples(st.sampled_from(["140829101001", "140829101002", "140829102001", "140829102002"]),
                              st.booleans()), max_size=9)  # fmt: skip


def places_of(village: str) -> tuple[str, str, str]:
    """The rows in which a household of a village stands."""
    return village, village[:TOWNSHIP_DIGITS], WHOLE


@given(FAMILIES)
def test_nothing_that_a_year_tells_says_of_any_household_that_it_is_assisted(families: list[tuple[str, bool]]) -> None:
    homes = [village for village, _ in families]
    hidden = untold_places(Counts(Counter(homes), Counter(village for village, known in families if known)))

    def told(assisted: tuple[bool, ...]) -> Counter[str]:
        rows = zip(homes, assisted, strict=True)
        return Counter(place for village, known in rows if known for place in places_of(village) if place not in hidden)

    truth = told(tuple(known for _, known in families))
    # Whoever knows all rows and who stands in them, as managers do, finds these to be possible.
    possible = [assisted for assisted in product([False, True], repeat=len(homes)) if told(assisted) == truth]
    assert not any(all(each) for each in zip(*possible, strict=True))


def counts(families: list[tuple[str, bool, bool, bool]], *years: int) -> Counts:
    """Households of the villages in any of the years, and the assisted among them."""
    there = [(one[0], one[1]) for one in families if any(one[2 + year] for year in years)]
    return Counts(Counter(village for village, _ in there), Counter(village for village, known in there if known))


@given(st.lists(st.tuples(st.sampled_from(["140829101001", "140829101002", "140829102001", "140829102002"]),
                          st.booleans(), st.booleans(), st.booleans()), max_size=30))  # fmt: skip
def test_no_place_that_tells_in_two_years_on_end_says_who_came_or_went(
    families: list[tuple[str, bool, bool, bool]],
) -> None:
    earlier, now, either = counts(families, 0), counts(families, 1), counts(families, 0, 1)
    moved = since(earlier, now, either)
    before = untold_places(earlier)
    hidden = untold_places(now, *moved, also=kept_back(before, moved[0]))
    for place in {place for village, *_ in families for place in places_of(village)} - hidden - before:
        here = [one for one in families if one[0].startswith(place)]
        came = [known for _, known, then, today in here if today and not then]
        went = [known for _, known, then, today in here if then and not today]
        assert len(came + went) == 0 or len(came + went) >= FEW
        # The difference is told: it never says of all who came, or of all who went, that they are assisted.
        assert not came or sum(came) - sum(went) < len(came), place
        assert not went or -len(went) < sum(came) - sum(went), place


def test_a_place_that_stood_beside_one_of_few_and_did_not_change_does_not_tell_it_a_year_later() -> None:
    """The second did not tell, so that the county less the third left the first open: nor may it tell now."""
    earlier = Counts({"140829101": 1, "140829102": 4, "140829103": 9}, {"140829101": 1, "140829102": 1, "140829103": 3})
    now = Counts({"140829101": 8, "140829102": 4, "140829103": 15}, {"140829101": 4, "140829102": 1, "140829103": 6})
    before, moved = untold_places(earlier), since(earlier, now, now)
    assert before == {"140829101", "140829102"}
    assert untold_places(now, *moved) == set()
    assert "140829102" in untold_places(now, *moved, also=kept_back(before, moved[0]))


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


def assisted(
    by: IncomeBy, place: str | None = None, last: date = date(2025, 12, 1), first: date = date(2025, 1, 1)
) -> tuple[int | None, dict[str, int | None]]:
    found = income_report(db.session(), OPERATOR, by, Months(first, last, place), "zh", limit=100, after=None)
    rows = {row["key"]: row["assisted_households"] for row in found["items"] if row["households"]}
    return found["total"]["assisted_households"], rows


def closed(last: str) -> None:
    with transaction() as session:
        session.execute(
            text("INSERT INTO closed_months (month, closed_at, households, entries, amount_fen)"
                 " VALUES (:last, now(), 0, 0, 0)"), {"last": last},
        )  # fmt: skip


def test_no_report_of_a_place_tells_what_the_county_s_report_does_not(three_townships: list[str]) -> None:
    closed("2025-12-01")
    small, beside, large = three_townships
    total, rows = assisted(IncomeBy.TOWNSHIP)
    assert (rows[small], rows[beside]) == (None, None)
    assert total is not None
    assert rows[large] is not None
    for place in (small, beside):
        for by in (IncomeBy.TOWNSHIP, IncomeBy.VILLAGE):
            told, own = assisted(by, place)
            assert told is None
            assert set(own.values()) == {None}
    villages = assisted(IncomeBy.VILLAGE)[1]
    assert any(value is None for code, value in villages.items() if code.startswith(beside))
    assert assisted(IncomeBy.VILLAGE, large)[0] == rows[large]


def test_only_whole_closed_years_by_place_say_how_many_are_assisted(three_townships: list[str]) -> None:
    closed("2025-11-01")
    assert assisted(IncomeBy.TOWNSHIP)[0] is None
    closed("2025-12-01")
    assert assisted(IncomeBy.TOWNSHIP)[0] is not None
    # Rows of these share households: the total less one of them is of who is in no other.
    for by in set(IncomeBy) - {IncomeBy.TOWNSHIP, IncomeBy.VILLAGE}:
        told, rows = assisted(by)
        assert {told, *rows.values()} == {None}
    # Spans that grow by a month differ by who came in it.
    for first, last in (("2025-01-01", "2025-11-01"), ("2025-03-01", "2025-03-01"), ("2024-01-01", "2025-12-01")):
        told, rows = assisted(IncomeBy.TOWNSHIP, None, date.fromisoformat(last), date.fromisoformat(first))
        assert {told, *rows.values()} == {None}


def test_a_year_does_not_tell_who_is_new_since_the_year_before(three_townships: list[str]) -> None:
    """Of the large township all four households had income the year before, but one."""
    closed("2025-12-01")
    large = three_townships[2]
    assert assisted(IncomeBy.TOWNSHIP)[1][large] is not None
    with transaction() as session:
        session.execute(text("INSERT INTO dirty_keys (rollup, on_day) VALUES ('income_cuts', '2024-03-01')"))
        session.execute(
            text(
                "INSERT INTO income_months (month, household_id, firm_id, amount_fen, weight_g, wage_fen)"
                " SELECT '2024-03-01', household_id, 1, 100, 0, 100 FROM income_months"
                " JOIN households ON households.id = household_id JOIN villages ON villages.id = village_id"
                " JOIN townships ON townships.id = township_id WHERE townships.code = :large"
                " ORDER BY household_id OFFSET 1"
            ),
            {"large": large},
        )
    assert assisted(IncomeBy.TOWNSHIP)[1][large] is None
    assert assisted(IncomeBy.TOWNSHIP, large)[0] is None
