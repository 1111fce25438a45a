"""Booking income: one journal and one entry for each source event, set-based."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.income.costs import count_costs
from shop.income.models import CATEGORY_OF, GUARANTEED_AS, IncomeKind, PlanStatus
from shop.income.months import open_from
from shop.income.reach import write_reach
from shop.orders.models import Order
from shop.payments.actions import refund_excess, request_refund
from shop.payments.models import Refund
from shop.settlement.actions import adjust_for_refund, settle_order
from shop.settlement.models import Settlement

#: Where income comes from: rows of (source_id, household, firm, product, day, grams, fen, corrected) for each kind.
_SOURCES: dict[tuple[str, IncomeKind], str] = {
    ("deliveries", IncomeKind.SALE): (
        "SELECT id, household_id, firm_id, product_id, delivered_on, weight_g, amount_fen, NULL::bigint FROM deliveries"
    ),
    ("delivery_corrections", IncomeKind.SALE): (
        "SELECT delivery_corrections.id, deliveries.household_id, deliveries.firm_id, deliveries.product_id,"
        " delivered_on, change_g, change_fen, income_entries.id"
        " FROM delivery_corrections JOIN deliveries ON deliveries.id = delivery_id"
        " JOIN income_entries ON source_type = 'deliveries' AND source_id = delivery_id AND kind = 'sale'"
    ),
    ("household_payments", IncomeKind.WAGE): (
        "SELECT id, household_id, firm_id, NULL::bigint, paid_on, 0, amount_fen, NULL::bigint FROM household_payments"
        " WHERE kind = 'wage'"
    ),
    ("household_payments", IncomeKind.LAND_RENT): (
        "SELECT id, household_id, firm_id, NULL::bigint, paid_on, 0, amount_fen, NULL::bigint FROM household_payments"
        " WHERE kind = 'land_rent'"
    ),
    ("household_payments", IncomeKind.SUBSIDY): (
        "SELECT id, household_id, firm_id, NULL::bigint, paid_on, 0, amount_fen, NULL::bigint FROM household_payments"
        " WHERE kind = 'subsidy'"
    ),
    **{
        ("payment_corrections", kind): (
            "SELECT payment_corrections.id, household_payments.household_id, household_payments.firm_id, NULL::bigint,"
            " paid_on, 0, change_fen, income_entries.id"
            " FROM payment_corrections JOIN household_payments ON household_payments.id = payment_id"
            " JOIN income_entries ON source_type = 'household_payments' AND source_id = payment_id"
            f" AND income_entries.kind = household_payments.kind WHERE household_payments.kind = '{kind}'"
        )
        for kind in (IncomeKind.WAGE, IncomeKind.LAND_RENT, IncomeKind.SUBSIDY)
    },
    **{
        ("guarantee_payments", kind): (
            "SELECT guarantee_payments.id, household_id, firm_id, NULL::bigint, paid_on, 0, amount_fen, NULL::bigint"
            " FROM guarantee_payments JOIN guarantee_contracts ON guarantee_contracts.id = contract_id"
            f" WHERE kind = '{paid}'"
        )
        for paid, kind in GUARANTEED_AS.items()
    },
    **{
        ("guarantee_voids", kind): (
            "SELECT guarantee_payments.id, guarantee_payments.household_id, guarantee_contracts.firm_id, NULL::bigint,"
            " paid_on, 0, -guarantee_payments.amount_fen, income_entries.id"
            " FROM guarantee_voids JOIN guarantee_payments USING (contract_id, year, kind, position)"
            " JOIN guarantee_contracts ON guarantee_contracts.id = contract_id"
            " JOIN income_entries ON source_type = 'guarantee_payments' AND source_id = guarantee_payments.id"
            f" AND income_entries.kind = '{kind}' WHERE guarantee_voids.kind = '{paid}'"
        )
        for paid, kind in GUARANTEED_AS.items()
    },
    **{
        ("surplus_shares", kind): (
            f"SELECT surplus_shares.id, household_id, firm_id, NULL::bigint, booked_on, 0, surplus_shares.{kind}_fen,"
            " NULL::bigint"
            " FROM surplus_shares JOIN surplus_plans ON surplus_plans.id = plan_id"
            f" WHERE surplus_plans.status = 'booked' AND surplus_shares.{kind}_fen > 0"
        )
        for kind in (IncomeKind.PATRONAGE, IncomeKind.DIVIDEND)
    },
    **{
        ("surplus_reversals", kind): (
            "SELECT surplus_shares.id, surplus_shares.household_id, surplus_plans.firm_id, NULL::bigint, booked_on, 0,"
            f" -surplus_shares.{kind}_fen, income_entries.id"
            " FROM surplus_shares JOIN surplus_plans ON surplus_plans.id = plan_id"
            " JOIN income_entries ON source_type = 'surplus_shares' AND source_id = surplus_shares.id"
            f" AND income_entries.kind = '{kind}' WHERE surplus_plans.status = 'reversed'"
        )
        for kind in (IncomeKind.PATRONAGE, IncomeKind.DIVIDEND)
    },
}

_OPEN_ACCOUNTS = """
    INSERT INTO accounts (kind, party_id)
    SELECT DISTINCT 'household', households.party_id FROM pending JOIN households ON households.id = household_id
    UNION SELECT DISTINCT 'firm_costs', firms.party_id FROM pending JOIN firms ON firms.id = firm_id
    UNION SELECT DISTINCT 'subsidies', NULL::bigint FROM pending WHERE firm_id IS NULL
    ON CONFLICT DO NOTHING
