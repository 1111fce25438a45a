"""An order of a guest is counted for the link that he came by, at the price of that link."""

from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import select

from shop.channels.actions import create_link, partner_by_code
from shop.channels.models import Campaign, Occasion
from shop.kit.db import transaction
from tests.web.conftest import Store, read
from tests.web.test_web_guest import TO, confirm, placed, rows
from tests.web.test_web_live import ORDER, SHELF, ends

PEACH = "PL001"
PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) Mobile Safari"}


def link_of(store: Store, partner: str, occasion: str | None = None) -> str:
    with transaction() as session:
        campaign_id = session.execute(select(Campaign.id)).scalars().first()
        assert campaign_id is not None
        occasion_id = session.scalar(select(Occasion.id).where(Occasion.code == occasion))
        made = create_link(
            session, partner_by_code(session, partner), campaign_id, occasion_id=occasion_id, now=store.clock.now()
        )
        return made.code


def opens(client: FlaskClient, code: str) -> None:
    assert client.get(f"/s/{code}", headers=PHONE).status_code in (200, 302)


def counted() -> list[tuple[str, str | None, str | None, int]]:
    """Partner, occasion, link and total of each order."""
    found = rows(
        "SELECT partners.code, occasions.code, sale_links.code, total_fen FROM orders"
        " JOIN partners ON partners.id = orders.partner_id LEFT JOIN occasions ON occasions.id = orders.occasion_id"
        " LEFT JOIN sale_links ON sale_links.id = sale_link_id ORDER BY orders.id"
    )
    return [tuple(row) for row in found]


def test_without_a_link_the_order_is_the_shops(store: Store) -> None:
    placed(store.app.test_client())
    assert counted() == [("SHOP", None, None, 7960)]


def test_who_came_by_the_link_of_a_cadre_is_counted_for_him_with_the_time_he_opened_it(store: Store) -> None:
    code = link_of(store, "CADRE")
    client = store.app.test_client()
    opens(client, code)
    opened_at = store.clock.now()
    store.clock.walk(timedelta(days=2))
    placed(client)
    assert counted() == [("CADRE", None, code, 7960)]
    assert rows("SELECT link_opened_at FROM orders") == [(opened_at,)]


def test_who_came_by_the_link_of_a_session_sees_and_pays_its_price(store: Store) -> None:
    code = link_of(store, "HOST", "LIVE-1")
    client = store.app.test_client()
    opens(client, code)
    page = read(client.get(f"/p/{PEACH}"))
    assert "¥ 30.00 /箱" in page.text
    assert SHELF in page.links
    placed(client)
    assert counted() == [("HOST", "LIVE-1", code, 6000)]


def test_an_order_from_the_shelf_keeps_the_link_of_its_session_and_of_no_other(store: Store) -> None:
    cadre, host = link_of(store, "CADRE"), link_of(store, "HOST", "LIVE-1")
    by_cadre, by_host = store.app.test_client(), store.app.test_client()
    opens(by_cadre, cadre)
    opens(by_host, host)
    placed(by_cadre, ORDER)
    placed(by_host, ORDER)
    assert counted() == [("HOST", "LIVE-1", None, 6000), ("HOST", "LIVE-1", host, 6000)]


def test_when_the_session_ends_between_the_screens_the_buyer_sees_the_shops_price_first(store: Store) -> None:
    client = store.app.test_client()
    opens(client, link_of(store, "HOST", "LIVE-1"))
    form = read(client.get(f"/p/{PEACH}/order?quantity=2")).forms[0]
    second = read(client.post(form.action, data=form.fields | TO))
    assert "¥ 60.00" in second.text
    ends(store)
    again = read(confirm(client, second.forms[0]), 409)
    assert "价格或页面已更新" in again.text
    assert "¥ 79.60" in again.text
    assert confirm(client, again.forms[0]).status_code == 303
    assert counted() == [("SHOP", None, None, 7960)]


def test_t47_a_forged_list_of_links_counts_for_nobody(store: Store) -> None:
    code = link_of(store, "CADRE")
    client = store.app.test_client()
    opens(client, code)
    known = client.get_cookie("via")
    assert known is not None
    client.set_cookie("via", known.value[:-1] + ("0" if known.value[-1] != "0" else "1"))
    placed(client)
    assert counted() == [("SHOP", None, None, 7960)]
