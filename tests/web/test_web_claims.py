"""A guest reports spoiled goods on the page of his order and sees what becomes of it."""

import hashlib
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from werkzeug.test import TestResponse

from shop.access.models import Role
from shop.claims.actions import accept, answer, told_photo
from shop.claims.errors import PhotoRefused
from shop.claims.models import MAX_PHOTO
from shop.kit.db import db, release, transaction
from shop.kit.jpeg import plain
from shop.reports.books import check_books
from tests.factories.access import signed_in
from tests.factories.photos import WHERE, photo
from tests.factories.tables import contents
from tests.web.conftest import Form, Store, read
from tests.web.test_web_guest import pays, placed, rows

CLAIM = {"sku": "PL001", "reason": "spoiled", "amount": "1", "measure": "jin", "words": ""}


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


def sends(
    client: FlaskClient, number: str, fields: dict[str, str], picture: bytes | None = None, **more: Any
) -> TestResponse:
    """Send the form with a photo; with none when it is empty."""
    data: dict[str, Any] = dict(fields)
    if picture != b"":
        data["photo"] = (BytesIO(picture or photo(where=True)), "IMG_1.jpg", "image/jpeg")
    return client.post(f"/o/{number}/claim", data=data, content_type="multipart/form-data", **more)


def claim_form(client: FlaskClient, number: str) -> dict[str, str]:
    return {"ticket": read(client.get(f"/o/{number}/claim")).forms[0].fields["ticket"]}


def test_a_guest_claims_sees_the_answer_and_gets_his_money_back(store: Store) -> None:
    client = store.app.test_client()
    number = received(store, client)
    assert f"/o/{number}/claim" in read(client.get(f"/o/{number}")).links
    fields = claim_form(client, number) | CLAIM
    for _ in range(2):
        sent = sends(client, number, fields)
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
    assert sends(client, number, fields).status_code == 303
    assert rows("SELECT damaged_g FROM claims") == [(grams,)]


def test_what_does_not_fit_is_said_beside_its_field(store: Store) -> None:
    client = store.app.test_client()
    number = received(store, client)
    fields = claim_form(client, number) | CLAIM | {"amount": "0"}
    before = contents(store.app)
    page = read(sends(client, number, fields, b""), 422)
    assert "须在 1 至 1000000 之间。" in page.text
    assert "请选一张手机拍的照片（JPEG，8 MB 以内）。" in page.text
    assert contents(store.app) == before


def test_the_photo_is_kept_without_where_it_was_taken_and_seen_by_firm_and_county(store: Store) -> None:
    client = store.app.test_client()
    number = received(store, client)
    assert sends(client, number, claim_form(client, number) | CLAIM).status_code == 303
    ((which, reference),) = rows("SELECT number, photo_reference FROM claims")
    assert reference == hashlib.sha256(plain(photo())).hexdigest()[:16]
    firm = rows("SELECT party_id FROM firms JOIN orders ON orders.firm_id = firms.id")[0][0]
    county = rows("SELECT id FROM parties WHERE kind = 'county'")[0][0]
    other = rows("SELECT party_id FROM firms ORDER BY party_id = :firm, id LIMIT 1", firm=firm)[0][0]
    address = f"/api/v1/claims/{which}/photo"
    for role, party_id, status in (
        (Role.FIRM_STAFF, firm, 200), (Role.OPERATOR, county, 200), (Role.FIRM_STAFF, other, 404),
        (Role.CUSTOMER, None, 404),
    ):  # fmt: skip
        answer = store.app.test_client().get(address, headers=signed_in(store.app, role, party_id))
        assert answer.status_code == status, role
        if status == 200:
            assert (answer.content_type, answer.data) == ("image/jpeg", plain(photo()))
    assert WHERE in photo(where=True)
    with pytest.raises(IntegrityError, match="append-only"), transaction() as session:
        session.execute(text("DELETE FROM claim_photos"))


@pytest.mark.parametrize("picture", [b"<svg onload=alert(1)></svg>", photo()[:-2], b"\x89PNG\r\n"])
def test_t66_what_is_no_photo_or_too_large_is_refused_and_nothing_is_kept(store: Store, picture: bytes) -> None:
    client = store.app.test_client()
    number = received(store, client)
    fields = claim_form(client, number) | CLAIM
    before = contents(store.app)
    assert "请选一张手机拍的照片" in read(sends(client, number, fields, picture), 422).text
    assert contents(store.app) == before


def test_t66_a_photo_beyond_its_bound_is_refused() -> None:
    with pytest.raises(PhotoRefused):
        told_photo(photo() + b"x" * MAX_PHOTO)


def test_a_guest_takes_back_what_is_not_decided(store: Store) -> None:
    client = store.app.test_client()
    number = received(store, client)
    sends(client, number, claim_form(client, number) | CLAIM)
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
    assert "赔付申请须在" in read(sends(client, number, fields), 409).text
    assert rows("SELECT 1 FROM claims") == []


def test_t48_nobody_claims_or_takes_back_for_another(store: Store) -> None:
    mine, other = store.app.test_client(), store.app.test_client()
    number = received(store, mine)
    fields = claim_form(mine, number) | CLAIM
    assert sends(mine, number, fields).status_code == 303
    form = button(mine, number, "/withdrawal")
    foreign = placed(other)
    before = contents(store.app)
    read(other.get(f"/o/{number}/claim"), 404)
    read(sends(other, number, fields), 404)
    read(other.post(form.action, data=form.fields), 404)
    read(sends(mine, number, fields, headers={"Origin": "https://evil.example"}), 403)
    which = form.action.split("/")[-2]
    read(other.post(f"/o/{foreign}/claims/{which}/withdrawal", data=form.fields), 403)
    assert contents(store.app) == before
