"""A guest reports spoiled goods on the page of his order and sees what becomes of it."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from shop.claims.actions import accept, answer
from shop.kit.db import db, release, transaction
from shop.reports.books import check_books
from tests.factories.tables import contents
from tests.web.conftest import Form, Store, read
from tests.web.test_web_guest import pays, placed, rows

CLAIM = {"sku": "PL001", "reason": "spoiled", "amount": "1", "measure": "jin", "photo_reference": "IMG_1", "words": ""}


def received(store: Store, client: FlaskClient) -> str:
    number = placed(client)
    pays(store, client, number)
    store.dispatch(number)
    form = button(client, number, "/receipt")
    assert client.post(form.action, data=form.fields).status_code == 303
    store.work()
    return number


def button(client: FlaskClient, number: str, ends: str) -> Form:
    return next(form for form in read(client.get(f"/o/{number}")).forms if form.action.endswith(ends))


def claim_form(client: FlaskClient, number: str) -> dict[str, str]:
    return {"ticket": read(client.get(f"/o/{number}/claim")).forms[0].fields["ticket"]}


def test_a_guest_claims_sees_the_answer_and_gets_his_money_back(store: Store) -> None:
    client = store.app.test_client()
    number = received(store, client)
    assert f"/o/{number}/claim" in read(client.get(f"/o/{number}")).links
    fields = claim_form(client, number) | CLAIM
    for _ in range(2):
        sent = client.post(f"/o/{number}/claim", data=fields)
        assert (sent.status_code, sent.headers["Location"]) == (303, f"/o/{number}")
    ((which, damaged_g),) = rows("SELECT number, damaged_g FROM claims")
    assert damaged_g == 500
    assert "质量赔付 · 等待商家答复 大桐蜜桃，腐烂变质 0.5 kg" in read(client.get(f"/o/{number}")).text
    with transaction() as session:
        answer(session, which, agrees=True, words="照片属实", actor_id=None, now=store.clock.now())
    with transaction() as session:
        accept(session, which, granted_g=None, words="按比例赔付", actor_id=None, now=store.clock.now())
    store.work()
    page = read(client.get(f"/o/{number}"))
    assert "商家：照片属实 县五销办：按比例赔付 退回 ¥ 7.96" in page.text
    assert "已退回原支付账户 ¥7.96" in page.text
    assert check_books(db.session(), now=store.clock.now()) == []
    release()


@pytest.mark.parametrize(
    ("amount", "measure", "grams"), [("1", "pack", 2500), ("3", "jin", 1500), ("250", "gram", 250)]
)
def test_packs_jin_and_grams_are_understood(store: Store, amount: str, measure: str, grams: int) -> None:
    client = store.app.test_client()
    number = received(store, client)
    fields = claim_form(client, number) | CLAIM | {"amount": amount, "measure": measure}
    assert client.post(f"/o/{number}/claim", data=fields).status_code == 303
    assert rows("SELECT damaged_g FROM claims") == [(grams,)]


def test_what_does_not_fit_is_said_beside_its_field(store: Store) -> None:
    client = store.app.test_client()
    number = received(store, client)
    fields = claim_form(client, number) | CLAIM | {"amount": "0", "photo_reference": " "}
    page = read(client.post(f"/o/{number}/claim", data=fields), 422)
    assert "须在 1 至 1000000 之间。" in page.text
    assert "长度须为 1 至 120。" in page.text
    assert rows("SELECT 1 FROM claims") == []


def test_a_guest_takes_back_what_is_not_decided(store: Store) -> None:
    client = store.app.test_client()
    number = received(store, client)
    client.post(f"/o/{number}/claim", data=claim_form(client, number) | CLAIM)
    form = button(client, number, "/withdrawal")
    for _ in range(2):
        assert client.post(form.action, data=form.fields).status_code == 303
    assert "质量赔付 · 已撤回" in read(client.get(f"/o/{number}")).text
    assert rows("SELECT status FROM claims") == [("withdrawn",)]


def test_before_the_receipt_and_after_48_hours_nothing_is_offered_or_taken(store: Store) -> None:
    client = store.app.test_client()
    early = placed(client)
    assert f"/o/{early}/claim" not in read(client.get(f"/o/{early}")).links
    assert "尚未确认收货" in read(client.get(f"/o/{early}/claim"), 409).text
    number = received(store, client)
    store.clock.walk(timedelta(hours=48, seconds=1))
    assert f"/o/{number}/claim" not in read(client.get(f"/o/{number}")).links
    fields = claim_form(client, number) | CLAIM
    assert "赔付申请须在" in read(client.post(f"/o/{number}/claim", data=fields), 409).text
    assert rows("SELECT 1 FROM claims") == []


def test_t48_nobody_claims_or_takes_back_for_another(store: Store) -> None:
    mine, other = store.app.test_client(), store.app.test_client()
    number = received(store, mine)
    fields = claim_form(mine, number) | CLAIM
    assert mine.post(f"/o/{number}/claim", data=fields).status_code == 303
    form = button(mine, number, "/withdrawal")
    foreign = placed(other)
    before = contents(store.app)
    read(other.get(f"/o/{number}/claim"), 404)
    read(other.post(f"/o/{number}/claim", data=fields), 404)
    read(other.post(form.action, data=form.fields), 404)
    read(mine.post(f"/o/{number}/claim", data=fields, headers={"Origin": "https://evil.example"}), 403)
    which = form.action.split("/")[-2]
    read(other.post(f"/o/{foreign}/claims/{which}/withdrawal", data=form.fields), 403)
    assert contents(store.app) == before
