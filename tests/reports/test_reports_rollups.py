"""Rollups: refreshed, rebuilt, in any order, at once or not: the same bytes, and equal to a recount."""

import random
from collections.abc import Iterator
from datetime import date
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.income.costs import count_by_rate, set_rate
from shop.income.models import CostBasis
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.orders.actions import cancel
from shop.reports import rollups
from shop.reports.models import Rollup
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.sales import Season, agreement_of, ready

TABLES = [table.name for plan in rollups.PLANS.values() for table in plan.tables]


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


def mark_all(session: Session) -> None:
    """Dirty every key there is, in no particular order, some of them twice."""
    session.execute(
        text(
            """
            INSERT INTO dirty_keys (rollup, on_day, a_id, b_id) SELECT * FROM (
                SELECT 'sales', placed_on, firm_id, channel_id FROM orders
                UNION ALL SELECT 'sales_months', date_trunc('month', placed_on)::date, firm_id, channel_id FROM orders
                UNION ALL SELECT 'receivables', due_on, firm_id, partner_id FROM orders WHERE due_on IS NOT NULL
                UNION ALL SELECT 'income', month, household_id, NULL FROM income_entries
                UNION ALL SELECT 'reach', month, household_id, NULL FROM sales_reach
                UNION ALL SELECT 'agreements', NULL, id, NULL FROM agreements
                UNION ALL SELECT 'costs', month, household_id, NULL FROM cost_lines
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
        for table in rollups.PLANS[rollup].tables:
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
        assert {found.side for found in rollups.compare(session, Rollup.REACH)} == {"recounted"}
        session.execute(text("INSERT INTO income_rollup VALUES ('2025-01-01', 1, 1, 0, 'subsidy', 1, 0, 1)"))
        # The months are counted from the rollup: they lack what it has too much.
        assert [(found.table, found.side) for found in rollups.compare(session, Rollup.INCOME)] == [
            ("income_rollup", "kept"), ("income_months", "recounted")
        ]  # fmt: skip


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
                text("EXPLAIN " + rollups._refresh_sql(rollups.PLANS[Rollup.INCOME])),
                {"rollup": "income", "limit": 20_000},
            ).scalars()
        )
    assert "ix_income_entries_month_household_id" in plan
    assert "Seq Scan on income_entries" not in plan
