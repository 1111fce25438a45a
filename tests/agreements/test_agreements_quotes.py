"""Market quotes: what a source said stays, a correction is another word of it, and a line follows its own source."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from shop.agreements.errors import QuoteExists, QuoteMissing
from shop.agreements.models import Agreement, AgreementLine, PriceRule
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
    assert price() == 700
    items = client.get(f"{URL}?sku=PL001&since=2025-07-15", headers=world.headers["buyer"]).get_json()["items"]
    assert [(item["position"], item["fen_per_kg"], item["reason"]) for item in items] == [
        (2, 700, "来源更正"), (1, 640, None),
    ]  # fmt: skip


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
