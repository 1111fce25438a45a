"""Manners at the HTTP edge: the strict JSON door, the request's clock and language, what views tell the docs.

`guard_request` runs before every view, so that the rules of shape that are the same everywhere (size, type, encoding,
nesting, repeated keys and parameters) hold for views that are not written yet.
"""

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from flask import Response, current_app, g, request
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest, LengthRequired, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.routing import IntegerConverter, Map

from shop.kit.clock import Clock
from shop.kit.errors import DomainError
from shop.kit.scans import ENDINGS
from shop.kit.tables import CSV_TYPE, XLSX_TYPE

View = TypeVar("View", bound=Callable[..., Any])

API_PREFIX = "/api/"
MAX_DEPTH = 32
MAX_NUMBER_DIGITS = 40
_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")


class RowNumber(IntegerConverter):
    """A whole number in a path, up to the largest that a table can hold: beyond it nothing is found."""

    def __init__(
        self, url_map: Map, fixed_digits: int = 0, min: int | None = None, max: int | None = 2**63 - 1
    ) -> None:
        super().__init__(url_map, fixed_digits, min, max)


def now() -> datetime:
    """The app's clock: the system's, or the one a test or the demo put there."""
    clock: Clock = current_app.extensions["clock"]
    return clock.now()


def language() -> str:
    """`en` when the client prefers English, else `zh`: also for who does not say, or asks for anything."""
    wanted: dict[str, float] = {}
    for asked, quality in request.accept_languages:
        tongue = asked.partition("-")[0].lower()
        wanted[tongue] = max(quality, wanted.get(tongue, 0))
    any_other = wanted.get("*", 0)
    return "en" if wanted.get("en", any_other) > wanted.get("zh", any_other) else "zh"


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_NUMBER_DIGITS:
        raise ValueError("a number is too long")
    return int(digits)


