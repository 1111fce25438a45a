"""The campaign's front page, and what a person reads where an address leads nowhere."""

import pytest
from flask import Flask

from shop.access.models import ROLE_FITS, Role
from tests.factories.access import PASSWORD, party, person
from tests.web.conftest import Reader

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "zh-CN,zh;q=0.9"}


def test_the_front_page_leads_to_the_shop_to_ones_order_and_to_the_reports(county: Flask) -> None:
    client = county.test_client()
    read = Reader(client.get("/", headers=BROWSER).text)
    for address in ("/shop", "/o", "/reports"):
        assert any(link.startswith(address) for link in read.links), (address, read.links)
    for link in ("/shop", "/o"):
        assert client.get(link, headers=BROWSER).status_code == 200
    assert client.get("/reports", headers=BROWSER).headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("address", ["/nowhere", "/shop/nobody/nothing", "/simulated-pay/x"])
def test_who_opens_an_address_that_leads_nowhere_in_a_browser_reads_a_page(committed: Flask, address: str) -> None:
    answer = committed.test_client().get(address, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    read = Reader(answer.text)
    assert "没有找到" in read.words
    assert "/shop" in read.links


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/problem+json"])
def test_a_program_gets_the_same_refusal_as_problem_json(committed: Flask, accept: str | None) -> None:
    answer = committed.test_client().get("/nowhere", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_the_api_answers_a_browser_as_it_answers_a_program(committed: Flask) -> None:
    answer = committed.test_client().get("/api/v1/products/NONE", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_a_post_that_a_page_does_not_take_is_told_in_words(committed: Flask) -> None:
    answer = committed.test_client().post("/", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("role", "home"),
    [
        (Role.OPERATOR, "/reports/income"), (Role.MANAGER, "/reports/income"), (Role.FIRM_STAFF, "/reports/income"),
        (Role.HOUSEHOLD, "/my"), (Role.BUYER, "/desk/rounds"),
        (Role.CADRE, "/"), (Role.HOST, "/"), (Role.CUSTOMER, "/"),
    ],
)  # fmt: skip
def test_who_signs_in_without_having_asked_for_a_page_finds_his_own_work(
    committed: Flask, role: Role, home: str
) -> None:
    person(committed, (role, party(committed, ROLE_FITS[role][0])), login="somebody")
    form = Reader(committed.test_client().get("/sign-in").text).forms[0]
    answer = committed.test_client().post(form.action, data=form.fields | {"login": "somebody", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, home)
