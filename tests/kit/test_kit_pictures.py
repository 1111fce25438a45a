"""Pictures that strangers send are drawn anew: bounded, upright, with nothing of the file (T66)."""

import zlib
from collections.abc import Callable
from io import BytesIO
from random import Random

import pytest
from PIL import Image

from shop.kit.pictures import MAX_PIXELS, PAGE_SIDE, THUMB_SIDE, NotAPicture, drawn

MOST = {"page_bytes": 60_000, "thumb_bytes": 10_000}


def file(picture: Image.Image, kind: str = "JPEG", **more: object) -> bytes:
    made = BytesIO()
    picture.save(made, kind, **more)
    return made.getvalue()


def noise(width: int, height: int) -> Image.Image:
    """The hardest thing to draw in few bytes."""
    return Image.frombytes("RGB", (width, height), Random(66).randbytes(3 * width * height))


def seen(made: bytes) -> Image.Image:
    picture = Image.open(BytesIO(made))
    picture.load()
    return picture


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large, in a few hundred bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)

    head = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\x00\x00\x00"
    body = zlib.compress(b"\x00" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_whatever_comes_is_a_jpeg_of_a_page_and_a_square_within_their_bytes(kind: str) -> None:
    made = drawn(file(noise(1_600, 1_200), kind), **MOST)
    page, thumb = seen(made.page), seen(made.thumb)
    assert (page.format, thumb.format) == ("JPEG", "JPEG")
    assert len(made.page) <= 60_000
    assert len(made.thumb) <= 10_000
    assert page.size == (made.width, made.height)
    assert max(page.size) <= PAGE_SIDE
    assert thumb.width == thumb.height <= THUMB_SIDE


def test_a_small_picture_is_not_blown_up_and_the_same_bytes_have_the_same_name() -> None:
    sent = file(Image.new("RGB", (320, 240), "orange"))
    one, two = drawn(sent, **MOST), drawn(sent, **MOST)
    assert (one.width, one.height) == (320, 240)
    assert one == two
    assert one.name != drawn(file(Image.new("RGB", (320, 240), "red")), **MOST).name


def test_nothing_of_the_file_is_kept_but_which_way_up_it_was() -> None:
    picture = Image.new("RGB", (600, 300), "blue")
    picture.paste("red", (0, 0, 300, 300))  # what is red is left; held sideways it is on top
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "GPSLatitude 34.84"
    sent = file(picture, exif=exif, comment=b"taken at home", icc_profile=b"x" * 200, quality=95)
    assert b"GPSLatitude" in sent
    assert b"taken at home" in sent
    made = drawn(sent + b"<script>alert(1)</script>", **MOST)
    for part in (made.page, made.thumb):
        found = seen(part)
        assert dict(found.getexif()) == {}
        assert set(found.info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}
        assert not any(word in part for word in (b"GPSLatitude", b"taken at home", b"script", b"Exif", b"ICC_PROFILE"))
    page = seen(made.page)
    assert page.size == (300, 600)
    assert page.getpixel((150, 100))[0] > 200  # type: ignore[index]
    assert page.getpixel((150, 500))[2] > 200  # type: ignore[index]


def test_what_is_clear_lies_on_white_paper() -> None:
    for sent in (file(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "PNG"),
                 file(Image.new("RGBA", (300, 300), (0, 0, 0, 0)), "WEBP")):  # fmt: skip
        assert min(seen(drawn(sent, **MOST).page).getpixel((9, 9))) > 250  # type: ignore[type-var, arg-type]


@pytest.mark.parametrize(
    "sent",
    [
        lambda: b"",
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        lambda: file(Image.new("RGB", (300, 300)), "GIF"),
        lambda: file(Image.new("RGB", (300, 300)), "BMP"),
        lambda: file(Image.new("RGB", (199, 300))),
        lambda: file(noise(400, 300))[:20_000],
        lambda: file(noise(400, 300), "PNG")[:20_000],
        lambda: file(noise(400, 300), "WEBP")[:20_000],
        lambda: png_of(30_000, 30_000),
        lambda: png_of(8_000, MAX_PIXELS // 8_000 + 1),
        lambda: png_of(16_001, 300),
    ],
)
def test_what_is_no_picture_or_beyond_measure_is_refused(sent: Callable[[], bytes]) -> None:
    with pytest.raises(NotAPicture):
        drawn(sent(), **MOST)


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(NotAPicture):
        drawn(png_of(30_000, 30_000), **MOST)
    with pytest.raises(AssertionError):  # the control: what is not too large is decoded
        drawn(png_of(300, 300), **MOST)