"""

_BOOK = """
    WITH booked AS (
        INSERT INTO journals (source_type, source_id, kind, booked_at, month)
        SELECT :source, source_id, :kind, :now, month FROM pending
        RETURNING id, source_id
    ), posted AS (
        INSERT INTO postings (journal_id, account_id, amount_fen)
        SELECT booked.id, accounts.id, legs.amount_fen
        FROM booked JOIN pending USING (source_id)
        JOIN households ON households.id = household_id LEFT JOIN firms ON firms.id = firm_id
        CROSS JOIN LATERAL (VALUES
            ('household', households.party_id, -pending.amount_fen), ('firm_costs', firms.party_id, pending.amount_fen)
        ) AS legs (kind, party_id, amount_fen)
        JOIN accounts ON accounts.kind = legs.kind AND accounts.party_id = legs.party_id
        UNION ALL
        SELECT booked.id, accounts.id, amount_fen
        FROM booked JOIN pending USING (source_id) JOIN accounts ON accounts.kind = 'subsidies' WHERE firm_id IS NULL
    )
    INSERT INTO income_entries (household_id, firm_id, product_id, kind, category, earned_on, month, weight_g,
                                amount_fen, source_type, source_id, journal_id, corrects_id)
    SELECT household_id, firm_id, product_id, :kind, :category, day, month, weight_g, amount_fen, :source, source_id,
           booked.id, corrects_id
    FROM booked JOIN pending USING (source_id)
