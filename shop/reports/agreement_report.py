"""Purchase agreements: signed, due and kept, who is behind, what is owed and comes. 签约 and 履约 stand apart."""

from collections.abc import Callable, Sequence
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    Subquery,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Role
from shop.agreements.models import Agreement, AgreementLine
from shop.agreements.queries import visible
from shop.catalog.models import Firm, Product
from shop.channels.models import Partner
from shop.kit.direct import Direct, Row, Together, together
from shop.kit.money import BP_WHOLE, divide_half_up
from shop.orders.errors import DayAhead
from shop.places.models import Township, Village
from shop.reports.agreement_facts import ALL, FIGURES, KEPT_BY_LINE, KEPT_BY_MONTH, OF_A_PAST_DAY, facts
from shop.reports.area import GIVEN_FIRMS, OfFirms, as_of, firms_of, sees_all
from shop.reports.jobs import REFRESH_AGREEMENTS
from shop.reports.paging import key_before
from shop.reports.wording import AGREEMENTS, SOURCE

AnySelect: TypeAlias = Select[*tuple[Any, ...]]
#: The rows of the report by their key, and its total.
Found: TypeAlias = tuple[dict[str, dict[str, Any]], dict[str, Any]]


#: The source of what was signed: the lines that promise something.
_SIGNED_FACTS = "agreement_lines"


class AgreementsBy(StrEnum):
    """What a row of the report is."""

    AGREEMENT = "agreement"
    BUYER = "buyer"
    FIRM = "firm"
    PRODUCT = "product"
    TOWNSHIP = "township"
    MONTH = "month"


def key_of(by: AgreementsBy, made: Subquery) -> tuple[Any, Any]:
    """Key and name of the row in which a fact counts: by month, that of its day."""
    match by:
        case AgreementsBy.AGREEMENT:
            return Agreement.code, Partner.name_zh
        case AgreementsBy.BUYER:
            return Partner.code, Partner.name_zh
        case AgreementsBy.FIRM:
            return Firm.code, Firm.name_zh
        case AgreementsBy.PRODUCT:
            return Product.sku, Product.name_zh
        case AgreementsBy.TOWNSHIP:
            return Township.code, Township.name_zh
        case AgreementsBy.MONTH:
            month = func.to_char(made.c.day, "YYYY-MM")
            return month, month


