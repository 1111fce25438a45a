"""Reading guarantee contracts: firm and county all of one, a household its own land and what it was paid."""

from collections import defaultdict
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Role, scope
from shop.catalog.models import Firm
from shop.farmers.models import Household
from shop.farmers.queries import of_family
from shop.income.guarantees import IS_VOID, LAST_YEAR
from shop.income.models import (
    GuaranteeContract,
    GuaranteeEnding,
    GuaranteeKind,
    GuaranteeLand,
    GuaranteePayment,
    GuaranteeVoid,
    IncomeEntry,
)

_AS_SIGNED = (
    "id", "code", "guaranteed_fen_per_mu", "second_bp", "from_year", "to_year", "signed_on", "document",
)  # fmt: skip


def contracts(
    session: Session, actor: Actor, *, today: date, limit: int, before_id: int | None = None, code: str | None = None
) -> list[dict[str, Any]]:
    """Contracts that the reader sees with what they paid, newest first. A household sees its family's land only.

    `last_year`: in which it runs as things stand; None = it is void. `endings` say how that came, `voided` what was
    paid and taken back. `unpaid_years`: years that are over and whose guarantee is owed. Four statements.
    """
    mine = (
        select(GuaranteeLand.contract_id)
        .join(Household, Household.id == GuaranteeLand.household_id)
        .where(of_family(actor, Household.id))
    )
    whole = scope(actor, {Role.OPERATOR: ALL, Role.FIRM_STAFF: Firm.party_id})
    query = (
        select(GuaranteeContract, Firm.code, whole.label("whole"), LAST_YEAR.label("last_year"))
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
    ids = [contract.id for contract, *_ in found]
    seen = or_(GuaranteeLand.contract_id.in_([contract.id for contract, _, all_, _ in found if all_]),
               of_family(actor, Household.id))  # fmt: skip
    lands: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for contract_id, household, tenths in session.execute(
        select(GuaranteeLand.contract_id, Household.code, GuaranteeLand.mu_tenths)
        .join(Household, Household.id == GuaranteeLand.household_id)
        .where(GuaranteeLand.contract_id.in_(ids), seen)
        .order_by(Household.code)
    ):
        lands[contract_id].append({"household": household, "mu_tenths": tenths})
    paid: dict[int, list[dict[str, Any]]] = defaultdict(list)
    voided: dict[int, list[dict[str, Any]]] = defaultdict(list)
    one = (GuaranteePayment.contract_id, GuaranteePayment.year, GuaranteePayment.kind, GuaranteePayment.position)
    void = (GuaranteeVoid.reason, GuaranteeVoid.by_county, GuaranteeVoid.recorded_at)
    taken_back = (IncomeEntry.source_type == "guarantee_voids") & (IncomeEntry.source_id == GuaranteePayment.id)
    for contract_id, year, kind, _, reason, by_county, at, fen, month in session.execute(
        select(*one, *void, func.sum(GuaranteePayment.amount_fen), func.min(IncomeEntry.month))
        .join(GuaranteeLand, (GuaranteeLand.contract_id == GuaranteePayment.contract_id)
                             & (GuaranteeLand.household_id == GuaranteePayment.household_id))
        .join(Household, Household.id == GuaranteePayment.household_id)
        .outerjoin(GuaranteeVoid, IS_VOID)
        .outerjoin(IncomeEntry, taken_back)
        .where(GuaranteePayment.contract_id.in_(ids), seen)
        .group_by(*one, *void)
        .order_by(*one)
    ):  # fmt: skip
        payment = {"year": year, "kind": kind.value, "amount_fen": int(fen)}
        if reason is None:
            paid[contract_id].append(payment)
        else:
            voided[contract_id].append(
                payment | {"reason": reason, "by_county": by_county, "recorded_at": at, "month": month}
            )
    endings: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for ending in session.scalars(
        select(GuaranteeEnding).where(GuaranteeEnding.contract_id.in_(ids)).order_by(GuaranteeEnding.position)
    ):
        endings[ending.contract_id].append(
            {
                "last_year": ending.last_year or None, "document": ending.document, "reason": ending.reason,
                "by_county": ending.by_county, "recorded_at": ending.recorded_at,
            }
        )  # fmt: skip
    return [
        {name: getattr(contract, name) for name in _AS_SIGNED}
        | {
            "firm": firm, "last_year": last or None, "lands": lands[contract.id], "paid": paid[contract.id],
            "voided": voided[contract.id], "endings": endings[contract.id],
            "unpaid_years": sorted(
                set(range(contract.from_year, min(last, today.year - 1) + 1))
                - {row["year"] for row in paid[contract.id] if row["kind"] == GuaranteeKind.GUARANTEED}
            ),
        }
        for contract, firm, _, last in found
    ]  # fmt: skip
