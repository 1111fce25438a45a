"""Check-books: nothing to say of a real season, and each check finds the fault that is planted for it.

Faults that a constraint or trigger refuses are planted with those taken off, in a transaction that is rolled back.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Connection, text

from shop.agreements.models import Side
from shop.farmers.models import Grade
from shop.income.reversals import reverse
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.orders.actions import Verdict
from shop.orders.cuts import Less, cut
from shop.reports import rollups
from shop.reports.books import CHECKS, check_books, run_checks
from shop.reports.models import Rollup
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.sales import agreement_of, ready
from tests.factories.shopfiles import desk, done, paid_out, refunded, sold

BY_CODE = {check.code: check for check in CHECKS}


@pytest.fixture(scope="module")
def season(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A county in which each channel has sold, refused, refunded; the jobs of it are done."""
    clock = WalkingClock(A_DAY_IN_JULY)
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("books"), clock) as app:
        with transaction() as session:
            play(ready(session, clock.now()))
            session.execute(text("UPDATE outbox SET sent_at = :now, done_at = :now"), {"now": clock.now()})
        for rollup in Rollup:
            with transaction() as session:
                rollups.refresh(session, rollup)
        yield app


def play(season: object) -> None:
    """Something of everything."""
    from tests.factories.claims import claimed, granted
    from tests.factories.rounds import delivered_round, handed_out
    from tests.factories.sales import Season
    from tests.factories.units import unit_year

    assert isinstance(season, Season)
    shop = desk(season)
    shop.orders(done("6901", season.sku), sold("6902", season.sku))
    shop.refunds(refunded("AS1", "6901", "1.00"))
    shop.payouts(paid_out("D1", "6901", "38.00", fee="-0.78"))
    whole = season.settled(season.paid())
    season.settled(season.paid(quantity=3), refused_g=700)
    season.settled(season.paid("CADRE"))
    season.settled(season.paid("HOST"))
    season.settled(season.approved("UNIT", 5))
    season.settled(season.called(agreement_of(season), 20_000), refused_g=1_000)
    season.graded(season.called(agreement_of(season), 10_000), {Grade.FIRST: 6_000, Grade.SECOND: 4_000})
    wrong = season.graded(season.called(agreement_of(season), 10_000), {Grade.FIRST: 10_000})
    for second in (3_000, 4_000):
        kinds = {Grade.FIRST: 9_000 - second, Grade.SECOND: second}
        reverse(season.session, wrong, Verdict(9_000, "压伤", kinds), "填错", actor_id=None, now=season.now)
    handed_out(season, delivered_round(season))
    unit_year(season)
    season.refunded(whole, 500)
    granted(season, season.settled(season.paid()), 600)
    claimed(season, season.settled(season.paid("HOST")), 500)
    season.tell_refunds()
    season.accepted(season.paid("HOST", quantity=1))
    season.paid(quantity=1)
    season.placed(quantity=1)
    cut(season.session, season.paid(quantity=2), [Less(season.sku, packs=1)], by=Side.FIRM, reason="缺货",
        goods=season.goods(), actor_id=None, now=season.now)  # fmt: skip


@pytest.fixture
def tampering(season: Flask) -> Iterator[Connection]:
    """A connection that may do anything and undoes it all."""
    with db.engine.connect() as connection, connection.begin() as work:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection
        work.rollback()


def loosen(connection: Connection) -> None:
    """Take off every CHECK and UNIQUE constraint and every unique index that is no primary key."""
    for table, name in connection.execute(
        text(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid ="
            " connamespace WHERE contype IN ('c', 'u', 'f') AND nspname = 'public' ORDER BY contype = 'u'"
        )
    ).all():
        connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE'))
    for (name,) in connection.execute(
        text(
            "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid"
            " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE indisunique AND NOT indisprimary AND nspname = 'public'"
        )
    ).all():
        connection.execute(text(f"DROP INDEX {name}"))


