"""Rollups: refreshed, rebuilt, in any order, at once or not: the same bytes, and equal to a recount."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Grant
from shop.access.models import PartyKind, Role
from shop.income.costs import count_by_rate, set_rate
from shop.income.models import CostBasis
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.orders.actions import cancel
from shop.reports import gain as gains
from shop.reports import income_report as told
from shop.reports import plans, rollups
from shop.reports.cuts import cuts_of
from shop.reports.gain import gain
from shop.reports.income_report import IncomeBy, Months, income_report
from shop.reports.models import Rollup
from shop.reports.periodic import counted
from shop.reports.periods import Every, period_of, spans_of
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.sales import Season, agreement_of, ready

TABLES = [table.name for plan in plans.PLANS.values() for table in plan.tables]


@pytest.fixture(scope="module")
def season(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A county in which each channel has sold; every test leaves rollups as a full refresh makes them."""
    clock = WalkingClock(A_DAY_IN_JULY)
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("rollups"), clock) as app:
        with transaction() as session:
            sell(ready(session, clock.now()))
        yield app


def sell(season: Season) -> None:
    season.settled(season.paid())
    season.settled(season.paid(quantity=3), refused_g=700)
    season.settled(season.paid("CADRE"))
    season.settled(season.paid("HOST"))
    season.settled(season.approved("UNIT", 5))
    season.settled(season.called(agreement_of(season), 20_000), refused_g=1_000)
    season.paid(quantity=1)
    rate = set_rate(
        season.session,
        season.product,
        CostBasis.KG,
        150,
        date(2025, 1, 1),
        "调查（示例）",
        actor_id=None,
        now=season.now,
    )
    count_by_rate(season.session, rate.id)


def refresh_all(session: Session, limit: int = rollups.BATCH) -> None:
    for rollup in Rollup:
        while rollups.refresh(session, rollup, limit=limit).marks:
            pass


def contents(session: Session) -> dict[str, str]:
    """A digest of every row of every rollup."""
    return {
        table: session.execute(
            text(f"SELECT md5(coalesce(string_agg(row::text, '|' ORDER BY row::text), '')) FROM {table} AS row")
        ).scalar_one()
        for table in TABLES
    }


DEKAD = plans.DEKAD.first.format(day="placed_on")


def mark_all(session: Session) -> None:
    """Dirty every key there is, in no particular order, some of them twice."""
    session.execute(
        text(
            f"""
            INSERT INTO dirty_keys (rollup, on_day, a_id, b_id) SELECT * FROM (
                SELECT 'sales', placed_on, firm_id, channel_id FROM orders
                UNION ALL SELECT 'sales_months', date_trunc('month', placed_on)::date, firm_id, channel_id FROM orders
                UNION ALL SELECT 'sales_dekads', {DEKAD}, firm_id, channel_id FROM orders
                UNION ALL SELECT 'receivables', due_on, firm_id, partner_id FROM orders WHERE due_on IS NOT NULL
                UNION ALL SELECT 'income', month, household_id, NULL FROM income_entries
                UNION ALL SELECT 'reach', month, household_id, NULL FROM sales_reach
                UNION ALL SELECT 'agreements', NULL, id, NULL FROM agreements
                UNION ALL SELECT 'costs', month, household_id, NULL FROM cost_lines
                UNION ALL SELECT 'income_cuts', month, NULL, NULL FROM income_entries
                UNION ALL SELECT 'cost_cuts', month, NULL, NULL FROM cost_lines
                UNION ALL SELECT 'reach_cuts', month, NULL, NULL FROM sales_reach
                UNION ALL SELECT 'income_days', greatest(earned_on, month), NULL, NULL FROM income_entries
            ) AS marks ORDER BY random()
            """
        )
    )


def marks(session: Session) -> int:
    return int(session.execute(text("SELECT count(*) FROM dirty_keys")).scalar_one())


