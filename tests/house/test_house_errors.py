"""Every refusal has one stable code, both languages, and a line in docs/errors.md."""

import re
import string
from pathlib import Path

import pytest

from shop.kit.errors import DomainError, all_errors
from shop.kit.problems import HTTP_CODES, errors_markdown, load_errors

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