def found(connection: Connection, code: str, now: datetime = A_DAY_IN_JULY) -> list[dict[str, object]]:
    return [violation.row for violation in run_checks(connection, [BY_CODE[code]], now=now)]


def test_a_season_through_all_channels_leaves_nothing_to_say(season: Flask) -> None:
    assert [str(violation) for violation in check_books(db.session(), now=A_DAY_IN_JULY)] == []


def test_an_untouched_database_leaves_nothing_to_say(committed: Flask) -> None:
    assert check_books(db.session()) == []


def test_the_checks_have_codes_of_their_own_and_say_what_they_mean() -> None:
    assert len(BY_CODE) == len(CHECKS)
    assert [check.code for check in CHECKS if not check.zh or not check.en] == []


#: The first row of a table, to be spoilt.
def spoil(table: str, change: str, where: str = "true", key: str = "id") -> str:
    return f"UPDATE {table} SET {change} WHERE {key} = (SELECT min({key}) FROM {table} WHERE {where})"


SETTLED = "id IN (SELECT order_id FROM settlements WHERE refund_id IS NULL)"

#: A contract of 2025 and 2026, a payment by it in 2025, and how it ended.
CONTRACT = (
    "WITH made AS (INSERT INTO guarantee_contracts (code, firm_id, guaranteed_fen_per_mu, second_bp, from_year,"
    " to_year, signed_on, document, recorded_at) VALUES ('B', 1, 1, 1, 2025, 2026, '2025-01-01', '', now())"
    " RETURNING id)"
)
PAYS = (
    "INSERT INTO guarantee_payments (contract_id, household_id, year, distributable_fen, amount_fen, paid_on,"
    " recorded_at, kind, position) SELECT id, 1, 2025, 0, 1, '2025-07-01', now(),"
)


def ends(position: int, last: int) -> str:
    return f"INSERT INTO guarantee_endings SELECT id, {position}, {last}, '', '', true, NULL, now() FROM made"


#: A slip of a lot that sold was void long before, and filled the lot and shared in the sales all the same.
VOID_BEFORE = (
    "INSERT INTO delivery_corrections (delivery_id, position, weight_g, price_fen_per_kg, amount_fen, change_g,"
    " change_fen, reason, recorded_at) SELECT id, 1, 0, price_fen_per_kg, 0, -weight_g, -amount_fen, '', '2025-01-01'"
    " FROM deliveries WHERE id = (SELECT min(delivery_id) FROM lot_deliveries WHERE lot_id IN"
    " (SELECT lot_id FROM sales_reach))"
)

