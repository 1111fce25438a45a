"""Papers of a unit's organiser: his own only, to sign on, with nothing on them that is nobody's business."""

import re

import pytest
from flask import Flask

from shop.access.models import PartyKind, Role
from shop.kit.tables import XLSX_TYPE, read_table
from tests.factories.access import headers_of, person
from tests.factories.world import World, build

PAGES = ["/desk/rounds", "/desk/rounds/T01/distribution", "/desk/rounds/T01/distribution.xlsx",
         "/desk/orders/UNIT1/acceptance-sheet", "/desk/agreements", "/desk/agreements/A01",
         "/desk/agreements/A01/versions/1.pdf", "/desk/agreement-papers/A01-1"]  # fmt: skip


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


@pytest.mark.parametrize("path", PAGES)
def test_who_has_not_signed_in_is_asked_to(world: World, path: str) -> None:
    answer = world.app.test_client().get(path)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/sign-in")


def test_t49_a_paper_of_a_unit_is_for_its_buyers(world: World) -> None:
    host, buyer = world.browser("host"), world.browser("buyer")
    assert [host.get(path).status_code for path in PAGES] == [403] * 8
    assert [buyer.get(path).status_code for path in PAGES] == [200] * 8


@pytest.mark.parametrize("path", [re.sub("(T0|UNIT|A0)1", r"\g<1>2", path) for path in PAGES if "1" in path])
def test_t48_a_paper_of_another_unit_reads_like_a_missing_one(world: World, path: str) -> None:
    buyer = world.browser("buyer")
    foreign, missing = buyer.get(path), buyer.get(re.sub("T02|UNIT2|A02(-1)?", "NONE-999", path))
    assert (foreign.status_code, foreign.text) == (404, missing.text)


def test_the_list_of_rounds_shows_the_link_to_pass_on_and_only_our_own(world: World) -> None:
    text = world.browser("buyer").get("/desk/rounds").text
    assert "http://localhost/r/jn2" in text
    assert "团购1（示例）" in text
    assert "团购2" not in text


def test_agreements_that_do_not_fit_on_a_page_stand_on_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shop.web.desk.AGREEMENTS", 1)
    client, seen, address = world.browser("operator"), [], "/desk/agreements"
    while address:
        text = client.get(address).text
        seen += re.findall(r'<a href="/desk/agreements/(\w+)">', text)
        onward = re.search(r'<a href="(/desk/agreements\?cursor=[^"]+)">更早的协议</a>', text)
        address = onward[1] if onward else ""
    assert seen == ["A02", "A01"]
    assert "最新的协议" in text


def test_who_buys_for_one_unit_and_sells_to_another_learns_neither_its_link_nor_its_names(world: World) -> None:
    other, firm = world.b.parties[PartyKind.BUYER], world.a.parties[PartyKind.FIRM]
    both = headers_of(world.app, person(world.app, (Role.BUYER, other), (Role.FIRM_STAFF, firm)))
    http = world.app.test_client()
    seen = http.get("/api/v1/rounds", headers=both).get_json()["items"]
    assert [(one["code"], one["join_code"]) for one in seen] == [("T02", world.b.things["join"]), ("T01", None)]
    assert http.get("/api/v1/rounds/T01", headers=both).get_json()["join_path"] is None
    for path in ("/api/v1/rounds/T01/distribution", "/api/v1/rounds/T01/distribution.xlsx"):
        assert http.get(path, headers=both).status_code == 404
    http.set_cookie("signed_in", both["Authorization"].removeprefix("Bearer "))
    assert http.get("/desk/rounds/T01/distribution").status_code == 404
    text = http.get("/desk/rounds").text
    assert ("团购2（示例）" in text, "团购1" in text) == (True, False)


def test_the_distribution_list_prints_people_boxes_and_a_place_to_sign(world: World) -> None:
    buyer = world.browser("buyer")
    text = buyer.get("/desk/rounds/T01/distribution").text
    for words in ("同事1（示例）", "苹果1（示例）", "签名", "按箱", "1 号 同事1（示例）", "合计 1 人", "自愿参加"):
        assert words in text
    assert re.findall(r'(?:src|href)="(?:https?:)?//', text) == []
    assert "<script" not in text
    book = buyer.get("/desk/rounds/T01/distribution.xlsx")
    assert book.content_type == XLSX_TYPE
    assert [row[1] for _, row in read_table(book.data)] == ["姓名", "同事1（示例）"]


def test_the_acceptance_sheet_has_two_places_to_sign(world: World) -> None:
    text = world.browser("buyer").get("/desk/orders/UNIT1/acceptance-sheet").text
    for words in ("货物验收单", "UNIT1", "U01（示例）", "尚未发货", "采购方验收人", "供货方交货人"):
        assert words in text
