"""The contract of connectors: files and an API bring the same facts, and take the same list of prices and stock."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from shop.catalog.reference import catalog
from shop.channels.reference import selling
from shop.kit.clock import BEIJING
from shop.kit.reference import current_version
from shop.kit.tables import XLSX_TYPE, read_table
from shop.marketplaces.actions import map_item, template
from shop.marketplaces.connectors import Connector, FileConnector
from shop.marketplaces.listing import Offered, offered
from shop.marketplaces.models import FactKind
from shop.marketplaces.profiles import profile_of
from shop.marketplaces.taking import bring
from tests.conftest import A_DAY_IN_JULY
from tests.factories.sales import Season, undone
from tests.factories.shopapi import HttpConnector, simulated_shop
from tests.factories.shopfiles import (
    ORDERS,
    PAYOUTS,
    REFUNDS,
    Desk,
    desk,
    done,
    paid_out,
    refunded,
    sheet,
    sold,
)
from tests.factories.statements import statements
from tests.marketplaces.test_marketplaces_api import PEACH, SHOP, operator
from tests.marketplaces.test_marketplaces_orders import books, wrong

__all__ = ["operator"]


def at(day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(2025, 7, day, hour, minute, tzinfo=BEIJING).timestamp())


def line(number: str, **told: Any) -> dict[str, Any]:
    return {"order_id": number, "sku_order_id": number} | told


def rows_of(sku: str) -> dict[FactKind, list[dict[str, Any]]]:
    """What the shop with an API knows: three orders, a refund, two payouts."""
    done = {"code": sku, "pay_time": at(14, 9), "ship_time": at(14, 15), "finish_time": at(15, 8, 30)}
    waiting = done | {"ship_time": 0, "finish_time": 0}
    return {
        FactKind.ORDERS: [
            line("6901", item_num=2, pay_amount=7960, **done), line("6902", item_num=1, pay_amount=3333, **done),
            line("6903", item_num=1, pay_amount=3980, **waiting),
        ],
        FactKind.REFUNDS: [line("6902", aftersale_id="AS1", refund_amount=333, refund_time=at(15, 9))],
        FactKind.PAYOUTS: [
            line("6901", trade_no="D1", settle_amount=7801, platform_fee=159, settle_time=at(15, 9, 30)),
            line("6902", trade_no="D2", settle_amount=2900, platform_fee=100, settle_time=at(15, 9, 30)),
        ],
    }  # fmt: skip


def files_of(sku: str) -> dict[FactKind, bytes]:
    """The same as the files that a shop exports."""
    orders = [done("6901", sku, packs=2, yuan="79.60"), done("6902", sku, yuan="33.33"), sold("6903", sku)]
    payouts = [paid_out("D1", "6901", "78.01", fee="-1.59"), paid_out("D2", "6902", "29.00", fee="-1.00")]
    return {
        FactKind.ORDERS: sheet(ORDERS, orders),
        FactKind.REFUNDS: sheet(REFUNDS, [refunded("AS1", "6902", "3.33")]),
        FactKind.PAYOUTS: sheet(PAYOUTS, payouts),
    }


def brought(season: Season, connectors: Mapping[FactKind, Connector]) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """The books after each kind was told three times, and (new, changed) of each time."""
    shop: Desk = desk(season)
    version, counts = current_version(season.session), []
    for kind, connector in [*connectors.items()] * 3:
        taken = bring(
            season.session, shop.shop, connector.tell(kind, now=season.now), "shop",
            goods=catalog(season.session, version),
            selling=selling(season.session, version), actor_id=None, now=season.now,
        )  # fmt: skip
        assert taken.problems == ()
        counts.append((taken.new, taken.changed))
        shop.work()
    assert wrong(shop) == []
    return books(shop), counts


def test_a_file_and_an_api_over_http_bring_the_same_books_however_often_they_tell(market: Flask) -> None:
    found = []
    with market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        profile = profile_of(template("douyin"))
        files = {kind: FileConnector(profile, "导出.csv", data) for kind, data in files_of(season.sku).items()}
        found.append(brought(season, files))
    with simulated_shop() as there, market.app_context(), undone(market.extensions["sku"], A_DAY_IN_JULY) as season:
        there.rows = rows_of(season.sku)
        found.append(brought(season, dict.fromkeys(FactKind, HttpConnector(there.address))))
        assert there.asked[:2] == ["/orders?page=1", "/orders?page=2"]
    assert found[0] == found[1]
    assert found[0][1] == [(3, 0), (1, 0), (2, 0)] + [(0, 0)] * 6


def test_a_page_that_does_not_come_is_a_problem_and_nothing_is_taken(season: Season) -> None:
    shop = desk(season)
    before = books(shop)
    with simulated_shop() as there:
        there.rows, there.broken = rows_of(season.sku), {2}
        told = HttpConnector(there.address).tell(FactKind.ORDERS, now=season.now)
        assert [problem.zh for problem in told.problems] == ["第 2 页没有取到"]
        version = current_version(season.session)
        taken = bring(
            season.session, shop.shop, told, there.address, goods=catalog(season.session, version),
            selling=selling(season.session, version), actor_id=None, now=season.now,
        )  # fmt: skip
    assert len(taken.problems) == 1
    assert books(shop) == before
    assert season.session.scalar(text("SELECT count(*) FROM marketplace_imports")) == 0


def offers_of(season: Season, *, percent: int = 100, only_mapped: bool = False) -> dict[str, Offered]:
    shop = desk(season)
    map_item(season.session, shop.shop, "桃-10斤", season.product, 2, actor_id=None, now=season.now)
    goods = catalog(season.session, current_version(season.session))
    with statements() as seen:
        found = offered(
            season.session, shop.shop, goods=goods, now=season.now, percent=percent,
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
    with simulated_shop() as api:
        assert HttpConnector(api.address).publish(offers).skus == len(offers)
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
