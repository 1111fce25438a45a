"""What each side of an agreement is behind with, and the penalty that would follow: computed, proposed, never booked.

The firm is behind with what was called for a day before and not accepted; the buyer with what he committed to take and
did not call. What fell due in days of recognised force majeure is no breach, nor is what lies within the tolerance. The
price of the penalty is the floor price of 一级 in the contract.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.agreements.models import Agreement, Side
from shop.agreements.signing import Hand
from shop.kit.money import part, price_of
from shop.kit.states import advance, record
from shop.orders.errors import NoSuchPenalty, NotYoursToDecide, TakenAlready
from shop.orders.models import PenaltyProposal, PenaltyStatus
from shop.orders.states import PENALTY_LIFE

#: One row a line: grams each side is behind with up to a day, before the tolerance.
BEHIND = """
    WITH excused AS (
        SELECT agreement_id, side, from_day, to_day FROM force_majeures WHERE status = 'recognised'
    ), calls AS (
        SELECT call_offs.line_id,
            sum(weight_g - coalesce(accepted_g, 0)) FILTER (WHERE due_on < :day AND NOT for_firm.excused
                AND (call_offs.status <> 'cancelled' OR cancelled_by = 'firm')) AS firm_g,
            sum(weight_g) FILTER (WHERE call_offs.status <> 'cancelled' OR cancelled_by = 'firm') AS taken_g,
            sum(least(weight_g, minimum_date_g)) FILTER (WHERE schedule_day <= :day AND NOT for_buyer.excused
                AND cancelled_by = 'buyer') AS dates_g
        FROM (
            SELECT call_offs.*, minimum_date_g, (
                SELECT accepted_g FROM orders JOIN order_lines ON order_id = orders.id WHERE call_off_id = call_offs.id
            ) AS accepted_g
            FROM call_offs JOIN agreement_lines ON agreement_lines.id = line_id
        ) AS call_offs
        CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM excused WHERE excused.agreement_id = call_offs.agreement_id
            AND side = 'firm' AND due_on BETWEEN from_day AND to_day) AS excused) AS for_firm
        CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM excused WHERE excused.agreement_id = call_offs.agreement_id
            AND side = 'buyer' AND schedule_day BETWEEN from_day AND to_day) AS excused) AS for_buyer
        GROUP BY call_offs.line_id
    ), accepted AS (
        SELECT line_id, sum(order_lines.accepted_g) AS accepted_g FROM call_offs
        JOIN orders ON call_off_id = call_offs.id JOIN order_lines ON order_id = orders.id GROUP BY line_id
    ), excused_due AS (
        SELECT line_id, sum(weight_g) AS due_g FROM due_weights JOIN agreement_lines ON agreement_lines.id = line_id
        WHERE EXISTS (SELECT FROM excused WHERE excused.agreement_id = agreement_lines.agreement_id
            AND side = 'buyer' AND due_on BETWEEN from_day AND to_day)
        GROUP BY line_id
    )
    SELECT agreement_lines.id AS line_id, agreement_lines.agreement_id, committed_g, floor_fen_per_kg, tolerance_bp,
        penalty_bp, buyer_penalty_bp,
        least(coalesce(firm_g, 0), greatest(committed_g - coalesce(accepted_g, 0), 0))::bigint AS firm_g,
        greatest(
            CASE WHEN ends_on <= :day THEN minimum_g - coalesce(due_g, 0) - coalesce(taken_g, 0) ELSE 0 END,
            coalesce(dates_g, 0), 0
        )::bigint AS buyer_g
    FROM agreement_lines JOIN agreements ON agreements.id = agreement_lines.agreement_id
    LEFT JOIN calls ON calls.line_id = agreement_lines.id
    LEFT JOIN accepted ON accepted.line_id = agreement_lines.id
    LEFT JOIN excused_due ON excused_due.line_id = agreement_lines.id
    WHERE agreements.signed_on <= :day
"""


@dataclass(frozen=True)
class Behind:
    """One side's breach of one line: grams beyond the tolerance, and the penalty in fen that the contract names."""

    line_id: int
    agreement_id: int
    side: Side
    shortfall_g: int
    penalty_fen: int


