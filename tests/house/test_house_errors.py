"""Every refusal has one stable code, both languages, and a line in docs/errors.md; so has every message of a field."""

import ast
import re
import string
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from marshmallow import ValidationError, class_registry, fields

from shop.agreements.errors import PromiseExceeded
from shop.income.errors import LandBeyondHolding, NothingToCorrect, SurplusBelowFloor
from shop.kit.errors import DomainError, all_errors
from shop.kit.problems import HTTP_CODES, errors_markdown, in_chinese, load_errors
from shop.kit.schemas import StrictSchema
from shop.stock.errors import NotEnoughStock

ROOT = Path(__file__).resolve().parents[2]
load_errors()
ERRORS = all_errors()


def facts_in(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
def test_a_refusal_is_told_in_both_languages_with_the_same_facts(kind: type[DomainError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
    assert kind.status in {400, 401, 403, 404, 409, 413, 415, 422, 429, 503}
    assert re.search(r"[\u4e00-\u9fff]", kind.title_zh)
    assert re.search(r"[\u4e00-\u9fff].*[。]$", kind.zh)
    assert kind.title_en.isascii()
    assert kind.en.endswith(".")
    assert kind.__doc__
    assert "{" not in kind.title_zh + kind.title_en
    named = facts_in(kind.zh) | facts_in(kind.en)
    assert named.isdisjoint({"type", "title", "status", "detail", "request_id"})


def test_no_two_refusals_share_a_code() -> None:
    codes = [kind.code for kind in ERRORS]
    assert len(codes) == len(set(codes))
    by_status = {code: status for status, (code, *_) in HTTP_CODES.items()}
    assert [k.code for k in ERRORS if k.code in by_status and by_status[k.code] != k.status] == []


def test_refusals_are_declared_where_the_documentation_looks_for_them() -> None:
    elsewhere = [
        kind.__module__ for kind in ERRORS if not re.fullmatch(r"shop\.(\w+\.errors|kit\.\w+)", kind.__module__)
    ]
    assert elsewhere == []


def test_the_list_of_refusals_is_current() -> None:
    """`python -m shop errors-doc > docs/errors.md` writes it anew."""
    assert (ROOT / "docs" / "errors.md").read_text() == errors_markdown()


#: Messages of marshmallow about answers, not about requests; and of a validator that gives no reason.
NEVER_SAID = ("format", "validator_failed")


def sentence(node: ast.AST) -> str | None:
    """A message as it is written; what is filled in comes as 7."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    else:
        return None
    return text if re.fullmatch(r"[A-Z][^\n]*\.", text) else None


def messages_in(tree: ast.AST) -> Iterator[str]:
    """Messages in functions that raise a ValidationError, and those given to a validator as its `error`."""
    for node in ast.walk(tree):
        inside: list[ast.AST] = []
        if isinstance(node, ast.FunctionDef) and "ValidationError" in ast.unparse(node):
            docstring = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
            inside = [inner for statement in node.body[docstring:] for inner in ast.walk(statement)]
        elif isinstance(node, ast.keyword) and node.arg == "error":
            inside = [node.value]
        yield from filter(None, map(sentence, inside))


def messages_of(field: fields.Field) -> Iterator[str]:
    """What a field and its validators say of values that they do not take."""
    parts = {"obj_type": getattr(field, "OBJ_TYPE", ""), "awareness": "aware", "choices": "a, b", "input": "7"}
    yield from (text.format(**parts) for kind, text in field.error_messages.items() if kind not in NEVER_SAID)
    for inner in (
        getattr(field, "inner", None),
        getattr(field, "key_field", None),
        getattr(field, "value_field", None),
    ):
        if inner is not None:
            yield from messages_of(inner)
    for validator in field.validators:
        for value in ("", "~" * 20_000, -(10**18), 10**18, [], [1] * 20_000):
            try:
                validator(value)
            except ValidationError as error:
                yield from map(str, error.messages)
            except (TypeError, AttributeError):
                pass


def schemas() -> list[type[StrictSchema]]:
    """The shapes of all requests."""
    for file in sorted((ROOT / "shop").rglob("*.py")):
        if file.stem in ("schemas", "forms"):
            import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    known = [kind for kinds in class_registry._registry.values() for kind in (kinds if isinstance(kinds, list) else [])]
    return [kind for kind in known if issubclass(kind, StrictSchema) and kind.__module__.startswith("shop.")]


def english(messages: set[str]) -> list[str]:
    return sorted(text for text in messages if not re.search(r"[\u4e00-\u9fff].*。$", in_chinese(text)))


def test_every_message_about_a_field_is_told_in_chinese() -> None:
    sources = sorted((ROOT / "shop").rglob("*.py"))
    written = {text for file in sources for text in messages_in(ast.parse(file.read_text()))}
    assert len(written) > 80
    assert english(written) == []


def test_what_fields_and_validators_say_by_themselves_is_told_in_chinese() -> None:
    found = schemas()
    assert len(found) > 80
    assert (
        english({text for kind in found for field in kind().load_fields.values() for text in messages_of(field)}) == []
    )


def test_the_search_for_messages_sees_one_in_a_list_one_with_a_part_and_one_of_a_validator() -> None:
    told = '''
def fits(data):
    """Not this one."""
    said = {"a": ["In a list."]}
    raise ValidationError({"to": [f"At most {longest} nights."]})
OF = validate.NoneOf((), error="Of a validator.")
'''
    assert english(set(messages_in(ast.parse(told)))) == ["At most 7 nights.", "In a list.", "Of a validator."]


def test_facts_are_said_in_kilograms_yuan_and_per_cent_and_sent_as_they_are() -> None:
    exceeded = PromiseExceeded(agreement="A50", left_g=1_500, asked_g=1_234_567)
    assert exceeded.sentence("zh") == "协议 A50 还可要货 1.5 公斤，要求 1,234.567 公斤；超出须先签补充协议。"
    assert exceeded.sentence("en") == "Agreement A50 has 1.5 kg left, 1,234.567 kg were asked; amend it first."
    assert exceeded.facts == {"agreement": "A50", "left_g": 1_500, "asked_g": 1_234_567}
    below = SurplusBelowFloor(return_bp=5_999, floor_bp=6_000)
    assert below.sentence("zh") == "按交易量返还 59.99%，低于法定的 60%。"
    told = NothingToCorrect(slip="D1", weight_g=52_500, amount_fen=123_405)
    assert told.sentence("zh") == "交售单 D1 现在就是 52.5 公斤、1,234.05 元。"
    land = LandBeyondHolding(household="农户-0001", land_mu_tenths=73, leased_out_mu_tenths=0, year=2025, mu_tenths=60)
    assert (
        land.sentence("zh")
        == "农户-0001 共有土地 7.3 亩，其中已流转 0.0 亩：2025 年加上已入其他合同的，放不下 6.0 亩。"
    )
    short = NotEnoughStock([{"sku": "PL001", "asked_g": 2_000, "left_g": 500}])
    assert short.sentence("zh") == "库存不足：PL001 需 2 公斤，仅余 0.5 公斤。"


def test_a_sentence_leaves_the_unit_of_a_fact_to_the_fact() -> None:
    unit = re.compile(r"_(g|fen|fen_per_kg|bp)\}\s?(克|公斤|分|元|%|基点|（万分|g\b|kg\b|fen\b|yuan\b|basis|per cent)")
    assert [kind.code for kind in ERRORS if unit.search(kind.zh) or unit.search(kind.en)] == []
