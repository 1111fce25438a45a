"""A scanned paper that somebody sends: PDF, JPEG or PNG, told by its bytes and made harmless before it is kept.

Of a picture only what draws it is kept, so nobody learns where and by what it was taken. A PDF is kept as it is; one
that says that it runs, opens or carries something is refused.
"""

import re
import zlib

from shop.kit.jpeg import MAX_PIXELS, MAX_SIDE, NotAPhoto, plain
from shop.kit.tables import PDF_TYPE

JPEG, PNG = "image/jpeg", "image/png"
#: How a kept file ends.
ENDINGS = {PDF_TYPE: "pdf", JPEG: "jpg", PNG: "png"}

_PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
#: What draws a PNG: header, palette, picture, end, transparency, and how its colours are meant.
_DRAWS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB")
_PDF_BEGINS = re.compile(rb"%PDF-[12]\.[0-9]")
_PDF_ENDS = 1024
#: Names are told by what may follow one, so that packed bytes of a picture are hardly ever taken for one.
_PDF_ACTS = re.compile(
    rb"/(JavaScript|Launch|EmbeddedFiles?|RichMedia|Rendition|XFA|Encrypt)(?=[\x00\t\n\f\r ()<>\[\]{}/%])"
)
#: A letter of a name written by its number.
_PDF_LETTER = re.compile(rb"#([0-9A-Fa-f]{2})")


class NotAScan(ValueError):
    """The bytes are no PDF, JPEG or PNG, or one that does more than show a paper."""


def kept_scan(data: bytes) -> tuple[str, bytes]:
    """The media type and what is kept. Raises NotAScan."""
    if data.startswith(b"\xff\xd8"):
        try:
            return JPEG, plain(data)
        except NotAPhoto as error:
            raise NotAScan(str(error)) from None
    if data.startswith(_PNG_BEGINS):
        return PNG, _plain_png(data)
    if _PDF_BEGINS.match(data) and b"%%EOF" in data[-_PDF_ENDS:]:
        if _acts(data):
            raise NotAScan("it does more than show a paper")
        return PDF_TYPE, data
    raise NotAScan("neither PDF nor JPEG nor PNG")


def _acts(data: bytes) -> bool:
    """Whether a PDF names scripts, programs, files, films, forms or a key in the bytes as they lie there.

    It sees names in plain objects, also where letters are written by number (`/J#61vaScript`). It does not see into
    packed object streams, so a PDF that hides a script there is kept: what keeps readers safe is that papers are
    only ever downloaded, never shown by us. Nor does it look for viruses.
    """
    return bool(_PDF_ACTS.search(_PDF_LETTER.sub(lambda found: bytes.fromhex(found[1].decode()), data)))


def _plain_png(data: bytes) -> bytes:
    kept, at, name = [_PNG_BEGINS], len(_PNG_BEGINS), b""
    while name != b"IEND":
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        chunk = data[at : at + 12 + length]
        if len(chunk) != 12 + length or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:]):
            raise NotAScan("a chunk is cut off or spoilt")
        if (name == b"IHDR") != (len(kept) == 1):
            raise NotAScan("the header is not where it belongs")
        if name == b"IHDR":
            _bounded(chunk[8:16])
        if name in _DRAWS:
            kept.append(chunk)
        elif name[:1].isupper():
            raise NotAScan("an unknown chunk that must not be left out")
        at += 12 + length
    return b"".join(kept)


def _bounded(size: bytes) -> None:
    width, height = int.from_bytes(size[:4]), int.from_bytes(size[4:])
    if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE or width * height > MAX_PIXELS:
        raise NotAScan("of no size or too large")
