"""The manager's periodic report: what was sold, by whom, through whom, and whom it reached, over four spans.

Every figure of sales comes from rollups that one job keeps together, so that all cuts add up to the same. What a figure
means is said in `docs/reports.md` and in the report.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Date, and_, bindparam, cast, func, select, text
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.channels.models import Channel, ChannelKind, OccasionKind, Partner, PartnerKind
from shop.income.models import IncomeEntry
from shop.kit.clock import BEIJING, beijing_day, month_of
from shop.kit.direct import Direct, Row, Together, together
from shop.kit.money import BP_WHOLE, divide_half_up
from shop.places.models import Township, TownshipKind
from shop.reports import spanned
from shop.reports.agreement_penalties import FIGURES as PENALTY_SUMS
from shop.reports.agreement_penalties import open_penalties
from shop.reports.agreement_report import AgreementsBy, Found, ask_rows
from shop.reports.area import GIVEN_FIRMS, OfFirms, as_of, firms_of, sees_households, township_area
from shop.reports.cadre_classes import class_of, classes_told
from shop.reports.columns import BY_ROW, Column
from shop.reports.cuts import Cuts, cuts_of
from shop.reports.gain import covers, gain
from shop.reports.income_report import Months
from shop.reports.jobs import REFRESH_AGREEMENTS, REFRESH_INCOME, REFRESH_RECEIVABLES, REFRESH_SALES
from shop.reports.models import ReceivableRollup
from shop.reports.periods import NAMES_ZH, Every, Spans, reached, spans_of, title_zh
from shop.reports.wording import PERIODIC, SOURCES, TAX

SPANS_ZH = {"day": "当日", "period": "本期", "cumulative": "本年累计", "last_year": "上年同期"}
#: Products in the two lists of the best sold.
TOP = 20
#: Agreements in a report.
MOST_AGREEMENTS = 100
#: Of penalties: claimed, paid and open, beside figures of orders that have the same names.
PENALTY_FIGURES = ("penalty_claimed_fen", "penalty_paid_fen", "penalty_open_fen")

_FIGURES = ("orders", "net_fen", "weight_g")
_MONEY = ("paid_fen", "refunded_fen")
_SOLD = ("net_fen", "weight_g")
_PAID = ("orders", *_MONEY)


@dataclass(frozen=True)
class Sold:
    """What one firm sold through one channel, over the four spans."""

    firm: str
    firm_zh: str
    township: str
    channel: str
    figures: dict[str, int]


@dataclass(frozen=True)
class Goods:
    """What was sold of one product, over the four spans."""

    sku: str
    name: str
    figures: dict[str, int]


@dataclass(frozen=True)
class Reached:
    """Households of one township that received something, and their cash, over the four spans."""

    township: str
    name: str
    figures: dict[str, int]


@dataclass(frozen=True)
class Place:
    """A township. `own`: one that a report of the reader names even where nothing is counted."""

    code: str
    name: str
    own: bool


@dataclass(frozen=True)
class Counted:
    """What the sections of a report are cut from. `firms`: ids of those whose figures the reader sees; None = all.

    `places`: all townships by id, in the order of their codes.
    """

    firms: list[int] | None
    places: Mapping[int, Place]
    sold: list[Sold]
    goods: list[Goods]
    reached: list[Reached]


def counted(session: Session, actor: Actor, spans: Spans) -> Counted:
    """Sales by firm and channel, by product, and households by township, for the reader's area."""
    seen = _seen(session, actor, spans)
    with together(session) as asked:
        return _ask_counted(asked, actor, spans, seen)()


@dataclass(frozen=True)
class _Seen:
    """What a report is about: ids of the firms (None = all), townships by id, and the cuts of its families."""

    firms: list[int] | None
    places: Mapping[int, Place]
    kept: Cuts


def _seen(session: Session, actor: Actor, spans: Spans) -> _Seen:
    own = and_(Township.kind != TownshipKind.COMMUNITY_AREA, township_area(actor))
    places = select(Township.id, Township.code, Township.name_zh, own.label("own")).order_by(Township.code)
    return _Seen(
        firms_of(session, actor),
        {place.id: Place(place.code, place.name_zh, place.own) for place in session.execute(places)},
        cuts_of(session, actor, month_of(spans.last_year.first), month_of(spans.this_year.last)),
    )


