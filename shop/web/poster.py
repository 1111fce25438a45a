"""A poster as a picture that chats and moments take: they take no SVG. Loaded when one is drawn."""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import noto_cjk_sans_otc  # type: ignore[import-untyped]
from PIL import Image, ImageDraw, ImageFont

from shop.kit.qr import qr_png

WIDTH, HEIGHT, SKY = 1080, 1440, 780
_FONT = Path(noto_cjk_sans_otc.__file__).parent / "NotoSansCJK-Regular.ttc"
#: Simplified Chinese in the collection of the font.
_SIMPLIFIED = 2
_TOP, _FOOT = (243, 179, 146), (185, 73, 47)
_PAPER, _INK, _RED, _GREEN, _GREY = "#fbf8f2", "#24312a", "#c4492f", "#2f6b4a", "#6d776f"
_MARGIN = 72
_CODE = 400


@dataclass(frozen=True)
class Told:
    """What a poster says. `price`: for a pack and its unit; `unit_prices`: for a jin and a kg."""

    address: str
    name: str
    below: str
    spec: str
    price: tuple[str, str] | None
    unit_prices: str
    begins: str
    partner: str


@lru_cache(maxsize=64)
def poster_png(told: Told) -> bytes:
    """The poster of 1080 x 1440 points, the shape of a picture in a post: the same words make the same bytes."""
    sheet = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row in range(SKY):
        mixed = tuple((top * (SKY - row) + foot * row) // SKY for top, foot in zip(_TOP, _FOOT, strict=True))
        draw.line((0, row, WIDTH, row), fill=mixed)
    draw.text((_MARGIN, 84), "山西 · 平陆", font=_font(42), fill="white")
    draw.rounded_rectangle((924, 72, 1008, 236), radius=14, outline="white", width=4)
    for place, letter in enumerate("平陆"):
        draw.text((966, 118 + 72 * place), letter, font=_font(56), fill="white", anchor="mm")
    size = _fitting(told.name, 150)
    draw.text((_MARGIN, 560), told.name, font=_font(size), fill="white", anchor="ls", stroke_width=size // 45)
    draw.text((_MARGIN, 640), told.below, font=_font(_fitting(told.below, 44)), fill="white", anchor="ls")
    draw.text((_MARGIN, 710), told.spec, font=_font(40), fill="white", anchor="ls")
    if told.price is not None:
        pack, each = told.price
        at = _MARGIN
        for words, points, colour, bold in ((f"¥{pack}", 120, _RED, 3), (f" / {each}", 48, _GREY, 0)):
            draw.text((at, 930), words, font=_font(points), fill=colour, anchor="ls", stroke_width=bold)
            at += round(draw.textlength(words, font=_font(points))) + 2 * bold
        draw.text((_MARGIN, 1_004), told.unit_prices, font=_font(42), fill=_GREY, anchor="ls")
    if told.begins:
        draw.text((_MARGIN, 1_090), told.begins, font=_font(42), fill=_GREEN, anchor="ls")
    draw.text((_MARGIN, 1_250), "长按或扫码", font=_font(44), fill=_INK, anchor="ls", stroke_width=1)
    draw.text((_MARGIN, 1_312), "看产地、证书与价格", font=_font(36), fill=_GREY, anchor="ls")
    draw.text((_MARGIN, 1_368), told.partner, font=_font(32), fill=_GREY, anchor="ls")
    draw.rounded_rectangle((608, 968, 608 + _CODE, 968 + _CODE), radius=28, fill="white")
    code = Image.open(BytesIO(qr_png(told.address))).convert("RGB")
    whole = code.resize((_CODE - 24, _CODE - 24), Image.Resampling.NEAREST)
    sheet.paste(whole, (620, 980))
    made = BytesIO()
    sheet.save(made, "PNG")
    return made.getvalue()


@lru_cache(maxsize=32)
def _font(points: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONT, points, index=_SIMPLIFIED)


def _fitting(words: str, points: int) -> int:
    """The size, up to `points`, at which the words fit between the margins."""
    wide = _font(points).getlength(words) or 1
    return min(points, int(points * (WIDTH - 2 * _MARGIN) / wide))