FAULTS: dict[str, str] = {
    "I01": spoil("pools", "available_g = -1"),
    "I02": spoil("pools", "received_g = received_g + 1"),
    "I03": spoil("pools", "sold_g = sold_g + 1, received_g = received_g + 1", "sold_g > 0"),
    "I03-lots": spoil("lots", "dispatched_g = dispatched_g + 1"),
    "I03-left": spoil("lots", "withdrawn_g = withdrawn_g + 1"),
    "I03-remade": spoil("lots", "repacked_g = repacked_g + 1"),
    "I03-recalled": "WITH made AS (INSERT INTO recalls (code, lot_id, reason, by_county, announced_at)"
    " SELECT 'ZH', min(lot_id), '', false, '2025-01-01' FROM picks RETURNING id, lot_id)"
    " INSERT INTO recall_lots SELECT id, lot_id FROM made",
    "I03-made": spoil("lots", "received_g = received_g + 1"),
    "I04": spoil("reservations", "held_g = held_g + 1", "held_g > 0"),
    "I04-lines": spoil("reservations", "sold_g = sold_g - 1, released_g = released_g + 1", "sold_g > 0"),
    "I04-asides": "INSERT INTO pools (kind, product_id, channel_kind, code, until, received_g, available_g)"
    " SELECT 'set_aside', min(id), 'cadre', 'Z', '2025-01-01', 1, 1 FROM products",
    "I04-presales": "INSERT INTO presales (code, product_id, cap_g, taken_g, opens_on, closes_on, ship_by, opened_at)"
    " SELECT 'Y', min(id), 2, 1, '2025-07-01', '2025-07-01', '2025-07-01', now() FROM products",
    "I05": spoil("orders", "expires_at = placed_at - interval '1 hour'", "status = 'placed'"),
    "I06": spoil("picks", "weight_g = weight_g + 1"),
    "I07": spoil("order_lines", "amount_fen = amount_fen + 1"),
    "I07-cuts": spoil("order_lines", "cancelled_fen = cancelled_fen - 1", "cancelled_g > 0"),
    "I08": spoil("orders", "paid_fen = paid_fen + 1", "paid_fen > 0"),
    "I08-lines": spoil("order_lines", "refunded_fen = refunded_fen + 1"),
    "I09": "UPDATE refunds SET amount_fen = 1000000000",
    "I09-lines": "UPDATE refund_lines SET amount_fen = amount_fen + 1",
    "I10": "UPDATE payments SET provider_txn = 'SAME' WHERE provider_txn IS NOT NULL",
    "I10-book": spoil("simulated_charges", "amount_fen = amount_fen + 1"),
    "I11": spoil("postings", "amount_fen = amount_fen + 1"),
    "I12": spoil("postings", "amount_fen = amount_fen + 1"),
    "I13": "UPDATE postings SET amount_fen = amount_fen + 1 WHERE id = (SELECT min(postings.id) FROM postings"
    " JOIN accounts ON accounts.id = account_id WHERE accounts.kind = 'clearing')",
    "I13-shares": "UPDATE postings SET amount_fen = amount_fen + 1 WHERE id = (SELECT min(postings.id) FROM postings"
    " JOIN accounts ON accounts.id = account_id WHERE accounts.kind = 'host')",
    "I13-deposits": "INSERT INTO deposit_moves (agreement_id, kind, amount_fen, bank_reference, moved_at)"
    " SELECT min(id), 'returned', 1, 'T', now() FROM agreements",
    "I13-penalties": "WITH claimed AS (INSERT INTO penalty_proposals (agreement_id, number, side, status, as_of,"
    " shortfall_g, penalty_fen, proposed_at) SELECT min(id), 1, 'buyer', 'claimed', current_date, 1, 1, now()"
    " FROM agreements RETURNING id) INSERT INTO penalty_payments (proposal_id, amount_fen, paid_on, bank_reference,"
    " take, side, recorded_at) SELECT id, 2, current_date, 'T', 1, 'firm', now() FROM claimed",
    "I13-households": "UPDATE postings SET amount_fen = amount_fen + 1 WHERE id = (SELECT min(postings.id)"
    " FROM postings JOIN accounts ON accounts.id = account_id WHERE accounts.kind = 'household')",
    "I13-costs": "UPDATE postings SET amount_fen = amount_fen + 1 WHERE id = (SELECT min(postings.id)"
    " FROM postings JOIN accounts ON accounts.id = account_id WHERE accounts.kind = 'reserve')",
    "I14": spoil("settlement_shares", "amount_fen = amount_fen + 1"),
    "I14-orders": spoil("settlements", "net_fen = net_fen + 1"),
    "I15": "UPDATE journals SET source_id = 1, kind = 'sale' WHERE source_type = 'deliveries'",
    "I16": "DELETE FROM journals WHERE source_type = 'payments'",
    "I17": "UPDATE postings SET amount_fen = 1000000000 WHERE id = (SELECT min(postings.id) FROM postings"
    " JOIN accounts ON accounts.id = account_id WHERE accounts.kind = 'firm')",
    "I19": "UPDATE agreement_lines SET committed_g = 1",
    "I19-stands": spoil("call_offs", "stands_g = stands_g - 1", "stands_g > 0"),
    "I19-terms": spoil("agreements", "tolerance_bp = tolerance_bp + 1"),
    "I19-due": spoil("due_weights", "weight_g = weight_g + 1", key="line_id"),
    "I20": spoil("call_offs", "due_on = due_on + 4000"),
    "I20-floor": spoil("call_offs", "price_fen_per_kg = 1"),
    "I20-version": spoil("call_offs", "version_id = NULL"),
    "I20-grades": "DELETE FROM graded_acceptances WHERE grade = '二级'",
    "I20-corrections": spoil("acceptance_corrections", "was_fen = was_fen + 1", "position = 2"),
    "I21": "UPDATE income_entries SET source_id = 1, kind = 'sale' WHERE source_type = 'deliveries'",
    "I22": spoil("income_entries", "amount_fen = amount_fen + 1"),
    "I22-months": spoil("income_entries", "month = month - 365"),
    "I22-closed": "INSERT INTO closed_months VALUES ('2025-12-01', now(), NULL, 0, 0, 0)",
    "I22-corrections": "INSERT INTO delivery_corrections (delivery_id, position, weight_g, price_fen_per_kg,"
    " amount_fen, change_g, change_fen, reason, recorded_at)"
    " SELECT min(id), 2, 1000, 100, 100, 0, 1, '无', now() FROM deliveries",
    "I22-surplus": spoil("surplus_shares", "patronage_fen = patronage_fen + 1"),
    "I22-guarantees": f"{CONTRACT} {PAYS} 'guaranteed', 1 FROM made",
    "I22-endings": f"{CONTRACT} INSERT INTO guarantee_voids SELECT id, 2025, 'guaranteed', 1, '', true, NULL, now()"
    " FROM made",
    "I22-families": "INSERT INTO household_aliases VALUES (1, 2, now()), (2, 3, now())",
    "I22-collectives": "INSERT INTO collective_incomes (code, kind, received_on, income_fen, cost_fen, source,"
    " recorded_at) VALUES ('J', 'leasing', '2025-01-01', 1, 0, '', now())",
    "I22-costs": "INSERT INTO cost_lines (household_id, incurred_on, month, amount_fen, covers_fen, income_entry_id)"
    " SELECT household_id, earned_on, month, 1, amount_fen, id FROM income_entries WHERE kind = 'sale' LIMIT 1",
    "I23-cost": "INSERT INTO cost_rollup VALUES ('2025-01-01', 1, 1, 0, 1, 1, 0, '2025-01-01')",
    "I23-sales": "UPDATE sales_rollup SET firm_fen = firm_fen + 1",
    "I23-product-sales": "DELETE FROM product_sales_rollup",
    "I23-partner-sales": "UPDATE partner_sales_rollup SET net_fen = net_fen + 1",
    "I23-sales-dekads": "UPDATE sales_dekads SET refunded_fen = refunded_fen + 1",
    "I23-product-sales-dekads": "UPDATE product_sales_dekads SET weight_g = weight_g - 1",
    "I23-partner-sales-dekads": "DELETE FROM partner_sales_dekads",
    "I23-sales-months": "UPDATE sales_months SET paid_fen = paid_fen + 1",
    "I23-product-sales-months": "DELETE FROM product_sales_months",
    "I23-partner-sales-months": "UPDATE partner_sales_months SET orders = orders + 1",
    "I23-partner-days": "UPDATE partner_days SET weight_g = weight_g + 1",
    "I23-partner-dekads": "UPDATE partner_dekads SET orders = orders + 1",
    "I23-partner-months": "DELETE FROM partner_months",
    "I23-receivable": "UPDATE receivable_rollup SET due_fen = due_fen - 1",
    "I23-income": "INSERT INTO income_rollup VALUES ('2025-01-01', 1, 1, 0, 'subsidy', 1, 0, 1)",
    "I23-income-months": "UPDATE income_months SET weight_g = weight_g + 1",
    "I23-reach": "UPDATE reach_rollup SET weight_g = weight_g + 1",
    "I23-reach-months": "DELETE FROM reach_months",
    "I23-income-cuts": "UPDATE income_cuts SET wage_fen = wage_fen + 1",
    "I23-income-product-cuts": "UPDATE income_product_cuts SET families = families || B'1'",
    "I23-cost-cuts": "INSERT INTO cost_cuts (month, cut, firm_id, township_id, own_id, sold, families, covered_fen,"
    " cost_fen) VALUES ('2025-01-01', 'payer', 0, 0, 1, '2025-01-01', B'1', 1, 1)",
    "I23-reach-cuts": "DELETE FROM reach_cuts",
    "I23-income-days": "UPDATE income_days SET amount_fen = amount_fen - 1",
    "I23-agreement": "UPDATE agreement_rollup SET due_g = due_g + 1",
    "I23-agreement-months": "UPDATE agreement_months SET due_g = due_g + 1",
    "I23-call-off": "UPDATE call_off_rollup SET paid_fen = coalesce(paid_fen, 0) + 1",
    "I23-call-off-lines": "UPDATE call_off_lines SET taken_g = taken_g + 1",
    "I24": "INSERT INTO attribution_changes (order_id, position, changed_at, reason, from_channel_id, from_partner_id,"
    " to_channel_id, to_partner_id) SELECT id, 1, now(), 'x', channel_id, partner_id, channel_id, partner_id + 1"
    " FROM orders",
    "I25": "UPDATE settlement_shares SET party_id = (SELECT min(id) FROM parties) WHERE kind = 'host'",
    "I26": spoil("outbox", "sent_at = NULL, done_at = NULL, created_at = created_at - interval '1 hour'"),
    "I26-dead": spoil("outbox", "dead_at = now(), done_at = NULL"),
    "I28": "DELETE FROM outbox WHERE job = 'settlement.settle_order'",
    "I29": "INSERT INTO idempotency_keys (principal, key, fingerprint, created_at)"
    " VALUES ('person:1', 'k', sha256('x'), now())",
    "I30": "DELETE FROM history WHERE entity_type = 'orders' AND event = 'dispatch'",
    "I30-agreements": "UPDATE agreements SET status = 'fulfilled'",
    "I30-call-offs": "UPDATE history SET to_state = 'cancelled' WHERE entity_type = 'call_offs' AND event = 'confirm'",
    "I30-surplus": "UPDATE surplus_plans SET status = 'draft'",
    "I30-facts": spoil("orders", "accepted_at = NULL", SETTLED),
    "I31": 'UPDATE orders SET recipient = \'{"phone": "138 0000 0000"}\' WHERE id = (SELECT min(id) FROM orders)',
    "I30-rounds": "UPDATE rounds SET status = 'closed'",
    "R1": spoil("round_entry_lines", "quantity = quantity + 1", key="entry_id"),
    "R2": "UPDATE round_products SET most_packs = 1",
    "R3": "UPDATE orders SET accepted_at = NULL WHERE id IN (SELECT order_id FROM rounds)",
    "I30-sessions": "DELETE FROM history WHERE entity_type = 'live_sessions' AND event = 'review'",
    "L3": spoil("order_lines", "discount_fen = 1"),
    "L1": "UPDATE occasions SET status = 'planned' WHERE kind = 'session'",
    "L2": "UPDATE live_sessions SET status = 'ended', ended_at = started_at - interval '1 day'",
    "M1": spoil("marketplace_orders", "amount_fen = amount_fen + 1"),
    "M2": "DELETE FROM journals WHERE source_type = 'marketplace_payouts'",
    "U1": "UPDATE unit_filings SET reserve_fen = reserve_fen + 1",
    "U2": "UPDATE unit_purchases SET per_member_fen = per_member_fen + 1",
    "U3": "UPDATE unit_outside_purchases SET voids_id = NULL, amount_fen = abs(amount_fen), position = id",
    "I30-claims": "DELETE FROM history WHERE entity_type = 'claims' AND event = 'answer'",
    "Q1": spoil("claims", "amount_fen = amount_fen + 1", "status = 'accepted'"),
    "Q2": spoil("claims", "granted_g = granted_g + 9999", "status = 'accepted'"),
    "S1": "UPDATE sales_reach SET amount_fen = amount_fen * 2",
    "S2": spoil("sales_reach", "amount_fen = amount_fen - 1"),
    "S2-corrected": VOID_BEFORE,
    "S3": "DELETE FROM settlements WHERE refund_id IS NOT NULL",
}


