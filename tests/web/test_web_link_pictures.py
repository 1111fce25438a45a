"""What a partner hands out: QR codes, a poster, labels (T70)."""

import re
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import pytest
import segno
from flask import Flask
from PIL import Image
from sqlalchemy import text

from shop.kit.db import transaction
from shop.kit.qr import QUIET, qr_path, qr_png, qr_svg
from shop.web.poster import Told, poster_png
from tests.factories.world import World, build


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def squares(path: str, side: int) -> list[list[int]]:
    """The modules that a path blackens, without the white around them."""
    dark = {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)}
    inner = range(QUIET, side - QUIET)
    assert all(x in inner and y in inner for x, y in dark)
    return [[int((x, y) in dark) for x in inner] for y in inner]


def test_the_path_of_a_code_blackens_the_modules_of_its_address() -> None:
    path, side = qr_path("https://shop.example/s/abcdefgh")
    expected = segno.make_qr("https://shop.example/s/abcdefgh", error="m", boost_error=False)
    assert squares(path, side) == [list(row) for row in expected.matrix]
    assert squares(*qr_path("https://shop.example/s/abcdefgi")) != squares(path, side)


def test_a_link_has_its_code_as_svg_and_png_and_they_say_its_address(world: World) -> None:
    client = world.app.test_client()
    svg, png = client.get("/s/link1/qr.svg"), client.get("/s/link1/qr.png")
    assert (svg.mimetype, png.mimetype) == ("image/svg+xml", "image/png")
    assert svg.text == qr_svg("http://localhost/s/link1")
    assert png.data == qr_png("http://localhost/s/link1")
    assert png.data.startswith(b"\x89PNG")
    assert "private" in svg.headers["Cache-Control"]


def test_t70_a_code_is_drawn_for_a_host_of_ours_or_not_at_all(world: World) -> None:
    world.app.config["TRUSTED_HOSTS"] = ["shop.example"]
    client = world.app.test_client()
    good = client.get("/s/link1/qr.svg", headers={"Host": "shop.example", "X-Forwarded-Host": "evil.example"})
    assert good.text == qr_svg("http://shop.example/s/link1")
    assert client.get("/s/link1/qr.svg", headers={"Host": "evil.example"}).status_code == 400


def test_a_poster_is_one_picture_with_product_price_and_code(world: World) -> None:
    poster = world.app.test_client().get("/s/link1/poster.svg")
    assert poster.mimetype == "image/svg+xml"
    words = "".join(ElementTree.fromstring(poster.text).itertext())  # noqa: S314  our own page
    assert "苹果1（示例）" in words
    assert "¥28.00 / 箱" in words  # the price of the session that the link leads to
    assert qr_path("http://localhost/s/link1")[0] in poster.text
    assert "http" not in poster.text.replace("http://www.w3.org/2000/svg", "")


def test_a_poster_is_also_a_picture_that_a_phone_can_post_and_says_the_same(world: World) -> None:
    client = world.app.test_client()
    answer = client.get("/s/link1/poster.png")
    assert (answer.mimetype, client.get("/s/link1/poster.png").data) == ("image/png", answer.data)
    said = Told(
        "http://localhost/s/link1", "苹果1（示例）", "平陆县1镇（示例）西太村", "2.5 kg", ("28.00", "箱"),
        "¥5.60/斤 · ¥11.20/kg", "直播 7 月 1 日 08:00", "L01（示例）",
    )  # fmt: skip
    assert answer.data == poster_png(said)
    assert answer.data != poster_png(replace(said, price=("28.01", "箱")))
    picture = Image.open(BytesIO(answer.data))
    assert picture.size == (1080, 1440)
    assert len(answer.data) < 150_000
    # Its code is the link's own, module by module.
    code = Image.open(BytesIO(qr_png("http://localhost/s/link1"))).convert("L")
    drawn = picture.convert("L").crop((620, 980, 996, 1356))
    modules = code.width // 12
    dark = [
        [at.getpixel(((2 * x + 1) * at.width // (2 * modules), (2 * y + 1) * at.height // (2 * modules))) < 128
         for y in range(modules) for x in range(modules)]
        for at in (code, drawn)
    ]  # fmt: skip
    assert dark[0] == dark[1]
    assert any(dark[0])


def test_a_name_with_signs_of_markup_stays_a_name(world: World) -> None:
    with transaction() as session:
        session.execute(text("UPDATE products SET name_zh = '<script>&\"' WHERE sku = 'PL001'"))
    poster = world.app.test_client().get("/s/link1/poster.svg").text
    assert "<script>" not in poster
    assert "&lt;script&gt;&amp;" in poster


def test_a_sheet_holds_a_label_for_each_link(world: World) -> None:
    page = world.app.test_client().get("/links/sheet?links=link1,link2")
    assert page.status_code == 200
    assert page.text.count("<section>") == 2
    assert all(qr_path(f"http://localhost/s/link{n}")[0] in page.text for n in (1, 2))


@pytest.mark.parametrize(
    "path",
    [
        "/s/none/qr.svg",
        "/s/none/qr.png",
        "/s/none/poster.svg",
        "/s/none/poster.png",
        "/links/sheet",
        "/links/sheet?links=link1,none",
    ],
)
def test_nothing_is_drawn_of_a_link_that_nobody_made(world: World, path: str) -> None:
    assert world.app.test_client().get(path).status_code == 404