def test_refreshing_ten_times_in_any_order_gives_the_same_bytes(season: Flask) -> None:
    with transaction() as session:
        refresh_all(session)
        before = contents(session)
    for seed in range(10):
        order = random.Random(seed).sample(list(Rollup), len(Rollup))
        with transaction() as session:
            mark_all(session)
            for rollup in order:
                limit = random.Random(seed).choice([50, 700, 20_000])
                while rollups.refresh(session, rollup, limit=limit).marks:
                    pass
            # What was refreshed after a rollup that counts it marked it once more.
            refresh_all(session)
            assert contents(session) == before
            assert marks(session) == 0


def test_refreshing_in_parallel_gives_the_same_bytes(season: Flask) -> None:
    with transaction() as session:
        refresh_all(session)
        before = contents(session)
        mark_all(session)

    def work() -> None:
        with season.app_context():
            for rollup in random.sample(list(Rollup), len(Rollup)):
                busy = True
                while busy:
                    with transaction() as session:
                        busy = rollups.refresh(session, rollup, limit=100).marks > 0

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with transaction() as session:
        refresh_all(session)
        assert contents(session) == before
        assert marks(session) == 0


def test_a_refresh_that_dies_half_way_leaves_its_marks(season: Flask) -> None:
    with transaction() as session:
        refresh_all(session)
        before = contents(session)
        mark_all(session)
        waiting = marks(session)
    with Session(db.engine) as killed:
        rollups.refresh(killed, Rollup.INCOME, limit=10)
    with transaction() as session:
        assert marks(session) == waiting
        refresh_all(session)
        assert contents(session) == before


@pytest.mark.parametrize("rollup", list(Rollup))
def test_a_rebuild_from_zero_gives_the_same_bytes(season: Flask, rollup: Rollup) -> None:
    with transaction() as session:
        refresh_all(session)
        before = contents(session)
        for table in plans.PLANS[rollup].tables:
            session.execute(text(f"DELETE FROM {table.name}"))
        assert contents(session) != before
        assert rollups.rebuild(session, rollup) > 0
        assert contents(session) == before


def test_compare_finds_what_was_changed_what_is_missing_and_what_is_too_much(season: Flask) -> None:
    with transaction() as session:
        refresh_all(session)
        assert [rollups.compare(session, rollup) for rollup in Rollup] == [[]] * len(Rollup)
    with Session(db.engine) as session:
        session.execute(text("UPDATE sales_rollup SET firm_fen = firm_fen + 1 WHERE channel_id = 1"))
        (recounted, kept) = rollups.compare(session, Rollup.SALES)
        assert (recounted.side, kept.side) == ("recounted", "kept")
        assert kept.row["firm_fen"] == recounted.row["firm_fen"] + 1
        session.execute(
            text("DELETE FROM reach_rollup WHERE household_id = (SELECT min(household_id) FROM reach_rollup)")
        )
        # The months are counted from the rollup: they have what it lacks.
        assert {(found.table, found.side) for found in rollups.compare(session, Rollup.REACH)} == {
            ("reach_rollup", "recounted"), ("reach_months", "kept")
        }  # fmt: skip
        session.execute(text("INSERT INTO income_rollup VALUES ('2025-01-01', 1, 1, 0, 'subsidy', 1, 0, 1)"))
        # The months are counted from the rollup, and cuts from the months: they lack what it has too much.
        assert [(found.table, found.side) for found in rollups.compare(session, Rollup.INCOME)] == [
            ("income_rollup", "kept"), ("income_months", "recounted")
        ]  # fmt: skip
        assert {(found.table, found.side) for found in rollups.compare(session, Rollup.INCOME_CUTS)} == {
            ("income_product_cuts", "kept"), ("income_product_cuts", "recounted")
        }  # fmt: skip


