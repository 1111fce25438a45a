"""Two records of one family counted as one and as two again, without loss or doubling; joining and leaving by dates."""

from collections.abc import Callable
from datetime import date, timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from shop.access.models import Role
from shop.farmers.errors import HasMergedRecords, MergedAlready, NotMerged
from shop.farmers.families import locked_households, merge, unmerge
from shop.farmers.models import Household
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError
from shop.reports import rollups
from shop.reports.books import check_books
from tests.conftest import A_DAY_IN_JULY
from tests.factories.access import headers_of, person
from tests.factories.office import Office, count_all, good_books, scalars
from tests.factories.sales import undone

YEAR = "from=2025-01&to=2025-12"


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Any:
    with good_books(county, clock) as office:
        count_all()
        yield office


def pair(assisted: bool = False) -> tuple[str, str]:
    """Two households of different townships that both delivered; `assisted`: the first is, the second is not."""
    rows = scalars(
        "SELECT households.code, townships.code AS township, is_assisted FROM households"
        " JOIN villages ON villages.id = village_id JOIN townships ON townships.id = township_id"
        " WHERE EXISTS (SELECT FROM deliveries WHERE household_id = households.id) ORDER BY households.code"
    )
    first = next(row for row in rows if row.is_assisted is assisted)
    other = next(row for row in rows if row.township != first.township and not row.is_assisted)
    return first.code, other.code


def moved(office: Office, code: str, move: str, status: int = 200, **body: Any) -> Any:
    return office.post(f"/households/{code}/{move}", {"reason": "同一户登记两次"} | body, status=status)


def cash(office: Office, code: str) -> int:
    return int(office.get(f"/households/{code}/statement?{YEAR}")["received_fen"])


def report(office: Office, by: str) -> dict[str, Any]:
    items, after = {}, ""
    while True:
        told = office.get(f"/reports/income?year=2025&by={by}&limit=100{after}")
        items |= {row["key"]: row for row in told["items"]}
        if told["next"] is None:
            return {"items": items, "total": told["total"], "gain": told["gain"]}
        after = f"&after={told['next']}"


def test_a_merged_record_counts_for_the_other_everywhere_and_undoing_gives_back_the_same_report(
    office: Office,
) -> None:
    one, other = pair()
    before = {by: report(office, by) for by in ("household", "township", "product")}
    fen = cash(office, one), cash(office, other)
    assert moved(office, one, "merge", into=other) == {"household": one, "counts_for": other}
    after = {by: report(office, by) for by in ("household", "township", "product")}
    assert cash(office, other) == sum(fen)
    assert one not in after["household"]["items"]
    assert after["household"]["items"][other]["cash_fen"] == sum(fen)
    for by, told in after.items():
        assert told["total"]["cash"] == before[by]["total"]["cash"], by
        assert told["total"]["households"] == before[by]["total"]["households"] - 1
        assert sum(row["cash_fen"] for row in told["items"].values()) == told["total"]["cash_fen"]
    whole = {by: {key: row["cash_fen"] for key, row in told["items"].items()} for by, told in after.items()}
    assert whole["product"] == {key: row["cash_fen"] for key, row in before["product"]["items"].items()}
    why = office.get(f"/reports/income/explain?year=2025&by=household&key={other}&limit=100")
    assert why["total_fen"] == sum(fen)
    assert after["household"]["gain"]["households"] == before["household"]["gain"]["households"] - 1
    moved(office, one, "unmerge")
    assert {by: report(office, by) for by in before} == before
    assert (cash(office, one), cash(office, other)) == fen


def test_a_closed_month_stays_as_it_was_told_and_an_open_one_counts_the_family_once(office: Office) -> None:
    one, other = pair()
    told = {}

    def read(month: str) -> dict[str, int]:
        return {code: office.get(f"/households/{code}/statement?month={month}")["received_fen"] for code in pair()}

    for month in ("2025-06", "2025-07", "2025-08"):
        told[month] = read(month)
    office.close_through(6)
    moved(office, one, "merge", into=other)
    together = {month: {one: 0, other: sum(of.values())} for month, of in told.items()}
    assert read("2025-06") == told["2025-06"]
    assert read("2025-07") == together["2025-07"]
    office.post("/months", {"month": "2025-07"})
    assert office.get(f"/households/{one}/statement?month=2025-07")["counts_for"] == other
    assert [office.get(f"/households/{code}")["counts_for"] for code in (one, other)] == [other, None]
    moved(office, one, "unmerge")
    assert [read(month) for month in told] == [told["2025-06"], together["2025-07"], told["2025-08"]]
    moved(office, one, "merge", into=other)
    assert [read(month) for month in told] == [told["2025-06"], together["2025-07"], together["2025-08"]]
    assert office.get(f"/households/{other}/statement?{YEAR}")["received_fen"] == cash(office, other)
    moved(office, one, "unmerge")


