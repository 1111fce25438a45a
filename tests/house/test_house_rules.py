"""The page of rules: one sentence for each question, in two languages, and a test that holds each."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.test_house_papers import ROOT, paper, rows

RULES = rows(paper("docs/rules.md"), "问 asked")
#: What users hold a shop to, by a word of its question.
ASKED = (
    "which link", "share a tier", "grade factor", "short delivery", "31st", "discount split", "hold lapse",
    "settled sale", "closed month", "coupon, campaign price",
)  # fmt: skip
SENTENCE_END = re.compile(r"[。.](?=\\s|$)")


@pytest.mark.parametrize("asked", ASKED)
def test_each_question_has_exactly_one_rule(asked: str) -> None:
    assert [rule[0] for rule in RULES if asked in rule[0]] != []
    assert len([rule for rule in RULES if asked in rule[0]]) == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0])
def test_a_rule_is_one_sentence_in_both_languages_and_names_its_test(rule: list[str]) -> None:
    _, chinese, english, test = rule
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert not re.search("[\u4e00-\u9fff]", english.replace("一级", ""))
    assert SENTENCE_END.findall(chinese + "\n" + english) == []
    file, _, name = test.strip("`").partition("::")
    assert name in functions(ROOT / file)


def functions(file: Path) -> set[str]:
    """Names of the tests of a file."""
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_every_page_says_where_the_rules_are() -> None:
    assert "docs/rules.md" in paper("README.md")
    assert "docs/rules.md" in paper("README.zh-CN.md")
