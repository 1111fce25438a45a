"""Sharing a co-operative's surplus (Farmers' Professional Co-operatives Law, arts 42 to 44): docs/income.md.

A plan is drafted, laid open to the members for 15 days at least, approved by their meeting, and booked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from shop.catalog.models import CO_OPERATIVES, Firm
from shop.farmers.models import Household, Membership
from shop.income.actions import book_events, book_reserves
from shop.income.errors import (
    AnsweredAfterMeeting,
    LaterPlanStands,
    NotACooperative,
    NotAMember,
    NoTransactions,
    ObjectionAnswered,
    ObjectionsUnanswered,
    ObjectionTooLate,
    PlanExists,
    PlanOutdated,
    SharedElsewhere,
    SurplusBelowFloor,
    TooEarlyToApprove,
    YearNotOver,
)
from shop.income.models import UNDONE, PlanStatus, SurplusAnswer, SurplusObjection, SurplusPlan, SurplusShare
from shop.income.payments import day_paid
from shop.income.states import PLAN_LIFE, STATE_ZH
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.money import BP_WHOLE, divide_up, split
from shop.kit.states import advance, record

#: Art. 44: of what may be shared, at least so much by members' transactions.
RETURN_FLOOR_BP = 6_000
#: Plans whose members and accounts are fixed and stand.
COUNTED = (PlanStatus.OPEN, PlanStatus.APPROVED, PlanStatus.BOOKED)
#: So many papers or households are named in a refusal.
NAMED = 10
#: A plan is laid open so many days before the members' meeting.
LAID_OPEN_DAYS = 15


@dataclass(frozen=True)
class Pools:
    """Fen of each step: reserve, then what is shared by transactions and by capital."""

    reserve_fen: int
    distributable_fen: int
    patronage_fen: int
    dividend_fen: int


def pools(surplus_fen: int, prior_loss_fen: int, reserve_bp: int, return_bp: int) -> Pools:
    """Losses first, then the reserve (rounded up), then `return_bp` by transactions, rounded up so that it never falls
    below the legal floor; the rest by capital shares."""
    left = max(0, surplus_fen - prior_loss_fen)
    reserve = divide_up(left * reserve_bp, BP_WHOLE)
    distributable = left - reserve
    patronage = divide_up(distributable * return_bp, BP_WHOLE)
    return Pools(reserve, distributable, patronage, distributable - patronage)


@dataclass(frozen=True)
class Member:
    """A member: fen delivered in the year, and its capital account (fen, or shares where they have no value).

    `stays`: whether it has an account, as a member on the last day of the year.
    """

    household_id: int
    delivered_fen: int
    account_fen: int
    stays: bool = True


@dataclass(frozen=True)
class MemberPart:
    """What a member gets, and what of the reserve is credited to its account, in fen."""

    household_id: int
    patronage_fen: int
    dividend_fen: int
    reserve_fen: int


def parts(of: Pools, members: Sequence[Member]) -> list[MemberPart]:
    """Members' parts by largest remainder, in the order given. Contract growers are no members and get nothing.

    Without any delivery (of a year shared before this system was there) the transaction pool follows the capital
    accounts; without any account it is the other way round. The reserve is credited as the transaction pool is shared,
    among those who stay: by accounts where none of them delivered, in equal parts where none has anything.
    """
    if not of.distributable_fen and not of.reserve_fen:
        return []
    delivered = [member.delivered_fen for member in members]
    accounts = [member.account_fen for member in members]
    by_trade = delivered if any(delivered) else accounts
    patronage = split(of.patronage_fen, by_trade)
    dividend = split(of.dividend_fen, accounts if any(accounts) else delivered)
    stays = [int(member.stays) for member in members]
    traded = [fen * there for fen, there in zip(by_trade, stays, strict=True)]
    kept = [fen * there for fen, there in zip(accounts, stays, strict=True)]
    reserve = split(of.reserve_fen, next((each for each in (traded, kept, stays) if any(each)), by_trade))
    return [
        MemberPart(member.household_id, *each)
        for member, *each in zip(members, patronage, dividend, reserve, strict=True)
    ]


#: Who was a member on any day of the year, and on its last one: with the shares of then, as `left_on` gave them back.
_MEMBERS = text(
    """
    SELECT memberships.household_id, coalesce(counts_for_id, memberships.household_id) AS family_id,
        coalesce(traded.fen, 0) AS delivered_fen, stood.on_last_day, coalesce(credited.fen, 0) AS credited_fen,
        CASE WHEN NOT stood.on_last_day THEN 0 WHEN spell.left_on IS NULL THEN share_units
             ELSE spell.returned_units END AS share_units
    FROM memberships JOIN households ON households.id = memberships.household_id
    LEFT JOIN household_aliases ON household_aliases.household_id = memberships.household_id
    LEFT JOIN (
        SELECT household_id, sum(amount_fen + coalesce(changed.fen, 0)) AS fen FROM deliveries
        LEFT JOIN (SELECT delivery_id, sum(change_fen) AS fen FROM delivery_corrections GROUP BY delivery_id) AS changed
            ON delivery_id = deliveries.id
        WHERE firm_id = :firm AND extract(year FROM delivered_on) = :year GROUP BY household_id) AS traded
        ON traded.household_id = memberships.household_id
    LEFT JOIN membership_spells AS spell
        ON spell.household_id = memberships.household_id AND spell.firm_id = memberships.firm_id
        AND NOT spell.void AND coalesce(spell.joined_on, '0001-01-01') <= make_date(:year, 12, 31)
        AND coalesce(spell.left_on, '9999-12-31') >= make_date(:year, 12, 31)
    CROSS JOIN LATERAL (SELECT spell.id IS NOT NULL OR NOT EXISTS (
        SELECT FROM membership_spells AS spells WHERE spells.household_id = memberships.household_id
            AND spells.firm_id = memberships.firm_id) AS on_last_day) AS stood
    LEFT JOIN LATERAL (
        SELECT sum(surplus_shares.reserve_fen) AS fen FROM surplus_shares
        JOIN surplus_plans ON surplus_plans.id = plan_id
        WHERE household_id = memberships.household_id AND firm_id = :firm AND status = 'booked' AND year < :year
          AND year >= coalesce(extract(year FROM spell.joined_on), 0)) AS credited ON stood.on_last_day
    WHERE memberships.firm_id = :firm AND relation = 'member' AND (
        stood.on_last_day
        OR EXISTS (SELECT FROM membership_spells AS spells
                   WHERE spells.household_id = memberships.household_id AND spells.firm_id = memberships.firm_id
                     AND NOT void AND extract(year FROM coalesce(joined_on, '0001-01-01')) <= :year
                     AND extract(year FROM coalesce(left_on, '9999-12-31')) >= :year))
    ORDER BY households.code
    """
)


def _members(session: Session, plan: SurplusPlan) -> list[Member]:
    """The members of the year by code, with corrected deliveries and their capital accounts of its last day.

    An account is shares paid in, earlier reserves credited, and an equal part of state aid and gifts (art. 44), one for
    a family with several records. Who left was paid his back (art. 28): the account of who comes back begins anew.
    """
    rows = session.execute(_MEMBERS, {"firm": plan.firm_id, "year": plan.year}).all()
    if not plan.share_value_fen:
        return [Member(row.household_id, int(row.delivered_fen), row.share_units, row.on_last_day) for row in rows]
    there = sorted((row for row in rows if row.on_last_day), key=lambda row: row.household_id != row.family_id)
    first = {row.family_id: row.household_id for row in reversed(there)}
    heads = [int(first.get(row.family_id) == row.household_id) for row in rows]
    aid = split(plan.aid_fen, heads) if any(heads) else heads
    return [
        Member(
            row.household_id,
            int(row.delivered_fen),
            row.share_units * plan.share_value_fen + int(row.credited_fen) + of_aid,
            row.on_last_day,
        )
        for row, of_aid in zip(rows, aid, strict=True)
    ]


def counting(session: Session, firm_id: int) -> list[SurplusPlan]:
    """Plans of the firm whose parts are fixed and stand, by year; those of the county's files counted other books."""
    query = select(SurplusPlan).where(
        SurplusPlan.firm_id == firm_id, SurplusPlan.status.in_(COUNTED), ~SurplusPlan.historical
    )
    return list(session.scalars(query.order_by(SurplusPlan.year)))