def _ask_counted(asked: Together, actor: Actor, spans: Spans, seen: _Seen) -> Callable[[], Counted]:
    named = dict(spans.named())
    sold, paid = (sums.ask(asked, named, seen.firms) for sums in (_SOLD_BY, _PAID_BY))
    reached = seen.kept.paid(asked, named)
    return lambda: Counted(seen.firms, seen.places, *_sold(sold(), paid()), _reached(reached(), seen.places))


def periodic(session: Session, actor: Actor, every: Every, on: date, *, now: datetime) -> dict[str, Any]:
    """The report of the period around `on`, for the reader's own area, as of `now`."""
    today = beijing_day(now)
    spans = spans_of(every, on, today=today)
    seen = _seen(session, actor, spans)
    firms, named, day = seen.firms, dict(spans.named()), reached(spans.period, today)
    channels = _channels_zh(session)
    grown, penalties = _gain(session, actor, every, spans, now), _penalties(session, actor, today)
    cut_off = as_of(session, REFRESH_SALES.name, REFRESH_RECEIVABLES.name, REFRESH_INCOME.name, REFRESH_AGREEMENTS.name)
    with together(session) as asked:
        # In the order in which they are read: the server counts while rows are written below.
        by_partner = _PARTNERS_BY.ask(asked, named, firms)
        counting = _ask_counted(asked, actor, spans, seen)
        by_session = _SESSIONS_BY.ask(asked, {"period": spans.period}, firms)
        agreed = ask_rows(asked, AgreementsBy.AGREEMENT, day, firms, _AGREED_SUMS)
        owed = _owed().ask(asked, {"today": today}, firms)
        partners, found = _partners(by_partner()), counting()
        sections = [
            *_places(actor, channels, found),
            *partners,
            _firms(found),
            *_products(found),
            _sessions(by_session()),
            _agreements(agreed(), day),
            _receivables(owed(), today),
            penalties,
        ]
    sold, paid = _bases(session, spans, today)
    sections = [_with_bases(section, sold=sold, paid=paid) for section in sections]
    return {
        "every": every.value,
        "title": title_zh(every, spans.period),
        "name": NAMES_ZH[every],
        **{name: {"from": span.first, "to": span.last} for name, span in spans.named()},
        "cut_off": now.astimezone(BEIJING),
        "as_of": cut_off,
        "over": today > spans.period.last,
        "tax": TAX.in_("zh"),
        "basis": PERIODIC.in_("zh"),
        "sources": SOURCES.in_("zh"),
        "gain": grown,
        "sections": sections,
    }


def _bases(session: Session, spans: Spans, today: date) -> tuple[bool, bool]:
    """Whether the period a year before is a base of what was sold, and of what households received.

    It is where its first month was recorded, and of households as many as the gain asks for. None is before the period
    has begun.
    """
    first = month_of(spans.last_year.first)
    begun = "SELECT (SELECT min(month) FROM sales_months) <= :first, (SELECT min(month) FROM income_months) <= :first"
    sold, paid = session.execute(text(begun), {"first": first}).one()
    if today < spans.period.first:
        return False, False
    earlier, later = (
        Months(month_of(span.first), month_of(span.last)).each() for span in (spans.last_year, spans.period)
    )
    return bool(sold), bool(paid) and covers(session, earlier, later)


def _with_bases(section: dict[str, Any], *, sold: bool, paid: bool) -> dict[str, Any]:
    """Without changes over what is no base: of the whole, the figures of households have one of their own."""
    for row in [*section["rows"], *filter(None, [section["total"]])]:
        of_people = section["code"] == "households" or (section["code"] == "summary" and row["key"] in _PEOPLE)
        if "change_bp" in row and not (paid if of_people else sold):
            row["change_bp"] = None
    return section


def whole_tables(session: Session, actor: Actor, spans: Spans) -> list[dict[str, Any]]:
    """The sections of the same report that list all of their rows: head, channels, places, partners, live sessions."""
    found, channels = counted(session, actor, spans), _channels_zh(session)
    with together(session) as asked:
        by_partner = _PARTNERS_BY.ask(asked, dict(spans.named()), found.firms)
        by_session = _SESSIONS_BY.ask(asked, {"period": spans.period}, found.firms)
        return [*_places(actor, channels, found), *_partners(by_partner()), _sessions(by_session())]


def _channels_zh(session: Session) -> dict[ChannelKind, str]:
    return dict(session.execute(select(Channel.kind, Channel.name_zh).order_by(Channel.position)).all())


