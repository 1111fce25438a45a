"""保底收益+二次分红: a guaranteed amount for land each year, and a part of the profit on top. Rules: docs/income.md."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Role, scope
from shop.catalog.models import Firm
from shop.farmers.models import Household, Membership
from shop.income.actions import book_events
from shop.income.errors import (
    ContractCodeTaken,
    GuaranteedFirst,
    GuaranteePaid,
    LandBeyondHolding,
    NoProfit,
    NotInContract,
    SignedInTheFuture,
    YearNotBegun,
    YearNotOver,
)
from shop.income.models import GuaranteeContract, GuaranteeKind, GuaranteeLand, GuaranteePayment
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.kit.money import divide_half_up, part, split
from shop.kit.states import record

MU_TENTHS = 10


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

    Locks the households by rising id: their land is in no other contract of these years. Raises ContractCodeTaken,
    SignedInTheFuture, LandBeyondHolding, and NotFoundError for a household that has nothing to do with the firm.
    """
    if promise.signed_on > beijing_day(now):
        raise SignedInTheFuture(day=str(promise.signed_on))
    if session.scalar(select(GuaranteeContract.id).where(GuaranteeContract.code == code)):
        raise ContractCodeTaken(contract=code)
    found = session.scalars(
        select(Household)
        .join(Membership, Membership.household_id == Household.id)
        .where(Household.code.in_(lands), Membership.firm_id == firm.id)
        .order_by(Household.id)
        .with_for_update(of=Household)
    ).all()
    known = {household.code: household.id for household in found}
    for household in sorted(set(lands) - set(known)):
        raise NotFoundError(what=household)
    _hold_the_land(session, found, lands, promise)
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


def _hold_the_land(
    session: Session, households: Sequence[Household], lands: Mapping[str, int], promise: Promise
) -> None:
    """In every year of the promise each household has the land that it puts in. Raises LandBeyondHolding."""
    used: dict[tuple[int, int], int] = defaultdict(int)
    for household_id, tenths, first, last in session.execute(
        select(
            GuaranteeLand.household_id, GuaranteeLand.mu_tenths, GuaranteeContract.from_year, GuaranteeContract.to_year
        )
        .join(GuaranteeContract, GuaranteeContract.id == GuaranteeLand.contract_id)
        .where(GuaranteeLand.household_id.in_([household.id for household in households]))
    ):
        for year in range(first, last + 1):
            used[household_id, year] += tenths
    for household in households:
        for year in range(promise.from_year, promise.to_year + 1):
            if used[household.id, year] + lands[household.code] > household.land_mu_tenths:
                raise LandBeyondHolding(
                    household=household.code, land_mu_tenths=household.land_mu_tenths, year=year,
                    mu_tenths=lands[household.code],
                )  # fmt: skip


def locked_contract(session: Session, code: str) -> GuaranteeContract:
    """The contract, locked. Raises NotFoundError."""
    contract = session.scalar(select(GuaranteeContract).where(GuaranteeContract.code == code).with_for_update())
    if contract is None:
        raise NotFoundError(what=code)
    return contract


def pay_guaranteed(
    session: Session, contract: GuaranteeContract, year: int, *, actor_id: int | None, now: datetime
) -> int:
    """Pay what is guaranteed for a year, whatever the year brought; returns fen. The caller holds the contract's lock.

    Each household gets its land times the promise, half up. Raises NotInContract, YearNotBegun,
    GuaranteePaid.
    """
    _must_run(contract, year)
    if year > beijing_day(now).year:
        raise YearNotBegun(year=year)
    if _paid(session, contract, year, GuaranteeKind.GUARANTEED):
        raise GuaranteePaid(contract=contract.code, year=year)
    owed = {
        household_id: divide_half_up(tenths * contract.guaranteed_fen_per_mu, MU_TENTHS)
        for household_id, tenths in _lands(session, contract)
    }
    return _pay(session, contract, year, GuaranteeKind.GUARANTEED, 0, owed, actor_id, now)


def pay_second(
    session: Session, contract: GuaranteeContract, year: int, distributable_fen: int, *, actor_id: int | None,
    now: datetime,
) -> int:  # fmt: skip
    """Pay `second_bp` of a past year's distributable profit by land, on top; returns fen. Holds the contract's lock.

    Raises NotInContract, YearNotOver, GuaranteedFirst, NoProfit, GuaranteePaid.
    """
    _must_run(contract, year)
    if year >= beijing_day(now).year:
        raise YearNotOver(year=year)
    if not _paid(session, contract, year, GuaranteeKind.GUARANTEED):
        raise GuaranteedFirst(contract=contract.code, year=year)
    if _paid(session, contract, year, GuaranteeKind.SECOND):
        raise GuaranteePaid(contract=contract.code, year=year)
    pool = part(distributable_fen, contract.second_bp)
    if pool <= 0:
        raise NoProfit(contract=contract.code, year=year)
    lands = _lands(session, contract)
    parts = split(pool, [tenths for _, tenths in lands])
    owed = {household_id: fen for (household_id, _), fen in zip(lands, parts, strict=True)}
    return _pay(session, contract, year, GuaranteeKind.SECOND, distributable_fen, owed, actor_id, now)


