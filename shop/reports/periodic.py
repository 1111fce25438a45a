"""The manager's periodic report: what was sold, by whom, through whom, and whom it reached, over four spans.

Sales by channel, township, firm and product come from one rollup, so that they add up to the same; by partner and
session they come from the orders of the days. What a figure means is said in `docs/reports.md` and in the report.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.catalog.models import Firm, Product
from shop.channels.models import Channel, Occasion, OccasionKind, Partner, PartnerKind
from shop.farmers.models import Household, HouseholdAlias
from shop.income.models import IncomeEntry
from shop.kit.clock import BEIJING, beijing_day, month_of
from shop.kit.money import BP_WHOLE, divide_half_up
from shop.orders.models import Order, OrderLine, OrderStatus, PaymentTerms, PriceBasis
from shop.places.models import Township, TownshipKind, Village
from shop.reports.agreement_report import AgreementsBy, agreements_report
from shop.reports.area import area, as_of, sees_households, township_area
from shop.reports.columns import BY_ROW, Column
from shop.reports.gain import gain
from shop.reports.income_report import FEW, Months
from shop.reports.jobs import REFRESH_AGREEMENTS, REFRESH_INCOME, REFRESH_SALES
from shop.reports.models import IncomeRollup, ProductSalesRollup, SalesRollup
from shop.reports.periods import NAMES_ZH, Every, Span, Spans, spans_of, title_zh
from shop.reports.wording import PERIODIC, SOURCES, TAX

AnySelect: TypeAlias = Select[*tuple[Any, ...]]

SPANS_ZH = {"day": "当日", "period": "本期", "cumulative": "本年累计", "last_year": "上年同期"}
#: Products in the two lists of the best sold.
TOP = 20
#: Agreements in a report.
MOST_AGREEMENTS = 100
#: 干部帮销 is shown by classes of orders brought in the year so far, never by person and never as a ranking.
CLASSES = ((50, "50 单及以上"), (10, "10 至 49 单"), (1, "1 至 9 单"))

_NET = case(
    (Order.payment_terms == PaymentTerms.ON_INVOICE, func.coalesce(OrderLine.accepted_fen, OrderLine.amount_fen)),
    else_=OrderLine.amount_fen - OrderLine.refunded_fen,
)
_SOLD = {"net_fen": ProductSalesRollup.net_fen, "weight_g": ProductSalesRollup.weight_g}
_FIGURES = ("orders", "net_fen", "weight_g")


def periodic(session: Session, actor: Actor, every: Every, on: date, *, now: datetime) -> dict[str, Any]:
    """The report of the period around `on`, for the reader's own area, as of `now`."""
    spans = spans_of(every, on, today=beijing_day(now))
    sections = [
        _summary(session, actor, spans),
        _channels(session, actor, spans),
        _townships(session, actor, spans),
        *_partners(session, actor, spans),
        _firms(session, actor, spans),
        *_products(session, actor, spans),
        _sessions(session, actor, spans),
        _agreements(session, actor, spans.period.last),
        _receivables(session, actor, beijing_day(now)),
    ]
    if sees_households(actor):
        sections[3:3] = [_households(session, actor, spans)]
    return {
        "every": every.value,
        "title": title_zh(every, spans.period),
        "name": NAMES_ZH[every],
        **{name: {"from": span.first, "to": span.last} for name, span in spans.named()},
        "cut_off": now.astimezone(BEIJING),
        "as_of": as_of(session, REFRESH_SALES.name, REFRESH_INCOME.name, REFRESH_AGREEMENTS.name),
        "over": beijing_day(now) > spans.period.last,
        "tax": TAX.in_("zh"),
        "basis": PERIODIC.in_("zh"),
        "sources": SOURCES.in_("zh"),
        "gain": _gain(session, actor, every, spans, now),
        "sections": sections,
    }


def _gain(session: Session, actor: Actor, every: Every, spans: Spans, now: datetime) -> dict[str, Any] | None:
    """户均增收 of the year so far: in a monthly report, whose months are whole."""
    if every is not Every.MONTH:
        return None
    return gain(session, actor, Months(spans.cumulative.first, month_of(spans.period.first)), "zh", now=now)


def _spanned(titles: dict[str, tuple[str, str]]) -> list[Column]:
    """For each figure its four spans; then the change of the first."""
    columns = [
        Column(f"{SPANS_ZH[span]}{title}", f"{span}_{name}", unit)
        for name, (title, unit) in titles.items()
        for span in SPANS_ZH
    ]
    return [*columns, Column("同比", "change_bp", "bp")]