def _places(actor: Actor, channels: Mapping[ChannelKind, str], found: Counted) -> list[dict[str, Any]]:
    """The head, by channel, and by township of firm and household."""
    sections = [_summary(found), _channels(channels, found), _townships(found)]
    return [*sections, _households(found)] if sees_households(actor) else sections


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


_FIRMS_OF = """
    LEFT JOIN firms ON firms.id = added.firm_id LEFT JOIN villages ON villages.id = firms.village_id
    LEFT JOIN townships ON townships.id = villages.township_id LEFT JOIN channels ON channels.id = added.channel_id
"""
_FIRM = ("firms.code AS firm", "firms.name_zh AS firm_zh", "townships.code AS township", "channels.kind AS channel")
#: By firm and channel, and by product: what was sold is read once for both.
_SOLD_BY = spanned.Sums(
    spanned.PRODUCTS, ("firm_id", "channel_id", "product_id"), _SOLD, tuple(SPANS_ZH),
    told=(*_FIRM, "products.sku", "products.name_zh"), by=("firm_id, channel_id", "product_id"),
    joins=_FIRMS_OF + "LEFT JOIN products ON products.id = added.product_id",
)  # fmt: skip
_PAID_BY = spanned.Sums(
    spanned.SALES, ("firm_id", "channel_id"), _PAID, tuple(SPANS_ZH), told=_FIRM, joins=_FIRMS_OF
)  # fmt: skip


#: What is told of each row of sums, and its figures.
_Sums: TypeAlias = Iterable[tuple[Row, dict[str, int]]]


def _sold(sold: _Sums, paid: _Sums) -> tuple[list[Sold], list[Goods]]:
    """By firm and channel, and by product."""
    found: dict[tuple[str, str], Sold] = {}
    goods: list[Goods] = []

    def place(called: Sequence[str]) -> dict[str, int]:
        """The figures of a firm and channel."""
        firm, firm_zh, township, channel = called
        if (firm, channel) not in found:
            found[firm, channel] = Sold(firm, firm_zh, township, channel, _nothing(_FIGURES + _MONEY))
        return found[firm, channel].figures

    for (*called, sku, name), figures in sold:
        if sku is None:
            place(called).update(figures)
        else:
            goods.append(Goods(sku, name, figures))
    for firm, figures in paid:
        place(firm).update(figures)
    return list(found.values()), sorted(goods, key=lambda one: one.sku)


def _by(found: Iterable[Sold], key: Callable[[Sold], str]) -> dict[str, dict[str, int]]:
    """The figures of sales by `key`."""
    each: dict[str, list[dict[str, int]]] = defaultdict(list)
    for sold in found:
        each[key(sold)].append(sold.figures)
    return {name: _added(figures) for name, figures in each.items()}


@cache
def _zeros(names: tuple[str, ...]) -> Mapping[str, int]:
    return {f"{span}_{figure}": 0 for figure in names for span in SPANS_ZH}


def _nothing(names: tuple[str, ...] = _FIGURES) -> dict[str, int]:
    return dict(_zeros(names))


def _added(rows: Iterable[Mapping[str, int]], names: tuple[str, ...] = _FIGURES) -> dict[str, int]:
    """The sums of rows, figure by figure; zeros without any."""
    told = _zeros(names)
    sums = [sum(column) for column in zip(*map(itemgetter(*told), rows), strict=True)]
    return dict(zip(told, sums or told.values(), strict=True))


def with_change(row: dict[str, Any], figure: str = "net_fen") -> dict[str, Any]:
    """The row with what the period is above or below the one a year before, in basis points; None without a base."""
    base, current = row[f"last_year_{figure}"], row[f"period_{figure}"]
    return {**row, "change_bp": divide_half_up((current - base) * BP_WHOLE, base) if base > 0 else None}


def _row(key: str, name: str, figures: dict[str, int]) -> dict[str, Any]:
    return with_change({"key": key, "name": name, **_nothing(), **figures})


def _total(rows: Iterable[Mapping[str, int]], names: tuple[str, ...] = _FIGURES) -> dict[str, Any]:
    return with_change(_added(rows, names))


def totals(found: Counted) -> dict[str, int]:
    """The figures at the head of a report, over the four spans."""
    sales = _added((sold.figures for sold in found.sold), _FIGURES + _MONEY)
    return {**sales, **_added((reached.figures for reached in found.reached), _PEOPLE)}


SUMMARY = {
    "net_fen": ("销售额（净）", "fen"), "weight_g": ("销售重量", "g"), "orders": ("订单数", "count"),
    "paid_fen": ("实收", "fen"), "refunded_fen": ("退款", "fen"), "households": ("带动农户", "count"),
    "cash_fen": ("农户现金收入", "fen"),
}  # fmt: skip


