"""What each side of an agreement is behind with, and the penalty that would follow: computed, proposed, never booked.

The firm is behind with what was called for a day before and not accepted; the buyer with what he committed to take and
did not call, but for days of the schedule that nobody called. What fell due in days of recognised force majeure is no
breach, nor is what lies within the tolerance. The price of the penalty is the floor price of 一级 in the contract. An
amendment moves no breach of a call-off that stands under the terms before it (`agreements.in_force`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.agreements.in_force import AGREED
from shop.agreements.models import Agreement, Side
from shop.agreements.queries import decided_in
from shop.agreements.signing import Hand
from shop.kit.db import columns_of
from shop.kit.states import History, advance, history_of, record
from shop.orders.errors import NoSuchPenalty, NotYoursToDecide, PenaltyOutdated, TakenAlready
from shop.orders.models import PenaltyProposal, PenaltyStatus
from shop.orders.states import PENALTY_LIFE

#: Every call-off with what became of its order.
CALL_OFFS = """(
    SELECT call_offs.id, agreement_id, line_id, call_offs.status, cancelled_by, call_offs.due_on, schedule_day,
        version_id, weight_g, stands_g, again_g, order_status, owed_on, paid_fen, coalesce(accepted_g, 0) AS accepted_g,
        accepted_fen
    FROM call_offs LEFT JOIN LATERAL (
        SELECT orders.status AS order_status, orders.due_on AS owed_on, paid_fen,
            sum(accepted_g)::bigint AS accepted_g, sum(accepted_fen)::bigint AS accepted_fen
        FROM orders JOIN order_lines ON order_id = orders.id WHERE call_off_id = call_offs.id GROUP BY orders.id
    ) AS taken ON true
)"""


#: What the call-offs of each line add up to: grams that others called again, that the buyer took, and of those that he
#: cancelled what was called beside the schedule.
OF_LINES = """
    SELECT line_id, agreement_id,
        coalesce(sum(again_g) FILTER (WHERE status <> 'cancelled' OR cancelled_by = 'firm'), 0)::bigint AS recalled_g,
        coalesce(sum(weight_g - again_g) FILTER (WHERE cancelled_by IS DISTINCT FROM 'buyer'), 0)::bigint AS taken_g,
        coalesce(sum(weight_g - again_g) FILTER (WHERE cancelled_by = 'buyer' AND schedule_day IS NULL), 0)::bigint
            AS beside_g
    FROM {facts} GROUP BY line_id, agreement_id
