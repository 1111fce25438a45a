"""T01 to T14: what nobody may send, tried on every operation that exists, found in the app itself."""

import copy
import gzip
import io
import json
import resource
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, fields, validate
from sqlalchemy import text
from werkzeug.routing import IntegerConverter
from werkzeug.test import TestResponse

from shop.access.models import Role
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.kit.http import query_names
from shop.kit.schemas import Day, Month, PageQuery, QueryWhole
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.access import signed_in
from tests.factories.routes import Route, routes
from tests.factories.tables import contents
from tests.factories.world import World, build

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}


class Caller:
    """Calls every operation as somebody who may, and checks that refusals are problems that leak and change nothing."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        self.tokens = {role: signed_in(app, role) for role in Role}
        self.before = contents(app)

    def headers(self, route: Route) -> dict[str, str]:
        token = {} if route.public else self.tokens[min(route.roles, key=str)]
        return token | ({"Idempotency-Key": "abuse"} if route.keyed else {})

    def send(self, route: Route, *, data: bytes, url: str = "", **headers: str) -> TestResponse:
        sent = self.headers(route) | JSON | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(url or route.url(), method=route.method, data=data, headers=sent)

    def refused(self, route: Route, response: TestResponse, *statuses: int) -> None:
        told = f"{route.method} {route.rule.rule}: {response.status_code} {response.get_data(as_text=True)[:400]}"
        assert response.status_code in statuses, told
        assert response.content_type == "application/problem+json", told
        body = response.get_json(force=True)
        assert body["status"] == response.status_code, told
        assert not any(word in told for word in ("Traceback", ".py", "SELECT ", "psycopg")), told

    def nothing_changed(self) -> None:
        assert contents(self.app) == self.before


@pytest.fixture(scope="module")
def app(urls: tuple[str, str], template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One app for all of them: whatever is refused changes nothing."""
    with fresh_app(urls, template, tmp_path_factory.mktemp("abuse"), WalkingClock(A_DAY_IN_JULY)) as made:
        yield made


@pytest.fixture(scope="module")
def caller(app: Flask) -> Caller:
    return Caller(app)


def writing(app: Flask) -> Iterator[Route]:
    return (route for route in routes(app) if route.takes_body)


def reading(app: Flask) -> Iterator[Route]:
    return (route for route in routes(app) if route.method == "GET")


Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every plain value of a body, with the way to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from leaves(inner, (*path, position))
    else:
        yield path, value


def changed(body: Any, path: Path, value: Any) -> Any:
    """A copy of `body` with another value at `path`."""
    fresh = copy.deepcopy(body)
    inner = fresh
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return fresh


def objects(value: Any, path: Path = ()) -> Iterator[Path]:
    """The way to every object of a body."""
    if isinstance(value, dict):
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from objects(inner, (*path, key))


def each_leaf(caller: Caller, kind: type, values: list[Any], *statuses: int) -> None:
    """Put each of `values` in the place of every leaf of `kind`, in every body."""
    for route in writing(caller.app):
        body = filled(route.example, schema_of(route))
        for path, leaf in leaves(body):
            if type(leaf) is kind:
                for value in values:
                    if value is None and field_at(route, path).allow_none:
                        continue
                    data = json.dumps(changed(body, path, value)).encode()
                    caller.refused(route, caller.send(route, data=data), *statuses)
    caller.nothing_changed()


