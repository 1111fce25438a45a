"""Purchase agreements: what was signed, what was due, what was kept. 签约 and 履约 stand apart."""

from collections import defaultdict
from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Date, Select, Subquery, cast, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shop.access.guard import Actor
from shop.agreements.models import Agreement, AgreementLine, AgreementStatus
from shop.catalog.models import Firm, Product
from shop.channels.models import Partner
from shop.kit.money import BP_WHOLE, divide_half_up
from shop.places.models import Township, Village
from shop.reports.agreement_standing import NAMES, RAW, raw_standing, standing
from shop.reports.area import area, as_of
from shop.reports.jobs import REFRESH_AGREEMENTS
from shop.reports.models import AgreementRollup
from shop.reports.wording import AGREEMENTS, SOURCE

AnySelect: TypeAlias = Select[*tuple[Any, ...]]

SIGNED = ("agreements", "signed_g", "signed_fen")
KEPT = ("due_g", "called_g", "dispatched_g", "accepted_g", "refused_g", "executed_fen", "shortfall_g")

#: The contract value of a line at its floor price, half up, as `kit.money.price_of` has it.
_VALUE: ColumnElement[int] = literal_column(
    "(agreement_lines.committed_g * agreement_lines.floor_fen_per_kg * 2 + 1000) / 2000"
)
_ROLLED = ("due_g", "called_g", "dispatched_g", "accepted_g", "refused_g", "executed_fen")


class AgreementsBy(StrEnum):
    """What a row of the report is."""

    AGREEMENT = "agreement"
    BUYER = "buyer"
    FIRM = "firm"
    PRODUCT = "product"
    TOWNSHIP = "township"
    MONTH = "month"


_KEYS: dict[AgreementsBy, tuple[InstrumentedAttribute[str], InstrumentedAttribute[str]]] = {
    AgreementsBy.AGREEMENT: (Agreement.code, Partner.name_zh),
    AgreementsBy.BUYER: (Partner.code, Partner.name_zh),
    AgreementsBy.FIRM: (Firm.code, Firm.name_zh),
    AgreementsBy.PRODUCT: (Product.sku, Product.name_zh),
    AgreementsBy.TOWNSHIP: (Township.code, Township.name_zh),
}


def agreements_report(
    session: Session, actor: Actor, by: AgreementsBy, day: date, language: str, *, limit: int, after: str | None
) -> dict[str, Any]:
    """Signed, due, called off, dispatched, accepted, short and executed, up to `day` included; and where they stand.

    At most `limit` rows with a key above `after`; the total is always of all. By month, what was signed stands in the
    month of signing and what was due and kept in the month it was due; who is behind and what is owed has no month.
    """
    lines = _lines(session, actor, by, day)
    if by is AgreementsBy.MONTH:
        found = [row | dict.fromkeys(NAMES) for row in _by_month(session, actor, day)]
    else:
        by_key: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for line in lines:
            by_key[line["key"], line["name"]].append(line)
        found = [{"key": key, "name": name, **_sums(by_key[key, name])} for key, name in sorted(by_key)]
    later = [row for row in found if after is None or row["key"] > after]
    return {
        "by": by.value,
        "day": day,
        "as_of": as_of(session, REFRESH_AGREEMENTS.name),
        "source": SOURCE.in_(language),
        "basis": AGREEMENTS.in_(language),
        "items": later[:limit],
        "next": later[limit - 1]["key"] if len(later) > limit else None,
        "total": _sums(lines),
    }


def _kept(day: date, *, monthly: bool) -> Subquery:
    """Figures of each line (and month) up to `day`, its own shortfall among them."""
    keys: list[Any] = [AgreementRollup.line_id]
    if monthly:
        keys.append(cast(func.date_trunc("month", AgreementRollup.due_on), Date).label("month"))
    sums = {name: func.sum(getattr(AgreementRollup, name)) for name in _ROLLED}
    return (
        select(
            *keys,
            *(total.label(name) for name, total in sums.items()),
            func.greatest(sums["due_g"] - sums["accepted_g"], 0).label("shortfall_g"),
        )
        .where(AgreementRollup.due_on <= day)
        .group_by(*keys)
        .subquery()
    )