"""
#: A call-off that somebody may be behind with: by its goods or by its money.
_UNDONE = "(weight_g > accepted_g OR accepted_fen <> paid_fen)"

#: Of the agreements whose ids are in `read` the relations `called`: their call-offs, `calls`: those that are not done,
#: `of_lines`: what each line's add up to. From the facts, and from the rollups.
CALLED = (
    f"called AS MATERIALIZED (SELECT taken.* FROM read JOIN {CALL_OFFS} AS taken ON agreement_id = read.id),"
    f" of_lines AS ({OF_LINES.format(facts='called')}), calls AS (SELECT * FROM called WHERE {_UNDONE})"
)
CALLED_ROLLED = (
    "of_lines AS (SELECT kept.* FROM read JOIN call_off_lines AS kept ON agreement_id = read.id),"
    " called AS NOT MATERIALIZED (SELECT kept.* FROM read JOIN call_off_rollup AS kept ON agreement_id = read.id),"
    f" calls AS MATERIALIZED (SELECT * FROM called WHERE {_UNDONE})"
)

#: What each side of the agreements in `read` is behind with up to a day, part by part, by the relations of `CALLED`:
#: the firm with the call-offs that it is late with (`late`); the buyer with the days that he cancelled (`refused`), or
#: with what he did not call by the last day, whichever leaves more. A call-off counts by the terms that it stands
#: under, what was not called by those in force. `short_g` is what lies beyond the tolerance: it covers the oldest parts
#: first.
_PARTS = f"""
    excused AS (
        SELECT agreement_id, side, from_day, to_day FROM force_majeures WHERE status = 'recognised'
    ), wanted AS (
        -- What fell due before a paper was recorded here was kept, as far as known; a part of the whole is tolerated.
        SELECT agreement_lines.id AS line_id, agreement_id, agreements.version_id,
            minimum_g - on_paper_g AS minimum_g, minimum_date_g, floor_fen_per_kg,
            penalty_bp, buyer_penalty_bp, ends_on, (committed_g * tolerance_bp * 2 + 10000) / 20000 AS tolerance_g
        FROM read JOIN agreements ON agreements.id = read.id JOIN agreement_lines ON agreement_id = agreements.id
        WHERE signed_on <= :day
    ), late AS (
        -- What is still to come, and what was left open; of that what was called again is owed by the call that came
        -- after, the first called first.
        SELECT line_id, id, version_id, due_on AS day, g
        FROM (
            SELECT calls.*, stands_g - accepted_g + least(weight_g - stands_g, greatest(
                sum(weight_g - stands_g) OVER (PARTITION BY line_id ORDER BY id) - recalled_g, 0))::bigint AS g
            FROM calls JOIN of_lines USING (line_id)
            WHERE weight_g > accepted_g AND (status <> 'cancelled' OR cancelled_by = 'firm')
        ) AS open
        WHERE due_on < :day AND g > 0 AND NOT EXISTS (SELECT FROM excused WHERE excused.agreement_id = open.agreement_id
            AND side = 'firm' AND due_on BETWEEN from_day AND to_day)
    ), refused AS (
        SELECT line_id, id, version_id, schedule_day AS day, weight_g AS g
        FROM calls
        WHERE schedule_day <= :day AND cancelled_by = 'buyer'
            AND NOT EXISTS (SELECT FROM excused WHERE excused.agreement_id = calls.agreement_id AND side = 'buyer'
                AND schedule_day BETWEEN from_day AND to_day)
    ), ended AS (
        SELECT wanted.*, taken_g, beside_g FROM wanted LEFT JOIN of_lines USING (line_id)
        WHERE ends_on <= :day AND minimum_g > coalesce(taken_g, 0)
    ), untaken AS (
        -- Lines that have ended with less called than the minimum, and what of their schedule was excused or was never
        -- called: that is nobody's breach, unless the buyer cancelled what he called in its stead.
        SELECT line_id, greatest(minimum_g - coalesce(max(taken_g), 0)
            - coalesce(sum(weight_g) FILTER (WHERE is_excused), 0)
            - greatest(coalesce(sum(weight_g) FILTER (WHERE NOT is_excused AND NOT is_called), 0)
                - coalesce(max(beside_g), 0), 0), 0)::bigint AS g
        FROM (
            SELECT ended.line_id, minimum_g, taken_g, beside_g, due.weight_g, called.id IS NOT NULL AS is_called,
                EXISTS (SELECT FROM excused WHERE excused.agreement_id = ended.agreement_id AND side = 'buyer'
                    AND due.due_on BETWEEN from_day AND to_day) AS is_excused
            FROM ended LEFT JOIN LATERAL (
                SELECT due_on, weight_g FROM due_weights WHERE due_weights.line_id = ended.line_id OFFSET 0
            ) AS due ON true
            LEFT JOIN called ON called.line_id = ended.line_id AND schedule_day = due.due_on
        ) AS days GROUP BY line_id, minimum_g
    ), was AS MATERIALIZED (
        -- What was agreed under texts which an amendment has followed, as far as calls stand under them.
        SELECT agreed.* FROM (
            SELECT DISTINCT calls.version_id FROM calls JOIN wanted USING (line_id)
            WHERE calls.version_id <> wanted.version_id
        ) AS elder JOIN {AGREED} AS agreed ON agreed.version_id = elder.version_id
    ), own AS (
        SELECT wanted.line_id, wanted.agreement_id, side, 'call_offs' AS source, open.id AS fact_id, day,
            coalesce(was.version_id, 0) AS version_id,
            CASE side WHEN 'firm' THEN g ELSE least(g, coalesce(was.minimum_date_g, wanted.minimum_date_g)) END AS g,
            coalesce(was.floor_fen_per_kg, wanted.floor_fen_per_kg) AS floor_fen_per_kg,
            CASE side WHEN 'firm' THEN coalesce(was.penalty_bp, wanted.penalty_bp)
                ELSE coalesce(was.buyer_penalty_bp, wanted.buyer_penalty_bp) END AS rate_bp,
            coalesce(was.tolerance_g, wanted.tolerance_g) AS tolerance_g
        FROM (SELECT 'firm' AS side, late.* FROM late UNION ALL SELECT 'buyer', refused.* FROM refused) AS open
        JOIN wanted USING (line_id)
        LEFT JOIN was ON was.version_id = open.version_id AND was.line_id = wanted.line_id
        UNION ALL
        SELECT line_id, agreement_id, 'buyer', 'minimum', line_id, ends_on, 0, g, floor_fen_per_kg, buyer_penalty_bp,
            tolerance_g
        FROM untaken JOIN wanted USING (line_id)
    )"""


def _counted(parts: str) -> str:
    """What of `parts`, a relation like `own`, is not covered: relations, the last one `counted`."""
    return f"""
    covered AS (
        -- Parts under the terms of before may have another tolerance than those after them; else it is one for all.
        SELECT parts.*, least(sum(g) OVER in_order, tolerance_g)::bigint AS upto_g FROM {parts} AS parts
        WHERE g > 0 AND line_id NOT IN (SELECT line_id FROM {parts} WHERE version_id > 0)
        WINDOW in_order AS (PARTITION BY line_id, side, source ORDER BY day, fact_id)
        UNION ALL
        SELECT parts.*, covered_g(g, tolerance_g) OVER (PARTITION BY line_id, side, source ORDER BY day, fact_id)
        FROM {parts} AS parts WHERE g > 0 AND line_id IN (SELECT line_id FROM {parts} WHERE version_id > 0)
    ), uncovered AS (
        SELECT covered.*, g - upto_g
            + coalesce(lag(upto_g) OVER (PARTITION BY line_id, side, source ORDER BY day, fact_id), 0) AS short_g
        FROM covered
    ), sides AS (
        SELECT line_id, side, max(short_g) FILTER (WHERE source = 'minimum')
            > coalesce(sum(short_g) FILTER (WHERE source = 'call_offs'), 0) AS is_minimum
        FROM uncovered GROUP BY line_id, side
    ), counted AS (
        SELECT uncovered.*,
            sum(short_g) OVER (PARTITION BY line_id, side, version_id ORDER BY day, fact_id)::bigint AS short_upto_g
        FROM uncovered JOIN sides USING (line_id, side)
        WHERE short_g > 0 AND (source = 'minimum') = coalesce(is_minimum, false)
    )"""


def _penalty_fen(short_g: str) -> str:
    return f"(({short_g} * floor_fen_per_kg * 2 + 1000) / 2000 * rate_bp * 2 + 10000) / 20000"


#: Who is behind with which part of which line, by how many grams beyond the tolerance, and the penalty in fen: rounded
#: once for the parts of a line under the same terms, so that they add up to the fen.
BREACHES = f"""
    WITH {_PARTS}, {_counted("own")}
    SELECT line_id, agreement_id, side, source, fact_id, day, short_g,
        {_penalty_fen("short_upto_g")} - {_penalty_fen("(short_upto_g - short_g)")} AS penalty_fen
    FROM counted