def plans_booked(session: Session, firm_codes: Collection[str]) -> dict[str, list[str]]:
    """Codes of the plans by which firms shared a surplus, by the firm's code.

    The firms are held, shared, by rising id: until this transaction ends none lays a plan open or decides on one.
    """
    held = select(Firm.id).where(Firm.code.in_(firm_codes)).order_by(Firm.id).with_for_update(read=True)
    firms = session.scalars(held).all()
    booked = (
        select(Firm.code, SurplusPlan.code)
        .join(Firm, Firm.id == SurplusPlan.firm_id)
        .where(Firm.id.in_(firms), SurplusPlan.status == PlanStatus.BOOKED, ~SurplusPlan.historical)
        .order_by(SurplusPlan.year)
    )
    found: dict[str, list[str]] = {}
    for firm, plan in session.execute(booked):
        found.setdefault(firm, []).append(plan)
    return found


def _hold_plans(session: Session, plan: SurplusPlan) -> None:
    """Until this transaction ends no other plan of the firm is laid open or decided on, and nobody joins the firm.

    Each plan stands on the earlier ones, and who joins for the first time has no row that could be held.
    """
    session.execute(select(Firm.id).where(Firm.id == plan.firm_id).with_for_update(key_share=True))


def _hold_years(session: Session, plan: SurplusPlan) -> None:
    """No later year was shared by accounts that the plan's reserve would change; it is reversed first.

    Accounts that are not kept in money are shares, which no reserve moves.

    The caller holds the firm (`_hold_plans`). Raises LaterPlanStands.
    """
    later = [other.code for other in counting(session, plan.firm_id)
             if other.year > plan.year and other.status is PlanStatus.BOOKED and other.share_value_fen]  # fmt: skip
    if plan.reserve_fen and later:
        raise LaterPlanStands(plan=plan.code, plans=later)


