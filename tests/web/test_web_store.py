"""The shelf and the product page: every price with its unit, what is left, papers that are held, kind words else."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from shop.access.models import PartyKind, Role
from shop.catalog.actions import product_by_sku
from shop.catalog.models import Certificate, PaperKind
from shop.channels.actions import register_partner
from shop.channels.errors import NoStorefront
from shop.channels.models import PartnerKind
from shop.kit.db import transaction
from tests.factories.access import party, signed_in
from tests.factories.sales import NECTARINE
from tests.factories.statements import statements
from tests.web.conftest import Store, read

PEACH = "PL001"


def change(sql: str) -> None:
    """Reference data as somebody at the county's desk changed it."""
    with transaction() as session:
        session.execute(text(sql))


def test_a_product_is_shown_with_its_price_for_a_pack_a_jin_and_a_kg_and_with_its_origin(store: Store) -> None:
    page = read(store.app.test_client().get(f"/p/{PEACH}"))
    assert "¥ 39.80 /箱" in page.text
    assert "¥7.96/斤 · ¥15.92/kg · 每箱净重 2.5 kg" in page.text
    assert "产地 平陆县部官镇西太村" in page.text
    assert "产季 7 月至 8 月（现在）" in page.text
    assert "鲜活易腐，不适用七日无理由退货" in page.text


def test_the_tiers_of_units_are_shown_as_such(store: Store) -> None:
    page = read(store.app.test_client().get(f"/p/{PEACH}"))
    assert "单位批量价" in page.text
    assert "10 箱起 ¥37.80 ¥7.56 ¥15.12 50 箱起 ¥35.80 ¥7.16 ¥14.32" in page.text


def test_the_page_counts_the_packs_that_are_left(store: Store) -> None:
    page = read(store.app.test_client().get(f"/p/{NECTARINE}"))
    assert "余 200 箱" in page.text


def test_only_a_paper_that_is_held_today_is_shown(store: Store) -> None:
    with transaction() as session:
        product_id = product_by_sku(session, PEACH).id
        for number, expires_on, verified_at in (
            ("GI-HELD", date(2027, 1, 1), store.clock.now()),
            ("GI-OVER", date(2025, 7, 14), store.clock.now()),
            ("GI-CLAIMED", date(2027, 1, 1), None),
        ):
            session.add(
                Certificate(
                    product_id=product_id, kind=PaperKind.GI_MARK, number=number, issued_on=date(2024, 1, 1),
                    expires_on=expires_on, verified_at=verified_at,
                )
            )  # fmt: skip
    page = read(store.app.test_client().get(f"/p/{PEACH}"))
    assert "地理标志 GI-HELD 有效至 2027-01-01" in page.text
    assert "GI-OVER" not in page.text
    assert "GI-CLAIMED" not in page.text


def test_a_product_that_is_sold_out_says_so_and_offers_what_there_is(store: Store) -> None:
    page = read(store.app.test_client().get("/p/PL005"))
    assert "已售完，新货到仓后恢复销售" in page.text
    assert "现在可以买" in page.text
    assert {f"/p/{PEACH}", f"/p/{NECTARINE}"} <= set(page.links)
    assert page.forms == []


def test_a_product_out_of_season_says_when_it_comes_back(store: Store) -> None:
    store.clock.put(datetime(2025, 11, 15, 2, 0, tzinfo=UTC))
    page = read(store.app.test_client().get(f"/p/{PEACH}"))
    assert "现在不在产季，7 月至 8 月采收上市" in page.text
    assert "当季" not in page.text
    assert page.forms == []


def test_between_two_campaigns_the_page_says_so_and_sells_nothing(store: Store) -> None:
    change("UPDATE campaigns SET starts_on = '2026-01-01', ends_on = '2026-12-31'")
    page = read(store.app.test_client().get(f"/p/{PEACH}"))
    assert "现在没有进行中的活动，开季再见" in page.text
    assert page.forms == []


