"""Pictures of products: uploaded by their firm, drawn anew, put in order, shown where buyers look (T66)."""

import re
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, stream_encode_multipart

from shop.access.models import Role
from shop.catalog.models import MAX_PICTURE, Firm
from shop.catalog.pictures import MOST_PICTURES
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from tests.factories.access import signed_in
from tests.factories.sales import ready
from tests.factories.statements import statements
from tests.factories.tables import contents
from tests.kit.test_kit_pictures import file, noise
from tests.web.conftest import read

PEACH = "/api/v1/products/PL001"


class Desk:
    """Somebody of the firm at his desk."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        party = db.session.execute(select(Firm.party_id).where(Firm.code == "F01")).scalar_one()
        self.headers = dict(signed_in(app, Role.FIRM_STAFF, party))

    def upload(self, picture: bytes, sku: str = "PL001") -> TestResponse:
        part = FileStorage(BytesIO(picture), "peach.svg", "picture", "image/svg+xml")
        body, _, boundary = stream_encode_multipart({"picture": part}, use_tempfile=False)
        with body:
            return self.client.post(
                f"/api/v1/products/{sku}/pictures", data=body.read(), headers=self.headers,
                content_type=f'multipart/form-data; boundary="{boundary}"',
            )  # fmt: skip

    def put(self, path: str, body: dict[str, Any]) -> TestResponse:
        return self.client.put(f"{PEACH}/{path}", json=body, headers=self.headers)


@pytest.fixture
def desk(county: Flask, clock: WalkingClock) -> Desk:
    with transaction() as session:
        ready(session, clock.now())
    return Desk(county)


def plainly(colour: str) -> bytes:
    return file(Image.new("RGB", (300, 200), colour))


def test_a_firm_uploads_orders_and_removes_pictures_and_buyers_see_them(desk: Desk) -> None:
    client = desk.client
    assert client.get(PEACH).get_json()["pictures"] == []
    assert client.get("/p/PL001").get_data(as_text=True).count("<img") == 0
    first = desk.upload(file(noise(1_500, 1_000), "PNG"))
    assert first.status_code == 201, first.text
    assert [desk.upload(plainly(colour)).status_code for colour in ("red", "green")] == [201, 201]
    pictures = client.get(PEACH).get_json()["pictures"]
    assert [(p["width"], p["height"]) for p in pictures] == [(750, 500), (300, 200), (300, 200)]
    names = [picture["name"] for picture in pictures]
    assert first.get_json()["pictures"] == names[:1]

    turned = [names[2], names[0], names[1]]
    assert desk.put("pictures", {"pictures": turned}).get_json() == {"sku": "PL001", "pictures": turned}
    assert [p["name"] for p in client.get(PEACH).get_json()["pictures"]] == turned
    page = client.get("/p/PL001").get_data(as_text=True)
    assert re.findall(r'<img src="/pictures/(\w+)\.jpg" width="(\d+)" height="(\d+)" loading="lazy"', page) == [
        (turned[0], "300", "200"), (turned[1], "750", "500"), (turned[2], "300", "200"),
    ]  # fmt: skip
    for path in ("/shop", "/", "/p/PL001/order?quantity=1"):
        assert f'src="/pictures/{turned[0]}.s.jpg"' in client.get(path).get_data(as_text=True), path

    assert desk.put("pictures", {"pictures": turned[1:]}).status_code == 200
    assert client.get(f"/pictures/{turned[0]}.jpg").status_code == 404
    assert [p["name"] for p in client.get(PEACH).get_json()["pictures"]] == turned[1:]
    told = db.session.execute(text("SELECT event FROM history WHERE event LIKE '%picture%' ORDER BY id")).scalars()
    assert list(told) == ["add_picture"] * 3 + ["keep_pictures"] * 2


def test_a_page_with_a_picture_is_light_and_its_pictures_may_be_kept_for_ever(desk: Desk) -> None:
    for seed in range(2):
        assert desk.upload(file(noise(1_500 + seed, 1_000))).status_code == 201
    client = desk.client
    answer = client.get("/p/PL001")
    page = read(answer)
    sheet, lead, *_ = (address for address in page.loads if not address.startswith("data:"))
    with client.get(sheet) as css:
        assert len(answer.data) + len(css.data) < 100_000
    picture = client.get(lead)
    assert (picture.status_code, picture.content_type) == (200, "image/jpeg")
    assert len(picture.data) <= 60_000
    assert picture.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert picture.headers["X-Content-Type-Options"] == "nosniff"
    with statements() as seen:
        thumb = client.get(lead.replace(".jpg", ".s.jpg"))
    assert len(seen) == 1
    assert thumb.headers["Cache-Control"] == picture.headers["Cache-Control"]
    assert len(thumb.data) <= 10_000
    assert Image.open(BytesIO(thumb.data)).size == (160, 160)


def test_a_shared_page_has_a_card(desk: Desk) -> None:
    desk.upload(plainly("orange"))
    name = desk.client.get(PEACH).get_json()["pictures"][0]["name"]

    def card(path: str) -> dict[str, str]:
        html = desk.client.get(path, base_url="https://pinglu.example").get_data(as_text=True)
        return dict(re.findall(r'<meta property="og:(\w+)" content="([^"]*)"', html))

    product = card("/p/PL001")
    assert product["title"] == "大桐蜜桃 · 平陆好物"
    assert product["description"].startswith("大桐蜜桃 2.5kg/箱 · ¥39.80/箱（¥7.96/斤） · 平陆县部官镇西太村")
    assert product["image"] == f"https://pinglu.example/pictures/{name}.jpg"
    assert product["url"] == "https://pinglu.example/p/PL001"
    assert card("/shop")["image"] == product["image"]
    live = card("/live/LIVE-1")
    assert "¥" in live["description"]
    assert live["image"] == product["image"]


def test_what_is_no_picture_comes_twice_or_too_often_changes_nothing(desk: Desk, county: Flask) -> None:
    for number in range(MOST_PICTURES):
        assert desk.upload(file(Image.new("RGB", (300, 200 + number), "red"))).status_code == 201
    names = [p["name"] for p in desk.client.get(PEACH).get_json()["pictures"]]
    before = contents(county)
    refused = {
        "picture-refused": [desk.upload(b"<svg/>"), desk.upload(b"x" * (MAX_PICTURE + 1)),
                            desk.client.post(f"{PEACH}/pictures", headers=desk.headers)],
        "picture-taken": [desk.upload(file(Image.new("RGB", (300, 200), "red")))],
        "too-many-pictures": [desk.upload(plainly("blue"))],
        "pictures-not-named": [desk.put("pictures", {"pictures": wrong})
                               for wrong in ([names[0], *names[:-1]], [*names[:-1], "0" * 32])],
    }  # fmt: skip
    for code, answers in refused.items():
        assert [answer.get_json()["type"].rpartition("#")[2] for answer in answers] == [code] * len(answers)
    assert desk.upload(b"x" * (MAX_PICTURE + 100_000)).status_code == 413
    assert contents(county) == before


def test_a_video_is_an_address_of_a_host_that_the_county_knows(desk: Desk, clock: WalkingClock) -> None:
    good = "https://v.douyin.com/iRNBho6u/"
    assert desk.put("video", {"url": good}).get_json() == {"sku": "PL001", "video_url": good}
    assert good in read(desk.client.get("/p/PL001")).links
    for wrong in (
        "http://v.douyin.com/a", "https://evil.example/a", "https://v.douyin.com.evil.example/a",
        "https://v.douyin.com@evil.example/a", "https://evil.example\\@v.douyin.com/a", "https://v.douyin.com:8443/a",
        "javascript:alert(1)", "//v.douyin.com/a", "https://v.douyin.com", "https://v.douyin.com/a b",
        'https://v.douyin.com/"onclick="x', "https://[v.douyin.com/a",
    ):  # fmt: skip
        answer = desk.put("video", {"url": wrong})
        assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (422, "video-elsewhere"), wrong
    assert desk.client.get(PEACH).get_json()["video_url"] == good
    assert desk.put("video", {"url": None}).status_code == 200
    assert good not in read(desk.client.get("/p/PL001")).links


def test_the_database_takes_no_larger_picture(desk: Desk) -> None:
    desk.upload(plainly("red"))
    for column, most in (("page", 60_000), ("thumb", 10_000)):
        sql = f"UPDATE product_pictures SET {column} = convert_to(repeat('x', {most + 1}), 'UTF8')"
        with pytest.raises(IntegrityError), transaction() as session:
            session.execute(text(sql))