"""
#: The same line by line. Where all calls of a line stand under one text it follows from their sum, which is faster.
BEHIND = f"""
    WITH {_PARTS}, mixed AS (
        SELECT own.* FROM own JOIN (
            SELECT line_id, side FROM own WHERE source = 'call_offs'
            GROUP BY 1, 2 HAVING min(version_id) < max(version_id)
        ) AS texts USING (line_id, side)
    ), {_counted("mixed")}, plain AS (
        SELECT DISTINCT ON (line_id, side) * FROM (
            SELECT line_id, agreement_id, side, source, greatest(sum(g) - max(tolerance_g), 0)::bigint AS short_g,
                max(floor_fen_per_kg) AS floor_fen_per_kg, max(rate_bp) AS rate_bp
            FROM own WHERE g > 0 AND NOT EXISTS (SELECT FROM mixed
                WHERE mixed.line_id = own.line_id AND mixed.side = own.side)
            GROUP BY 1, 2, 3, 4
        ) AS summed ORDER BY line_id, side, short_g DESC, source
    )
    SELECT line_id, agreement_id, side, short_g, {_penalty_fen("short_g")} AS penalty_fen FROM plain WHERE short_g > 0
    UNION ALL
    SELECT line_id, agreement_id, side, sum(short_g)::bigint,
        sum({_penalty_fen("short_upto_g")} - {_penalty_fen("(short_upto_g - short_g)")})::bigint
    FROM counted GROUP BY 1, 2, 3
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
        f"WITH read AS (SELECT unnest(CAST(:ids AS bigint[])) AS id), {CALLED} SELECT line_id, agreement_id,"
        f" side, short_g, penalty_fen FROM ({BEHIND}) AS behind ORDER BY line_id, side DESC"
    )
    rows = session.execute(whole, {"day": day, "ids": agreement_ids})
    return [Behind(line, agreement, Side(side), grams, fen) for line, agreement, side, grams, fen in rows]


#: What of its breaches may be proposed, by side: what fell due since the last claim, and is not under inspection: goods
#: that were sent whole wait for the buyer's word. Of the firm a claim took what was due before its day, of the buyer
#: what was due up to it.
_OPEN = f"""
    WITH read AS (SELECT CAST(:id AS bigint) AS id), {CALLED}
    SELECT side, sum(short_g)::bigint AS short_g, sum(penalty_fen)::bigint AS penalty_fen
    FROM ({BREACHES}) AS breaches
    WHERE NOT EXISTS (SELECT FROM penalty_proposals AS claimed WHERE claimed.agreement_id = breaches.agreement_id
            AND claimed.side = breaches.side AND claimed.status = 'claimed'
            AND breaches.day < claimed.as_of + (claimed.side = 'buyer')::int)
        AND NOT (side = 'firm' AND EXISTS (SELECT FROM orders WHERE call_off_id = fact_id AND status = 'dispatched'))
    GROUP BY side ORDER BY side
"""


