"""What each side of an agreement is behind with, and the penalty that would follow: computed, proposed, never booked.

The firm is behind with what was called for a day before and not accepted; the buyer with what he committed to take and
did not call, but for days of the schedule that nobody called. What fell due in days of recognised force majeure is no
breach, nor is what lies within the tolerance. The price of the penalty is the floor price of 一级 in the contract.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.agreements.models import Agreement, Side
from shop.agreements.signing import Hand
from shop.kit.states import advance, record
from shop.orders.errors import NoSuchPenalty, NotYoursToDecide, TakenAlready
from shop.orders.models import PenaltyProposal, PenaltyStatus
from shop.orders.states import PENALTY_LIFE

#: The call-offs of the agreements of which the ids are in `read`, each with what became of its order.
CALLS = """calls AS MATERIALIZED (
    SELECT call_offs.id, line_id, agreement_id, call_offs.status, cancelled_by, due_on, schedule_day, weight_g,
        price_fen_per_kg, order_status, owed_on, paid_fen, coalesce(accepted_g, 0) AS accepted_g, accepted_fen
    FROM read JOIN call_offs ON agreement_id = read.id LEFT JOIN LATERAL (
        SELECT orders.status AS order_status, orders.due_on AS owed_on, paid_fen, sum(accepted_g) AS accepted_g,
            sum(accepted_fen) AS accepted_fen
        FROM orders JOIN order_lines ON order_id = orders.id WHERE call_off_id = call_offs.id GROUP BY orders.id
    ) AS taken ON true
)"""
#: What each side is behind with up to a day, of the agreements in `read` by their `calls`, part by part: the call-offs
#: that the firm is late with; of the buyer the days that he cancelled, or what he did not call by the last day,
#: whichever is more. `short_g` is what lies beyond the tolerance, which covers the oldest parts first; penalties of the
#: parts add up to that of the whole, to the fen.
BREACHES = """
    WITH excused AS (
        SELECT agreement_id, side, from_day, to_day FROM force_majeures WHERE status = 'recognised'
    ), wanted AS (
        SELECT agreement_lines.id AS line_id, agreement_id, committed_g, minimum_g, minimum_date_g, floor_fen_per_kg,
            penalty_bp, buyer_penalty_bp, ends_on, (committed_g * tolerance_bp * 2 + 10000) / 20000 AS tolerance_g
        FROM read JOIN agreements ON agreements.id = read.id JOIN agreement_lines ON agreement_id = agreements.id
        WHERE signed_on <= :day
    ), promised AS (
        SELECT wanted.*, greatest(committed_g - coalesce(accepted_g, 0), 0) AS missing_g,
            -- A day that was never called is nobody's breach, unless the buyer cancelled what he called in its stead.
            CASE WHEN ends_on <= :day THEN minimum_g - coalesce(taken_g, 0) - coalesce(excused_g, 0)
                - greatest(coalesce(never_called_g, 0) - coalesce(beside_g, 0), 0) ELSE 0 END AS uncalled_g
        FROM wanted LEFT JOIN (
            SELECT line_id, sum(accepted_g) AS accepted_g,
                sum(weight_g) FILTER (WHERE cancelled_by IS DISTINCT FROM 'buyer') AS taken_g,
                sum(weight_g) FILTER (WHERE cancelled_by = 'buyer' AND schedule_day IS NULL) AS beside_g
            FROM calls GROUP BY line_id
        ) AS of_calls USING (line_id)
        LEFT JOIN LATERAL (
            SELECT sum(weight_g) FILTER (WHERE is_excused) AS excused_g,
                sum(weight_g) FILTER (WHERE NOT is_excused AND NOT EXISTS (
                    SELECT FROM calls WHERE calls.line_id = days.line_id AND schedule_day = days.due_on
                )) AS never_called_g
            FROM (SELECT due_weights.*, EXISTS (SELECT FROM excused WHERE excused.agreement_id = wanted.agreement_id
                    AND side = 'buyer' AND due_on BETWEEN from_day AND to_day) AS is_excused
                FROM due_weights WHERE due_weights.line_id = wanted.line_id AND ends_on <= :day) AS days
        ) AS of_days ON true
    ), late AS (
        SELECT line_id, 'firm' AS side, 'call_offs' AS source, id AS fact_id, due_on AS day, weight_g - accepted_g AS g
        FROM calls WHERE due_on < :day AND (status <> 'cancelled' OR cancelled_by = 'firm')
            AND NOT EXISTS (SELECT FROM excused WHERE excused.agreement_id = calls.agreement_id AND side = 'firm'
                AND due_on BETWEEN from_day AND to_day)
    ), refused AS (
        SELECT line_id, 'buyer' AS side, 'call_offs' AS source, id AS fact_id, schedule_day AS day,
            least(weight_g, minimum_date_g) AS g
        FROM calls JOIN wanted USING (line_id) WHERE schedule_day <= :day AND cancelled_by = 'buyer'
            AND NOT EXISTS (SELECT FROM excused WHERE excused.agreement_id = calls.agreement_id AND side = 'buyer'
                AND schedule_day BETWEEN from_day AND to_day)
    ), untaken AS (
        SELECT line_id, 'buyer' AS side, 'minimum' AS source, line_id AS fact_id, ends_on AS day,
            uncalled_g AS g
        FROM promised WHERE uncalled_g > coalesce(
            (SELECT sum(g) FROM refused WHERE refused.line_id = promised.line_id), 0)
    ), parts AS (
        SELECT * FROM late UNION ALL SELECT * FROM untaken
        UNION ALL SELECT * FROM refused WHERE line_id NOT IN (SELECT line_id FROM untaken)
    ), summed AS (
        SELECT parts.*, sum(g) OVER (PARTITION BY line_id, side) AS whole_g,
            sum(g) OVER (PARTITION BY line_id, side ORDER BY day, fact_id) AS upto_g
        FROM parts WHERE g > 0
    ), beyond AS (
        SELECT summed.*, agreement_id, floor_fen_per_kg,
            CASE side WHEN 'firm' THEN penalty_bp ELSE buyer_penalty_bp END AS rate_bp,
            whole_g - greatest(
                least(whole_g, CASE side WHEN 'firm' THEN missing_g ELSE whole_g END) - tolerance_g, 0
            ) AS covered_g
        FROM summed JOIN promised USING (line_id)
    ), counted AS (
        SELECT beyond.*, greatest(upto_g - covered_g, 0)::bigint AS short_upto_g,
            greatest(upto_g - g - covered_g, 0)::bigint AS short_before_g
        FROM beyond
    )
    SELECT line_id, agreement_id, side, source, fact_id, day, short_upto_g - short_before_g AS short_g,
        ((short_upto_g * floor_fen_per_kg * 2 + 1000) / 2000 * rate_bp * 2 + 10000) / 20000
        - ((short_before_g * floor_fen_per_kg * 2 + 1000) / 2000 * rate_bp * 2 + 10000) / 20000 AS penalty_fen
    FROM counted WHERE short_upto_g > short_before_g
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
    whole = text(
        f"WITH read AS (SELECT unnest(CAST(:ids AS bigint[])) AS id), {CALLS}"
        " SELECT line_id, agreement_id, side, sum(short_g)::bigint, sum(penalty_fen)::bigint"
        f" FROM ({BREACHES}) AS breaches"
        " GROUP BY line_id, agreement_id, side ORDER BY line_id, side DESC"
    )
    rows = session.execute(whole, {"day": day, "ids": agreement_ids})
    return [Behind(line, agreement, Side(side), grams, fen) for line, agreement, side, grams, fen in rows]


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
