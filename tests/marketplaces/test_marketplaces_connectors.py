"""The contract of connectors: files and an API bring the same facts, and take the same list of prices and stock."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from shop.catalog.reference import catalog
from shop.channels.reference import selling
from shop.kit.clock import BEIJING, beijing_day
from shop.kit.reference import current_version
from shop.kit.tables import XLSX_TYPE, read_table
from shop.marketplaces.actions import map_item, template
from shop.marketplaces.connectors import Connector, FileConnector, Published
from shop.marketplaces.facts import At, SoldLine, Told
from shop.marketplaces.listing import Offered, offered
from shop.marketplaces.models import FactKind
from shop.marketplaces.profiles import profile_of
from shop.marketplaces.taking import take
from tests.conftest import A_DAY_IN_JULY
from tests.factories.sales import Season, undone
from tests.factories.shopfiles import ORDERS, Desk, desk, done, sheet
from tests.factories.statements import statements
from tests.marketplaces.test_marketplaces_api import PEACH, SHOP, operator
from tests.marketplaces.test_marketplaces_orders import books, wrong

__all__ = ["operator"]


class PagedShop:
    """A shop with an API that answers in pages and in cents: what docs/marketplaces.md shows how to write."""

    def __init__(self, orders: Sequence[dict[str, Any]], page: int = 1) -> None:
        self._orders, self._page = orders, page
        self.stock: dict[str, tuple[int | None, int]] = {}

    def _pages(self) -> Iterator[Sequence[dict[str, Any]]]:
        for start in range(0, len(self._orders), self._page):
            yield self._orders[start : start + self._page]

    def tell(self, kind: FactKind, *, now: datetime) -> Told:
        told = Told(kind)
        if kind is FactKind.ORDERS:
            told.facts.extend(self._fact(order) for page in self._pages() for order in page)
        return told

    def _fact(self, order: dict[str, Any]) -> SoldLine:
        return SoldLine(
            At("api", 0), order["order_id"], order["sku_order_id"], order["code"], order["item_num"],
            order["pay_amount"], order["pay_time"], order["ship_time"], order["finish_time"],
        )  # fmt: skip

    def publish(self, offers: Sequence[Offered]) -> Published:
        self.stock = {offer.shop_sku: (offer.price_fen, offer.stock) for offer in offers}
        return Published(len(offers), None)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2025, 7, day, hour, minute, tzinfo=BEIJING)


def api_of(sku: str) -> PagedShop:
    same = {"code": sku, "pay_time": at(14, 9), "ship_time": at(14, 15), "finish_time": at(15, 8, 30)}
    return PagedShop(
        [
            same | {"order_id": "6901", "sku_order_id": "6901", "item_num": 2, "pay_amount": 7960},
            same | {"order_id": "6902", "sku_order_id": "6902", "item_num": 1, "pay_amount": 3333},
        ]
    )


def file_of(sku: str) -> FileConnector:
    rows = [done("6901", sku, packs=2, yuan="79.60"), done("6902", sku, yuan="33.33")]
    return FileConnector(profile_of(template("douyin")), "导出.csv", sheet(ORDERS, rows))


def brought(season: Season, connector: Connector) -> dict[str, Any]:
    """The books after a connector told its orders."""
    shop: Desk = desk(season)
    version = current_version(season.session)
    taken = take(
        season.session, shop.shop, connector.tell(FactKind.ORDERS, now=season.now),
        goods=catalog(season.session, version), selling=selling(season.session, version), actor_id=None,
        now=season.now,
    )  # fmt: skip
    assert (taken.new, taken.problems) == (2, ())
    shop.work()
    assert wrong(shop) == []
    return books(shop)


def test_a_file_and_an_api_bring_the_same_books(market: Flask) -> None:
    found = []
    for make in (file_of, api_of):
        with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
            found.append(brought(season, make(season.sku)))
    assert found[0] == found[1]


def offers_of(season: Season, *, percent: int = 100, only_mapped: bool = False) -> dict[str, Offered]:
    shop = desk(season)
    map_item(season.session, shop.shop, "桃-10斤", season.product, 2, actor_id=None, now=season.now)
    goods = catalog(season.session, current_version(season.session))
    with statements() as seen:
        found = offered(
            season.session, shop.shop, goods=goods, day=beijing_day(season.now), percent=percent,
            only_mapped=only_mapped,
        )  # fmt: skip
    assert len(seen) == 2
    return {offer.shop_sku: offer for offer in found}


def test_stock_is_offered_in_whole_units_of_what_is_free(season: Season) -> None:
    free_g = season.session.scalar(
        text("SELECT available_g FROM pools WHERE product_id = :id AND occasion_id IS NULL"), {"id": season.product.id}
    )
    offers = offers_of(season)
    assert offers[season.sku].stock == free_g // 2_500
    assert (offers["桃-10斤"].stock, offers["桃-10斤"].price_fen) == (free_g // 5_000, 2 * 3980)
    assert offers_of(season, percent=50)[season.sku].stock == free_g // 2 // 2_500
    assert list(offers_of(season, only_mapped=True)) == ["桃-10斤"]


def test_what_may_not_be_sold_now_is_offered_with_no_stock_and_the_reason(season: Season) -> None:
    session = season.session
    session.execute(
        text("UPDATE products SET harvest_start_month = 10, harvest_end_month = 11 WHERE sku = :sku"),
        {"sku": season.sku},
    )
    offer = offers_of(season)[season.sku]
    assert (offer.stock, offer.why_not) == (0, "out-of-season")


def test_an_api_is_told_what_a_file_would_say(season: Season) -> None:
    offers = list(offers_of(season).values())
    api = PagedShop([])
    assert api.publish(offers).skus == len(offers)
    for workbook in (True, False):
        told = FileConnector(profile_of(template("douyin")), workbook=workbook).publish(offers)
        rows = [row for _, row in read_table(told.document or b"")]
        assert rows[0] == ["商家编码", "商品名称", "价格（元）", "库存"]
        for sku, _, price, stock in rows[1:]:
            fen, left = api.stock[sku]
            assert (stock, float(price or 0)) == (str(left), float((fen or 0) / 100))


@pytest.mark.parametrize(("accept", "ending"), [(XLSX_TYPE, "xlsx"), ("text/csv", "csv")])
def test_lists_are_downloaded_as_what_is_asked_for(
    county: Flask, operator: dict[str, str], accept: str, ending: str
) -> None:
    get: Any = county.test_client().get
    shown = get(f"{SHOP}/listing?percent=10", headers=operator).get_json()["items"]
    answer = get(f"{SHOP}/listing?percent=10", headers=operator | {"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].endswith(f"-SHOP-2025-07-15.{ending}")
    rows = [row for _, row in read_table(answer.data)][1:]
    assert {row[0].lstrip("'"): row[3] for row in rows} == {item["shop_sku"]: str(item["stock"]) for item in shown}
    assert next(item["stock"] for item in shown if item["sku"] == PEACH) > 0
    empty = get(f"{SHOP}/differences", headers=operator | {"Accept": accept})
    assert next(row for _, row in read_table(empty.data))[0] == "订单编号"


def test_the_headers_of_the_list_are_the_shops_own(county: Flask, operator: dict[str, str]) -> None:
    own = template("832") | {"listing": [["stock", "可售数量"], ["sku", "货号"]]}
    assert county.test_client().put(SHOP, json={"profile": own}, headers=operator).status_code == 200
    answer = county.test_client().get(f"{SHOP}/listing", headers=operator | {"Accept": "text/csv"})
    assert next(row for _, row in read_table(answer.data)) == ["可售数量", "货号"]
    for bad in ({"sku": "货号"}, [], [["colour", "颜色"]], [["sku", "货号"], ["sku", "编码"]], ["sku"]):
        refused = county.test_client().put(SHOP, json={"profile": own | {"listing": bad}}, headers=operator)
        assert (refused.status_code, refused.get_json()["where"]) == (422, "listing")