def _bounded_float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _deeper_than(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return levels == 0 or any(_deeper_than(inner, levels - 1) for inner in value)


def parse_json(raw: bytes) -> Any:
    """Parse a body strictly. Raises ValueError: not UTF-8, NaN, duplicate keys, nesting beyond 32, endless numbers."""
    try:
        parsed = json.loads(
            raw.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_int=_bounded_int,
            parse_float=_bounded_float,
            object_pairs_hook=_no_duplicates,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _deeper_than(parsed, MAX_DEPTH):
        raise ValueError("nested too deeply")
    return parsed


class FileWanted(UnsupportedMediaType):
    """A route that takes a file was sent something that is neither a form with one nor JSON."""

    description = "send the file as multipart/form-data"
    zh = "请以 multipart/form-data 提交文件。"


def guard_request() -> None:
    """Before each request: bounded body, known content type, strict JSON, known query parameters, clean text.

    Raises 400, 411, 413, 415 or ValidationError (422). The parsed body is cached where `get_json` finds it.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    upload_limit: int | None = getattr(view, "upload_limit", None)
    _bounded_body(upload_limit)
    if view is None or not request.path.startswith(API_PREFIX):
        return
    if request.query_string:
        _known_query(view)
        _clean_text(request.args)
    if request.view_args:
        _clean_text(request.view_args)
    if request.method in _WITH_BODY and not (upload_limit and request.mimetype == "multipart/form-data"):
        if upload_limit and request.mimetype != "application/json" and request.content_length:
            raise FileWanted
        _strict_body()


def _bounded_body(upload_limit: int | None) -> None:
    """The limit bites also where the view never reads its body."""
    if "Transfer-Encoding" in request.headers:
        raise LengthRequired("send a Content-Length")
    if upload_limit:
        request.max_content_length = upload_limit
    if (request.content_length or 0) > (upload_limit or current_app.config["MAX_CONTENT_LENGTH"]):
        raise RequestEntityTooLarge


def _known_query(view: Callable[..., Any]) -> None:
    unknown = set(request.args) - query_names(view)
    repeated = {name for name, values in request.args.lists() if len(values) > 1}
    if unknown or repeated:
        raise ValidationError(
            {name: ["Unknown field."] for name in unknown} | {name: ["Given twice."] for name in repeated - unknown}
        )


@functools.cache
def query_names(view: Callable[..., Any]) -> frozenset[str]:
    """The query parameters that a view declares by `arguments(..., location="query")`."""
    names: set[str] = set()
    for parameter in getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", ()):
        if parameter["in"] == "query":
            schema = parameter["schema"]
            schema = schema() if isinstance(schema, type) else schema
            names |= {field.data_key or name for name, field in schema.load_fields.items()}
    return frozenset(names)


def _clean_text(values: Mapping[str, Any]) -> None:
    """PostgreSQL refuses NUL, and no code, name or number holds a control character."""
    unclean = {name for name, value in values.items() if isinstance(value, str) and not _printable(value)}
    if unclean:
        raise ValidationError({name: ["Control characters are not allowed."] for name in unclean})


def _printable(text: str) -> bool:
    return all(char >= " " and char != "\x7f" for char in text)


def _strict_body() -> None:
    raw = request.get_data(cache=True)
    if not raw:
        return
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    encoded = request.headers.get("Content-Encoding", "identity") != "identity"
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8") or encoded:
        raise UnsupportedMediaType("send application/json in UTF-8")
    try:
        parsed = parse_json(raw)
    except ValueError as error:
        raise BadRequest(f"the body is not acceptable JSON: {error}") from None
    request._cached_json = (parsed, parsed)


def accepts_upload(limit: int) -> Callable[[View], View]:
    """Let a view take a multipart body of at most `limit` bytes instead of JSON."""

    def mark(view: View) -> View:
        view.upload_limit = limit  # type: ignore[attr-defined]
        return view

    return mark


def sent_file(name: str) -> bytes:
    """The bytes of the file that came with the form as `name`; nothing where none was chosen."""
    sent = request.files.get(name)
    if sent is None:
        return b""
    with sent.stream as opened:
        return opened.read()


def one_file() -> tuple[str, bytes]:
    """Name and bytes of the one file that was sent, whatever its field is called. Raises ValidationError."""
    parts = [part for _, part in request.files.items(multi=True)]
    if len(parts) != 1:
        raise ValidationError({"file": ["Send exactly one file."]})
    with parts[0].stream as opened:
        return parts[0].filename or "", opened.read()


def documented(
    *, errors: Sequence[type[DomainError]] = (), example: object = None, answer: object = None
) -> Callable[[View], View]:
    """Remember an operation's refusals and a worked example; `kit.openapi.document` writes them into the document."""

    def mark(view: View) -> View:
        view.documented = {"errors": tuple(errors), "example": example, "answer": answer}  # type: ignore[attr-defined]
        return view

    return mark


def asks_for_file(*more: str) -> str | None:
    """The media type of the table that the client would rather have than JSON: XLSX, CSV or `more`; else None."""
    known = ["application/json", XLSX_TYPE, "text/csv", *more]
    best = request.accept_mimetypes.best_match(known, default=known[0])
    return None if best == known[0] else best


def file_response(content: bytes, media_type: str, name: str) -> Response:
    """A file to be kept under `name`, without its ending."""
    ending = (ENDINGS | {XLSX_TYPE: "xlsx"}).get(media_type, "csv")
    response = Response(content, content_type=CSV_TYPE if ending == "csv" else media_type)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}.{ending}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def also_as(*media_types: str) -> dict[str, Any]:
    """What `blueprint.doc` says of an operation that also answers with files of these types."""
    kinds = {media: {"schema": {"type": "string", "format": "binary"}} for media in media_types}
    return {"responses": {"200": {"content": kinds}}}


AS_FILES = also_as(XLSX_TYPE, "text/csv")


def json_bytes(payload: object, status: int = 200) -> Response:
    """A JSON answer from plain values, compact and with Chinese as it is written."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, status, content_type="application/json")


def request_id() -> str:
    """The id of this request, echoed in X-Request-Id and in problems."""
    return str(getattr(g, "request_id", "-"))
