"""Guarantee contracts undone: a payment made void, a contract that was keyed wrong, one that both sides end early.

Nothing is taken off: each is a row of its own, with its reason. Rules: docs/income.md.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.farmers.models import Household
from shop.income.actions import book_events
from shop.income.errors import (
    EndingStands,
    GuaranteeUnpaid,
    LastYearOutside,
    PaidAfterwards,
    PaymentsStand,
    SecondShareStands,
)
from shop.income.guarantees import IS_VOID, hold_the_land, last_year, lock_families, standing
from shop.income.models import (
    GuaranteeContract,
    GuaranteeEnding,
    GuaranteeKind,
    GuaranteeLand,
    GuaranteePayment,
    GuaranteeVoid,
)
from shop.kit.states import record

#: What a payment is called, in Chinese and in English.
_CALLED = {GuaranteeKind.GUARANTEED: ("保底收益", "guarantee"), GuaranteeKind.SECOND: ("二次分红", "second share")}


def void_payment(
    session: Session, contract: GuaranteeContract, year: int, kind: GuaranteeKind, reason: str, *, by_county: bool,
    actor_id: int | None, now: datetime,
) -> int:  # fmt: skip
    """Take back what a year's guarantee or second share paid to every household; returns fen. It may be paid anew.

    It stays as it was: each household's entry is taken back by one that names it, in the payment's month while that is
    open, else in the open one. The caller holds the contract's lock. Raises GuaranteeUnpaid, SecondShareStands.
    """
    paid = standing(session, contract)
    if (year, kind) not in paid:
        kind_zh, kind_en = _CALLED[kind]
        raise GuaranteeUnpaid(contract=contract.code, year=year, kind_zh=kind_zh, kind_en=kind_en)
    if kind is GuaranteeKind.GUARANTEED and (year, GuaranteeKind.SECOND) in paid:
        raise SecondShareStands(contract=contract.code, year=year)
    void = GuaranteeVoid(
        contract_id=contract.id, year=year, kind=kind, position=paid[year, kind], reason=reason, by_county=by_county,
        recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(void)
    session.flush()
    payments = session.execute(
        select(GuaranteePayment.id, GuaranteePayment.amount_fen)
        .join(GuaranteeVoid, IS_VOID)
        .where(
            GuaranteeVoid.contract_id == contract.id, GuaranteeVoid.year == year, GuaranteeVoid.kind == kind,
            GuaranteeVoid.position == void.position,
        )
    ).all()  # fmt: skip
    total = sum(fen for _, fen in payments)
    facts: dict[str, object] = {"year": year, "amount_fen": total}
    record(session, contract, f"void_{kind.value}", person_id=actor_id, now=now, facts=facts, reason=reason)
    book_events(session, "guarantee_voids", [payment_id for payment_id, _ in payments], now=now)
    return total


def void_contract(
    session: Session, contract: GuaranteeContract, reason: str, *, by_county: bool, actor_id: int | None, now: datetime
) -> GuaranteeEnding:
    """Say that a contract was keyed wrong: it stays readable, holds no land and owes nothing, for good.

    The caller holds the contract's lock. Raises ContractVoid, PaymentsStand.
    """
    last_year(session, contract)
    years = sorted({year for year, _ in standing(session, contract)})
    if years:
        raise PaymentsStand(contract=contract.code, years=", ".join(map(str, years)))
    ending = _end(session, contract, 0, None, reason, by_county, actor_id, now)
    record(session, contract, "void", person_id=actor_id, now=now, reason=reason)
    return ending


def end_contract(
    session: Session, contract: GuaranteeContract, last: int, document: str, reason: str, *, by_county: bool,
    actor_id: int | None, now: datetime,
) -> GuaranteeEnding:  # fmt: skip
    """Let a contract end with the year `last`, as both sides agreed by the paper in `document`.

    Years after it are neither owed nor hold land. The year before the first: it never ran. Said again it is corrected,
    up to the last year that was signed, where the land is free for the years that come back: their families are
    locked by rising id. The caller holds the contract's lock. Raises ContractVoid, LastYearOutside, EndingStands,
    PaidAfterwards, LandBeyondHolding, FamilyLandBeyondHolding.
    """
    before, earliest = last_year(session, contract), contract.from_year - 1
    if not earliest <= last <= contract.to_year:
        raise LastYearOutside(contract=contract.code, earliest=earliest, latest=contract.to_year)
    if last == before:
        raise EndingStands(contract=contract.code, last_year=last)
    paid = max((year for year, _ in standing(session, contract)), default=last)
    if paid > last:
        raise PaidAfterwards(contract=contract.code, year=paid, last_year=last)
    if last > before:
        of_it = select(GuaranteeLand.household_id).where(GuaranteeLand.contract_id == contract.id)
        lock_families(session, Household.id.in_(of_it))
        lands = session.execute(
            select(Household, GuaranteeLand.mu_tenths)
            .join(GuaranteeLand, GuaranteeLand.household_id == Household.id)
            .where(GuaranteeLand.contract_id == contract.id)
            .order_by(Household.id)
            .execution_options(populate_existing=True)
        ).all()
        own = {household.code: tenths for household, tenths in lands}
        hold_the_land(session, [household for household, _ in lands], own, range(before + 1, last + 1))
    ending = _end(session, contract, last, document, reason, by_county, actor_id, now)
    facts: dict[str, object] = {"last_year": last, "document": document}
    record(session, contract, "end", person_id=actor_id, now=now, facts=facts, reason=reason)
    return ending


def _end(
    session: Session, contract: GuaranteeContract, last: int, document: str | None, reason: str, by_county: bool,
    actor_id: int | None, now: datetime,
) -> GuaranteeEnding:  # fmt: skip
    endings = select(func.count()).where(GuaranteeEnding.contract_id == contract.id)
    ending = GuaranteeEnding(
        contract_id=contract.id, position=session.execute(endings).scalar_one() + 1, last_year=last, document=document,
        reason=reason, by_county=by_county, recorded_by_id=actor_id, recorded_at=now,
    )  # fmt: skip
    session.add(ending)
    session.flush()
    return ending
