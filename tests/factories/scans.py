"""Scanned papers made byte by byte, and how they are sent."""

import zlib
from io import BytesIO

from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, stream_encode_multipart

#: What a camera or scanner adds to a PNG beside the picture.
WHERE = b"GPSLatitude 34.84 GPSLongitude 111.22"


def pdf(*, words: bytes = b"", behind: bytes = b"%%EOF\n") -> bytes:
    """The least of a PDF: a catalogue that says `words`, and its end."""
    return b"%PDF-1.4\n1 0 obj\n<</Type/Catalog " + words + b">>\nendobj\ntrailer<</Root 1 0 R>>\n" + behind


def chunk(name: bytes, body: bytes = b"") -> bytes:
    """A chunk of a PNG with its checksum."""
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def png(*more: bytes, width: int = 1, height: int = 1, behind: bytes = b"") -> bytes:
    """A grey pixel, with more chunks before the picture and more bytes behind the end."""
    header = chunk(b"IHDR", width.to_bytes(4) + height.to_bytes(4) + b"\x08\x00\x00\x00\x00")
    picture = chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + picture + chunk(b"IEND") + behind


def sends(
    client: FlaskClient, headers: dict[str, str], agreement: str, data: bytes | None = None,
    kind: str = "majeure_proof", title: str = "灾情证明（示例）",
) -> TestResponse:  # fmt: skip
    """Add a paper to an agreement over HTTP, by itself a proof of force majeure."""
    part = FileStorage(BytesIO(pdf() if data is None else data), "IMG_1.pdf", "file")
    body, _, boundary = stream_encode_multipart({"file": part}, use_tempfile=False)
    with body:
        return client.post(
            f"/api/v1/agreements/{agreement}/papers", query_string={"kind": kind, "title": title}, headers=headers,
            data=body.read(), content_type=f'multipart/form-data; boundary="{boundary}"',
        )  # fmt: skip