@dataclass(frozen=True)
class Counted:
    """How a plan that was laid open counts households: account in fen (or shares), whether reserve is credited to it.

    `then`: as it was laid open; `now`: as members and accounts are now, at the deliveries of then, for a slip that was
    corrected afterwards changes nobody's part. Both by household id, empty where the plan shares nothing.
    """

    then: dict[int, tuple[int, bool]]
    now: dict[int, tuple[int, bool]]


def _counted(session: Session, plan: SurplusPlan) -> Counted:
    shares = {
        share.household_id: share
        for share in session.scalars(select(SurplusShare).where(SurplusShare.plan_id == plan.id))
    }
    if not shares:
        return Counted({}, {})
    members = [
        replace(member, delivered_fen=shares[member.household_id].delivered_fen) if member.household_id in shares
        else member
        for member in _members(session, plan)
    ]  # fmt: skip
    return Counted(
        {of.household_id: (of.account_fen, bool(of.reserve_fen)) for of in shares.values()},
        {
            member.household_id: (member.account_fen, bool(part.reserve_fen))
            for member, part in zip(members, parts(_pools(plan), members), strict=True)
        },
    )


def drifted(session: Session, plan: SurplusPlan) -> set[int]:
    """Of a plan that was laid open: the households whose membership or account is another one than it counted."""
    counted = _counted(session, plan)
    then, now = (
        {(household_id, account) for household_id, (account, _) in of.items()} for of in (counted.then, counted.now)
    )
    if then != now:
        return {household_id for household_id, _ in then ^ now}
    # The same households and accounts: who stays until the year's end is told by the reserve alone.
    return {household_id for household_id, told in counted.then.items() if told != counted.now[household_id]}


@dataclass(frozen=True)
class Standing:
    """How a plan's year counts a household `now`; whether that is `as_told` when it was laid open, or nearly (`held`).

    Nearly: its account is another one only by the equal parts of state aid, which a merging of records moves for all.
    """

    now: tuple[int, bool] | None
    as_told: bool
    held: bool


def standing_in(session: Session, plan: SurplusPlan, household_id: int) -> Standing:
    """How a plan that was laid open counts a household."""
    counted = _counted(session, plan)
    then, now = counted.then.get(household_id), counted.now.get(household_id)
    if then is None or now is None:
        return Standing(now, then is now, then is now)
    return Standing(now, then == now, then[1] == now[1] and (then[0] == now[0] or plan.aid_fen > 0))


