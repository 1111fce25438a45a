"""Sharing a co-operative's surplus (Farmers' Professional Co-operatives Law, arts 42 to 44): plan and booking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.income.models import SurplusPlan, SurplusShare
from shop.kit.money import BP_WHOLE, divide_up, split


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
    """A member household: fen delivered in the year, capital shares."""

    household_id: int
    delivered_fen: int
    share_units: int


@dataclass(frozen=True)
class MemberPart:
    """What a member gets, in fen."""

    household_id: int
    patronage_fen: int
    dividend_fen: int


def parts(of: Pools, members: Sequence[Member]) -> list[MemberPart]:
    """Members' parts by largest remainder, in the order given. Contract growers are no members and get nothing.

    Without any delivery the transaction pool follows the capital shares, and the other way round.
    """
    if not of.distributable_fen:
        return []
    delivered = [member.delivered_fen for member in members]
    shares = [member.share_units for member in members]
    patronage = split(of.patronage_fen, delivered if any(delivered) else shares)
    dividend = split(of.dividend_fen, shares if any(shares) else delivered)
    return [
        MemberPart(member.household_id, returned, paid)
        for member, returned, paid in zip(members, patronage, dividend, strict=True)
    ]


_MEMBERS = text(
    """
    SELECT memberships.household_id, memberships.share_units, coalesce(sum(deliveries.amount_fen), 0) AS delivered_fen
    FROM memberships JOIN households ON households.id = memberships.household_id
    LEFT JOIN deliveries ON deliveries.household_id = memberships.household_id
        AND deliveries.firm_id = memberships.firm_id AND extract(year FROM delivered_on) = :year
    WHERE memberships.firm_id = :firm AND relation = 'member'
    GROUP BY households.code, memberships.household_id, memberships.share_units ORDER BY households.code
    """
)


def book_plan(
    session: Session, firm_id: int, year: int, *, surplus_fen: int, prior_loss_fen: int, reserve_bp: int,
    return_bp: int, booked_on: date, now: datetime,
) -> SurplusPlan:  # fmt: skip
    """Write a plan and its members' parts. The ledger and the income entries follow by `actions.book_pending`."""
    shared = pools(surplus_fen, prior_loss_fen, reserve_bp, return_bp)
    plan = SurplusPlan(
        firm_id=firm_id, year=year, surplus_fen=surplus_fen, prior_loss_fen=prior_loss_fen, reserve_bp=reserve_bp,
        return_bp=return_bp, reserve_fen=shared.reserve_fen, distributable_fen=shared.distributable_fen,
        patronage_fen=shared.patronage_fen, dividend_fen=shared.dividend_fen, booked_on=booked_on, recorded_at=now,
    )  # fmt: skip
    session.add(plan)
    session.flush()
    members = [
        Member(row.household_id, int(row.delivered_fen), row.share_units)
        for row in session.execute(_MEMBERS, {"firm": firm_id, "year": year})
    ]
    session.add_all(
        SurplusShare(
            plan_id=plan.id, household_id=part.household_id, patronage_fen=part.patronage_fen,
            dividend_fen=part.dividend_fen,
        )
        for part in parts(shared, members)
    )  # fmt: skip
    session.flush()
    return plan