def test_every_body_has_a_worked_example(app: Flask) -> None:
    assert [route.name for route in writing(app) if not isinstance(route.example, dict)] == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[" * 990 + b"]" * 990, id="T01 nested 990 deep"),
        pytest.param(b'{"a":' * 40 + b"1" + b"}" * 40, id="T01 nested 40 deep"),
        pytest.param(b'{"quantity":NaN}', id="T02 NaN"),
        pytest.param(b'{"quantity":-Infinity}', id="T02 infinity"),
        pytest.param(b'{"quantity":1e400}', id="T02 1e400"),
        pytest.param(b'{"quantity":' + b"9" * 5_000 + b"}", id="T03 5,000 digits"),
        pytest.param(b'{"quantity":1,"quantity":99}', id="T06 duplicate key"),
        pytest.param(b'{"lines":[{"quantity":1,"quantity":99}]}', id="T06 duplicate key inside"),
        pytest.param(b'{"login":"\xff\xfe"}', id="T08 bad UTF-8"),
        pytest.param('{"login":"a"}'.encode("utf-16"), id="T08 UTF-16"),
        pytest.param("\ufeff{}".encode(), id="T08 byte order mark"),
        pytest.param(b"{", id="T08 half a body"),
    ],
)
def test_t01_t02_t03_t06_t08_what_is_no_strict_json_is_a_bad_request(caller: Caller, data: bytes) -> None:
    for route in writing(caller.app):
        caller.refused(route, caller.send(route, data=data), 400)
    caller.nothing_changed()


def test_t03_t05_a_whole_number_is_never_text_a_fraction_or_too_large(caller: Caller) -> None:
    wrong = [1.9, "1_000", "１２", "٣", " 7 ", "+5", "5", True, 10**30, -(10**30), [1], {"a": 1}, None]
    each_leaf(caller, int, wrong, 422)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\x00b", id="T04 NUL"),
        pytest.param("\ud800", id="T04 lone surrogate"),
        pytest.param("x" * MIB, id="T07 T11 a megabyte"),
        pytest.param("e" + "\u0301" * 10_000, id="T11 combining marks"),
        pytest.param("a\u202eb", id="T11 turned around"),
        pytest.param("a\x1bb", id="T11 control character"),
        pytest.param(5, id="T05 a number"),
        pytest.param(["a"], id="T05 a list"),
        pytest.param({"a": "b"}, id="T05 an object"),
    ],
)
def test_t04_t11_text_is_short_and_printable(caller: Caller, value: object) -> None:
    each_leaf(caller, str, [value], 422, 413)


def test_t08_t14_t50_an_unknown_field_is_refused_wherever_it_stands(caller: Caller) -> None:
    unknown = ["price_fen", "total_fen", "discount_fen", "commission_bp", "household_id", "role", "firm_id", "verified",
               "balance_fen", "password_hash", "created_at", "status", "id"]  # fmt: skip
    for route in writing(caller.app):
        for path in objects(route.example):
            for name in unknown:
                inner = route.example
                for step in path:
                    inner = inner[step]
                if name not in inner and not _takes(route, path, name):
                    data = json.dumps(changed(route.example, (*path, name), 1)).encode()
                    response = caller.send(route, data=data)
                    caller.refused(route, response, 422)
                    pointers = [row["pointer"] for row in response.get_json(force=True)["errors"]]
                    assert "/" + "/".join(map(str, (*path, name))) in pointers
    caller.nothing_changed()


def schema_of(route: Route) -> Schema:
    schema = next(p["schema"] for p in route.view._apidoc["arguments"]["parameters"] if p["in"] == "json")  # type: ignore[attr-defined]
    return schema() if isinstance(schema, type) else schema


def inner_of(field: fields.Field[Any]) -> fields.Field[Any]:
    """What a list holds, or the field itself."""
    return inner_of(field.inner) if isinstance(field, fields.List) else field


def field_at(route: Route, path: Path) -> fields.Field[Any]:
    """The field that reads the value at `path` of a body."""
    schema = schema_of(route)
    names = [step for step in path if isinstance(step, str)]
    for step in names[:-1]:
        schema = inner_of(schema.load_fields[step]).schema  # type: ignore[attr-defined]
    return inner_of(schema.load_fields[names[-1]])


def _takes(route: Route, path: Path, name: str) -> bool:
    """Whether the schema at `path` knows a field `name`; a free-form object knows every one."""
    schema = schema_of(route)
    for step in path:
        if isinstance(step, str):
            field = inner_of(schema.load_fields[step])
            if not isinstance(field, fields.Nested):
                return True
            schema = field.schema
    return name in schema.load_fields


