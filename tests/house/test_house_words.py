"""House rules that can be read off the source: who may name a channel, commit, or come near money with a fraction."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import shop.models  # noqa: F401
from shop.channels.models import ChannelKind
from shop.kit.db import db

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "shop").rglob("*.py"), *(ROOT / "tasks").rglob("*.py"), ROOT / "wsgi.py"])

#: Where a channel kind may be named, and why.
CHANNEL_NAMES_ALLOWED = {
    "shop/channels/": "the room that knows the five",
    "shop/orders/models.py": "CHECK constraints say in the database what the policy table says in Python",
    "shop/demo/": "the demo season plays each channel by name",
    "shop/imports/": "the county's files name the kind of each buyer",
}


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(file.read_text(), str(file)))


def named_channels(tree: ast.AST) -> list[int]:
    """Lines that name a kind: `ChannelKind.UNIT`, or its value as text.

    Not counted: the body of another enumeration, which may use the same word (`platform` also is the owner of accounts,
    `cadre` a role), and worked examples of the documentation.
    """
    words = {
        inner
        for node in ast.walk(tree)
        if (isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "StrEnum" for base in node.bases))
        or (isinstance(node, ast.Call) and ast.unparse(node.func) == "documented")
        for inner in ast.walk(node)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if node not in words
        and (
            (isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ChannelKind" and node.attr.isupper())
            or (isinstance(node, ast.Constant) and node.value in {kind.value for kind in ChannelKind})
        )
    ]


def test_nobody_outside_the_room_of_channels_names_a_kind() -> None:
    named = [
        f"{name_of(file)}:{line}"
        for file in SOURCES
        if not name_of(file).startswith(tuple(CHANNEL_NAMES_ALLOWED))
        for line in named_channels(ast.parse(file.read_text()))
    ]
    assert named == []


def test_only_the_one_door_commits_or_rolls_back() -> None:
    calls = [
        f"{name_of(file)}:{node.lineno}"
        for file in SOURCES
        if name_of(file) != "shop/kit/db.py"
        for node in nodes(file)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("commit", "rollback", "begin")
    ]
    assert calls == []


def test_a_transaction_is_opened_only_at_the_edges() -> None:
    edges = re.compile(
        r"shop/(\w+/api\.py|web/.*|cli\.py|demo/.*|kit/(db|idempotency|outbox)\.py|\w+/relay\.py)|tasks/.*"
    )
    opened = [
        f"{name_of(file)}:{node.lineno}"
        for file in SOURCES
        if not edges.fullmatch(name_of(file))
        for node in nodes(file)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "transaction"
    ]
    assert opened == []


MONEY = re.compile(r"(^|_)(fen|g|bp)(_|$)|^(fen|grams)_")
EXACT = ("shop/kit/money.py",)


def fractions_in(statement: ast.stmt) -> bool:
    """Whether a statement that speaks of fen, grams or basis points also divides, rounds or holds a float."""
    inside = list(ast.walk(statement))
    words = {node.id for node in inside if isinstance(node, ast.Name)}
    words |= {node.attr for node in inside if isinstance(node, ast.Attribute)}
    words |= {node.arg for node in inside if isinstance(node, ast.keyword) and node.arg}
    if not any(MONEY.search(word) for word in words):
        return False
    return any(
        (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id in ("float", "round"))
        for node in inside
    )


def simple_statements(file: Path) -> Iterator[ast.stmt]:
    compound = (ast.FunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
    return (node for node in nodes(file) if isinstance(node, ast.stmt) and not isinstance(node, compound))


def test_no_float_comes_near_money_or_weight() -> None:
    near = [
        f"{name_of(file)}:{statement.lineno}"
        for file in SOURCES
        if name_of(file) not in EXACT
        for statement in simple_statements(file)
        if fractions_in(statement)
    ]
    assert near == []


def test_the_rule_against_floats_sees_one() -> None:
    guilty = ["price_fen = total_fen / 3", "x = round(weight_g)", "self.rate_bp = 0.5", "pay(amount_fen=float(a))"]
    innocent = ["half = total / 2", "share_fen = total_fen // 3", "path = root / name"]
    assert [fractions_in(ast.parse(line).body[0]) for line in guilty] == [True] * 4
    assert [fractions_in(ast.parse(line).body[0]) for line in innocent] == [False] * 3


@pytest.mark.parametrize("table", sorted(db.metadata.tables))
def test_no_column_holds_a_fraction(table: str) -> None:
    columns = db.metadata.tables[table].columns
    assert [column.name for column in columns if isinstance(column.type, (sa.Float, sa.Numeric))] == []
    wide = [c.name for c in columns if c.name.endswith(("_fen", "_g")) and not isinstance(c.type, sa.BigInteger)]
    assert wide == []


def test_actions_know_neither_flask_nor_celery() -> None:
    edge = re.compile(
        r".*/(api|guard|http|problems|docs|health|observe|openapi|db|idempotency|base|app|cli)\.py|shop/(web|demo)/.*"
    )
    known = [
        name_of(file)
        for file in SOURCES
        if name_of(file).startswith("shop/") and not edge.fullmatch(name_of(file))
        for node in nodes(file)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        and re.match(
            r"(flask|celery|kombu|werkzeug)",
            (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name,
        )
    ]
    assert sorted(set(known)) == []