def _must_run(contract: GuaranteeContract, year: int) -> None:
    if not contract.from_year <= year <= contract.to_year:
        raise NotInContract(contract=contract.code, year=year)


def _paid(session: Session, contract: GuaranteeContract, year: int, kind: GuaranteeKind) -> bool:
    return bool(
        session.scalar(
            select(GuaranteePayment.id)
            .where(
                GuaranteePayment.contract_id == contract.id, GuaranteePayment.year == year,
                GuaranteePayment.kind == kind,
            )
            .limit(1)
        )
    )  # fmt: skip


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
    owed: Mapping[int, int], actor_id: int | None, now: datetime,
) -> int:  # fmt: skip
    payments = [
        GuaranteePayment(
            contract_id=contract.id, household_id=household_id, year=year, kind=kind,
            distributable_fen=distributable_fen, amount_fen=fen, paid_on=beijing_day(now), recorded_at=now,
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


def contracts(
    session: Session, actor: Actor, *, today: date, limit: int, before_id: int | None = None, code: str | None = None
) -> list[dict[str, Any]]:
    """Contracts that the reader sees with what they paid, newest first. A household sees its own land only.

    `unpaid_years`: years that are over and whose guarantee is not paid. Three statements.
    """
    mine = (
        select(GuaranteeLand.contract_id)
        .join(Household, Household.id == GuaranteeLand.household_id)
        .where(scope(actor, {Role.HOUSEHOLD: Household.party_id}))
    )
    whole = scope(actor, {Role.OPERATOR: ALL, Role.FIRM_STAFF: Firm.party_id})
    query = (
        select(GuaranteeContract, Firm.code, whole.label("whole"))
        .join(Firm, Firm.id == GuaranteeContract.firm_id)
        .where(or_(whole, GuaranteeContract.id.in_(mine)))
        .order_by(GuaranteeContract.id.desc())
        .limit(limit)
    )
    if before_id is not None:
        query = query.where(GuaranteeContract.id < before_id)
    if code is not None:
        query = query.where(GuaranteeContract.code == code)
    found = session.execute(query).all()
    ids = [contract.id for contract, _, _ in found]
    seen = or_(GuaranteeLand.contract_id.in_([contract.id for contract, _, all_ in found if all_]),
               scope(actor, {Role.HOUSEHOLD: Household.party_id}))  # fmt: skip
    lands: dict[int, list[dict[str, Any]]] = {}
    for contract_id, household, tenths in session.execute(
        select(GuaranteeLand.contract_id, Household.code, GuaranteeLand.mu_tenths)
        .join(Household, Household.id == GuaranteeLand.household_id)
        .where(GuaranteeLand.contract_id.in_(ids), seen)
        .order_by(Household.code)
    ):
        lands.setdefault(contract_id, []).append({"household": household, "mu_tenths": tenths})
    paid: dict[int, list[dict[str, Any]]] = {}
    for contract_id, year, kind, fen in session.execute(
        select(
            GuaranteePayment.contract_id, GuaranteePayment.year, GuaranteePayment.kind,
            func.sum(GuaranteePayment.amount_fen),
        )
        .join(GuaranteeLand, (GuaranteeLand.contract_id == GuaranteePayment.contract_id)
                             & (GuaranteeLand.household_id == GuaranteePayment.household_id))
        .join(Household, Household.id == GuaranteePayment.household_id)
        .where(GuaranteePayment.contract_id.in_(ids), seen)
        .group_by(GuaranteePayment.contract_id, GuaranteePayment.year, GuaranteePayment.kind)
        .order_by(GuaranteePayment.year, GuaranteePayment.kind)
    ):  # fmt: skip
        paid.setdefault(contract_id, []).append({"year": year, "kind": kind.value, "amount_fen": int(fen)})
    return [
        {
            "id": contract.id, "code": contract.code, "firm": firm,
            "guaranteed_fen_per_mu": contract.guaranteed_fen_per_mu, "second_bp": contract.second_bp,
            "from_year": contract.from_year, "to_year": contract.to_year, "signed_on": contract.signed_on,
            "document": contract.document, "lands": lands.get(contract.id, []), "paid": paid.get(contract.id, []),
            "unpaid_years": sorted(
                set(range(contract.from_year, min(contract.to_year, today.year - 1) + 1))
                - {row["year"] for row in paid.get(contract.id, []) if row["kind"] == GuaranteeKind.GUARANTEED}
            ),
        }
        for contract, firm, _ in found
    ]  # fmt: skip