def _open(session: Session, agreement_id: int, day: date) -> dict[Side, tuple[int, int]]:
    """Grams and fen that may be proposed up to `day`, by the side that is behind."""
    rows = session.execute(text(_OPEN), {"id": agreement_id, "day": day})
    return {Side(side): (grams, fen) for side, grams, fen in rows}


def propose_penalties(
    session: Session, agreement: Agreement, day: date, *, actor_id: int | None, now: datetime
) -> list[PenaltyProposal]:
    """A proposal for each side that is behind on `day`; the same day again is the same proposal, if it still holds.

    The caller holds the agreement's lock. Nothing is booked: the other side claims it or waives it.
    """
    known = proposals(session, agreement.id)
    made = []
    for side, (grams, fen) in _open(session, agreement.id, day).items():
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


def numbered(agreement: Agreement, known: Sequence[PenaltyProposal], number: int) -> PenaltyProposal:
    """The proposal of a number, of all of an agreement. Raises NoSuchPenalty."""
    found = next((proposal for proposal in known if proposal.number == number), None)
    if found is None:
        raise NoSuchPenalty(agreement=agreement.code, number=number)
    return found


def proposals_told(session: Session, agreement_id: int) -> list[dict[str, Any]]:
    """The same as they are shown: when and why each was claimed, waived, answered by the deposit, and withdrawn."""
    known = proposals(session, agreement_id)
    events = {event for _, event in PENALTY_LIFE.moves}
    words = history_of(session, PenaltyProposal.__tablename__, [one.id for one in known], *events)
    decided = {one.entity_id: one for one in words if one.event != "withdraw"}
    withdrawn = {one.entity_id: one for one in words if one.event == "withdraw"}
    return [columns_of(one) | decided_in(decided.get(one.id)) | _withdrawn_in(withdrawn.get(one.id)) for one in known]


def _withdrawn_in(word: History | None) -> dict[str, Any]:
    return {"withdrawn_at": word and word.at, "withdrawal_reason": word and word.reason}


def decide(
    session: Session, agreement: Agreement, number: int, event: str, *, by: Hand, reason: str
) -> PenaltyProposal:
    """The side that was let down claims what is proposed, takes the deposit instead, or waives it.

    It may `withdraw` what it claimed: as waived then. No money was booked by the claim, so none comes back.

    Of one side's breach one thing is taken once (Civil Code art. 588); what fell due after a claim may be claimed anew.
    Taken is what still stands by what is recorded now. The caller holds the agreement's lock. Raises NoSuchPenalty,
    NotYoursToDecide for the side in breach, TakenAlready, MoveRefusedError, PenaltyOutdated.
    """
    known = proposals(session, agreement.id)
    found = numbered(agreement, known, number)
    if found.side is by.side:
        raise NotYoursToDecide(agreement=agreement.code)
    takes = event not in ("waive", "withdraw")
    if takes and any(_took(one, found, event) for one in known):
        raise TakenAlready(agreement=agreement.code)
    PENALTY_LIFE.next(found.status, event)
    if takes:
        grams, fen = _open(session, agreement.id, found.as_of).get(found.side, (0, 0))
        if grams < found.shortfall_g or fen < found.penalty_fen:
            raise PenaltyOutdated(as_of=str(found.as_of), stands_g=grams, stands_fen=fen, number=number)
    advance(session, found, PENALTY_LIFE, event, person_id=by.person_id, now=by.now, reason=reason)
    session.flush()
    return found


def undecided_of(session: Session, agreement: Agreement, side: Side) -> PenaltyProposal | None:
    """The last proposal against a side that the other may still claim; None where there is none, or it stands no more.

    The caller holds the agreement's lock.
    """
    of_side = [one for one in proposals(session, agreement.id) if one.side is side]
    if not of_side or of_side[-1].status is not PenaltyStatus.PROPOSED:
        return None
    grams, fen = _open(session, agreement.id, of_side[-1].as_of).get(side, (0, 0))
    return of_side[-1] if grams >= of_side[-1].shortfall_g and fen >= of_side[-1].penalty_fen else None


def _took(one: PenaltyProposal, wanted: PenaltyProposal, event: str) -> bool:
    """Whether that proposal was decided so that of the wanted one nothing may be taken any more."""
    if one.side is not wanted.side or one.number == wanted.number:
        return False
    claimed = one.status is PenaltyStatus.CLAIMED and (event == "take_deposit" or one.as_of >= wanted.as_of)
    return claimed or one.status is PenaltyStatus.DEPOSIT_TAKEN
