"""A photo that a stranger sends, made harmless: only what draws the picture is kept.

Where it was taken, by which telephone and when stands in segments that are left out, as are comments, thumbnails and
whatever is hung on behind the end. How the telephone was held is written anew. Nothing is decoded.
"""

from typing import Literal

#: Pixels along a side, and in all: more than a telephone takes.
MAX_SIDE, MAX_PIXELS = 16_000, 120_000_000

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
#: Sizes of the frame, by how it is coded; C4, C8 and CC are other things.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: What draws: frames, Huffman and arithmetic tables, quantisation, restart interval, scans.
_DRAWS = _FRAMES | {0xC4, 0xCC, 0xDB, 0xDD, _SCAN}
#: Says how colours are coded, in exactly so many bytes; nothing personal fits in.
_ADOBE, _ADOBE_BYTES = 0xEE, 14
#: Among much else, which way up the telephone was held: a number of eight.
_EXIF, _EXIF_BEGINS, _WAY_UP = 0xE1, b"Exif\x00\x00", 0x0112
#: Where it was taken, by what, comments: left out.
_LEFT_OUT = frozenset(range(0xE0, 0xF0)) | {0xFE}


class NotAPhoto(ValueError):
    """The bytes are no JPEG, or one beyond all measure."""


def plain(data: bytes) -> bytes:
    """The picture without anything else. Raises NotAPhoto."""
    try:
        return _plain(data)
    except IndexError:
        raise NotAPhoto("cut off") from None


def _plain(data: bytes) -> bytes:
    if data[:2] != b"\xff\xd8":
        raise NotAPhoto("not a JPEG")
    kept, at, framed, scanned = [b"\xff\xd8"], 2, False, False
    while True:
        marker, at = _marker(data, at)
        if marker == _END:
            break
        length = int.from_bytes(data[at : at + 2])
        segment = data[at : at + length]
        if length < 2 or len(segment) != length:
            raise NotAPhoto("a segment is cut off")
        at += length
        if marker in _FRAMES:
            _bounded(segment, framed)
            framed = True
        adobe = marker == _ADOBE and len(segment) == _ADOBE_BYTES and segment[2:7] == b"Adobe"
        if marker in _DRAWS or adobe:
            kept.append(bytes((0xFF, marker)) + segment)
        elif marker not in _LEFT_OUT:
            raise NotAPhoto("an unknown segment")
        if marker == _EXIF and not framed and len(kept) == 1 and (way := _way_up(segment)):
            kept.append(_said_again(way))
        if marker == _SCAN:
            end = _end_of_scan(data, at)
            kept.append(data[at:end])
            at, scanned = end, True
    if not (framed and scanned):
        raise NotAPhoto("nothing is drawn")
    return b"".join([*kept, b"\xff\xd9"])


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """The next marker, and where what follows it begins."""
    if data[at] != 0xFF:
        raise NotAPhoto("no marker")
    while data[at] == 0xFF:
        at += 1
    return data[at], at + 1


def _bounded(segment: bytes, framed: bool) -> None:
    height, width = int.from_bytes(segment[3:5]), int.from_bytes(segment[5:7])
    if framed or not 0 < height <= MAX_SIDE or not 0 < width <= MAX_SIDE or height * width > MAX_PIXELS:
        raise NotAPhoto("of no size, of two sizes or too large")


def _way_up(segment: bytes) -> int | None:
    """Which way up the picture is, where that is said and not the usual."""
    told = segment[8:]
    if segment[2:8] != _EXIF_BEGINS or told[:4] not in (b"MM\x00*", b"II*\x00"):
        return None
    order: Literal["big", "little"] = "big" if told[:2] == b"MM" else "little"
    at = int.from_bytes(told[4:8], order)
    for number in range(int.from_bytes(told[at : at + 2], order)):
        entry = told[at + 2 + number * 12 :][:12]
        if len(entry) == 12 and int.from_bytes(entry[:2], order) == _WAY_UP:
            way = int.from_bytes(entry[8:10], order)
            return way if 2 <= way <= 8 else None
    return None


def _said_again(way: int) -> bytes:
    """The least segment that says which way up the picture is."""
    entry = _WAY_UP.to_bytes(2) + b"\x00\x03" + b"\x00\x00\x00\x01" + way.to_bytes(2) + b"\x00\x00"
    body = _EXIF_BEGINS + b"MM\x00*" + b"\x00\x00\x00\x08" + b"\x00\x01" + entry + b"\x00\x00\x00\x00"
    return bytes((0xFF, _EXIF)) + (len(body) + 2).to_bytes(2) + body


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the coded picture ends: at a marker that is neither a stuffed byte nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            raise NotAPhoto("no end")
        if data[at + 1] == 0x00 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
        elif data[at + 1] == 0xFF:
            at += 1
        else:
            return at
