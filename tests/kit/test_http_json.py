"""The one JSON door: what passes and what does not."""

import pytest

from shop.kit.http import MAX_DEPTH, parse_json


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


def test_a_plain_body_is_read_as_it_is_written() -> None:
    assert parse_json('{"名":"苹果","n":[1,2.5,null,true]}'.encode()) == {"名": "苹果", "n": [1, 2.5, None, True]}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{", "Expecting property name"),
        (b'{"a":NaN}', "NaN is not JSON"),
        (b'{"a":-Infinity}', "-Infinity is not JSON"),
        (b'{"a":1e400}', "a number is too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "a number is too long"),
        (b'{"a":1,"a":2}', "a key appears twice"),
        (b'{"x":{"a":1,"a":2}}', "a key appears twice"),
        (b'{"a":"\xff"}', "utf-8"),
        ("\ufeff{}".encode(), "BOM"),
        ('{"a":1}'.encode("utf-16"), "utf-8"),
        (nested(MAX_DEPTH + 1), "nested too deeply"),
        (b"[" * 990 + b"]" * 990, "nested too deeply"),
        (b"[" * 200_000, "nested too deeply"),
        (b"", "Expecting value"),
    ],
)
def test_a_hostile_body_is_a_value_error_with_a_reason(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_json(raw)


def test_nesting_is_allowed_up_to_the_limit() -> None:
    assert isinstance(parse_json(nested(MAX_DEPTH)), dict)


def test_brackets_inside_a_string_are_not_nesting() -> None:
    assert parse_json(b'{"a":"' + b"[" * 500 + b'"}') == {"a": "[" * 500}