def _signed(query: AnySelect, actor: Actor, day: date) -> AnySelect:
    """Restrict lines to agreements signed by `day` that the reader may see."""
    return (
        query.select_from(AgreementLine)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .join(Partner, Partner.id == Agreement.partner_id)
        .join(Firm, Firm.id == Agreement.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(Agreement.status != AgreementStatus.DRAFT, Agreement.signed_on <= day, area(actor))
    )


_SIGNED_SUMS = (
    func.count(Agreement.id.distinct()),
    func.coalesce(func.sum(AgreementLine.committed_g), 0),
    func.coalesce(func.sum(_VALUE), 0),
)


def _kept_sums(kept: Subquery) -> list[Any]:
    return [func.coalesce(func.sum(kept.c[name]), 0) for name in KEPT]


def _lines(session: Session, actor: Actor, by: AgreementsBy, day: date) -> list[dict[str, Any]]:
    """Each line with its key, what was signed and kept of it and where it stands: one statement."""
    key, name = _KEYS.get(by, _KEYS[AgreementsBy.AGREEMENT])
    kept, raw = _kept(day, monthly=False), raw_standing(day)
    query = _signed(
        select(
            key.label("key"), name.label("name"), Agreement.id.label("agreement_id"), AgreementLine.committed_g,
            AgreementLine.floor_fen_per_kg, _VALUE.label("signed_fen"), Agreement.tolerance_bp, Agreement.penalty_bp,
            Agreement.buyer_penalty_bp,
            *(func.coalesce(kept.c[figure], 0).label(figure) for figure in KEPT),
            *(func.coalesce(raw.c[figure], 0).label(figure) for figure in RAW),
        ),
        actor,
        day,
    )  # fmt: skip
    rows = session.execute(
        query.outerjoin(kept, kept.c.line_id == AgreementLine.id).outerjoin(raw, raw.c.line_id == AgreementLine.id)
    )
    return [
        {
            "key": row.key,
            "name": row.name,
            "agreement_id": row.agreement_id,
            "signed_g": row.committed_g,
            "signed_fen": row.signed_fen,
            **{figure: int(getattr(row, figure)) for figure in KEPT},
            **standing(row),
        }
        for row in rows
    ]


def _sums(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What lines add up to; an agreement counts once however many lines it has."""
    summed = {figure: sum(line[figure] for line in lines) for figure in (*SIGNED[1:], *KEPT, *NAMES)}
    return _with_rate({"agreements": len({line["agreement_id"] for line in lines}), **summed})


def _by_month(session: Session, actor: Actor, day: date) -> list[dict[str, Any]]:
    month = cast(func.date_trunc("month", Agreement.signed_on), Date)
    signed = session.execute(_signed(select(month, *_SIGNED_SUMS), actor, day).group_by(month))
    kept = _kept(day, monthly=True)
    joined = _signed(select(kept.c.month, *_kept_sums(kept)), actor, day)
    due = session.execute(joined.join(kept, kept.c.line_id == AgreementLine.id).group_by(kept.c.month))
    rows: dict[date, dict[str, Any]] = {}
    for names, found in ((SIGNED, signed), (KEPT, due)):
        for row in found:
            figures = rows.setdefault(row[0], dict.fromkeys(SIGNED + KEPT, 0))
            figures.update(zip(names, map(int, row[1:]), strict=True))
    return [_with_rate({"key": f"{start:%Y-%m}", "name": f"{start:%Y-%m}", **rows[start]}) for start in sorted(rows)]


def _with_rate(row: dict[str, Any]) -> dict[str, Any]:
    """Accepted of due, in basis points; None while nothing is due."""
    due = row["due_g"]
    return {**row, "rate_bp": divide_half_up(row["accepted_g"] * BP_WHOLE, due) if due else None}