@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE products SET status = 'withdrawn' WHERE sku = '{PEACH}'",
        f"UPDATE firms SET status = 'suspended' FROM products WHERE firm_id = firms.id AND sku = '{PEACH}'",
    ],
)
def test_a_withdrawn_product_has_a_kind_page_without_a_price(store: Store, sql: str) -> None:
    change(sql)
    page = read(store.app.test_client().get(f"/p/{PEACH}"), 410)
    assert "大桐蜜桃已下架" in page.text
    assert "39.80" not in page.text
    assert page.forms == []


def test_a_draft_is_as_unknown_as_what_never_was(store: Store) -> None:
    change(f"UPDATE products SET status = 'draft' WHERE sku = '{PEACH}'")
    client = store.app.test_client()
    assert read(client.get(f"/p/{PEACH}"), 404).words[4:6] == ["没有找到", f"没有找到 {PEACH}。"]
    assert read(client.get("/p/PL999"), 404).words[4:6] == ["没有找到", "没有找到 PL999。"]


def test_the_shelf_shows_first_what_can_be_had_and_each_listed_product_once(store: Store) -> None:
    page = read(store.app.test_client().get("/shop"))
    products = [link for link in page.links if link.startswith("/p/")]
    with transaction() as session:
        listed = set(session.execute(text("SELECT '/p/' || sku FROM products WHERE status = 'listed'")).scalars())
    assert sorted(products) == sorted(listed)
    assert set(products[:2]) == {f"/p/{PEACH}", f"/p/{NECTARINE}"}
    assert "SHOP（示例）" in page.text


def test_only_a_shop_of_our_own_has_a_shelf_here(store: Store) -> None:
    with transaction() as session:
        other = party(store.app, PartyKind.SHOP, "DY")
        register_partner(
            session, PartnerKind.SHOP, "DY", other, "短视频店（示例）", actor_id=None, now=store.clock.now()
        )
    client = store.app.test_client()
    assert client.get("/shop/SHOP").status_code == 200
    read(client.get("/shop/DY"), 404)
    read(client.get("/shop/HOST"), 404)
    with pytest.raises(NoStorefront), transaction() as session:
        register_partner(
            session, PartnerKind.HOST, "H9", other, "主播", actor_id=None, now=store.clock.now(), storefront=True
        )


def test_the_county_opens_and_closes_a_storefront(store: Store) -> None:
    operator = signed_in(store.app, Role.OPERATOR)
    client = store.app.test_client()

    def put(code: str, opened: bool) -> int:
        body = {"storefront": opened}
        return client.post(f"/api/v1/partners/{code}/storefront", json=body, headers=operator).status_code

    assert put("SHOP", False) == 200
    assert "网店还未开张" in read(client.get("/shop")).text
    assert put("HOST", True) == 422
    assert put("NONE", True) == 404
    assert "网店还未开张" in read(client.get("/shop")).text
    assert put("SHOP", True) == 200
    assert "SHOP（示例）" in read(client.get("/shop")).text


def test_without_a_shop_the_page_shows_the_product_and_sells_nothing(store: Store) -> None:
    change("UPDATE partners SET storefront = false")
    client = store.app.test_client()
    assert "网店还未开张" in read(client.get("/shop")).text
    page = read(client.get(f"/p/{PEACH}"))
    assert "网店还未开张，暂不能下单" in page.text
    assert "¥ 39.80 /箱" in page.text
    assert page.forms == []


@pytest.mark.parametrize("path", [f"/p/{PEACH}", "/shop", "/p/PL005"])
def test_a_page_and_what_it_loads_stay_under_100_kb_and_come_from_here(store: Store, path: str) -> None:
    client = store.app.test_client()
    answer = client.get(path)
    page = read(answer)
    loads = [address for address in page.loads if not address.startswith("data:")]
    assert loads == ["/static/shop.css"]
    with client.get(loads[0]) as sheet:
        assert len(answer.data) + len(sheet.data) < 100_000
    assert "<script" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(("path", "most"), [(f"/p/{PEACH}", 2), ("/shop", 2), ("/p/PL005", 3)])
def test_a_page_costs_as_many_statements_for_one_product_as_for_all(store: Store, path: str, most: int) -> None:
    client = store.app.test_client()
    client.get(path)
    with statements() as seen:
        client.get(path)
    assert len(seen) <= most, seen