def test_the_figures_of_each_channel_are_what_was_sold(season: Flask) -> None:
    with transaction() as session:
        refresh_all(session)
        rows = session.execute(
            text(
                "SELECT kind, orders, settled_orders, weight_g, paid_fen, refunded_fen, net_fen, firm_fen, host_fen,"
                " platform_fen, open_fen, held_fen, due_fen FROM sales_rollup JOIN channels ON channels.id = channel_id"
                " ORDER BY position"
            )
        ).all()
    # Peaches, 2.5 kg a pack at 39.80 yuan; 2 % shop fee, 8 % commission on 30.00 yuan a pack; 0.7 of 7.5 kg refused.
    assert [tuple(row) for row in rows] == [
        ("platform", 3, 2, 14_300, 23_880, 1_114, 18_786, 18_410, 0, 376, 3_980, 3_980, 0),
        ("unit", 1, 1, 12_500, 0, 0, 19_900, 19_900, 0, 0, 0, 0, 19_900),
        ("cadre", 1, 1, 5_000, 7_960, 0, 7_960, 7_960, 0, 0, 0, 0, 0),
        ("enterprise", 1, 1, 19_000, 0, 0, 10_944, 10_944, 0, 0, 0, 0, 10_944),
        ("livestream", 1, 1, 5_000, 6_000, 0, 6_000, 5_520, 480, 0, 0, 0, 0),
    ]


def test_what_is_paid_held_due_and_shared_adds_up_in_every_row(season: Flask) -> None:
    with transaction() as session:
        refresh_all(session)
        odd = session.execute(
            text(
                "SELECT count(*) FROM sales_rollup WHERE paid_fen - refunded_fen + due_fen <> net_fen + held_fen"
                " OR net_fen <> firm_fen + host_fen + platform_fen + carrier_fen"
            )
        ).scalar_one()
    assert odd == 0


def test_a_cancelled_order_leaves_the_count_and_its_money_goes_both_ways(county: Flask, clock: WalkingClock) -> None:
    with transaction() as session:
        season = ready(session, clock.now())
        order = season.paid()
        refresh_all(session)
        cancel(session, order, actor_id=None, now=clock.now())
        refresh_all(session)
        row = session.execute(
            text("SELECT orders, weight_g, paid_fen, refunded_fen, open_fen, held_fen FROM sales_rollup")
        )
        assert tuple(row.one()) == (0, 0, 7_960, 0, 0, 7_960)
        assert session.execute(text("SELECT count(*) FROM product_sales_rollup")).scalar_one() == 0
        assert rollups.compare(session, Rollup.SALES) == []


def test_a_refund_after_settlement_takes_everybody_s_part_back(county: Flask, clock: WalkingClock) -> None:
    with transaction() as session:
        season = ready(session, clock.now())
        order = season.settled(season.paid("HOST"))
        season.refunded(order, 1_000)
        season.tell_refunds()
        refresh_all(session)
        row = session.execute(
            text("SELECT paid_fen, refunded_fen, net_fen, firm_fen, host_fen, held_fen FROM sales_rollup")
        )
        assert tuple(row.one()) == (6_000, 1_000, 5_000, 4_600, 400, 0)
        reached = session.execute(text("SELECT sum(amount_fen), sum(weight_g) FROM reach_rollup")).one()
        assert tuple(map(int, reached)) == (5_000, 5_000)


def test_an_agreement_s_row_stands_on_the_day_it_was_called_for(season: Flask) -> None:
    with transaction() as session:
        refresh_all(session)
        row = session.execute(
            text(
                "SELECT due_on::text, due_g, called_g, dispatched_g, accepted_g, refused_g, executed_fen"
                " FROM agreement_rollup WHERE called_g > 0"
            )
        ).one()
        assert tuple(row) == ("2025-07-15", 0, 20_000, 20_000, 19_000, 1_000, 10_944)
        due = session.execute(text("SELECT sum(due_g) FROM agreement_rollup")).scalar_one()
        promised = session.execute(text("SELECT sum(committed_g) FROM agreement_lines")).scalar_one()
        assert due == promised


