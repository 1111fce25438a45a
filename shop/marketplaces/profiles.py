"""How a shop's files are read, as data: which column holds what, and what its words for states mean.

`data/marketplaces/*.json` holds one profile for each marketplace; a shop's own copy stands in its row, so that a column
that is renamed is a change of data. The shape is explained in docs/marketplaces.md.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from shop.marketplaces.errors import ProfileRefused
from shop.marketplaces.models import FactKind

FOLDER = Path(__file__).resolve().parents[2] / "data" / "marketplaces"

#: What a state of an order can mean; `unpaid` is not sold yet.
MEANINGS = ("unpaid", "paid", "shipped", "received", "cancelled")
#: What a file of a kind must and may say, beside sums.
REQUIRED: dict[FactKind, tuple[str, ...]] = {
    FactKind.ORDERS: ("number", "sku", "quantity", "sold_at", "state"),
    FactKind.REFUNDS: ("reference", "number", "refunded_at"),
    FactKind.PAYOUTS: ("reference", "number", "paid_on"),
}
OPTIONAL: dict[FactKind, tuple[str, ...]] = {
    FactKind.ORDERS: ("line", "shipped_at", "received_at"),
    FactKind.REFUNDS: ("line", "state"),
    FactKind.PAYOUTS: ("line", "direction"),
}
#: Sums of columns, each with or without a minus before its name. The first is required.
SUMS: dict[FactKind, tuple[str, ...]] = {
    FactKind.ORDERS: ("amount",),
    FactKind.REFUNDS: ("amount",),
    FactKind.PAYOUTS: ("received", "fee"),
}
#: Columns of the list of prices and stock that is uploaded, in their order, with the headers used when none are named.
LISTING = (("sku", "商家编码"), ("name", "商品名称"), ("price", "价格（元）"), ("stock", "库存"))
#: The most columns and words that a profile may name; a file has fewer.
MOST = 100


@dataclass(frozen=True)
class Layout:
    """Of one kind of file: the header of each column, signed headers of each sum, meaning of each state.

    A header may be several that marketplaces have used for one thing, with `|` between: the file has one of them, or
    none where it ends with `|`. `reference`: columns that together tell a row apart, where the file numbers none.
    `prefixes`: what stands before an order's number and is none of it. `words`: in a file of refunds the states that
    mean it is done (all are, when it is empty); in one of payouts those of a direction that mean money going out.
    """

    columns: Mapping[str, str]
    sums: Mapping[str, tuple[tuple[int, str], ...]]
    states: Mapping[str, str] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    reference: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    @property
    def headers(self) -> frozenset[str]:
        """Every header that the profile names, as it is written there."""
        summed = {name for terms in self.sums.values() for _, name in terms}
        return frozenset(self.columns.values()) | summed | frozenset(self.reference)


@dataclass(frozen=True)
class Profile:
    """How the files of a shop are read."""

    code: str
    name_zh: str
    receipt_days: int
    settle_days: int
    layouts: Mapping[FactKind, Layout]
    listing: tuple[tuple[str, str], ...]


def _refuse(where: str, zh: str, en: str) -> ProfileRefused:
    return ProfileRefused(where=where, reason_zh=zh, reason_en=en)


def _words(value: object, where: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or len(value) > MOST:
        raise _refuse(where, "须为对照表", "must be an object")
    if not all(isinstance(k, str) and isinstance(v, str) and 0 < len(k) <= 60 and 0 < len(v) <= 60
               for k, v in value.items()):  # fmt: skip
        raise _refuse(where, "须为 1 至 60 个字的文字", "must hold text of 1 to 60 characters")
    return value


def _sum(value: Any, where: str) -> tuple[tuple[int, str], ...]:
    terms = value if isinstance(value, list) else [value]
    if not 0 < len(terms) <= MOST or not all(isinstance(term, str) and term.strip("-") for term in terms):
        raise _refuse(where, "须为列名，或列名的列表（前加 - 为减）", "must be a header or a list of them")
    return tuple((-1, term[1:]) if term.startswith("-") else (1, term) for term in terms)


def _layout(kind: FactKind, told: Any) -> Layout:
    where = kind.value
    if not isinstance(told, dict):
        raise _refuse(where, "须为对照表", "must be an object")
    unknown = set(told) - {"columns", "states", "done", "outgoing", "prefixes"}
    if unknown:
        raise _refuse(where, f"不认识 {min(unknown)}", f"has an unknown member {min(unknown)}")
    columns = told.get("columns", {})
    if not isinstance(columns, dict):
        raise _refuse(f"{where}.columns", "须为对照表", "must be an object")
    reference = columns.get("reference")
    keys = _list(reference, f"{where}.columns.reference") if isinstance(reference, list) else ()
    if keys:
        columns = {name: header for name, header in columns.items() if name != "reference"}
    sums = {name: _sum(columns[name], f"{where}.columns.{name}") for name in SUMS[kind] if name in columns}
    plain = _words({k: v for k, v in columns.items() if k not in SUMS[kind]}, f"{where}.columns")
    missing = [name for name in (*REQUIRED[kind], SUMS[kind][0]) if name not in columns]
    if keys and missing[:1] == ["reference"]:
        del missing[0]
    if missing:
        raise _refuse(f"{where}.columns", f"缺少 {missing[0]}", f"lacks {missing[0]}")
    strange = set(plain) - {*REQUIRED[kind], *OPTIONAL[kind]}
    if strange:
        raise _refuse(f"{where}.columns", f"不认识 {min(strange)}", f"has an unknown column {min(strange)}")
    states = _words(told.get("states", {}), f"{where}.states")
    if kind is FactKind.ORDERS and not states:
        raise _refuse(f"{where}.states", "缺少状态对照", "has no states")
    wrong = sorted(set(states.values()) - set(MEANINGS))
    if wrong:
        raise _refuse(f"{where}.states", f"不认识 {wrong[0]}", f"has an unknown meaning {wrong[0]}")
    words = _list(told.get("done", told.get("outgoing", [])), f"{where}.done, {where}.outgoing")
    prefixes = _list(told.get("prefixes", []), f"{where}.prefixes")
    return Layout(plain, sums, states, frozenset(words), keys, prefixes)


def _list(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST or not all(isinstance(word, str) and word for word in value):
        raise _refuse(where, "须为文字列表", "must be a list of words")
    return tuple(value)


def profile_of(told: Mapping[str, Any]) -> Profile:
    """The profile written in `told`. Raises ProfileRefused."""
    layouts = {kind: _layout(kind, told[kind.value]) for kind in FactKind if kind.value in told}
    if FactKind.ORDERS not in layouts:
        raise _refuse("orders", "缺少订单文件的对照", "is missing")
    unknown = set(told) - {
        "code", "name_zh", "name_en", "source", "receipt_days", "settle_days", "listing",
        *(kind.value for kind in FactKind),
    }  # fmt: skip
    if unknown:
        raise _refuse("profile", f"不认识 {min(unknown)}", f"has an unknown member {min(unknown)}")
    days = [told.get(name) for name in ("receipt_days", "settle_days")]
    if not all(isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 60 for value in days):
        raise _refuse("receipt_days, settle_days", "须为 0 至 60 的整数", "must be whole numbers of 0 to 60")
    named = _words({name: told.get(name) for name in ("code", "name_zh")}, "code, name_zh")
    return Profile(
        named["code"], named["name_zh"], int(days[0] or 0), int(days[1] or 0), layouts, _listing(told.get("listing"))
    )


def _listing(told: Any) -> tuple[tuple[str, str], ...]:
    """Pairs of our name and the shop's header, in the order of the file."""
    match told:
        case None:
            return LISTING
        case [*pairs] if 0 < len(pairs) <= len(LISTING):
            found = tuple((name, header) for name, header in (pair for pair in pairs if _is_pair(pair)))
            if len(found) == len(pairs) == len({name for name, _ in found}):
                return found
    zh, en = (
        "须为 [名称, 表头] 的列表，名称为 sku、name、price、stock",
        "must be pairs of sku, name, price or stock and a header",
    )
    raise _refuse("listing", zh, en)


def _is_pair(pair: Any) -> bool:
    match pair:
        case [str(name), str(header)]:
            return name in dict(LISTING) and 0 < len(header) <= MOST
    return False


@cache
def templates() -> dict[str, dict[str, Any]]:
    """The profiles that ship, by code, as written."""
    found = (json.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.json")))
    return {told["code"]: told for told in found}