def _summary(found: Counted) -> dict[str, Any]:
    """The figures of the whole, a row each: a row's unit is its own."""
    figures = totals(found)
    rows = [
        with_change(
            {"key": name, "name": Column(title, name, unit).head(), "measure": unit}
            | {f"{span}_value": figures[f"{span}_{name}"] for span in SPANS_ZH},
            "value",
        )
        for name, (title, unit) in SUMMARY.items()
    ]
    columns = [Column(title, f"{span}_value", BY_ROW) for span, title in SPANS_ZH.items()]
    return _section("summary", "总览", [Column("指标", "name"), *columns, Column("同比", "change_bp", "bp")], rows)


def _channels(channels: Mapping[ChannelKind, str], counted: Counted) -> dict[str, Any]:
    found = _by(counted.sold, lambda sold: sold.channel)
    whole = sum(row["period_net_fen"] for row in found.values())
    rows = []
    for kind, name in channels.items():
        row = _row(kind.value, name, found.get(kind.value, {}))
        row["share_bp"] = divide_half_up(row["period_net_fen"] * BP_WHOLE, whole) if whole > 0 else None
        rows.append(row)
    columns = [Column("渠道", "name"), Column("本期占比", "share_bp", "bp"), *_spanned(SALES)]
    return _section("channels", "五条渠道", columns, rows, _total(found.values()))


def _townships(counted: Counted) -> dict[str, Any]:
    """By the township of the firm; all of the reader's area, at zero if need be."""
    found = _by(counted.sold, lambda sold: sold.township)
    told = [place for place in counted.places.values() if place.own or place.code in found]
    rows = [_row(place.code, place.name, found.get(place.code, {})) for place in told]
    return _section("townships", "各乡镇（按企业所在地）", [Column("乡镇", "name"), *_spanned(SALES)], rows,
                    _total(found.values()))  # fmt: skip


def _firms(counted: Counted) -> dict[str, Any]:
    found = _by(counted.sold, lambda sold: sold.firm)
    names = {sold.firm: sold.firm_zh for sold in counted.sold}
    rows = [_row(code, names[code], found[code]) for code in sorted(found)]
    columns = [Column("编号", "key"), Column("企业", "name"), *_spanned(SALES)]
    return _section("firms", "各企业", columns, rows, _total(found.values()))


def _products(counted: Counted) -> list[dict[str, Any]]:
    rows = [with_change({"key": one.sku, "name": one.name, **one.figures}) for one in counted.goods]
    columns = [
        Column("编号", "key"), Column("商品", "name"),
        *_spanned({name: SALES[name] for name in _SOLD}),
    ]  # fmt: skip
    total = _total(rows, _SOLD)
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


_PARTNERS_ZH = {
    PartnerKind.UNIT: "各帮销单位", PartnerKind.ENTERPRISE: "各企业采购方", PartnerKind.SHOP: "各网店",
    PartnerKind.HOST: "各主播",
}  # fmt: skip


_PARTNERS_BY = spanned.Sums(
    spanned.PARTNERS, ("partner_id", "is_own", "from_file"), _FIGURES, tuple(SPANS_ZH),
    told=("partners.kind", "partners.code", "partners.name_zh", "is_own", "from_file"),
    joins="JOIN partners ON partners.id = added.partner_id ORDER BY partners.code",
    of_all_firms=spanned.PARTNERS_OF_ALL_FIRMS,
)  # fmt: skip


def _partners(bought: _Sums) -> list[dict[str, Any]]:
    """Units, enterprises, shops, hosts by name; cadres by class; and where the figures came from."""
    named: dict[PartnerKind, dict[tuple[str, str], list[dict[str, int]]]] = {kind: {} for kind in PartnerKind}
    origins: dict[str, list[dict[str, int]]] = {"own": [], "file": []}
    for (kind, code, name, is_own, from_file), figures in bought:
        origins["file" if from_file else "own"].append(figures)
        # What a cadre buys himself counts for nobody.
        if not (kind == PartnerKind.CADRE and is_own):
            named[PartnerKind(kind)].setdefault((code, name), []).append(figures)
    partners = {kind: {who: _added(rows) for who, rows in found.items()} for kind, found in named.items()}
    sums = {origin: _added(rows) for origin, rows in origins.items()}
    columns = [Column("编号", "key"), Column("名称", "name"), *_spanned(SALES)]
    sections = [
        _section(
            f"{kind.value}_partners", title, columns,
            [_row(code, name, figures) for (code, name), figures in partners[kind].items()],
            _total(partners[kind].values()),
        )
        for kind, title in _PARTNERS_ZH.items()
    ]  # fmt: skip
    sections.insert(1, _cadres(list(partners[PartnerKind.CADRE].values())))
    names_zh = {"own": "本系统订单", "file": "平台文件导入"}
    places = [_row(origin, names_zh[origin], figures) for origin, figures in sums.items()]
    return [
        *sections,
        _section("origins", "数据来源", [Column("来源", "name"), *_spanned(SALES)], places, _total(sums.values())),
    ]