def test_the_county_s_income_is_reproduced_to_the_fen(season: Flask) -> None:
    with transaction() as session:
        refresh_all(session)
        rows = session.execute(text("SELECT kind, sum(amount_fen), sum(weight_g) FROM income_rollup GROUP BY kind"))
        sums = {kind: (int(fen), int(grams)) for kind, fen, grams in rows}
    assert sums["sale"] == (343_658_951, 663_083_500)
    assert (sums["wage"], sums["land_rent"]) == ((49_216_000, 0), (6_193_722, 0))


def test_the_cost_follows_the_keys_and_not_the_history(season: Flask) -> None:
    with transaction() as session:
        refresh_all(session)
        session.execute(
            text(
                "INSERT INTO dirty_keys (rollup, on_day, a_id)"
                " VALUES ('income', '2025-07-01', 1), ('income', '2025-07-01', 1)"
            )
        )
        done = rollups.refresh(session, Rollup.INCOME)
        assert (done.marks, done.keys) == (2, 1)
        plan = "\n".join(
            session.execute(
                text("EXPLAIN " + rollups._refresh_sql(plans.PLANS[Rollup.INCOME])),
                {"rollup": "income", "limit": 20_000},
            ).scalars()
        )
    assert "ix_income_entries_month_household_id" in plan
    assert "Seq Scan on income_entries" not in plan


#: All that the season's county knows.
YEARS = Months(date(2025, 1, 1), date(2025, 12, 1))
CUTS = ("income_cuts", "income_product_cuts", "cost_cuts", "reach_cuts", "income_days")


def readers(session: Session) -> list[Actor]:
    """The operator, a manager of a township, staff of a firm, and somebody who is both."""
    township, firm = (
        session.execute(text(f"SELECT party_id FROM {table} ORDER BY id LIMIT 1")).scalar_one()
        for table in ("townships", "firms")
    )
    manager = Grant(Role.MANAGER, township, PartyKind.TOWNSHIP)
    staff = Grant(Role.FIRM_STAFF, firm, PartyKind.FIRM)
    operator = Grant(Role.OPERATOR, 1, PartyKind.COUNTY)
    return [Actor(1, grants) for grants in ((operator,), (manager,), (staff,), (manager, staff))]


def all_reports(session: Session) -> list[dict[str, object]]:
    """Every report of every reader, page after page: of the year, of two months, of a township, of two villages."""
    found = []
    places = session.execute(
        text(
            "SELECT t.code, min(v.code) FROM townships AS t JOIN villages AS v ON v.township_id = t.id"
            " JOIN households AS h ON h.village_id = v.id GROUP BY t.code ORDER BY t.code"
        )
    ).all()
    assert len(places) > 1
    of = (places[0].code, places[0].min, places[-1].min)
    asked = [YEARS, Months(date(2025, 6, 1), date(2025, 7, 1)), *(replace(YEARS, place=place) for place in of)]
    for actor in readers(session):
        for by in IncomeBy:
            for months in asked:
                after, last = None, by is IncomeBy.GROUP and actor.grants[0].role is Role.FIRM_STAFF
                while not last:
                    page = income_report(session, actor, by, months, "zh", limit=100, after=after)
                    found.append({key: told for key, told in page.items() if key != "as_of"})
                    after = page["next"]
                    last = after is None
        found += [gain(session, actor, months, "zh", now=datetime(2026, 2, 1, tzinfo=UTC)) for months in asked]
    return found