def test_there_is_a_fault_for_every_check() -> None:
    assert sorted(FAULTS) == sorted(BY_CODE)


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_a_planted_fault_is_found(tampering: Connection, code: str) -> None:
    assert found(tampering, code) == []
    loosen(tampering)
    assert tampering.execute(text(FAULTS[code])).rowcount > 0
    assert found(tampering, code) != []


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("I03-remade", "INSERT INTO lot_parts SELECT max(id), min(id), 'repacked', 1 FROM lots"),
        ("I03-made", VOID_BEFORE),
        ("I03-made", spoil("lot_deliveries", "weight_g = weight_g + 1", key="delivery_id")),
        ("I03-left", spoil("pools", "reserved_g = reserved_g + 1")),
        ("I16", "DELETE FROM journals WHERE source_type = 'refunds' AND kind = 'paid_back'"),
        ("I19-terms", spoil("agreements", "starts_on = starts_on - 1")),
        ("I19-terms", spoil("agreement_lines", "quote_source = '另一来源'")),
        ("I19-terms", spoil("agreement_lines", "minimum_g = 1")),
        ("I19-terms", spoil("agreement_lines", "second_bp = second_bp - 1")),
        ("I19-terms", "UPDATE agreement_versions SET terms = jsonb_set(terms, '{lines}', '[]')"),
        ("I16", "DELETE FROM postings WHERE journal_id IN (SELECT journal_id FROM settlements)"),
        ("I16", spoil("income_entries", "household_id = household_id + 1")),
        ("I22", "DELETE FROM income_entries WHERE source_type = 'household_payments'"),
        ("I22", "DELETE FROM deliveries WHERE id = (SELECT max(id) FROM deliveries)"),
        ("I22-endings", f"{CONTRACT} {PAYS} 'guaranteed', generate_series(1, 2) FROM made"),
        ("I22-endings", f"{CONTRACT} {PAYS} 'second', 1 FROM made"),
        ("I22-endings", f"{CONTRACT}, paid AS ({PAYS} 'guaranteed', 1 FROM made) {ends(1, 2024)}"),
        ("I22-endings", f"{CONTRACT} {ends(1, 2023)}"),
        ("I22-endings", f"{CONTRACT} {ends(2, 2025)}"),
        ("I22-endings", f"{CONTRACT} {ends(1, 2026)}"),
        ("I22-endings", f"{CONTRACT}, void AS ({ends(1, 0)}) {ends(2, 2025)}"),
        ("I25", "UPDATE settlement_shares SET amount_fen = amount_fen * 3 WHERE kind = 'host'"),
        ("I25", "UPDATE settlement_shares SET kind = 'host' WHERE kind = 'firm' AND settlement_id IN"
         " (SELECT settlements.id FROM settlements JOIN orders ON orders.id = order_id WHERE partner_kind = 'cadre')"),
        ("I25", "UPDATE orders SET is_own = true WHERE partner_kind = 'host'"),
        ("I30", "UPDATE history SET from_state = 'expired' WHERE entity_type = 'orders' AND event = 'accept'"),
        ("I30", "UPDATE orders SET status = 'cancelled' WHERE status = 'confirmed'"),
        ("I30", "DELETE FROM history WHERE entity_type = 'orders'"),
        ("I30-facts", "UPDATE order_lines SET accepted_g = NULL"),
        ("R1", "DELETE FROM round_entry_lines"),
        ("R2", "UPDATE round_products SET total_packs = 1"),
        ("U1", "UPDATE unit_filings SET canteen_fen = 0, union_fen = 7"),
        ("U2", "UPDATE unit_filings SET union_cap_fen = 1"),
        ("U2", "UPDATE unit_purchases SET members = members * 4, per_member_fen = per_member_fen / 4"),
        ("I30-facts", spoil("orders", "paid_fen = 0", "status = 'confirmed'")),
        ("I10-book", "DELETE FROM simulated_charges WHERE kind = 'pay'"),
        ("L1", "DELETE FROM shelf_items"),
        ("L1", "DELETE FROM live_sessions"),
        ("M1", "DELETE FROM marketplace_refunds"),
        ("M1", spoil("marketplace_orders", "cancelled_at = now()", "received_at IS NOT NULL")),
        ("Q1", "UPDATE refund_lines SET order_line_id = order_line_id + 1"),
        ("Q1", spoil("claims", "refund_id = NULL", "status = 'accepted'")),
        ("Q2", spoil("claims", "damaged_g = 9999", "status = 'open'")),
        ("S1", "UPDATE sales_reach SET amount_fen = -amount_fen"),
    ],
)  # fmt: skip
def test_other_faults_of_the_same_kind_are_found(tampering: Connection, code: str, fault: str) -> None:
    loosen(tampering)
    assert tampering.execute(text(fault)).rowcount > 0
    assert found(tampering, code) != []