def filled(example: Any, schema: Schema) -> Any:
    """The example with a value for every field it left out, so that each field is tried."""
    whole = dict(example)
    for name, field in schema.load_fields.items():
        inner = inner_of(field)
        if isinstance(inner, fields.Nested):
            given = whole.get(name) or ([{}] if inner is not field else {})
            whole[name] = (
                [filled(one, inner.schema) for one in given] if inner is not field else filled(given, inner.schema)
            )
        elif name not in whole:
            plain: Any = 1 if isinstance(inner, fields.Integer) else "2025-07-15" if isinstance(inner, Day) else "X"
            whole[name] = [plain] if inner is not field else plain
    return whole


@pytest.mark.parametrize("body", [[], [1], "text", 1, None, True])
def test_t08_a_body_is_an_object(caller: Caller, body: object) -> None:
    for route in writing(caller.app):
        caller.refused(route, caller.send(route, data=json.dumps(body).encode()), 422)
    caller.nothing_changed()


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/json; charset=gbk", "",
     "application/json-patch+json"],
)  # fmt: skip
def test_t08_only_json_in_utf_8_is_read(caller: Caller, content_type: str) -> None:
    for route in writing(caller.app):
        response = caller.send(route, data=json.dumps(route.example).encode(), Content_Type=content_type)
        caller.refused(route, response, 415)
        takes_file = getattr(caller.app.view_functions[route.name], "upload_limit", None)
        wanted = "multipart/form-data" if takes_file and content_type != "application/json; charset=gbk" else "JSON"
        assert wanted.casefold() in response.get_data(as_text=True).casefold(), (route.name, content_type)
    caller.nothing_changed()


def test_t07_a_body_beyond_the_limit_is_refused_also_where_nobody_reads_it(caller: Caller) -> None:
    for route in routes(caller.app):
        if not hasattr(route.view, "upload_limit"):
            caller.refused(route, caller.send(route, data=b" " * (MIB + 1)), 413)
    for url in ("/healthz", "/docs/", "/docs/errors"):
        assert caller.client.get(url, data=b" " * (MIB + 1)).status_code == 413
    caller.nothing_changed()


class Endless(io.RawIOBase):
    """A body of 50 MB that is made while it is read, and counts what was taken of it."""

    def __init__(self) -> None:
        self.read_bytes = 0
        self.at = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + (50 * MIB if whence == io.SEEK_END else 0)
        return self.at

    def readinto(self, buffer: Any) -> int:
        self.read_bytes += len(buffer)
        buffer[:] = b" " * len(buffer)
        return len(buffer)


def test_t07_fifty_megabytes_are_turned_away_without_being_read(caller: Caller) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for route in writing(caller.app):
        if not hasattr(route.view, "upload_limit"):
            body = Endless()
            response = caller.client.open(
                route.url(), method=route.method, headers=caller.headers(route) | JSON, input_stream=body,
                content_length=50 * MIB,
            )  # fmt: skip
            caller.refused(route, response, 413)
            assert body.read_bytes <= MIB, route.name
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    caller.nothing_changed()


def test_t07_a_body_without_a_length_is_refused(caller: Caller) -> None:
    for route in writing(caller.app):
        caller.refused(route, caller.send(route, data=b"{}", Transfer_Encoding="chunked"), 411)
    caller.nothing_changed()


def test_t07_a_compressed_body_is_not_unpacked(caller: Caller) -> None:
    bomb = gzip.compress(b" " * 50 * MIB)
    for route in writing(caller.app):
        caller.refused(route, caller.send(route, data=bomb, Content_Encoding="gzip"), 415)
    caller.nothing_changed()


def test_t07_ten_thousand_form_parts_are_not_read(caller: Caller) -> None:
    parts = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 10_000 + b"--x--\r\n"
    for route in writing(caller.app):
        response = caller.send(route, data=parts, Content_Type="multipart/form-data; boundary=x")
        caller.refused(route, response, 415, 413)
    caller.nothing_changed()