def test_cuts_tell_what_the_rows_of_the_households_tell(season: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with Session(db.engine) as session:
        refresh_all(session)
        # Two records of one family, and a family that moved.
        session.execute(
            text(
                "INSERT INTO household_aliases (household_id, counts_for_id, merged_at)"
                " SELECT max(household_id), min(household_id), now() FROM reach_rollup"
            )
        )
        session.execute(
            text(
                "UPDATE households SET village_id = (SELECT max(id) FROM villages) WHERE id ="
                " (SELECT household_id FROM income_rollup GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1)"
            )
        )
        refresh_all(session)
        kept = all_reports(session)
        for table in CUTS:
            session.execute(text(f"DELETE FROM {table}"))
        nothing = all_reports(session)
        mark_all(session)
        counted = all_reports(session)
        monkeypatch.setattr(told, "cuts_in", lambda *_: None)
        monkeypatch.setattr(told, "cuts_of", lambda *_: None)
        monkeypatch.setattr(gains, "cuts_in", lambda *_: None)
        by_household = all_reports(session)
    assert len(kept) >= len(IncomeBy) * 6 - 1
    assert kept == by_household
    assert counted == by_household
    # The control: it was the cuts that were read.
    assert nothing != by_household


#: What firms paid to the families of a township over some days, by the records of families; of a firm alone, perhaps.
PAID = """
    SELECT count(DISTINCT households.id) FILTER (WHERE firm_id IS NOT NULL) AS households,
        coalesce(sum(amount_fen), 0) AS fen
    FROM income_entries
    LEFT JOIN household_aliases ON household_aliases.household_id = income_entries.household_id
    JOIN households ON households.id = coalesce(counts_for_id, income_entries.household_id)
    JOIN villages ON villages.id = village_id JOIN townships ON townships.id = township_id
    WHERE townships.code = :township AND greatest(earned_on, month) BETWEEN :first AND :last
        AND (CAST(:firm AS bigint) IS NULL OR firm_id = :firm)
"""


def test_days_and_months_tell_what_the_entries_tell(season: Flask) -> None:
    with Session(db.engine) as session:
        refresh_all(session)
        session.execute(
            text(
                "INSERT INTO household_aliases (household_id, counts_for_id, merged_at)"
                " SELECT max(household_id), min(household_id), now() FROM income_entries WHERE earned_on > '2025-07-01'"
            )
        )
        refresh_all(session)
        # The middle of a month that is on its way, a week over the end of one, and a whole one.
        asked = [spans_of(every, date(2025, 8, day), today=date(2025, 8, 13)) for every, day in
                 ((Every.TEN_DAYS, 13), (Every.WEEK, 1), (Every.MONTH, 3))]  # fmt: skip
        operator, manager, staff, _ = readers(session)
        firm = session.execute(text("SELECT min(id) FROM firms")).scalar_one()
        before = None
        for state in ("kept", "counted when read", "taken away"):
            if state == "counted when read":
                mark_all(session)
            if state == "taken away":
                session.execute(text("DELETE FROM dirty_keys"))
                session.execute(text("DELETE FROM income_days"))
            found = [(actor, spans, counted(session, actor, spans).reached) for actor in (operator, manager, staff)
                     for spans in asked]  # fmt: skip
            if state == "taken away":
                # The control: it was the days that were read.
                assert [reached for *_, reached in found] != before
                break
            before = [reached for *_, reached in found]
            assert sum(one.figures["period_households"] for one in before[0]) > 1
            for actor, spans, reached in found:
                for one in reached:
                    for name, span in spans.named():
                        wanted = {"township": one.township, "first": span.first, "last": span.last}
                        truth = session.execute(text(PAID), wanted | {"firm": firm if actor is staff else None}).one()
                        said = tuple(one.figures[f"{name}_{figure}"] for figure in ("households", "cash_fen"))
                        assert said == tuple(truth), (name, one.township)


@pytest.mark.parametrize(("every", "grouping"), [(Every.TEN_DAYS, plans.DEKAD), (Every.MONTH, plans.MONTH)])
def test_the_database_knows_the_first_and_the_last_of_dekads_and_months(
    season: Flask, every: Every, grouping: plans.Grouping
) -> None:
    first = grouping.first.format(day="day")
    days = (
        f"SELECT day, {first}, {grouping.after.format(first=f'({first})')} - 1"
        " FROM (SELECT CAST(generate_series('2023-12-01'::date, '2025-03-01', '1 day') AS date) AS day) AS days"
    )
    with Session(db.engine) as session:
        told = session.execute(text(days)).all()
    assert len(told) == 457
    for day, begins, ends in told:
        assert (begins, ends) == (period_of(every, day).first, period_of(every, day).last)


def test_a_family_that_is_merged_or_moves_marks_its_months(season: Flask) -> None:
    changes = (
        "INSERT INTO household_aliases (household_id, counts_for_id, merged_at)"
        " SELECT max(household_id), min(household_id), now() FROM reach_rollup",
        "UPDATE households SET village_id = (SELECT max(id) FROM villages) WHERE id = (SELECT min(household_id)"
        " FROM reach_rollup)",
        "DELETE FROM household_aliases",
    )
    with Session(db.engine) as session:
        refresh_all(session)
        for change in changes:
            session.execute(text(change))
            # The control: without its mark the month would be wrong.
            with session.begin_nested() as undone:
                session.execute(text("DELETE FROM dirty_keys"))
                assert rollups.compare(session, Rollup.INCOME_CUTS) != []
                assert rollups.compare(session, Rollup.INCOME_DAYS) != []
                undone.rollback()
            refresh_all(session)
            assert [rollups.compare(session, rollup) for rollup in Rollup] == [[]] * len(Rollup)


def test_a_month_that_changed_is_counted_when_it_is_read(season: Flask) -> None:
    with Session(db.engine) as session:
        refresh_all(session)
        (operator, *_) = readers(session)
        before = income_report(session, operator, IncomeBy.MONTH, YEARS, "zh", limit=12, after=None)
        session.execute(
            text(
                "INSERT INTO income_entries (household_id, kind, category, earned_on, month, weight_g, amount_fen,"
                " source_type, source_id, journal_id) SELECT min(id), 'subsidy', 'transfer', '2025-02-03',"
                " '2025-02-01', 0, 77, 'test', 1, (SELECT min(id) FROM journals) FROM households"
            )
        )
        assert rollups.refresh(session, Rollup.INCOME).keys == 1
        assert cuts_of(session, operator, YEARS.first, YEARS.last).changed == {
            "income_cuts": [date(2025, 2, 1)], "income_days": [date(2025, 2, 3)]
        }  # fmt: skip
        after = income_report(session, operator, IncomeBy.MONTH, YEARS, "zh", limit=12, after=None)
        assert after["total"]["cash_fen"] == before["total"]["cash_fen"] + 77
        assert rollups.refresh(session, Rollup.INCOME_CUTS).keys == 1
        assert rollups.refresh(session, Rollup.INCOME_DAYS).keys == 1
        assert cuts_of(session, operator, YEARS.first, YEARS.last).changed == {}
        assert income_report(session, operator, IncomeBy.MONTH, YEARS, "zh", limit=12, after=None) == after


def test_a_set_is_the_same_whoever_is_registered_later(season: Flask) -> None:
    with Session(db.engine) as session:
        refresh_all(session)
        before = contents(session)
        session.execute(
            text(
                "WITH made AS (INSERT INTO parties (kind, code, name_zh) VALUES ('household', 'LATER', '（示例）')"
                " RETURNING id) INSERT INTO households (id, code, party_id, village_id, persons, land_mu_tenths,"
                " leased_out_mu_tenths, is_assisted) OVERRIDING SYSTEM VALUE SELECT 5000, 'LATER', id,"
                " (SELECT min(id) FROM villages), 1, 0, 0, false FROM made"
            )
        )
        assert rollups.rebuild(session, Rollup.INCOME_CUTS) > 0
        assert contents(session) == before