def hold_members(session: Session, plan: SurplusPlan) -> None:
    """The members and accounts that the plan counted are still so, until this transaction ends: nobody joins or leaves.

    Holds the firm, which who joins holds shared, then the members' households by rising id. Raises LaterPlanStands,
    PlanOutdated.
    """
    _hold_plans(session, plan)
    _hold_years(session, plan)
    session.execute(
        select(Household.id)
        .where(Household.id.in_(select(Membership.household_id).where(Membership.firm_id == plan.firm_id)))
        .order_by(Household.id)
        .with_for_update(read=True)
    )
    ids = drifted(session, plan)
    if ids:
        codes = session.scalars(select(Household.code).where(Household.id.in_(ids)).order_by(Household.code)).all()
        raise PlanOutdated(plan=plan.code, households=list(codes[:NAMED]), count=len(codes))


@dataclass(frozen=True)
class Terms:
    """What a members' meeting decides on: fen, and rates in basis points."""

    surplus_fen: int
    prior_loss_fen: int
    reserve_bp: int
    return_bp: int
    share_value_fen: int = 0
    aid_fen: int = 0


def _add_plan(
    session: Session, firm: Firm, year: int, terms: Terms, status: PlanStatus, *, historical: bool,
    booked_on: date | None, now: datetime,
) -> SurplusPlan:  # fmt: skip
    shared = pools(terms.surplus_fen, terms.prior_loss_fen, terms.reserve_bp, terms.return_bp)
    before = session.scalar(select(func.count()).where(SurplusPlan.firm_id == firm.id, SurplusPlan.year == year))
    plan = SurplusPlan(
        code=f"{firm.code}-{year}-{(before or 0) + 1}", firm_id=firm.id, year=year, status=status,
        historical=historical, surplus_fen=terms.surplus_fen, prior_loss_fen=terms.prior_loss_fen,
        reserve_bp=terms.reserve_bp, return_bp=terms.return_bp, share_value_fen=terms.share_value_fen,
        aid_fen=terms.aid_fen, reserve_fen=shared.reserve_fen, distributable_fen=shared.distributable_fen,
        patronage_fen=shared.patronage_fen, dividend_fen=shared.dividend_fen, booked_on=booked_on, recorded_at=now,
    )  # fmt: skip
    session.add(plan)
    session.flush()
    return plan


def _pools(plan: SurplusPlan) -> Pools:
    """What the plan shares; the reserve of one that came with the county's files is credited to nobody."""
    reserve_fen = 0 if plan.historical else plan.reserve_fen
    return Pools(reserve_fen, plan.distributable_fen, plan.patronage_fen, plan.dividend_fen)


def _write_shares(session: Session, plan: SurplusPlan, members: Sequence[Member]) -> None:
    by_id = {member.household_id: member for member in members}
    session.add_all(
        SurplusShare(
            plan_id=plan.id, household_id=part.household_id, delivered_fen=by_id[part.household_id].delivered_fen,
            account_fen=by_id[part.household_id].account_fen, patronage_fen=part.patronage_fen,
            dividend_fen=part.dividend_fen, reserve_fen=part.reserve_fen,
        )
        for part in parts(_pools(plan), members)
    )  # fmt: skip
    session.flush()


def book_plan(
    session: Session, firm_id: int, year: int, *, surplus_fen: int, prior_loss_fen: int, reserve_bp: int,
    return_bp: int, booked_on: date, now: datetime,
) -> SurplusPlan:  # fmt: skip
    """Write a plan of the county's files, which was shared before, and its members' parts.

    The ledger and the income entries follow by `actions.book_pending`.
    """
    firm = session.get_one(Firm, firm_id)
    plan = _add_plan(
        session, firm, year, Terms(surplus_fen, prior_loss_fen, reserve_bp, return_bp), PlanStatus.BOOKED,
        historical=True, booked_on=booked_on, now=now,
    )  # fmt: skip
    _write_shares(session, plan, _members(session, plan))
    record(session, plan, "import", person_id=None, now=now, to_state=PlanStatus.BOOKED.value)
    return plan


def _exists(code: str, status: PlanStatus) -> PlanExists:
    if status is PlanStatus.BOOKED:
        way_zh, way_en = f"{STATE_ZH[status]}，要另拟请先冲销", "it is booked, reverse it before drafting another"
    else:
        way_zh, way_en = "要改动请先撤回", "withdraw it before drafting another"
    return PlanExists(plan=code, way_zh=way_zh, way_en=way_en)