def _cadres(brought: list[dict[str, int]]) -> dict[str, Any]:
    """干部帮销 by classes of orders brought: how many cadres in each, and what they brought together."""
    rows = []
    for told in classes_told(figures["cumulative_orders"] for figures in brought):
        of_class = [figures for figures in brought if class_of(figures["cumulative_orders"]) in told.lows]
        rows.append(_row(told.key, told.name, _added(of_class)) | {"cadres": len(of_class)})
    columns = [Column("本年帮销订单", "name"), Column("干部人数", "cadres", "count"), *_spanned(SALES)]
    total = _total(rows) | {"cadres": sum(row["cadres"] for row in rows)}
    return _section("cadres", "帮扶干部（按档，不排名，不含本人购买）", columns, rows, total)


SESSION_FIGURES = {
    "orders": "orders", "ordered_fen": "amount_fen", "refunded_fen": "refunded_fen", "net_fen": "net_fen",
    "weight_g": "weight_g",
}  # fmt: skip


_SESSIONS_BY = spanned.Sums(
    spanned.PARTNERS, ("occasion_id",), list(SESSION_FIGURES.values()), ("period",),
    told=("occasions.code", "occasions.title_zh"), of_all_firms=spanned.PARTNERS_OF_ALL_FIRMS,
    joins=f"JOIN occasions ON occasions.id = occasion_id AND kind = '{OccasionKind.SESSION}' ORDER BY code",
)  # fmt: skip


def _sessions(held: _Sums) -> dict[str, Any]:
    """Live sessions with orders in the period: ordered, refunded, net."""
    rows = [
        {"key": code, "name": title} | {name: figures[f"period_{of}"] for name, of in SESSION_FIGURES.items()}
        for (code, title), figures in held
    ]
    columns = [
        Column("编号", "key"), Column("场次", "name"), Column("订单", "orders", "count"),
        Column("下单金额（GMV）", "ordered_fen", "fen"), Column("退款", "refunded_fen", "fen"),
        Column("净额", "net_fen", "fen"), Column("重量", "weight_g", "g"),
    ]  # fmt: skip
    total = {name: sum(row[name] for row in rows) for name in SESSION_FIGURES}
    return _section("sessions", "直播场次（本期）", columns, rows, total)


#: Of each agreement; the rate is made of the others.
_AGREED = {
    "signed_g": ("签约重量", "g"), "signed_fen": ("签约金额", "fen"), "due_g": ("应交", "g"),
    "accepted_g": ("验收", "g"), "executed_fen": ("履约金额", "fen"), "rate_bp": ("履约率", "bp"),
    "shortfall_g": ("缺口", "g"),
}  # fmt: skip
_AGREEMENT_COLUMNS = [
    Column("编号", "key"), Column("采购方", "name"),
    *(Column(title, name, unit) for name, (title, unit) in _AGREED.items()),
]  # fmt: skip
_AGREED_SUMS = tuple(name for name in _AGREED if name != "rate_bp")


def _agreements(agreed: Found, day: date) -> dict[str, Any]:
    """Signed and executed, up to the day of the report; they are never added."""
    found, whole = agreed
    names = ("key", "name", *_AGREED)
    rows = [{name: found[code][name] for name in names} for code in sorted(found)[:MOST_AGREEMENTS]]
    total = {name: whole[name] for name in _AGREED}
    return _section("agreements", f"采购协议（截至 {day}）", _AGREEMENT_COLUMNS, rows, total)