FIGURES = ("received_fen", "business_gross_fen", "covered_fen", "cost_fen", "net_fen", "sales_reached_fen")


def told(office: Office, code: str, month: str) -> dict[str, Any]:
    return dict(office.get(f"/households/{code}/statement?month={month}"))


def figures(statement: dict[str, Any]) -> dict[str, int]:
    """What a statement says of its own month."""
    business = {name: statement["business"][name] for name in ("covered_fen", "cost_fen", "net_fen")}
    return business | {
        "received_fen": statement["received_fen"], "business_gross_fen": statement["business"]["gross_fen"],
        "sales_reached_fen": sum(row["amount_fen"] for row in statement["sales_reached"]),
    }  # fmt: skip


def test_what_a_closed_month_told_of_another_family_is_moved_in_the_open_one_when_that_is_undone(
    office: Office,
) -> None:
    one, other = pair()
    rate = {"sku": "PL001", "basis": "kg", "rate_fen": 150, "valid_from": "2025-01-01", "source": "调查（示例）"}
    office.post("/cost-rates", rate)
    alone = {month: figures(told(office, one, month)) for month in ("2025-06", "2025-07", "2025-08")}
    county = report(office, "month")
    office.close_through(6)
    moved(office, one, "merge", into=other)
    office.post("/months", {"month": "2025-07"})
    # June was told under its own record and July under the other: the one line moves June to the family ...
    july = {code: told(office, code, "2025-07") for code in (one, other)}
    for code, sign, whose in ((one, -1, other), (other, 1, one)):
        lines = [line for line in july[code]["moved"] if line["of_month"] == "2025-06"]
        assert [{name: line[name] for name in FIGURES} for line in lines] == [
            {name: sign * alone["2025-06"][name] for name in FIGURES}
        ], code
        assert {(line["household"], line["direction"]) for line in july[code]["moved"]} == {
            (whose, "in" if sign > 0 else "out")
        }
        assert july[code]["moved_fen"] == sum(line["received_fen"] for line in july[code]["moved"])
    # ... and undone, the others move June and July back, in the month that is open.
    moved(office, one, "unmerge")
    assert {code: told(office, code, "2025-07") | {"counts_for": None, "closed_through": None} for code in july} == {
        code: statement | {"counts_for": None, "closed_through": None} for code, statement in july.items()
    }
    for code, sign in ((one, 1), (other, -1)):
        lines = {line["of_month"]: line for line in told(office, code, "2025-08")["moved"]}
        assert max(lines) == "2025-07"
        for month in ("2025-06", "2025-07"):
            assert {name: lines[month][name] for name in FIGURES} == {
                name: sign * alone[month][name] for name in FIGURES
            }, (code, month)  # fmt: skip
    assert figures(told(office, one, "2025-08")) == alone["2025-08"]
    # The year adds up to what its own record had, and no figure of the county is another one.
    year = office.get(f"/households/{one}/statement?{YEAR}")
    assert year["moved_fen"] == alone["2025-07"]["received_fen"]
    count_all()
    assert report(office, "month") == county
    # Merged again before the next closing, it is as if it had not been undone.
    moved(office, one, "merge", into=other)
    assert told(office, one, "2025-08")["moved"] == told(office, other, "2025-08")["moved"] == []