def signed_by(query: AnySelect, made: Subquery, day: Any) -> AnySelect:
    """Join facts to their agreements, of which only those signed by `day` are left, and to all that names them."""
    return (
        _of_signed(query, made, day)
        .join(Product, Product.id == AgreementLine.product_id)
        .join(Partner, Partner.id == Agreement.partner_id)
        .join(Firm, Firm.id == Agreement.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
    )


def _of_signed(query: AnySelect, made: Subquery, day: Any) -> AnySelect:
    return (
        query.select_from(made)
        .join(AgreementLine, AgreementLine.id == made.c.line_id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .where(Agreement.signed_on <= day)
    )


def signed_agreement(made: Subquery) -> ColumnElement[Any]:
    """The agreement of which a fact says that it was signed, else NULL: counted once however many lines it has."""
    return case((made.c.source == _SIGNED_FACTS, Agreement.id))


def not_ahead(day: date, today: date) -> None:
    """Raise DayAhead for a day to come: of it nothing is due, kept or short yet."""
    if day > today:
        raise DayAhead(day=str(day))


def _buys(actor: Actor) -> bool:
    """Whether he sees agreements as a buyer, perhaps beside those of a firm; who sees all sees them as that."""
    return actor.has(Role.BUYER) and not sees_all(actor)


def told_figures(actor: Actor, day: date, today: date) -> tuple[str, ...]:
    """The figures that are told. What is at risk follows from the firm's stock, and from who else waits for it."""
    return OF_A_PAST_DAY if day != today or _buys(actor) else FIGURES


def _own(session: Session, actor: Actor) -> list[int]:
    return list(session.scalars(visible(select(Agreement.id), actor)))


def agreements_report(
    session: Session, actor: Actor, by: AgreementsBy, day: date, language: str, *, today: date, limit: int,
    after: str | None,
) -> dict[str, Any]:  # fmt: skip
    """Signed, due, called off, dispatched, accepted, short and executed, up to `day` included; and where they stand.

    At most `limit` rows with a key above `after`, and after which key the page before these begins (`previous`); the
    total is always of all. By month every fact stands in the month
    of its day: the signature, the day of the schedule or of the call-off. What is at risk is told of today alone, and
    to no buyer. One statement. Raises DayAhead.
    """
    not_ahead(day, today)
    figures = told_figures(actor, day, today)
    own, firms = (_own(session, actor), None) if _buys(actor) else (None, firms_of(session, actor))
    with together(session, planned_once=True) as asked:
        told = ask_rows(asked, by, day, firms, figures) if own is None else _ask_listed(asked, by, day, own, figures)
        found, total = told()
    for row in (*found.values(), total):
        row.update(dict.fromkeys(set(FIGURES) - set(figures)))
    passed = [known for known in sorted(found) if after is not None and known <= after]
    later = [found[known] for known in sorted(found)[len(passed) :]]
    return {
        "by": by.value,
        "day": day,
        "as_of": as_of(session, REFRESH_AGREEMENTS.name),
        "source": SOURCE.in_(language),
        "basis": AGREEMENTS.in_(language),
        "items": later[:limit],
        "next": later[limit - 1]["key"] if len(later) > limit else None,
        "previous": key_before(passed, limit),
        "total": {figure: value for figure, value in total.items() if figure not in ("key", "name")},
    }


def ask_rows(
    asked: Together, by: AgreementsBy, day: date, firms: Sequence[int] | None, figures: tuple[str, ...] = FIGURES
) -> Callable[[], Found]:
    """The rows of the report with these figures, together with what else is asked; of `firms`, None = of all."""
    rows = _statement(by, figures).ask(asked, {"day": day}, firms)
    return lambda: _found(rows(), figures)


def _ask_listed(
    asked: Together, by: AgreementsBy, day: date, agreements: list[int], figures: tuple[str, ...]
) -> Callable[[], Found]:
    """The same of some agreements."""
    rows = asked.ask(_of_listed(by, figures), {"day": day, "agreements": agreements})
    return lambda: _found(rows(), figures)


@cache
def _of_listed(by: AgreementsBy, figures: tuple[str, ...]) -> Direct:
    return Direct.of(_query(by, figures, "SELECT unnest(CAST(:agreements AS bigint[])) AS id"))


def _found(rows: list[Row], figures: tuple[str, ...]) -> Found:
    told = ("agreements", *figures)
    found = {}
    for key, name, *values in rows:
        row = dict(zip(told, values, strict=True))
        found[key] = {"key": key, "name": name, **row, "rate_bp": rate_bp(row)}
    return found, found.pop(None)


@cache
def _statement(by: AgreementsBy, figures: tuple[str, ...]) -> OfFirms:
    """Planning it takes longer than running it: so it is prepared."""
    of_given = f"SELECT id FROM agreements WHERE firm_id = ANY({GIVEN_FIRMS})"
    return OfFirms(Direct.of(_query(by, figures)), Direct.of(_query(by, figures, of_given)))


def _query(by: AgreementsBy, figures: tuple[str, ...], of: str = ALL) -> AnySelect:
    """The rows of the report and its total. Facts are added by line first, except by month."""
    day: Any = bindparam("day", type_=Date)
    none: Any = literal_column("()")
    if by is AgreementsBy.MONTH:
        made = facts(None, KEPT_BY_MONTH, figures, of=of)
        month, name = key_of(by, made)
        query = select(month.label("key"), name.label("name"), func.count(signed_agreement(made).distinct()))
        query = _of_signed(query, made, day).group_by(func.grouping_sets(none, made.c.day))
    else:
        each = facts(None, KEPT_BY_LINE, figures, of=of)
        sums = (func.sum(each.c[figure]).label(figure) for figure in figures)
        signed = func.bool_or(each.c.source == _SIGNED_FACTS).label("signed")
        made = select(each.c.line_id, signed, *sums).group_by(each.c.line_id).subquery("lines")
        key, name = key_of(by, made)
        query = select(
            key.label("key"), func.max(name).label("name"), func.count(Agreement.id.distinct()).filter(made.c.signed)
        )
        query = signed_by(query, made, day).group_by(func.grouping_sets(none, key))
    return query.add_columns(*(cast(func.coalesce(func.sum(made.c[figure]), 0), BigInteger) for figure in figures))


def rate_bp(figures: dict[str, int]) -> int | None:
    """Accepted of due, in basis points; None while nothing is due."""
    return divide_half_up(figures["accepted_g"] * BP_WHOLE, figures["due_g"]) if figures["due_g"] else None
