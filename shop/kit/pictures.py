"""A picture that a stranger sends, drawn anew: a JPEG of a page and a small one for a list, and nothing of the file.

Where a photo was taken, scripts, colour tables and whatever else a file carries do not survive being drawn anew. How
large a picture says it is, is looked at before it is decoded. Loaded when a picture comes: nothing else needs Pillow.
"""

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO

from PIL import Image, ImageOps

from shop.kit.jpeg import MAX_SIDE

#: Pixels that are decoded: 40 million are 120 MB of memory for a moment.
MAX_PIXELS = 40_000_000
#: The least width and height: a smaller one is a stamp, not a picture of goods.
MIN_SIDE = 200
KINDS = ("JPEG", "PNG", "WEBP")
#: Longest side of the picture of a page, and the side of the square of a list: a phone draws two points for each px.
PAGE_SIDE, THUMB_SIDE = 750, 160

_QUALITIES = (82, 74, 66, 58, 50, 42, 34)
_PAPER = "white"

# What a file says of its size is looked at below, before anything is decoded.
Image.MAX_IMAGE_PIXELS = None


class NotAPicture(ValueError):
    """The bytes are no picture of a kind we take, one that is damaged, or one beyond all measure."""


@dataclass(frozen=True)
class Drawn:
    """A picture drawn anew. `name`: the hash of its bytes, so one name never means another picture."""

    name: str
    page: bytes
    thumb: bytes
    width: int
    height: int


def drawn(sent: bytes, *, page_bytes: int, thumb_bytes: int) -> Drawn:
    """JPEG, PNG or WebP as two JPEGs of at most so many bytes. Raises NotAPicture."""
    try:
        whole = _decoded(sent)
    except NotAPicture:
        raise
    except (OSError, SyntaxError, ValueError, MemoryError, IndexError, KeyError, TypeError, ArithmeticError) as error:
        raise NotAPicture(f"cannot be read: {type(error).__name__}") from None
    thumb, _ = _within(ImageOps.fit(whole, (THUMB_SIDE, THUMB_SIDE)), thumb_bytes)
    whole.thumbnail((PAGE_SIDE, PAGE_SIDE))  # in place, and never larger than it was
    page, (width, height) = _within(whole, page_bytes)
    return Drawn(sha256(page).hexdigest()[:32], page, thumb, width, height)


def _decoded(sent: bytes) -> Image.Image:
    """The first picture of the file, the right way up, opaque, in RGB."""
    with Image.open(BytesIO(sent), formats=KINDS) as opened:
        width, height = opened.size
        if not MIN_SIDE <= min(width, height) <= max(width, height) <= MAX_SIDE or width * height > MAX_PIXELS:
            raise NotAPicture("too small or too large")
        if opened.format == "JPEG":
            opened.draft("RGB", (2 * PAGE_SIDE, 2 * PAGE_SIDE))  # decodes no more points than are needed
        upright = ImageOps.exif_transpose(opened)
        upright.info.pop("comment", None)  # what is drawn below would carry it on
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            on_paper = Image.new("RGB", upright.size, _PAPER)
            clear = upright.convert("RGBA")
            on_paper.paste(clear, mask=clear.getchannel("A"))
            return on_paper
        return upright.convert("RGB")


def _within(picture: Image.Image, most: int) -> tuple[bytes, tuple[int, int]]:
    """The picture as a JPEG of at most `most` bytes, as good and as large as fits, and its size in points."""
    while True:
        for quality in _QUALITIES:
            made = BytesIO()
            picture.save(made, "JPEG", quality=quality, optimize=True, progressive=True)
            if made.tell() <= most:
                return made.getvalue(), picture.size
        picture = picture.resize((max(1, picture.width * 4 // 5), max(1, picture.height * 4 // 5)))