"""

_RESERVES = text(
    """
    INSERT INTO accounts (kind, party_id)
    SELECT kinds.kind, party_id FROM surplus_plans JOIN firms ON firms.id = firm_id
    CROSS JOIN (VALUES ('reserve'), ('firm_costs')) AS kinds (kind)
    WHERE surplus_plans.status = 'booked' AND reserve_fen > 0 ON CONFLICT DO NOTHING
    """
)
_BOOK_RESERVES = text(
    """
    WITH pending AS (
        SELECT surplus_plans.id, party_id, :sign * reserve_fen AS fen,
            (SELECT id FROM journals WHERE :sign < 0 AND source_type = 'surplus_plans'
                 AND source_id = surplus_plans.id AND kind = 'reserve') AS reverses_id,
            greatest(date_trunc('month', booked_on)::date, CAST(:open_from AS date)) AS month
        FROM surplus_plans JOIN firms ON firms.id = firm_id
        WHERE surplus_plans.status = :status AND reserve_fen > 0 AND NOT EXISTS (
            SELECT FROM journals
            WHERE source_type = 'surplus_plans' AND source_id = surplus_plans.id AND kind = :kind)
    ), booked AS (
        INSERT INTO journals (source_type, source_id, kind, booked_at, month, reverses_id)
        SELECT 'surplus_plans', id, :kind, :now, month, reverses_id FROM pending
        RETURNING id, source_id
    )
    INSERT INTO postings (journal_id, account_id, amount_fen)
    SELECT booked.id, accounts.id, CASE accounts.kind WHEN 'reserve' THEN -fen ELSE fen END
    FROM booked JOIN pending ON pending.id = source_id
    JOIN accounts ON accounts.party_id = pending.party_id AND accounts.kind IN ('reserve', 'firm_costs')
    """
)


def book_pending(session: Session, *, now: datetime) -> dict[str, int]:
    """Book every delivery, payment and surplus share that has no income entry yet; returns entries by kind.

    Debit the firm's costs, credit the household. Run twice, the second finds nothing: one entry for each source event.
    What belongs to a closed month lands in the first open one; `earned_on` keeps its origin.
    """
    first = open_from(session)
    booked: dict[str, int] = {}
    for source, kind in _SOURCES:
        booked[kind.value] = booked.get(kind.value, 0) + _book(session, source, kind, None, first, now)
    book_reserves(session, now=now)
    return booked


def book_reserves(session: Session, *, now: datetime) -> None:
    """Set aside the reserve of every booked plan that has no journal of it yet, and give back that of reversed ones."""
    session.execute(_RESERVES)
    first = open_from(session)
    for status, kind, sign in ((PlanStatus.BOOKED, "reserve", 1), (PlanStatus.REVERSED, "reserve_reversal", -1)):
        session.execute(
            _BOOK_RESERVES, {"now": now, "open_from": first, "status": status.value, "kind": kind, "sign": sign}
        )


def book_events(session: Session, source: str, ids: Sequence[int], *, now: datetime) -> int:
    """Book these events of one source table, as `book_pending` does all; returns entries. Costs what they cost."""
    first = open_from(session)
    return sum(_book(session, of, kind, ids, first, now) for of, kind in _SOURCES if of == source)


def _book(
    session: Session, source: str, kind: IncomeKind, ids: Sequence[int] | None, first: date, now: datetime
) -> int:
    named = {"source": source, "kind": kind.value}
    session.execute(text("DROP TABLE IF EXISTS pending"))
    session.execute(
        text(
            "CREATE TEMPORARY TABLE pending ON COMMIT DROP AS"
            " SELECT *, greatest(date_trunc('month', day)::date, CAST(:open_from AS date)) AS month"
            f" FROM ({_SOURCES[source, kind]}) AS facts"
            " (source_id, household_id, firm_id, product_id, day, weight_g, amount_fen, corrects_id)"
            " WHERE NOT EXISTS (SELECT FROM income_entries WHERE source_type = :source AND kind = :kind"
            " AND income_entries.source_id = facts.source_id)" + ("" if ids is None else " AND source_id = ANY(:ids)")
        ),
        {**named, "open_from": first} | ({} if ids is None else {"ids": list(ids)}),
    )
    session.execute(text(_OPEN_ACCOUNTS))
    done = session.execute(text(_BOOK), {**named, "category": CATEGORY_OF[kind].value, "now": now})
    session.execute(text("DROP TABLE pending"))
    booked = int(done.rowcount)  # type: ignore[attr-defined]
    if booked and kind is IncomeKind.SALE:
        count_costs(session, source, ids)
    return booked


def settle_and_reach(session: Session, order_id: int, *, now: datetime) -> Settlement | None:
    """The whole end of a sale: refused goods refunded, net amount shared and booked, households reached.

    The one entry for jobs and everybody else. Safe to run twice.
    """
    refund_excess(session, order_id, now=now)
    settlement = settle_order(session, order_id, now=now)
    if settlement is not None:
        write_reach(session, settlement, now=now)
    return settlement


def grant_refund(
    session: Session, order: Order, amount_fen: int, reason: str, *, line_ids: Sequence[int] | None,
    actor_id: int | None, now: datetime,
) -> Refund:  # fmt: skip
    """Give money back, at any time: before settlement out of the advances, afterwards out of everybody's share.

    The caller holds the order's lock. Raises RefundBeyondPaid.
    """
    refund = request_refund(session, order, amount_fen, reason, line_ids=line_ids, actor_id=actor_id, now=now)
    take_back(session, refund.id, now=now)
    return refund


def take_back(session: Session, refund_id: int, *, now: datetime) -> Settlement | None:
    """A refund after settlement walks the same way back: shares, then the sales that reached households."""
    settlement = adjust_for_refund(session, refund_id, now=now)
    if settlement is not None:
        write_reach(session, settlement, now=now)
    return settlement
