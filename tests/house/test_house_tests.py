"""Tests about tests: nothing lies uncollected, nothing is switched off, no name hides another."""

import ast
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
FILES = sorted(TESTS.rglob("test_*.py"))


def decorators(function: ast.FunctionDef) -> str:
    return " ".join(ast.unparse(decorator) for decorator in function.decorator_list)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_function_is_a_test_or_used(file: Path) -> None:
    tree = ast.parse(file.read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {arg.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for arg in node.args}
    idle = [
        function.name
        for function in functions
        if not function.name.startswith("test_")
        and function.name not in used
        and "autouse=True" not in decorators(function)
        and not ("fixture" in decorators(function) and f'"{function.name}"' in file.read_text())
    ]
    assert idle == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_test_hides_behind_another_of_the_same_name(file: Path) -> None:
    names = Counter(node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_file_of_tests_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(file.name for file in FILES).items() if count > 1] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_test_is_switched_off_or_fed_a_mock(file: Path) -> None:
    tree = ast.parse(file.read_text())
    words = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    off = {
        word for word in words if word.startswith("pytest.") and word.rpartition(".")[2] in ("skip", "xfail", "skipif")
    }
    imported = {
        alias.name for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names
    }
    assert off | (imported & {"unittest", "mock", "MagicMock", "patch"}) == set()
