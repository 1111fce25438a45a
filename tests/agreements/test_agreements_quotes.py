"""Market quotes: what a source said stays, a correction is another word of it, and a line follows its own source."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from shop.agreements.errors import QuoteExists, QuoteMissing
from shop.agreements.models import Agreement, AgreementLine, MarketQuote, PriceRule
from shop.agreements.quotes import Quoted, QuoteUnit, per_kg, price_on, record_quote
from shop.catalog.actions import product_by_sku
from shop.farmers.models import Grade
from shop.kit.db import db, transaction
from tests.factories.agreements import line, recorded
from tests.factories.tables import contents
from tests.factories.world import NOW, TODAY, World, build

URL = "/api/v1/market-quotes"
SAID = {"sku": "PL001", "quoted_on": "2025-07-15", "source": "甲（示例）", "market": "运城（示例）", "per": "斤",
        "price_fen": 320}  # fmt: skip


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def price() -> int:
    """Today's price of the agreement's line."""
    found = db.session.scalars(select(AgreementLine).join(Agreement).where(Agreement.code == "A50")).one()
    return price_on(db.session(), found, TODAY)


def test_a_price_per_jin_or_tonne_is_kept_per_kg() -> None:
    assert [per_kg(561, unit) for unit in QuoteUnit] == [561, 1_122, 1]
    assert per_kg(560_499, QuoteUnit.TONNE) == 560


def test_a_second_quote_of_a_day_is_a_correction_with_a_reason_that_counts_from_then_on(world: World) -> None:
    client, headers = world.app.test_client(), world.headers["operator"]
    with transaction() as session:
        recorded(session, line(price_rule=PriceRule.FLOOR_OR_MARKET))
    first = client.post(URL, json=SAID, headers=headers)
    assert (first.status_code, first.get_json()["fen_per_kg"], first.get_json()["position"]) == (201, 640, 1)
    assert price() == 640
    before = contents(world.app)
    again = client.post(URL, json=SAID | {"price_fen": 350}, headers=headers)
    assert (again.status_code, again.get_json()["type"].rpartition("#")[2]) == (409, "quote-exists")
    assert contents(world.app) == before
    corrected = client.post(URL, json=SAID | {"price_fen": 350, "reason": "来源更正"}, headers=headers)
    assert (corrected.status_code, corrected.get_json()["position"]) == (201, 2)
    same = client.post(URL, json=SAID | {"price_fen": 350, "reason": "再更正"}, headers=headers)
    assert (same.status_code, same.get_json()["type"].rpartition("#")[2]) == (409, "quote-same")
    assert same.get_json()["detail"] == f"{SAID['source']} {SAID['quoted_on']} 的报价已是每公斤 7.00 元，没有可更正的。"
    dear = client.post(URL, json=SAID | {"price_fen": 5_000_001, "reason": "再更正"}, headers=headers)
    assert (dear.status_code, dear.get_json()["errors"][0]["pointer"]) == (422, "/price_fen")
    assert price() == 700
    items = client.get(f"{URL}?sku=PL001&since=2025-07-15", headers=world.headers["buyer"]).get_json()["items"]
    assert [(item["position"], item["fen_per_kg"], item["reason"]) for item in items] == [
        (2, 700, "来源更正"), (1, 640, None),
    ]  # fmt: skip


def test_no_market_has_quoted_a_day_to_come(world: World) -> None:
    before = contents(world.app)
    said = SAID | {"quoted_on": str(TODAY + timedelta(days=1))}
    answer = world.app.test_client().post(URL, json=said, headers=world.headers["operator"])
    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (422, "quote-ahead")
    assert contents(world.app) == before


@pytest.mark.parametrize(
    ("per", "fen", "status"),
    [("公斤", 10_000_000, 201), ("公斤", 10_000_001, 422), ("斤", 5_000_001, 422), ("吨", 10_000_000_000, 201)],
)
def test_a_kilogram_is_quoted_at_a_hundred_thousand_yuan_at_most(world: World, per: str, fen: int, status: int) -> None:
    said = {"sku": "PL001", "quoted_on": str(TODAY), "source": "甲", "market": "乙", "per": per, "price_fen": fen}
    answer = world.app.test_client().post(URL, json=said, headers=world.headers["operator"])
    assert answer.status_code == status, answer.text


def test_what_was_never_quoted_is_not_corrected(world: World) -> None:
    said = Quoted(product_by_sku(db.session(), "PL001").id, TODAY, "甲（示例）", "运城（示例）", 600)
    db.session.rollback()
    with pytest.raises(QuoteMissing), transaction() as session:
        record_quote(session, said, actor_id=None, now=NOW, correction="更正")


def test_a_line_follows_its_own_source_and_the_quotes_of_first_grade(world: World) -> None:
    with transaction() as session:
        recorded(session, line(price_rule=PriceRule.FLOOR_OR_MARKET, quote_source="乙（示例）"))
        said = Quoted(product_by_sku(session, "PL001").id, TODAY, "甲（示例）", "运城（示例）", 900)
        record_quote(session, said, actor_id=None, now=NOW)
        assert price() == 500
        other = replace(said, source="乙（示例）", fen_per_kg=610, quoted_on=TODAY - timedelta(days=7))
        record_quote(session, other, actor_id=None, now=NOW)
        record_quote(session, replace(other, grade=Grade.SPECIAL, quoted_on=TODAY), actor_id=None, now=NOW)
        assert price() == 610


def test_of_several_sources_the_one_that_spoke_first_of_the_day_counts_with_its_last_word(world: World) -> None:
    with transaction() as session:
        recorded(session, line(price_rule=PriceRule.FLOOR_OR_MARKET))
        said = Quoted(product_by_sku(session, "PL001").id, TODAY, "甲（示例）", "运城（示例）", 620)
        record_quote(session, said, actor_id=None, now=NOW)
        record_quote(session, replace(said, source="乙（示例）", fen_per_kg=990), actor_id=None, now=NOW)
        assert price() == 620
        record_quote(session, replace(said, fen_per_kg=630), actor_id=None, now=NOW, correction="更正")
        assert price() == 630


def test_a_quote_is_not_edited_by_any_hand(world: World) -> None:
    with transaction() as session:
        said = Quoted(product_by_sku(session, "PL001").id, TODAY, "甲（示例）", "运城（示例）", 620)
        record_quote(session, said, actor_id=None, now=NOW)
    with pytest.raises(QuoteExists), transaction() as session:
        record_quote(session, replace(said, fen_per_kg=1), actor_id=None, now=NOW)
    with pytest.raises(DBAPIError, match="append-only"), transaction() as session:
        session.execute(text("UPDATE market_quotes SET fen_per_kg = 1"))


HEAD = "商品编码,日期,来源,市场,等级,单位,价格（元）"
FIRST = "PL001,2025-07-15,甲（示例）,运城（示例）,一级,斤,3.20"
SECOND = "PL001,2025-07-14,甲（示例）,运城（示例）,二级,吨,4800"
GOOD = f"{HEAD}\n{FIRST}\n{SECOND}\n"


def upload(world: World, data: bytes, name: str = "行情.csv") -> Any:
    return world.app.test_client().post(
        f"{URL}/imports", data={"file": (BytesIO(data), name)}, headers=world.headers["operator"],
        content_type="multipart/form-data",
    )  # fmt: skip


def workbook(text_: str) -> bytes:
    kept = BytesIO()
    book = xlsxwriter.Workbook(kept)
    sheet = book.add_worksheet()
    for number, row in enumerate(text_.splitlines()):
        sheet.write_row(number, 0, row.split(","))
    book.close()
    return kept.getvalue()


def as_excel_saves(text_: str) -> bytes:
    """A CSV as Excel in Chinese saves it: GBK, and days in its own way."""
    return text_.replace("2025-07-", "2025/7/").encode("gb18030")


@pytest.mark.parametrize("as_file", [str.encode, as_excel_saves, workbook])
def test_a_file_of_quotes_is_taken_once_and_a_changed_price_is_a_correction(
    world: World, as_file: Callable[[str], bytes]
) -> None:
    assert upload(world, as_file(GOOD)).get_json() == {"new": 2, "unchanged": 0, "corrected": 0}
    before = contents(world.app)
    assert upload(world, as_file(GOOD)).get_json() == {"new": 0, "unchanged": 2, "corrected": 0}
    assert contents(world.app) == before
    changed = upload(world, as_file(GOOD.replace("3.20", "3.30"))).get_json()
    assert changed == {"new": 0, "unchanged": 1, "corrected": 1}
    rows = db.session.execute(
        select(MarketQuote.position, MarketQuote.fen_per_kg, MarketQuote.reason).order_by(MarketQuote.id)
    ).all()
    assert [tuple(row) for row in rows] == [(1, 640, None), (1, 480, None), (2, 660, "来源更正")]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("PL001,2025-07-14", "NONE,2025-07-14", [3]),
        ("3.20", "3.201", [2]),
        ("3.20", "0", [2]),
        ("3.20", "50000.01", [2]),
        ("3.20", "-1", [2]),
        ("2025-07-15", "15.7.2025", [2]),
        ("2025-07-15", "2025-07-15，晴", [2]),
        ("2025-07-15", "2025-07-16", [2]),
        ("斤", "两", [2]),
        ("甲（示例）,运城（示例）,一级", ",运城（示例）,一级", [2]),
        (HEAD, HEAD[:-1], [1]),
        ("4800", "4800,多余", [3]),
    ],
)
def test_one_bad_row_and_nothing_of_the_file_is_taken(world: World, old: str, new: str, lines: list[int]) -> None:
    before = contents(world.app)
    answer = upload(world, GOOD.replace(old, new).encode())
    assert answer.status_code == 422, answer.text
    assert [row["line"] for row in answer.get_json()["rows"]] == lines
    assert contents(world.app) == before


def test_two_prices_of_one_day_in_one_file_are_a_mistake_and_correct_nothing(world: World) -> None:
    rows = GOOD.splitlines()
    assert "3.20" in rows[1]
    before = contents(world.app)
    twice = "\n".join([*rows, rows[1].replace("3.20", "3.30")])
    answer = upload(world, twice.encode()).get_json()
    assert [row["line"] for row in answer["rows"]] == [4]
    assert "第 2 行" in answer["rows"][0]["reason"]
    assert contents(world.app) == before
    # Said twice alike it is said once; of another market, grade or day it is another quote.
    same = [*rows, rows[1], rows[1].replace("运城（示例）", "新绛（示例）").replace("3.20", "3.30")]
    assert upload(world, "\n".join(same).encode()).get_json() == {"new": 3, "unchanged": 1, "corrected": 0}