def draft_plan(
    session: Session, firm: Firm, year: int, terms: Terms, *, actor_id: int | None, now: datetime
) -> SurplusPlan:
    """Draft the sharing of a year that is over. The caller holds the firm's lock.

    Raises NotACooperative, YearNotOver, SurplusBelowFloor, PlanExists.
    """
    if firm.kind not in CO_OPERATIVES:
        raise NotACooperative(firm=firm.code)
    if year >= beijing_day(now).year:
        raise YearNotOver(year=year, day=str(beijing_day(now)))
    if terms.return_bp < RETURN_FLOOR_BP:
        raise SurplusBelowFloor(return_bp=terms.return_bp, floor_bp=RETURN_FLOOR_BP)
    standing = session.execute(
        select(SurplusPlan.code, SurplusPlan.status).where(
            SurplusPlan.firm_id == firm.id, SurplusPlan.year == year, SurplusPlan.status.not_in(UNDONE)
        )
    ).one_or_none()
    if standing is not None:
        raise _exists(*standing)
    plan = _add_plan(session, firm, year, terms, PlanStatus.DRAFT, historical=False, booked_on=None, now=now)
    record(session, plan, "draft", person_id=actor_id, now=now, to_state=PlanStatus.DRAFT.value)
    return plan


def locked_plan(session: Session, code: str) -> SurplusPlan:
    """The plan, locked. Raises NotFoundError."""
    plan = session.scalar(select(SurplusPlan).where(SurplusPlan.code == code).with_for_update())
    if plan is None:
        raise NotFoundError(what=code)
    return plan


def lay_open(session: Session, plan: SurplusPlan, *, actor_id: int | None, now: datetime) -> None:
    """Fix every member's part and show it to the members. The caller holds the plan's lock, then the firm's is taken.

    Raises MoveRefusedError, LaterPlanStands, NoTransactions (of the year: there is nothing to share by).
    """
    PLAN_LIFE.next(plan.status, "lay_open")
    _hold_plans(session, plan)
    _hold_years(session, plan)
    members = _members(session, plan)
    if plan.reserve_fen + plan.distributable_fen and not any(member.delivered_fen for member in members):
        raise NoTransactions(plan=plan.code, year=plan.year)
    plan.laid_open_on = beijing_day(now)
    advance(session, plan, PLAN_LIFE, "lay_open", person_id=actor_id, now=now)
    _write_shares(session, plan, members)