def test_a_township_is_not_told_of_the_household_elsewhere_with_which_a_record_was_merged(office: Office) -> None:
    one, other = pair()
    township = scalars(
        "SELECT townships.party_id FROM households JOIN villages ON villages.id = village_id"
        " JOIN townships ON townships.id = township_id WHERE households.code = :code",
        code=one,
    )
    manager = headers_of(office.app, person(office.app, (Role.MANAGER, township[0][0])))
    moved(office, one, "merge", into=other)
    office.close_through(6)
    assert told_to(office, one, manager)["counts_for"] is None
    moved(office, one, "unmerge")
    lines = told_to(office, one, manager)["moved"]
    assert lines != []
    assert {line["household"] for line in lines} == {None}
    assert {line["household"] for line in told_to(office, one, office.household(one))["moved"]} == {other}


def test_who_is_of_a_household_and_more_is_told_of_its_family_and_of_no_other(office: Office) -> None:
    members = scalars(
        "SELECT households.code, households.party_id, firms.party_id AS firm, townships.party_id AS township"
        " FROM memberships JOIN households ON households.id = household_id JOIN firms ON firms.id = firm_id"
        " JOIN villages ON villages.id = households.village_id JOIN townships ON townships.id = villages.township_id"
        " WHERE firms.code = 'F01' AND EXISTS (SELECT FROM deliveries WHERE household_id = households.id) ORDER BY 1"
    )
    own, sibling, foreign = members[:3]
    strangers = scalars(
        "SELECT households.code FROM households JOIN villages ON villages.id = households.village_id"
        " JOIN townships ON townships.id = villages.township_id WHERE townships.party_id <> :township"
        " AND households.id NOT IN (SELECT household_id FROM memberships JOIN firms ON firms.id = firm_id"
        " WHERE firms.code = 'F01') ORDER BY 1 LIMIT 2",
        township=foreign.township,
    )
    head, far = (row.code for row in strangers)
    staff, manager, household = (
        (Role.FIRM_STAFF, own.firm), (Role.MANAGER, foreign.township), (Role.HOUSEHOLD, own.party_id)
    )  # fmt: skip
    at_firm, of_firm, cadre = (
        headers_of(office.app, person(office.app, *grants))
        for grants in ((staff,), (staff, household), (manager, household))
    )
    for record, into in ((own, head), (sibling, head), (foreign, far)):
        moved(office, record.code, "merge", into=into)
    codes = (own.code, sibling.code, foreign.code)
    for reader, known in (
        (at_firm, [None] * 3), (of_firm, [head, head, None]), (office.operator, [head, head, far]),
    ):  # fmt: skip
        listed = {row["code"]: row["counts_for"] for row in office.get("/households?limit=100", reader)["items"]}
        assert [listed[code] for code in codes] == known
        assert [office.get(f"/households/{code}", reader)["counts_for"] for code in codes] == known
    assert [told_to(office, code, cadre)["counts_for"] for code in (own.code, foreign.code)] == [head, None]
    # Undone, his own statement still says whose it was; another one that he reads says nothing of a foreign record.
    office.close_through(6)
    for code in codes:
        moved(office, code, "unmerge")
    for code, known_since in ((own.code, {head}), (foreign.code, {None})):
        assert {line["household"] for line in told_to(office, code, cadre)["moved"]} == known_since


def told_to(office: Office, code: str, reader: dict[str, str]) -> Any:
    return office.get(f"/households/{code}/statement?month=2025-07", reader)


def test_of_two_surveys_of_one_family_one_counts(office: Office) -> None:
    one, other = pair()
    base = report(office, "township")["gain"]["base_fen"]
    own = scalars(
        "SELECT wage_fen + property_net_fen FROM baseline_incomes JOIN households ON households.id = household_id"
        " WHERE code = :code",
        code=one,
    )[0][0]
    moved(office, one, "merge", into=other)
    assert report(office, "township")["gain"]["base_fen"] == base - own


def test_records_form_no_chain_and_no_circle(office: Office) -> None:
    codes = [row[0] for row in scalars("SELECT code FROM households ORDER BY code LIMIT 3")]
    one, two, three = codes
    moved(office, one, "merge", into=two)
    for household, into, why in (
        (one, three, "household-merged"), (three, one, "household-merged"), (two, one, "household-merged"),
        (two, three, "household-has-merged-records"), (three, three, "household-merged"),
    ):  # fmt: skip
        assert moved(office, household, "merge", 409, into=into)["type"].endswith(why), (household, into)
    assert moved(office, three, "unmerge", 409)["type"].endswith("household-not-merged")
    moved(office, three, "merge", into=two)
    assert scalars("SELECT count(*) FROM household_aliases") == [(2,)]