def behind(session: Session, day: date, agreement_ids: list[int]) -> list[Behind]:
    """The breaches of these agreements up to `day`: one statement. Lines without any are left out."""
    wanted = " AND agreements.id = ANY(:ids) ORDER BY agreement_lines.id"
    rows = session.execute(text(BEHIND + wanted), {"day": day, "ids": agreement_ids})
    found = []
    for row in rows:
        for side, grams, rate_bp in (
            (Side.FIRM, row.firm_g, row.penalty_bp),
            (Side.BUYER, row.buyer_g, row.buyer_penalty_bp),
        ):
            beyond_g, fen = beyond(grams, row.committed_g, row.tolerance_bp, rate_bp, row.floor_fen_per_kg)
            if beyond_g:
                found.append(Behind(row.line_id, row.agreement_id, side, beyond_g, fen))
    return found


def beyond(grams: int, committed_g: int, tolerance_bp: int, rate_bp: int, fen_per_kg: int) -> tuple[int, int]:
    """Grams of a shortfall beyond the tolerance, and the penalty for them in fen, both rounded half up."""
    beyond_g = max(grams - part(committed_g, tolerance_bp), 0)
    return beyond_g, part(price_of(beyond_g, fen_per_kg), rate_bp)


def propose_penalties(
    session: Session, agreement: Agreement, day: date, *, actor_id: int | None, now: datetime
) -> list[PenaltyProposal]:
    """A proposal for each side that is behind on `day`; the same day again is the same proposal, if it still holds.

    The caller holds the agreement's lock. Nothing is booked: the other side claims it or waives it.
    """
    sums: dict[Side, tuple[int, int]] = {}
    for breach in behind(session, day, [agreement.id]):
        grams, fen = sums.get(breach.side, (0, 0))
        sums[breach.side] = grams + breach.shortfall_g, fen + breach.penalty_fen
    known = proposals(session, agreement.id)
    made = []
    for side, (grams, fen) in sorted(sums.items()):
        same = [
            old for old in known if (old.side, old.as_of, old.shortfall_g, old.penalty_fen) == (side, day, grams, fen)
        ]
        if same:
            made += same
            continue
        proposal = PenaltyProposal(
            agreement_id=agreement.id, number=len(known) + 1, side=side, status=PenaltyStatus.PROPOSED, as_of=day,
            shortfall_g=grams, penalty_fen=fen, proposed_at=now,
        )  # fmt: skip
        session.add(proposal)
        session.flush()
        record(session, proposal, "propose", person_id=actor_id, now=now, to_state=PenaltyStatus.PROPOSED)
        known.append(proposal)
        made.append(proposal)
    return made


def proposals(session: Session, agreement_id: int) -> list[PenaltyProposal]:
    """All proposals of an agreement, the oldest first."""
    wanted = select(PenaltyProposal).where(PenaltyProposal.agreement_id == agreement_id)
    return list(session.scalars(wanted.order_by(PenaltyProposal.number)))


def decide(
    session: Session, agreement: Agreement, number: int, event: str, *, by: Hand, reason: str
) -> PenaltyProposal:
    """The side that was let down claims what is proposed, takes the deposit instead, or waives it.

    Of one side's breach one thing is taken once (Civil Code art. 588). The caller holds the agreement's lock. Raises
    NoSuchPenalty, NotYoursToDecide for the side in breach, TakenAlready, MoveRefusedError.
    """
    known = proposals(session, agreement.id)
    found = next((proposal for proposal in known if proposal.number == number), None)
    if found is None:
        raise NoSuchPenalty(agreement=agreement.code, number=number)
    if found.side is by.side:
        raise NotYoursToDecide(agreement=agreement.code)
    taken = (PenaltyStatus.CLAIMED, PenaltyStatus.DEPOSIT_TAKEN)
    others = [proposal for proposal in known if proposal.side is found.side and proposal.number != number]
    if event != "waive" and any(proposal.status in taken for proposal in others):
        raise TakenAlready(agreement=agreement.code)
    advance(session, found, PENALTY_LIFE, event, person_id=by.person_id, now=by.now, reason=reason)
    session.flush()
    return found
