"""Photos as telephones take them, made byte by byte: a grey picture of eight by eight, with what cameras add."""

from typing import Literal

#: Where a photo was taken, as cameras write it.
WHERE = b"Exif\x00\x00MM\x00*GPSLatitude 34.84 GPSLongitude 111.22"


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


def photo(
    *, where: bool = False, comment: bytes = b"", behind: bytes = b"", width: int = 8, height: int = 8, scans: int = 1,
    frames: int = 1, way_up: int = 0, big: bool = True,
) -> bytes:  # fmt: skip
    """A JPEG: quantisation, frame, tables, scans; perhaps where it was taken, a comment, more behind its end."""
    order: Literal["big", "little"] = "big" if big else "little"
    entry = b"".join(part.to_bytes(size, order) for part, size in ((0x0112, 2), (3, 2), (1, 4), (way_up, 2), (0, 2)))
    held = (b"MM\x00*" if big else b"II*\x00") + (8).to_bytes(4, order) + (1).to_bytes(2, order) + entry + WHERE
    frame = _segment(0xC0, b"\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x01\x01\x11\x00")
    table = _segment(0xC4, b"\x00" + b"\x00\x01" + b"\x00" * 14 + b"\x00")
    scan = _segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x3f\xff\x00\xff\xd0\x3f"
    return b"".join(
        [
            b"\xff\xd8", _segment(0xE1, WHERE) if where else b"",
            _segment(0xE1, b"Exif\x00\x00" + held) if way_up else b"", _segment(0xFE, comment) if comment else b"",
            _segment(0xDB, b"\x00" + b"\x01" * 64), frame * frames, table, scan * scans, b"\xff\xd9", behind,
        ]
    )  # fmt: skip