@pytest.mark.parametrize(
    "query",
    ["unknown=1", "sort=password_hash", "offset=-1", "password_hash=x", "limit=1&limit=2", "cursor=%00", "page=1"],
)
def test_t04_t08_t09_a_query_holds_known_parameters_once(caller: Caller, query: str) -> None:
    for route in reading(caller.app):
        caller.refused(route, caller.send(route, data=b"", url=f"{route.url()}?{query}"), 422)
    caller.nothing_changed()


def query_fields(route: Route, *kinds: type) -> Iterator[str]:
    for parameter in getattr(route.view, "_apidoc", {}).get("arguments", {}).get("parameters", ()):
        if parameter["in"] == "query":
            schema = parameter["schema"]() if isinstance(parameter["schema"], type) else parameter["schema"]
            yield from (name for name, field in schema.load_fields.items() if isinstance(field, kinds))


def refuse_in_queries(caller: Caller, values: list[str], *kinds: type) -> None:
    for route in reading(caller.app):
        for name in query_fields(route, *kinds):
            for value in values:
                caller.refused(route, caller.send(route, data=b"", url=f"{route.url()}?{name}={value}"), 422)
    caller.nothing_changed()


def test_t05_t09_numbers_in_a_query_are_ascii_digits_within_their_bounds(caller: Caller) -> None:
    far = ["1000000000", "-1", "1.5", "%EF%BC%91", "+5", "%205", "1e3", "", "9" * 30]
    refuse_in_queries(caller, far, QueryWhole)


def test_t10_days_and_months_in_a_query_are_written_one_way(caller: Caller) -> None:
    wrong = ["0001-01-01", "9999-12-31T23:59:59-23:59", "20261123", "2026-W47-1", "1999-12-31", "2101-01", "x", ""]
    refuse_in_queries(caller, wrong, Day, Month)


def test_t09_a_list_never_holds_more_than_a_hundred_rows(app: Flask) -> None:
    lists = [route for route in reading(app) if "cursor" in query_names(route.view)]
    for route in lists:
        for parameter in route.view._apidoc["arguments"]["parameters"]:  # type: ignore[attr-defined]
            if parameter["in"] == "query":
                schema = parameter["schema"]
                assert issubclass(schema if isinstance(schema, type) else type(schema), PageQuery), route.name


PAIRS = (("starts_on", "ends_on"), ("starts_at", "ends_at"))


def test_t10_an_end_before_its_start_is_refused(caller: Caller) -> None:
    turned = 0
    for route in writing(caller.app):
        body = filled(route.example, schema_of(route))
        for first, last in PAIRS:
            if isinstance(body, dict) and first in body and last in body and body[first] != body[last]:
                swapped = {**body, first: body[last], last: body[first]}
                caller.refused(route, caller.send(route, data=json.dumps(swapped).encode()), 422)
                turned += 1
    assert turned >= 3
    caller.nothing_changed()


def test_t10_a_day_in_a_body_is_written_one_way(caller: Caller) -> None:
    for route in writing(caller.app):
        body = filled(route.example, schema_of(route))
        for path, leaf in leaves(body):
            if isinstance(leaf, str) and len(leaf) == 10 and leaf[4] == leaf[7] == "-":
                for wrong in ("0001-01-01", "20261123", "2026-W47-1", "1999-12-31", "2025-02-30", "9999-12-31"):
                    data = json.dumps(changed(body, path, wrong)).encode()
                    caller.refused(route, caller.send(route, data=data), 422)
    caller.nothing_changed()


@pytest.mark.parametrize(
    "trick", ["%2e%2e%2f", "%252e%252e%252f", "..%2f", "//", "%00", "%0d%0aSet-Cookie:a=b", "%E2%80%AE", "'--", "%ff"]
)
def test_t11_tricks_in_a_path_find_nothing(caller: Caller, trick: str) -> None:
    for route in reading(caller.app):
        for name in route.rule.arguments:
            url = route.url(**{name: "TRICK"}) if "TRICK" in _try(route, name) else ""
            if url:
                response = caller.send(route, data=b"", url=url.replace("TRICK", trick))
                caller.refused(route, response, 404, 405, 422)
                assert "Set-Cookie" not in response.headers
    caller.nothing_changed()