def merges_at_once(office: Office, lock: Callable[[Any, str, str], list[Household]]) -> list[str]:
    """A counts for B while, before that is committed, B is made to count for C."""
    a, b, c = (row[0] for row in scalars("SELECT code FROM households ORDER BY code LIMIT 3"))
    outcome = []

    def go(one: str, two: str) -> None:
        with transaction() as session:
            household, into = lock(session, one, two)
            merge(session, household, into, "同一户", actor_id=None, now=office.clock.now())
            outcome.append("merged")
            if len(outcome) == 1:
                second.start()
                second.join(0.5)

    def follow() -> None:
        with office.app.app_context():
            try:
                go(b, c)
            except DomainError as refused:
                outcome.append(type(refused).__name__)

    second = Thread(target=follow)
    go(a, b)
    second.join()
    return outcome


def test_of_two_mergings_at_once_the_second_sees_the_first(office: Office) -> None:
    assert merges_at_once(office, lambda session, *codes: locked_households(session, *codes)) == [
        "merged", "HasMergedRecords",
    ]  # fmt: skip


def test_control_without_the_locks_the_two_mergings_make_a_chain(office: Office) -> None:
    def unlocked(session: Any, *codes: str) -> list[Household]:
        return [session.query(Household).filter_by(code=code).one() for code in codes]

    assert merges_at_once(office, unlocked) == ["merged", "merged"]
    assert {violation.check.code for violation in check_books(db.session(), now=office.clock.now())} == {"I22-families"}
    with transaction() as session:
        [household] = locked_households(
            session,
            scalars("SELECT min(code) FROM households WHERE id IN (SELECT household_id FROM household_aliases)")[0][0],
        )
        unmerge(session, household, "撤销", actor_id=None, now=office.clock.now())