SALES = {"net_fen": ("销售额", "fen"), "weight_g": ("重量", "g"), "orders": ("订单", "count")}


def _section(
    code: str, title: str, columns: Iterable[Column], rows: list[dict[str, Any]], total: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "code": code,
        "title": title,
        "columns": [{"title": column.title, "path": column.path, "measure": column.unit} for column in columns],
        "rows": rows,
        "total": total,
    }


def _within(day: Any, span: Span) -> ColumnElement[bool]:
    return day.between(span.first, span.last)


def _ever(day: Any, spans: Spans) -> ColumnElement[bool]:
    return or_(_within(day, spans.this_year), _within(day, spans.last_year))


def _sums(day: Any, spans: Spans, figures: dict[str, Any]) -> list[ColumnElement[int]]:
    return [
        func.coalesce(func.sum(figure).filter(_within(day, span)), 0).label(f"{name}_{figure_name}")
        for figure_name, figure in figures.items()
        for name, span in spans.named()
    ]


def _placed(query: AnySelect, rollup: type[SalesRollup] | type[ProductSalesRollup], actor: Actor, spans: Spans) -> Any:
    return (
        query.select_from(rollup)
        .join(Firm, Firm.id == rollup.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .join(Channel, Channel.id == rollup.channel_id)
        .where(_ever(rollup.day, spans), area(actor))
    )


def _by(session: Session, actor: Actor, spans: Spans, key: Any) -> dict[str, dict[str, int]]:
    """Net sales, weight and orders by `key`, over the four spans."""
    found: dict[str, dict[str, int]] = {}
    for rollup, figures in ((ProductSalesRollup, _SOLD), (SalesRollup, {"orders": SalesRollup.orders})):
        sums = _sums(rollup.day, spans, figures)
        for row in session.execute(_placed(select(key, *sums), rollup, actor, spans).group_by(key)).mappings():
            values = dict(row)
            name = str(values.pop(next(iter(values))))
            found.setdefault(name, {}).update({figure: int(value) for figure, value in values.items()})
    return found


def _nothing() -> dict[str, int]:
    return {f"{span}_{figure}": 0 for figure in _FIGURES for span in SPANS_ZH}


def with_change(row: dict[str, Any], figure: str = "net_fen") -> dict[str, Any]:
    """The row with what the period is above or below the one a year before, in basis points; None without a base."""
    base, current = row[f"last_year_{figure}"], row[f"period_{figure}"]
    comparable = base is not None and current is not None and base > 0
    return {**row, "change_bp": divide_half_up((current - base) * BP_WHOLE, base) if comparable else None}


def _row(key: str, name: str, figures: dict[str, int]) -> dict[str, Any]:
    return with_change({"key": key, "name": name, **_nothing(), **figures})


def _total(rows: Iterable[dict[str, int]]) -> dict[str, Any]:
    total = _nothing()
    for row in rows:
        for name in total:
            total[name] += row.get(name, 0)
    return with_change(total)


def totals(session: Session, actor: Actor, spans: Spans) -> dict[str, int | None]:
    """The figures at the head of a report, over the four spans; None where they are not told."""
    sales = _by(session, actor, spans, literal("all")).get("all", {})
    money = session.execute(
        _placed(
            select(*_sums(SalesRollup.day, spans, {"paid_fen": SalesRollup.paid_fen,
                                                   "refunded_fen": SalesRollup.refunded_fen})),
            SalesRollup, actor, spans,
        )
    ).mappings().one()  # fmt: skip
    figures: dict[str, int | None] = {**_nothing(), **sales, **{name: int(value) for name, value in money.items()}}
    for name, span in spans.named():
        households, assisted, fen = _reached(session, actor, span)
        figures |= {f"{name}_households": households, f"{name}_cash_fen": fen}
        if sees_households(actor):
            # Very few households would tell which of them is an assisted one.
            figures[f"{name}_assisted"] = assisted if households >= FEW or not households else None
    return figures


SUMMARY = {
    "net_fen": ("销售额（净）", "fen"), "weight_g": ("销售重量", "g"), "orders": ("订单数", "count"),
    "paid_fen": ("实收", "fen"), "refunded_fen": ("退款", "fen"), "households": ("带动农户", "count"),
    "assisted": ("其中帮扶户", "count"), "cash_fen": ("农户现金收入", "fen"),
}  # fmt: skip


def _summary(session: Session, actor: Actor, spans: Spans) -> dict[str, Any]:
    """The figures of the whole, a row each: a row's unit is its own."""
    figures = totals(session, actor, spans)
    rows = [
        with_change(
            {"key": name, "name": Column(title, name, unit).head(), "measure": unit}
            | {f"{span}_value": figures[f"{span}_{name}"] for span in SPANS_ZH},
            "value",
        )
        for name, (title, unit) in SUMMARY.items()
        if f"day_{name}" in figures
    ]
    columns = [Column(title, f"{span}_value", BY_ROW) for span, title in SPANS_ZH.items()]
    return _section("summary", "总览", [Column("指标", "name"), *columns, Column("同比", "change_bp", "bp")], rows)


def _channels(session: Session, actor: Actor, spans: Spans) -> dict[str, Any]:
    found = _by(session, actor, spans, Channel.kind)
    channels = session.execute(select(Channel.kind, Channel.name_zh).order_by(Channel.position)).all()
    whole = sum(row["period_net_fen"] for row in found.values())
    rows = []
    for kind, name in channels:
        row = _row(kind.value, name, found.get(kind.value, {}))
        row["share_bp"] = divide_half_up(row["period_net_fen"] * BP_WHOLE, whole) if whole > 0 else None
        rows.append(row)
    columns = [Column("渠道", "name"), Column("本期占比", "share_bp", "bp"), *_spanned(SALES)]
    return _section("channels", "五条渠道", columns, rows, _total(found.values()))


def _townships(session: Session, actor: Actor, spans: Spans) -> dict[str, Any]:
    """By the township of the firm; all of the reader's area, at zero if need be."""
    found = _by(session, actor, spans, Township.code)
    names = select(Township.code, Township.name_zh).order_by(Township.code)
    whole = Township.kind != TownshipKind.COMMUNITY_AREA
    if sees_households(actor):
        whole = and_(whole, township_area(actor))
    places = session.execute(names.where(or_(whole, Township.code.in_(found)))).all()
    rows = [_row(code, name, found.get(code, {})) for code, name in places]
    return _section("townships", "各乡镇（按企业所在地）", [Column("乡镇", "name"), *_spanned(SALES)], rows,
                    _total(found.values()))  # fmt: skip


def _firms(session: Session, actor: Actor, spans: Spans) -> dict[str, Any]:
    found = _by(session, actor, spans, Firm.code)
    names = dict(session.execute(select(Firm.code, Firm.name_zh).where(Firm.code.in_(found))).all())
    rows = [_row(code, names[code], found[code]) for code in sorted(found)]
    columns = [Column("编号", "key"), Column("企业", "name"), *_spanned(SALES)]
    return _section("firms", "各企业", columns, rows, _total(found.values()))


def products_sold(session: Session, actor: Actor, spans: Spans) -> list[dict[str, Any]]:
    """Every product that was sold in one of the spans, by SKU."""
    sums = _sums(ProductSalesRollup.day, spans, _SOLD)
    query = _placed(select(Product.sku, Product.name_zh, *sums), ProductSalesRollup, actor, spans)
    query = query.join(Product, Product.id == ProductSalesRollup.product_id)
    names = [f"{span}_{figure}" for figure in _SOLD for span in SPANS_ZH]
    return [
        with_change({"key": sku, "name": name, **dict(zip(names, map(int, figures), strict=True))})
        for sku, name, *figures in session.execute(query.group_by(Product.sku, Product.name_zh).order_by(Product.sku))
    ]


def _products(session: Session, actor: Actor, spans: Spans) -> list[dict[str, Any]]:
    rows = products_sold(session, actor, spans)
    columns = [
        Column("编号", "key"), Column("商品", "name"),
        *_spanned({name: SALES[name] for name in _SOLD}),
    ]  # fmt: skip
    total = _total(rows)
    for span in SPANS_ZH:
        del total[f"{span}_orders"]
    return [
        _section(
            f"products_by_{name}", title, columns,
            [row for row in sorted(rows, key=lambda row: (-row[figure], row["key"]))[:TOP] if row[figure]], total,
        )
        for name, title, figure in (
            ("amount", f"商品（按本期销售额前 {TOP}，合计为全部商品）", "period_net_fen"),
            ("weight", f"商品（按本期重量前 {TOP}，合计为全部商品）", "period_weight_g"),
        )
    ]  # fmt: skip


def _orders(actor: Actor, spans: Spans) -> Subquery:
    """Confirmed orders of the days that were not cancelled: net, weight, and whether a platform's file brought them."""
    return (
        select(
            Order.id, Order.placed_on, Order.partner_id, Order.occasion_id, Order.is_own,
            func.sum(_NET).label("net_fen"),
            func.sum(func.coalesce(OrderLine.accepted_g, OrderLine.weight_g)).label("weight_g"),
            func.sum(OrderLine.amount_fen).label("ordered_fen"), func.sum(OrderLine.refunded_fen).label("refunded_fen"),
            func.bool_or(OrderLine.price_basis == PriceBasis.LINE).label("from_file"), literal(1).label("orders"),
        )
        .join(OrderLine, OrderLine.order_id == Order.id)
        .join(Firm, Firm.id == Order.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(_ever(Order.placed_on, spans), Order.confirmed_at.is_not(None), Order.status != OrderStatus.CANCELLED,
               area(actor))
        .group_by(Order.id)
        .subquery()
    )  # fmt: skip


def _of_orders(sold: Subquery, spans: Spans) -> list[ColumnElement[int]]:
    return _sums(sold.c.placed_on, spans, {name: sold.c[name] for name in SALES})


_PARTNERS_ZH = {
    PartnerKind.UNIT: "各帮销单位", PartnerKind.ENTERPRISE: "各企业采购方", PartnerKind.SHOP: "各网店",
    PartnerKind.HOST: "各主播",
}  # fmt: skip


def _partners(session: Session, actor: Actor, spans: Spans) -> list[dict[str, Any]]:
    """Units, enterprises, shops, hosts by name; cadres by class; and where the figures came from."""
    sold = _orders(actor, spans)
    query = (
        select(Partner.kind, Partner.code, Partner.name_zh, sold.c.is_own, sold.c.from_file, *_of_orders(sold, spans))
        .join(Partner, Partner.id == sold.c.partner_id)
        .group_by(Partner.kind, Partner.code, Partner.name_zh, sold.c.is_own, sold.c.from_file)
        .order_by(Partner.code)
    )
    named: dict[PartnerKind, dict[tuple[str, str], dict[str, int]]] = {kind: {} for kind in PartnerKind}
    origins: dict[str, dict[str, int]] = {"own": _nothing(), "file": _nothing()}
    for kind, code, name, is_own, from_file, *values in session.execute(query):
        names = (f"{span}_{figure}" for figure in SALES for span in SPANS_ZH)
        figures = dict(zip(names, map(int, values), strict=True))
        _add(origins["file" if from_file else "own"], figures)
        # What a cadre buys himself counts for nobody.
        if not (kind is PartnerKind.CADRE and is_own):
            _add(named[kind].setdefault((code, name), _nothing()), figures)
    columns = [Column("编号", "key"), Column("名称", "name"), *_spanned(SALES)]
    sections = [
        _section(
            f"{kind.value}_partners", title, columns,
            [_row(code, name, figures) for (code, name), figures in named[kind].items()],
            _total(named[kind].values()),
        )
        for kind, title in _PARTNERS_ZH.items()
    ]  # fmt: skip
    sections.insert(1, _cadres(list(named[PartnerKind.CADRE].values())))
    names_zh = {"own": "本系统订单", "file": "平台文件导入"}
    rows = [_row(origin, names_zh[origin], figures) for origin, figures in origins.items()]
    return [
        *sections,
        _section("origins", "数据来源", [Column("来源", "name"), *_spanned(SALES)], rows, _total(origins.values())),
    ]


def _add(to: dict[str, int], figures: dict[str, int]) -> None:
    for name, value in figures.items():
        to[name] += value


def _cadres(brought: list[dict[str, int]]) -> dict[str, Any]:
    """干部帮销 by classes of orders brought: how many cadres in each, and what they brought together."""
    rows, left = [], [figures for figures in brought if figures["cumulative_orders"] > 0]
    for low, name in CLASSES:
        of_class = [figures for figures in left if figures["cumulative_orders"] >= low]
        left = [figures for figures in left if figures["cumulative_orders"] < low]
        sums = _nothing()
        for figures in of_class:
            _add(sums, figures)
        rows.append(_row(str(low), name, sums) | {"cadres": len(of_class)})
    columns = [Column("本年帮销订单", "name"), Column("干部人数", "cadres", "count"), *_spanned(SALES)]
    total = _total(rows) | {"cadres": sum(row["cadres"] for row in rows)}
    return _section("cadres", "帮扶干部（按档，不排名，不含本人购买）", columns, rows, total)


def _sessions(session: Session, actor: Actor, spans: Spans) -> dict[str, Any]:
    """Live sessions with orders in the period: ordered, refunded, net."""
    sold = _orders(actor, spans)
    figures = ("orders", "ordered_fen", "refunded_fen", "net_fen", "weight_g")
    query = (
        select(Occasion.code, Occasion.title_zh, *(func.sum(sold.c[name]) for name in figures))
        .join(Occasion, Occasion.id == sold.c.occasion_id)
        .where(Occasion.kind == OccasionKind.SESSION, _within(sold.c.placed_on, spans.period))
        .group_by(Occasion.code, Occasion.title_zh)
        .order_by(Occasion.code)
    )
    rows = [
        {"key": code, "name": title} | dict(zip(figures, map(int, values), strict=True))
        for code, title, *values in session.execute(query)
    ]
    columns = [
        Column("编号", "key"), Column("场次", "name"), Column("订单", "orders", "count"),
        Column("下单金额（GMV）", "ordered_fen", "fen"), Column("退款", "refunded_fen", "fen"),
        Column("净额", "net_fen", "fen"), Column("重量", "weight_g", "g"),
    ]  # fmt: skip
    total = {name: sum(row[name] for row in rows) for name in figures}
    return _section("sessions", "直播场次（本期）", columns, rows, total)


_AGREEMENT_COLUMNS = [
    Column("编号", "key"), Column("采购方", "name"), Column("签约重量", "signed_g", "g"),
    Column("签约金额", "signed_fen", "fen"), Column("应交", "due_g", "g"), Column("验收", "accepted_g", "g"),
    Column("履约金额", "executed_fen", "fen"), Column("履约率", "rate_bp", "bp"), Column("缺口", "shortfall_g", "g"),
]  # fmt: skip


def _agreements(session: Session, actor: Actor, day: date) -> dict[str, Any]:
    """Signed and executed, up to the last day of the period; they are never added."""
    found = agreements_report(
        session, actor, AgreementsBy.AGREEMENT, day, "zh", limit=MOST_AGREEMENTS, after=None
    )  # fmt: skip
    names = [column.path for column in _AGREEMENT_COLUMNS]
    rows = [{name: row[name] for name in names} for row in found["items"]]
    total = {name: found["total"][name] for name in names if name in found["total"]}
    return _section("agreements", f"采购协议（截至 {day}）", _AGREEMENT_COLUMNS, rows, total)


def _receivables(session: Session, actor: Actor, today: date) -> dict[str, Any]:
    """Accepted on invoice and not yet paid, by partner: all of it, and what is past its day."""
    owed = (
        select(
            Order.partner_id,
            Order.due_on,
            (func.sum(OrderLine.accepted_fen) - Order.paid_fen).label("due_fen"),
        )
        .join(OrderLine, OrderLine.order_id == Order.id)
        .join(Firm, Firm.id == Order.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(Order.due_on.is_not(None), OrderLine.accepted_fen.is_not(None), area(actor))
        .group_by(Order.id)
        .having(func.sum(OrderLine.accepted_fen) > Order.paid_fen)
        .subquery()
    )
    late = func.coalesce(func.sum(owed.c.due_fen).filter(owed.c.due_on < today), 0)
    query = (
        select(Partner.code, Partner.name_zh, func.sum(owed.c.due_fen), late, func.min(owed.c.due_on))
        .join(Partner, Partner.id == owed.c.partner_id)
        .group_by(Partner.code, Partner.name_zh)
        .order_by(Partner.code)
    )
    rows = [
        {"key": code, "name": name, "due_fen": int(due), "overdue_fen": int(overdue), "oldest_due_on": str(oldest)}
        for code, name, due, overdue, oldest in session.execute(query)
    ]
    columns = [
        Column("编号", "key"), Column("付款方", "name"), Column("最早到期", "oldest_due_on"),
        Column("应收", "due_fen", "fen"), Column("其中逾期", "overdue_fen", "fen"),
    ]  # fmt: skip
    total = {name: sum(row[name] for row in rows) for name in ("due_fen", "overdue_fen")}
    return _section("receivables", f"应收账款（{today}）", columns, rows, total)


def _entries(span: Span) -> Subquery:
    """Income of the days of `span`: whole months from the rollup, parts of months from the entries.

    An entry counts on the day it was earned; one that came after its month was closed, on the first day of the month
    that took it, so that the days of a month add up to the month.
    """
    months = Months(month_of(span.first), month_of(span.last)).each()
    whole = [month for month in months if _whole(month, span)]
    parts = [month for month in months if month not in whole]
    counted_on = func.greatest(IncomeEntry.earned_on, IncomeEntry.month)
    return union_all(
        select(IncomeRollup.household_id, IncomeRollup.firm_id, IncomeRollup.amount_fen).where(
            IncomeRollup.month.in_(whole)
        ),
        select(IncomeEntry.household_id, IncomeEntry.firm_id, IncomeEntry.amount_fen).where(
            IncomeEntry.month.in_(parts), counted_on.between(span.first, span.last)
        ),
    ).subquery()


def _whole(month: date, span: Span) -> bool:
    return span.first <= month and span.last >= spans_of(Every.MONTH, month, today=month).period.last


def _income(query: AnySelect, found: Subquery, actor: Actor) -> Any:
    return (
        query.select_from(found)
        .outerjoin(HouseholdAlias, HouseholdAlias.household_id == found.c.household_id)
        .join(Household, Household.id == func.coalesce(HouseholdAlias.counts_for_id, found.c.household_id))
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .join(Firm, Firm.id == found.c.firm_id)
        .where(area(actor))
    )


def _reached(session: Session, actor: Actor, span: Span) -> tuple[int, int, int]:
    """(distinct households, assisted among them, fen of cash)."""
    found, distinct = _entries(span), func.count(Household.id.distinct())
    sums = select(distinct, distinct.filter(Household.is_assisted), func.coalesce(func.sum(found.c.amount_fen), 0))
    households, assisted, fen = session.execute(_income(sums, found, actor)).one()
    return int(households), int(assisted), int(fen)


def _households(session: Session, actor: Actor, spans: Spans) -> dict[str, Any]:
    """Households reached and their cash, by the township of the household, in the period and the year so far."""
    names = select(Township.code, Township.name_zh).where(
        Township.kind != TownshipKind.COMMUNITY_AREA, township_area(actor)
    )
    rows: dict[str, dict[str, Any]] = {
        code: {"key": code, "name": name} for code, name in session.execute(names.order_by(Township.code))
    }
    wanted = (("period", spans.period), ("cumulative", spans.cumulative), ("last_year", spans.last_year))
    for span_name, span in wanted:
        found, distinct = _entries(span), func.count(Household.id.distinct())
        sums = select(
            Township.code,
            Township.name_zh,
            distinct,
            distinct.filter(Household.is_assisted),
            func.sum(found.c.amount_fen),
        )
        grouped = _income(sums, found, actor).group_by(Township.code, Township.name_zh)
        for code, name, households, assisted, fen in session.execute(grouped):
            rows.setdefault(code, {"key": code, "name": name}).update({
                f"{span_name}_households": int(households),
                # Very few households would tell which of them is an assisted one.
                f"{span_name}_assisted": int(assisted) if households >= FEW else None,
                f"{span_name}_cash_fen": int(fen),
            })  # fmt: skip
    zero = {f"{name}_{figure}": 0 for name, _ in wanted for figure in ("households", "assisted", "cash_fen")}
    done = [with_change(zero | row, "cash_fen") for _, row in sorted(rows.items())]
    total: dict[str, Any] = {}
    for span_name, span in wanted:
        households, assisted, fen = _reached(session, actor, span)
        total |= {
            f"{span_name}_households": households, f"{span_name}_assisted": assisted, f"{span_name}_cash_fen": fen,
        }  # fmt: skip
    titles = {"households": ("带动农户", "count"), "assisted": ("其中帮扶户", "count"), "cash_fen": ("现金收入", "fen")}
    columns = [
        Column("乡镇", "name"),
        *(
            Column(f"{SPANS_ZH[name]}{title}", f"{name}_{figure}", unit)
            for figure, (title, unit) in titles.items()
            for name, _ in wanted
        ),
        Column("现金同比", "change_bp", "bp"),
    ]
    return _section("households", "农户（按农户所在地）", columns, done, with_change(total, "cash_fen"))