def _try(route: Route, name: str) -> str:
    """The address with TRICK in the place of a text parameter; a number has no place for it."""
    build: Callable[..., str] = route.url
    return "" if isinstance(route.rule._converters[name], IntegerConverter) else build(**{name: "TRICK"})


def test_t11_a_header_cannot_change_the_method(caller: Caller) -> None:
    for route in reading(caller.app):
        response = caller.send(route, data=b"", X_HTTP_Method_Override="DELETE")
        assert response.status_code not in (204, 405), route.name
    caller.nothing_changed()


def bounds_of(route: Route, path: Path) -> tuple[int, int]:
    """The least and the largest whole number that the field at `path` takes."""
    limits = next(check for check in field_at(route, path).validators if isinstance(check, validate.Range))
    return limits.min, limits.max


def test_t12_t13_a_number_beyond_its_bounds_is_refused_and_every_number_has_bounds(caller: Caller) -> None:
    for route in writing(caller.app):
        body = filled(route.example, schema_of(route))
        for path, leaf in leaves(body):
            if type(leaf) is int:
                least, most = bounds_of(route, path)
                assert least > -(2**62)
                assert most < 2**62
                for value in (least - 1, most + 1, -(2**63), 2**63 - 1, 2**63):
                    data = json.dumps(changed(body, path, value)).encode()
                    caller.refused(route, caller.send(route, data=data), 422)
    caller.nothing_changed()


@pytest.fixture
def world(urls: tuple[str, str], template: str, tmp_path: Any) -> Iterator[World]:
    with fresh_app(urls, template, tmp_path, WalkingClock(A_DAY_IN_JULY)) as made:
        yield build(made)


ORDER = {
    "partner": "S01",
    "lines": [{"sku": "PL001", "quantity": 2}],
    "recipient": {"name": "张三（示例）", "phone": "13800000000", "address": "平陆县（示例）"},
}


def place(world: World, body: dict[str, Any]) -> TestResponse:
    headers = world.headers["customer"] | {"Idempotency-Key": "abuse"}
    return world.app.test_client().post("/api/v1/orders", json=body, headers=headers)


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 1.5, "2"])
def test_t12_an_order_is_for_a_positive_whole_number_of_packs_under_the_cap(world: World, quantity: object) -> None:
    before = contents(world.app)
    refused = place(world, ORDER | {"lines": [{"sku": "PL001", "quantity": quantity}]})
    assert (refused.status_code, refused.get_json(force=True)["type"]) == (422, "/docs/errors#invalid")
    assert contents(world.app) == before


def test_t13_an_order_above_the_largest_amount_is_refused(world: World) -> None:
    with world.app.app_context(), transaction() as session:
        session.execute(text("UPDATE price_tiers SET price_fen = 9000000000000000"))
    before = contents(world.app)
    refused = place(world, ORDER | {"lines": [{"sku": "PL001", "quantity": 10_000}]})
    assert (refused.status_code, refused.get_json(force=True)["type"]) == (422, "/docs/errors#order-too-large")
    assert contents(world.app) == before


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        ("order", "total_fen", 1),
        ("order", "discount_fen", 5_999),
        ("order", "freight_fen", 0),
        ("order", "commission_bp", 0),
        ("order", "buyer_party_id", 1),
        ("order", "status", "confirmed"),
        ("line", "price_fen", 1),
        ("line", "amount_fen", 1),
        ("line", "household_id", 1),
        ("recipient", "person_id", 1),
    ],
)
def test_t14_prices_and_shares_are_the_server_s(world: World, where: str, name: str, value: object) -> None:
    body = copy.deepcopy(ORDER)
    target: dict[str, Any] = {"order": body, "line": body["lines"][0], "recipient": body["recipient"]}[where]
    target[name] = value
    before = contents(world.app)
    assert place(world, body).status_code == 422
    assert contents(world.app) == before
    placed = place(world, ORDER)
    assert (placed.status_code, placed.get_json()["total_fen"]) == (201, 6_000)