@settings(max_examples=8, deadline=None, database=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_any_walk_of_merging_and_undoing_counts_every_fen_once(
    market: Flask, walk: list[tuple[bool, int, int]]
) -> None:
    with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        households = list(season.session.query(Household).order_by(Household.id).limit(5))
        counts_for: dict[int, int] = {}
        for merging, one, two in walk:
            a, b = households[one], households[two]
            try:
                if merging:
                    merge(season.session, a, b, "同一户", actor_id=None, now=season.now)
                    counts_for[a.id] = b.id
                else:
                    unmerge(season.session, a, "撤销", actor_id=None, now=season.now)
                    del counts_for[a.id]
            except (MergedAlready, HasMergedRecords, NotMerged):
                continue
        kept = season.session.execute(rollups.text("SELECT household_id, counts_for_id FROM household_aliases")).all()
        assert dict(kept) == counts_for  # type: ignore[arg-type]
        assert set(counts_for) & set(counts_for.values()) == set()


def slip(office: Office, household: str, day: str, code: str, status: int = 201) -> Any:
    body = {"code": code, "household": household, "sku": "PL001", "delivered_on": day, "weight_g": 1_000,
            "grade": "一级", "price_fen_per_kg": 500}  # fmt: skip
    return office.post("/deliveries", body, office.firms["F01"], status)


def test_who_left_delivers_until_his_last_day_and_again_from_the_day_he_is_back(office: Office) -> None:
    household, units = scalars(
        "SELECT households.code, share_units FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' ORDER BY 1 LIMIT 1"
    )[0]
    office.go(date(2026, 7, 20))
    left = office.post(
        f"/households/{household}/departures", {"firm": "F01", "left_on": "2026-07-10", "reason": "迁居"}
    )
    assert (left["share_units"], left["returned_units"], left["joined_on"]) == (0, units, None)
    slip(office, household, "2026-07-10", "D97001")
    assert slip(office, household, "2026-07-11", "D97002", 409)["type"].endswith("household-not-of-firm")
    again = {"firm": "F01", "joined_on": "2026-07-10", "share_units": 3}
    office.post(f"/households/{household}/memberships", again, status=422)
    back = office.post(f"/households/{household}/memberships", again | {"joined_on": "2026-07-15"})
    assert (back["relation"], back["share_units"]) == ("member", 3)
    assert office.post(f"/households/{household}/memberships", again, status=409)["type"].endswith("already-of-firm")
    for code, day, status in (("D97003", "2026-07-14", 409), ("D97004", "2026-07-15", 201)):
        slip(office, household, day, code, status)
    office.post(
        f"/households/{household}/departures", {"firm": "F01", "left_on": "2026-07-21", "reason": "明天"}, status=422
    )
    assert scalars("SELECT share_units FROM memberships JOIN households ON households.id = household_id"
                   " WHERE code = :code", code=household) == [(3,)]  # fmt: skip


def test_nobody_leaves_before_his_last_slip_and_contract_growers_hold_no_shares(office: Office) -> None:
    household, last = scalars(
        "SELECT households.code, max(delivered_on) FROM deliveries JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' GROUP BY 1 ORDER BY 1 LIMIT 1"
    )[0]
    path = f"/households/{household}/departures"
    early = {"firm": "F01", "left_on": str(last - timedelta(days=1)), "reason": "迁居"}
    refused = office.post(path, early, status=409)
    assert (refused["type"].rpartition("#")[2], refused["last"]) == ("delivered-afterwards", str(last))
    assert office.post(path, early | {"left_on": str(last)})["left_on"] == str(last)
    [(company,)] = scalars("SELECT min(code) FROM firms WHERE kind = 'leading_enterprise'")
    joining = {"firm": company, "joined_on": "2026-03-01", "share_units": 5}
    path = f"/households/{household}/memberships"
    assert office.post(path, joining, status=422)["type"].endswith("no-shares-in-firm")
    assert office.post(path, joining | {"share_units": 0})["relation"] == "contract"


def test_a_void_slip_holds_up_no_departure_and_counts_again_for_nobody_who_left(office: Office) -> None:
    [(household,)] = scalars(
        "SELECT households.code FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' ORDER BY 1 LIMIT 1"
    )
    office.go(date(2026, 7, 20))
    slip(office, household, "2026-07-15", "D97001")
    path, leaving = f"/households/{household}/departures", {"firm": "F01", "left_on": "2026-07-10", "reason": "迁居"}
    assert office.post(path, leaving, status=409)["last"] == "2026-07-15"
    correction = {"weight_g": 0, "price_fen_per_kg": 500, "reason": "登记错户"}
    office.post("/deliveries/D97001/corrections", correction, office.firms["F01"])
    assert office.post(path, leaving)["left_on"] == "2026-07-10"
    again = office.post("/deliveries/D97001/corrections", correction | {"weight_g": 900}, office.firms["F01"], 409)
    assert again["type"].endswith("household-not-of-firm")
    assert scalars("SELECT count(*) FROM delivery_corrections") == [(1,)]


def test_who_left_shares_in_the_surplus_of_the_year_he_was_there_by_what_he_delivered(office: Office) -> None:
    members = [row[0] for row in scalars(
        "SELECT households.code FROM memberships JOIN households ON households.id = household_id"
        " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' ORDER BY 1"
    )]  # fmt: skip
    office.go(date(2026, 7, 20))
    slip(office, members[0], "2026-07-10", "D97001")
    office.post(f"/households/{members[0]}/departures", {"firm": "F01", "left_on": "2026-07-15", "reason": "迁居"})
    terms = {"firm": "F01", "surplus_fen": 1_000_000, "prior_loss_fen": 0, "reserve_bp": 1_000, "return_bp": 6_000}
    office.go(date(2027, 7, 15))
    slip(office, members[1], "2027-07-10", "D97002")
    there = {}
    for year in (2026, 2027):
        office.go(date(year + 1, 1, 10))
        made = office.post("/surplus-plans", terms | {"year": year}, office.firms["F01"])["code"]
        told = office.post(f"/surplus-plans/{made}/laying-open", None, office.firms["F01"], 200)  # type: ignore[arg-type]
        there[year] = {part["household"]: part for part in told["parts"]}
    assert there[2026][members[0]]["patronage_fen"] == 540_000
    assert there[2026][members[0]]["dividend_fen"] == 0
    assert members[0] not in there[2027]
    assert set(there[2027]) == set(members[1:])