@pytest.mark.parametrize(("days", "flaws"), [(1, 1), (0, 0)])
def test_a_call_moved_after_an_amendment_with_its_old_version_is_found_and_a_mere_reduction_is_none(
    tampering: Connection, days: int, flaws: int
) -> None:
    """The history says that one call-off was changed after an amendment, by so many days; it keeps its version."""
    (call_off,) = tampering.execute(text("SELECT min(id) FROM call_offs WHERE version_id IS NOT NULL")).one()
    for table, entity, event, facts in (
        ("agreements", "agreement_id", "amend", """'{"version": 2}'"""),
        ("call_offs", "id", "change", f"json_build_object('due_on', due_on - {days})"),
    ):
        tampering.execute(
            text(
                "INSERT INTO history (entity_type, entity_id, at, event, facts)"
                f" SELECT '{table}', {entity}, now(), '{event}', {facts} FROM call_offs WHERE id = {call_off}"
            )
        )
    assert found(tampering, "I20-version") == [{"call_off_id": call_off}] * flaws


def test_a_waiting_mark_excuses_its_key_and_no_other(tampering: Connection) -> None:
    tampering.execute(text("UPDATE income_rollup SET entries = entries + 1 WHERE household_id IN (1, 2)"))
    before = {row["household_id"] for row in found(tampering, "I23-income")}
    tampering.execute(
        text(
            "INSERT INTO dirty_keys (rollup, on_day, a_id)"
            " SELECT DISTINCT 'income', month, household_id FROM income_rollup WHERE household_id = 1"
        )
    )
    assert (before, {row["household_id"] for row in found(tampering, "I23-income")}) == ({1, 2}, {2})


def test_what_is_late_depends_on_the_hour(tampering: Connection) -> None:
    assert found(tampering, "I05", A_DAY_IN_JULY + timedelta(minutes=20)) == []
    assert len(found(tampering, "I05", A_DAY_IN_JULY + timedelta(minutes=21))) == 1


def test_a_violation_says_what_is_wrong_and_where(tampering: Connection) -> None:
    loosen(tampering)
    tampering.execute(text("UPDATE pools SET available_g = -1 WHERE id = 1"))
    (violation,) = run_checks(tampering, [BY_CODE["I01"]], now=A_DAY_IN_JULY)
    assert str(violation) == "I01 库存数量不为负 · no stock number is negative: what=pool id=1"


def test_checking_writes_nothing_and_sees_one_moment(season: Flask) -> None:
    with db.engine.connect() as connection:
        before = connection.execute(text("SELECT pg_current_xact_id_if_assigned(), txid_current()")).one()
    check_books(db.session(), now=A_DAY_IN_JULY)
    with db.engine.connect() as connection:
        after = connection.execute(text("SELECT txid_current()")).scalar_one()
    assert after == before[1] + 1