@cache
def _owed() -> OfFirms:
    due_fen, due_on = ReceivableRollup.due_fen, ReceivableRollup.due_on
    late = func.sum(due_fen).filter(due_on < bindparam("today", type_=Date))
    owed = select(
        ReceivableRollup.partner_id, cast(func.sum(due_fen), BigInteger).label("due_fen"),
        cast(func.coalesce(late, 0), BigInteger).label("overdue_fen"), func.min(due_on).label("oldest"),
    ).group_by(ReceivableRollup.partner_id)  # fmt: skip

    def named(rows: Any) -> Direct:
        each = rows.subquery()
        return Direct.of(
            select(Partner.code, Partner.name_zh, each.c.due_fen, each.c.overdue_fen, each.c.oldest)
            .join(Partner, Partner.id == each.c.partner_id)
            .order_by(Partner.code)
        )

    return OfFirms(named(owed), named(owed.where(ReceivableRollup.firm_id == func.any(text(GIVEN_FIRMS)))))


def _receivables(owed: Iterable[Row], today: date) -> dict[str, Any]:
    """Accepted on invoice and not yet paid, by partner: all of it, and what is past its day."""
    rows = [
        {"key": code, "name": name, "due_fen": due, "overdue_fen": overdue, "oldest_due_on": str(oldest)}
        for code, name, due, overdue, oldest in owed
    ]
    columns = [
        Column("编号", "key"), Column("付款方", "name"), Column("最早到期", "oldest_due_on"),
        Column("应收", "due_fen", "fen"), Column("其中逾期", "overdue_fen", "fen"),
    ]  # fmt: skip
    total = {name: sum(row[name] for row in rows) for name in ("due_fen", "overdue_fen")}
    return _section("receivables", f"应收账款（{today} 提取时的余额）", columns, rows, total)


def _penalties(session: Session, actor: Actor, today: date) -> dict[str, Any]:
    """Claimed and not wholly paid: a balance beside the receivables and no part of them."""
    found, total = open_penalties(session, actor, limit=MOST_AGREEMENTS)
    names = dict(zip(PENALTY_FIGURES, PENALTY_SUMS, strict=True)) | {"by_name": "owed_by", "to_name": "owed_to"}
    rows = [{"key": one["code"]} | {name: one[known] for name, known in names.items()} for one in found]
    titles = zip(PENALTY_FIGURES, ("已主张", "其中已付", "未付"), strict=True)
    columns = [
        Column("协议与号", "key"), Column("应付方", "by_name"), Column("应收方", "to_name"),
        *(Column(title, name, "fen") for name, title in titles),
    ]  # fmt: skip
    whole = {name: total[known] for name, known in zip(PENALTY_FIGURES, PENALTY_SUMS, strict=True)}
    return _section("penalties", f"已主张未付清的违约金（{today} 提取时的余额）", columns, rows, whole)


_PEOPLE = ("households", "cash_fen")


def _reached(paid: Iterable[Row], places: Mapping[int, Place]) -> list[Reached]:
    """Households that firms paid, by their township: each counted once in a span, and in one township only."""
    found: dict[int, Reached] = {}
    for span, township_id, cash_fen, households in paid:
        place = places[township_id]
        reached = found.setdefault(township_id, Reached(place.code, place.name, _nothing(_PEOPLE)))
        reached.figures[f"{span}_households"] = households
        reached.figures[f"{span}_cash_fen"] = cash_fen
    return sorted(found.values(), key=lambda one: one.township)


def counted_on() -> Any:
    """The day on which an entry counts: the one it was earned on, or the first of the month that took it late."""
    return func.greatest(IncomeEntry.earned_on, IncomeEntry.month)


def _households(counted: Counted) -> dict[str, Any]:
    """Households reached and their cash, by the township of the household; all of the reader's area."""
    own = [place for place in counted.places.values() if place.own]
    found = {place.code: Reached(place.code, place.name, _nothing(_PEOPLE)) for place in own}
    found |= {reached.township: reached for reached in counted.reached}
    rows = [
        with_change({"key": code, "name": one.name, **one.figures}, "cash_fen") for code, one in sorted(found.items())
    ]
    total = _added((reached.figures for reached in counted.reached), _PEOPLE)
    titles = {"households": ("带动农户", "count"), "cash_fen": ("现金收入", "fen")}
    columns = [
        Column("乡镇", "name"),
        *(
            Column(f"{SPANS_ZH[name]}{title}", f"{name}_{figure}", unit)
            for figure, (title, unit) in titles.items()
            for name in ("period", "cumulative", "last_year")
        ),
        Column("现金同比", "change_bp", "bp"),
    ]
    return _section("households", "农户（按农户所在地）", columns, rows, with_change(total, "cash_fen"))
