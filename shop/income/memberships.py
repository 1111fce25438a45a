"""Joinings and departures, and those that were keyed wrong put right, while nothing was built on them.

Rules: docs/income.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.catalog.models import Firm
from shop.farmers import families
from shop.farmers.families import stood_within
from shop.farmers.models import Delivery, Household, Membership, MembershipSpell
from shop.income.corrected import standing
from shop.income.corrections import voided
from shop.income.errors import MembershipCounted, MembershipUsed
from shop.income.guarantees import LAST_YEAR
from shop.income.models import (
    GuaranteeContract,
    GuaranteeLand,
    HouseholdPayment,
    PaymentCorrection,
    PlanStatus,
)
from shop.income.surplus import COUNTED, NAMED, counting, standing_in
from shop.kit.errors import NotFoundError


def firm_to_join(session: Session, code: str) -> Firm:
    """The firm, held shared: while it is, no plan of it is laid open or decided on without who joins.

    It is taken before the household's lock, as by who signs a guarantee. Raises NotFoundError.
    """
    firm = session.scalar(select(Firm).where(Firm.code == code).with_for_update(read=True))
    if firm is None:
        raise NotFoundError(what=code)
    return firm


def join(
    session: Session, firm: Firm, household: Household, joined_on: date, share_units: int, *, actor_id: int | None,
    now: datetime,
) -> Membership:  # fmt: skip
    """Let a household join a firm, or come back, as `families.join` says: in no year shared without it.

    The caller holds the firm (`firm_to_join`), then the household's lock. Raises AlreadyRelated, NoSharesHere,
    TooEarly, MembershipCounted.
    """
    with _plans_stand(session, firm, household, PlanStatus.BOOKED):
        return families.join(session, firm, household, joined_on, share_units, actor_id=actor_id, now=now)


def leave(
    session: Session, firm: Firm, household: Household, left_on: date, reason: str, *, actor_id: int | None,
    now: datetime,
) -> MembershipSpell:  # fmt: skip
    """Let a household leave a firm, as `families.leave` says: in no year that was shared with it as one who stays.

    The caller holds the household's lock. Raises NotOfThisFirm, TooEarly, DeliveredAfterwards, MembershipCounted.
    """
    with _plans_stand(session, firm, household, PlanStatus.BOOKED):
        return families.leave(session, firm, household, left_on, reason, actor_id=actor_id, now=now)


def void_departure(
    session: Session, firm: Firm, household: Household, reason: str, *, actor_id: int | None, now: datetime
) -> MembershipSpell:
    """Say that the household's last departure never was. The caller holds the household's lock.

    Raises NoDeparture, MembershipCounted.
    """
    with _nothing_built(session, firm, household):
        return families.void_departure(session, firm, household, reason, actor_id=actor_id, now=now)


def void_joining(
    session: Session, firm: Firm, household: Household, reason: str, *, actor_id: int | None, now: datetime
) -> MembershipSpell | None:
    """Say that the household's last joining never was; None = it never was of the firm. Holds the household's lock.

    Raises NoJoining, LeftSince, MembershipUsed, MembershipCounted.
    """
    with _nothing_built(session, firm, household):
        return families.void_joining(session, firm, household, reason, actor_id=actor_id, now=now)


def correct_joining(
    session: Session, firm: Firm, household: Household, joined_on: date | None, share_units: int | None, reason: str, *,
    actor_id: int | None, now: datetime,
) -> Membership:  # fmt: skip
    """Say on which day, with how many shares the household joined; None = as it is. Holds the household's lock.

    Raises NotOfThisFirm, LeftSince, TooEarly, NoSharesHere, JoiningStands, MembershipUsed, MembershipCounted.
    """
    with _nothing_built(session, firm, household):
        return families.correct_joining(
            session, firm, household, joined_on, share_units, reason, actor_id=actor_id, now=now
        )


@contextmanager
def _nothing_built(session: Session, firm: Firm, household: Household) -> Iterator[None]:
    """Around what is put right: no paper loses its membership, no plan the member or account that it counted.

    Raises MembershipUsed, MembershipCounted; the caller undoes all.
    """
    with _plans_stand(session, firm, household, *COUNTED):
        yield
        papers = _papers_outside(session, firm, household)
        if papers:
            raise MembershipUsed(household=household.code, papers=papers[:NAMED], count=len(papers))


@contextmanager
def _plans_stand(session: Session, firm: Firm, household: Household, *states: PlanStatus) -> Iterator[None]:
    """Around what changes a membership: plans in these states count the household as before, or as they told it.

    Raises MembershipCounted; the caller undoes all.
    """
    before = {plan.id: standing_in(session, plan, household.id) for plan in counting(session, firm.id)}
    yield
    lost = []
    for plan in counting(session, firm.id):
        then, now = before.get(plan.id), standing_in(session, plan, household.id)
        if plan.status in states and then and then.held and not now.as_told and now.now != then.now:
            lost.append(plan.code)
    if lost:
        raise MembershipCounted(household=household.code, plans=lost)


def _papers_outside(session: Session, firm: Firm, household: Household) -> list[str]:
    """Codes of what stands and is of no membership.

    Slips are asked by their day, payments and contracts where the household never was of the firm.
    """
    stood = stood_within(
        Delivery.household_id.expression, Delivery.firm_id.expression, Delivery.delivered_on.expression,
        Delivery.delivered_on.expression,
    )  # fmt: skip
    slips = session.execute(
        select(Delivery.id, Delivery.code)
        .where(Delivery.household_id == household.id, Delivery.firm_id == firm.id, ~stood)
        .order_by(Delivery.delivered_on, Delivery.id)
    ).all()
    void = voided(session, [slip_id for slip_id, _ in slips])
    found = [code for slip_id, code in slips if slip_id not in void]
    if families.membership_of(session, firm, household) is not None:
        return found
    paid_fen, _ = standing(PaymentCorrection, PaymentCorrection.payment_id, HouseholdPayment)
    payments = select(HouseholdPayment.code).where(
        HouseholdPayment.household_id == household.id, HouseholdPayment.firm_id == firm.id, paid_fen > 0
    )
    contracts = (
        select(GuaranteeContract.code)
        .join(GuaranteeLand, GuaranteeLand.contract_id == GuaranteeContract.id)
        .where(GuaranteeLand.household_id == household.id, GuaranteeContract.firm_id == firm.id, LAST_YEAR != 0)
    )
    for query in (payments.order_by(HouseholdPayment.code), contracts.order_by(GuaranteeContract.code)):
        found += session.scalars(query)
    return found