def object_to(
    session: Session, plan: SurplusPlan, household: Household, words: str, *, actor_id: int | None, now: datetime
) -> SurplusObjection:
    """Record a member's objection while the plan is laid open. The caller holds the plan's lock.

    Raises ObjectionTooLate, NotAMember.
    """
    if plan.status is not PlanStatus.OPEN:
        raise ObjectionTooLate(plan=plan.code, state=plan.status.value, state_zh=STATE_ZH[plan.status])
    if household.id not in {member.household_id for member in _members(session, plan)}:
        raise NotAMember(household=household.code)
    before = session.scalar(select(func.count()).where(SurplusObjection.plan_id == plan.id))
    objection = SurplusObjection(
        plan_id=plan.id, household_id=household.id, position=(before or 0) + 1, words=words,
        raised_on=beijing_day(now), recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(objection)
    session.flush()
    return objection


def answer(
    session: Session, plan: SurplusPlan, position: int, words: str, *, actor_id: int | None, now: datetime
) -> None:
    """Answer an objection, once. The caller holds the plan's lock. Raises NotFoundError, ObjectionAnswered."""
    objection_id = session.scalar(
        select(SurplusObjection.id).where(SurplusObjection.plan_id == plan.id, SurplusObjection.position == position)
    )
    if objection_id is None:
        raise NotFoundError(what=f"{plan.code}/{position}")
    if session.get(SurplusAnswer, objection_id) is not None:
        raise ObjectionAnswered(position=position)
    session.add(SurplusAnswer(objection_id=objection_id, words=words, recorded_by_id=actor_id, recorded_at=now))
    session.flush()


def approve_plan(
    session: Session, plan: SurplusPlan, met_on: date, minutes: str, *, actor_id: int | None, now: datetime
) -> None:
    """Record that the members' meeting of `met_on` approved the plan. The caller holds the plan's lock.

    Raises MoveRefusedError, TooEarlyToApprove, ObjectionsUnanswered, AnsweredAfterMeeting, LaterPlanStands,
    PlanOutdated; then nothing is changed.
    """
    PLAN_LIFE.next(plan.status, "approve")
    earliest = (plan.laid_open_on or date.max - timedelta(LAID_OPEN_DAYS)) + timedelta(LAID_OPEN_DAYS)
    if not earliest <= met_on <= beijing_day(now):
        raise TooEarlyToApprove(plan=plan.code, earliest=str(earliest), today=str(beijing_day(now)))
    answered = session.execute(
        select(SurplusObjection.position, SurplusAnswer.recorded_at)
        .outerjoin(SurplusAnswer, SurplusAnswer.objection_id == SurplusObjection.id)
        .where(SurplusObjection.plan_id == plan.id)
        .order_by(SurplusObjection.position)
    ).all()
    unanswered = [position for position, at in answered if at is None]
    if unanswered:
        raise ObjectionsUnanswered(plan=plan.code, positions=unanswered)
    late = {position: beijing_day(at) for position, at in answered if beijing_day(at) > met_on}
    if late:
        raise AnsweredAfterMeeting(
            plan=plan.code, positions=list(late), met_on=str(met_on), earliest=str(max(late.values()))
        )
    hold_members(session, plan)
    plan.met_on, plan.minutes = met_on, minutes
    advance(session, plan, PLAN_LIFE, "approve", person_id=actor_id, now=now, facts={"met_on": str(met_on)})


def withdraw_plan(session: Session, plan: SurplusPlan, reason: str, *, actor_id: int | None, now: datetime) -> None:
    """Take back a plan that is not booked; another may be drafted. Holds the plan's lock. Raises MoveRefusedError."""
    advance(session, plan, PLAN_LIFE, "withdraw", person_id=actor_id, now=now, reason=reason)


def book_approved(
    session: Session, plan: SurplusPlan, *, paid_on: date | None = None, actor_id: int | None, now: datetime
) -> int:
    """Book an approved plan: entries for every member's parts, the reserve set aside; returns the entries.

    Of the day on which members were paid, None = today: not before their meeting.

    The caller holds the plan's lock; the firm, the members' households and booking income take theirs after it. Raises
    MoveRefusedError, PaidInTheFuture, PaidTooEarly, LaterPlanStands, PlanOutdated.
    """
    PLAN_LIFE.next(plan.status, "book")
    day = day_paid(paid_on, plan.met_on or date.min, now=now)
    hold_members(session, plan)
    plan.booked_on = day
    advance(session, plan, PLAN_LIFE, "book", person_id=actor_id, now=now)
    session.flush()
    ids = session.scalars(select(SurplusShare.id).where(SurplusShare.plan_id == plan.id)).all()
    entries = book_events(session, "surplus_shares", ids, now=now)
    book_reserves(session, now=now)
    return entries


def reverse_plan(
    session: Session, plan: SurplusPlan, reason: str, *, by_county: bool, actor_id: int | None, now: datetime
) -> int:
    """Take back a booked plan that should not have been; another one of its year may be drawn up. Returns the entries.

    It stays as it was: each member's entry is taken back by one that names it, and the reserve by a journal, in the
    month of booking while that is open, else in the open one. The caller holds the plan's lock, then the firm's is
    taken. Raises MoveRefusedError, SharedElsewhere, LaterPlanStands.
    """
    PLAN_LIFE.next(plan.status, "reverse")
    if plan.historical:
        raise SharedElsewhere(plan=plan.code)
    _hold_plans(session, plan)
    later = [other.code for other in counting(session, plan.firm_id) if other.year > plan.year]
    if later:
        raise LaterPlanStands(plan=plan.code, plans=later)
    facts: dict[str, object] = {"by_county": by_county}
    advance(session, plan, PLAN_LIFE, "reverse", person_id=actor_id, now=now, reason=reason, facts=facts)
    session.flush()
    ids = session.scalars(select(SurplusShare.id).where(SurplusShare.plan_id == plan.id)).all()
    entries = book_events(session, "surplus_reversals", ids, now=now)
    book_reserves(session, now=now)
    return entries
