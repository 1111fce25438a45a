"""保底收益+二次分红: a guaranteed amount for land each year, and a part of the profit on top. Rules: docs/income.md."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from shop.catalog.models import Firm
from shop.farmers.families import ever, heads_of, with_merged
from shop.farmers.models import Household, HouseholdAlias, Membership
from shop.income.actions import book_events
from shop.income.errors import (
    ContractCodeTaken,
    ContractVoid,
    FamilyLandBeyondHolding,
    GuaranteedFirst,
    GuaranteePaid,
    LandBeyondHolding,
    LandPromised,
    NoProfit,
    NotInContract,
    SignedInTheFuture,
    YearNotBegun,
    YearNotOver,
)
from shop.income.models import (
    GuaranteeContract,
    GuaranteeEnding,
    GuaranteeKind,
    GuaranteeLand,
    GuaranteePayment,
    GuaranteeVoid,
)
from shop.income.payments import day_paid
from shop.kit.clock import beijing_day
from shop.kit.codes import way_out
from shop.kit.errors import NotFoundError
from shop.kit.money import divide_half_up, part, split
from shop.kit.states import record

MU_TENTHS = 10

#: Whether a payment is of those that a void takes back.
IS_VOID = and_(
    GuaranteeVoid.contract_id == GuaranteePayment.contract_id, GuaranteeVoid.year == GuaranteePayment.year,
    GuaranteeVoid.kind == GuaranteePayment.kind, GuaranteeVoid.position == GuaranteePayment.position,
)  # fmt: skip

#: The last year in which a contract runs as things stand; zero = it is void.
LAST_YEAR = func.coalesce(
    select(GuaranteeEnding.last_year)
    .where(GuaranteeEnding.contract_id == GuaranteeContract.id)
    .order_by(GuaranteeEnding.position.desc())
    .limit(1)
    .correlate(GuaranteeContract)
    .scalar_subquery(),
    GuaranteeContract.to_year,
)


@dataclass(frozen=True)
class Promise:
    """What a contract promises: fen a mu and year, basis points of the profit on top, first and last year."""

    guaranteed_fen_per_mu: int
    second_bp: int
    from_year: int
    to_year: int
    signed_on: date
    document: str


def sign_contract(
    session: Session, firm: Firm, code: str, promise: Promise, lands: Mapping[str, int], *, actor_id: int | None,
    now: datetime,
) -> GuaranteeContract:  # fmt: skip
    """Record a signed contract; `lands`: tenths of a mu by household code. The caller holds the firm's lock.

    Locks the records of the households' families by rising id: their land is in no other contract of these years.
    Raises ContractCodeTaken, SignedInTheFuture, LandBeyondHolding, FamilyLandBeyondHolding, and NotFoundError for a
    household that has nothing to do with the firm.
    """
    if promise.signed_on > beijing_day(now):
        raise SignedInTheFuture(day=str(promise.signed_on))
    taken = session.execute(
        select(GuaranteeContract.firm_id, LAST_YEAR).where(GuaranteeContract.code == code)
    ).one_or_none()
    if taken is not None:
        void = tuple(taken) == (firm.id, 0)
        way = way_out(session, GuaranteeContract.code, code, void=void, of_zh="份合同", of_en="contract")
        raise ContractCodeTaken(contract=code, **way)
    lock_families(session, Household.code.in_(lands))
    found = session.scalars(
        select(Household)
        .join(Membership, Membership.household_id == Household.id)
        .where(
            Household.code.in_(lands),
            Membership.firm_id == firm.id,
            ever(Membership.household_id.expression, Membership.firm_id.expression),
        )
        .order_by(Household.id)
        .execution_options(populate_existing=True)
    ).all()
    known = {household.code: household.id for household in found}
    for household in sorted(set(lands) - set(known)):
        raise NotFoundError(what=household)
    hold_the_land(session, found, lands, range(promise.from_year, promise.to_year + 1))
    contract = GuaranteeContract(
        code=code, firm_id=firm.id, guaranteed_fen_per_mu=promise.guaranteed_fen_per_mu,
        second_bp=promise.second_bp, from_year=promise.from_year, to_year=promise.to_year,
        signed_on=promise.signed_on, document=promise.document, recorded_at=now,
    )  # fmt: skip
    session.add(contract)
    session.flush()
    session.add_all(
        GuaranteeLand(contract_id=contract.id, household_id=known[household], mu_tenths=tenths)
        for household, tenths in sorted(lands.items())
    )
    session.flush()
    record(session, contract, "sign", person_id=actor_id, now=now)
    return contract


def lock_families(session: Session, *which: ColumnElement[bool]) -> None:
    """Lock these households with all records of their families, by rising id: they put in one land."""
    records = select(Household.id).where(Household.id.in_(with_merged(heads_of(*which)))).order_by(Household.id)
    for _ in range(2):  # again, for whoever was merged while this waited
        session.execute(records.with_for_update())


def hold_the_land(
    session: Session, households: Sequence[Household], lands: Mapping[str, int], years: Collection[int]
) -> None:
    """In each of the years each family has the land that it puts in (tenths of a mu by household code).

    The land is what the record says that the others count for. What it leased out is part of it and taken; so is what
    is in contracts, of any of its records, that run in such a year. The caller holds the families' locks. Raises
    LandBeyondHolding, and FamilyLandBeyondHolding where that would tell of the land or the share of another record.
    """
    heads = _heads(session, households)
    used = land_used(session, {head.id for head in heads.values()})
    asked: dict[int, int] = defaultdict(int)
    for household in households:
        head = heads[household.id]
        asked[head.id] += lands[household.code]
        for year in years:
            if asked[head.id] > free_land(head) - used[head.id, year]:
                own = lands[household.code]
                if head is not household or asked[head.id] != own:
                    raise FamilyLandBeyondHolding(household=household.code, year=year, mu_tenths=own)
                raise LandBeyondHolding(
                    household=household.code, land_mu_tenths=head.land_mu_tenths,
                    leased_out_mu_tenths=head.leased_out_mu_tenths, year=year, mu_tenths=own,
                )  # fmt: skip


def _heads(session: Session, households: Sequence[Household]) -> dict[int, Household]:
    """The record that each household counts for, by its id: perhaps itself."""
    merged = (
        select(HouseholdAlias.household_id, Household)
        .join(Household, Household.id == HouseholdAlias.counts_for_id)
        .where(HouseholdAlias.household_id.in_([household.id for household in households]))
        .execution_options(populate_existing=True)
    )
    return {household.id: household for household in households} | dict(session.execute(merged).all())


def free_land(household: Household) -> int:
    """Tenths of a mu that a household has and did not lease out."""
    return household.land_mu_tenths - household.leased_out_mu_tenths


def hold_contracts(session: Session, household: Household, before: int, today: date) -> None:
    """A record that says less free land than `before` says what contracts hold of the family's, this year or later.

    That of a record that counts for another one is not the family's. The caller holds its lock. Raises LandPromised.
    """
    free = free_land(household)
    if free >= before or _heads(session, [household])[household.id] is not household:
        return
    for (_, year), tenths in sorted(land_used(session, {household.id}).items()):
        if year >= today.year and tenths > free:
            raise LandPromised(household=household.code, held_mu_tenths=tenths, free_mu_tenths=free, year=year)


def land_used(session: Session, families: Collection[int]) -> dict[tuple[int, int], int]:
    """Tenths of a mu that are in contracts as things stand, by id of the family and year; zero for any other year."""
    used: dict[tuple[int, int], int] = defaultdict(int)
    family = func.coalesce(HouseholdAlias.counts_for_id, GuaranteeLand.household_id)
    for family_id, tenths, first, last in session.execute(
        select(family, GuaranteeLand.mu_tenths, GuaranteeContract.from_year, LAST_YEAR)
        .join(GuaranteeContract, GuaranteeContract.id == GuaranteeLand.contract_id)
        .outerjoin(HouseholdAlias, HouseholdAlias.household_id == GuaranteeLand.household_id)
        .where(family.in_(families))
    ):
        for year in range(first, last + 1):
            used[family_id, year] += tenths
    return used


def locked_contract(session: Session, code: str) -> GuaranteeContract:
    """The contract, locked. Raises NotFoundError."""
    contract = session.scalar(select(GuaranteeContract).where(GuaranteeContract.code == code).with_for_update())
    if contract is None:
        raise NotFoundError(what=code)
    return contract


def last_year(session: Session, contract: GuaranteeContract) -> int:
    """The last year in which the contract runs as things stand. Raises ContractVoid."""
    last = session.execute(select(LAST_YEAR).where(GuaranteeContract.id == contract.id)).scalar_one()
    if not last:
        raise ContractVoid(contract=contract.code)
    return int(last)


def standing(session: Session, contract: GuaranteeContract) -> dict[tuple[int, GuaranteeKind], int]:
    """The positions of what the contract paid and was not made void, by year and kind."""
    of = GuaranteePayment
    rows = session.execute(
        select(of.year, of.kind, of.position).where(of.contract_id == contract.id, ~exists().where(IS_VOID)).distinct()
    )
    return {(year, kind): position for year, kind, position in rows}


def pay_guaranteed(
    session: Session, contract: GuaranteeContract, year: int, *, paid_on: date | None = None, actor_id: int | None,
    now: datetime,
) -> int:  # fmt: skip
    """Pay what is guaranteed for a year, whatever the year brought; returns fen. The caller holds the contract's lock.

    Each household gets its land times the promise, half up, on `paid_on`; None = today. Raises ContractVoid,
    NotInContract, PaidInTheFuture, PaidTooEarly, YearNotBegun, GuaranteePaid.
    """
    _must_run(session, contract, year)
    day = day_paid(paid_on, contract.signed_on, now=now)
    if year > day.year:
        raise YearNotBegun(year=year)
    if (year, GuaranteeKind.GUARANTEED) in standing(session, contract):
        raise GuaranteePaid(contract=contract.code, year=year)
    owed = {
        household_id: divide_half_up(tenths * contract.guaranteed_fen_per_mu, MU_TENTHS)
        for household_id, tenths in _lands(session, contract)
    }
    return _pay(session, contract, year, GuaranteeKind.GUARANTEED, 0, owed, day, actor_id, now)


def pay_second(
    session: Session, contract: GuaranteeContract, year: int, distributable_fen: int, *, paid_on: date | None = None,
    actor_id: int | None, now: datetime,
) -> int:  # fmt: skip
    """Pay `second_bp` of a past year's distributable profit by land, on top; returns fen. Holds the contract's lock.

    On `paid_on`, None = today: not before the guarantee. Raises ContractVoid, NotInContract, PaidInTheFuture,
    PaidTooEarly, YearNotOver, GuaranteedFirst, NoProfit, GuaranteePaid.
    """
    _must_run(session, contract, year)
    day = day_paid(paid_on, contract.signed_on, now=now)
    if year >= day.year:
        raise YearNotOver(year=year, day=str(day))
    paid = standing(session, contract)
    if (year, GuaranteeKind.GUARANTEED) not in paid:
        raise GuaranteedFirst(contract=contract.code, year=year)
    if (year, GuaranteeKind.SECOND) in paid:
        raise GuaranteePaid(contract=contract.code, year=year)
    day_paid(day, _guaranteed_on(session, contract, year), now=now)
    pool = part(distributable_fen, contract.second_bp)
    if pool <= 0:
        raise NoProfit(contract=contract.code, year=year)
    lands = _lands(session, contract)
    parts = split(pool, [tenths for _, tenths in lands])
    owed = {household_id: fen for (household_id, _), fen in zip(lands, parts, strict=True)}
    return _pay(session, contract, year, GuaranteeKind.SECOND, distributable_fen, owed, day, actor_id, now)


def _guaranteed_on(session: Session, contract: GuaranteeContract, year: int) -> date:
    """The day on which the guarantee of a year was paid that stands."""
    of = GuaranteePayment
    paid = select(func.max(of.paid_on)).where(
        of.contract_id == contract.id, of.year == year, of.kind == GuaranteeKind.GUARANTEED, ~exists().where(IS_VOID)
    )
    return session.execute(paid).scalar_one()


def _must_run(session: Session, contract: GuaranteeContract, year: int) -> None:
    if not contract.from_year <= year <= last_year(session, contract):
        raise NotInContract(contract=contract.code, year=year)


def _lands(session: Session, contract: GuaranteeContract) -> list[tuple[int, int]]:
    """(household id, tenths of a mu), by household code."""
    rows = session.execute(
        select(GuaranteeLand.household_id, GuaranteeLand.mu_tenths)
        .join(Household, Household.id == GuaranteeLand.household_id)
        .where(GuaranteeLand.contract_id == contract.id)
        .order_by(Household.code)
    )
    return [(household_id, tenths) for household_id, tenths in rows]


def _pay(
    session: Session, contract: GuaranteeContract, year: int, kind: GuaranteeKind, distributable_fen: int,
    owed: Mapping[int, int], day: date, actor_id: int | None, now: datetime,
) -> int:  # fmt: skip
    voids = select(func.count()).where(
        GuaranteeVoid.contract_id == contract.id, GuaranteeVoid.year == year, GuaranteeVoid.kind == kind
    )
    position = session.execute(voids).scalar_one() + 1
    payments = [
        GuaranteePayment(
            contract_id=contract.id, household_id=household_id, year=year, kind=kind, position=position,
            distributable_fen=distributable_fen, amount_fen=fen, paid_on=day, recorded_at=now,
        )
        for household_id, fen in owed.items()
        if fen
    ]  # fmt: skip
    session.add_all(payments)
    session.flush()
    total = sum(payment.amount_fen for payment in payments)
    record(
        session, contract, f"pay_{kind.value}", person_id=actor_id, now=now, facts={"year": year, "amount_fen": total}
    )
    book_events(session, "guarantee_payments", [payment.id for payment in payments], now=now)
    return total
