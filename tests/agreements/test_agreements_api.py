"""Agreements over HTTP: recorded by the county, read by both sides."""

import pytest
from flask import Flask
from sqlalchemy import func, select

from shop.agreements.models import Agreement, AgreementLine, DueWeight
from shop.kit.db import db
from tests.factories.tables import contents
from tests.factories.world import World, build

URL = "/api/v1/agreements"
SIGNED = {
    "code": "A90", "partner": "B01", "firm": "F01", "signed_on": "2025-07-15", "starts_on": "2025-07-16",
    "ends_on": "2025-12-31", "deposit_bp": 1_000, "penalty_bp": 500, "payment_term_days": 30, "schedule": "weekly:1",
    "lines": [{"sku": "PL001", "committed_g": 5_000_001, "floor_fen_per_kg": 520, "price_rule": "FLOOR_OR_MARKET"}],
}  # fmt: skip


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def test_the_county_records_what_was_signed_and_its_weights_fall_due(world: World) -> None:
    client = world.app.test_client()
    made = client.post(URL, json=SIGNED, headers=world.headers["operator"])
    assert made.status_code == 201, made.text
    due = db.session.scalar(
        select(func.sum(DueWeight.weight_g))
        .join(AgreementLine, AgreementLine.id == DueWeight.line_id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .where(Agreement.code == "A90")
    )
    assert due == 5_000_001
    seen = client.get(f"{URL}/A90", headers=world.headers["buyer"]).get_json()
    assert (seen["status"], seen["signed_fen"], seen["call_offs"]) == ("signed", 2_600_001, [])
    assert seen["lines"][0]["left_g"] == 5_000_001


def test_each_side_reads_its_own_and_how_much_is_left(world: World) -> None:
    client = world.app.test_client()
    for actor in ("buyer", "firm_staff", "township_manager"):
        items = client.get(URL, headers=world.headers[actor]).get_json()["items"]
        assert [item["code"] for item in items] == ["A01"]
        assert client.get(f"{URL}/A02", headers=world.headers[actor]).status_code == 404
    items = client.get(URL, headers=world.headers["operator"]).get_json()["items"]
    assert [item["code"] for item in items] == ["A02", "A01"]
    line = items[1]["lines"][0]
    assert (line["committed_g"], line["called_g"], line["left_g"]) == (1_000_000, 10_000, 990_000)


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"code": "A01"}, 409, "code-taken"),
        ({"partner": "U01"}, 422, "not-a-bulk-buyer"),
        ({"firm": "F02"}, 422, "not-the-sellers-product"),
        ({"deposit_bp": 2_001}, 422, None),
        ({"schedule": "weekly:9"}, 422, None),
        ({"ends_on": "2025-07-01"}, 422, None),
        ({"payment_term_days": 61}, 422, None),
        ({"partner": "NONE"}, 404, "not-found"),
    ],
)
def test_what_may_not_be_signed_changes_nothing(
    world: World, change: dict[str, object], status: int, kind: str | None
) -> None:
    before = contents(world.app)
    answer = world.app.test_client().post(URL, json=SIGNED | change, headers=world.headers["operator"])
    assert answer.status_code == status, answer.text
    assert kind is None or answer.get_json()["type"].endswith(kind)
    assert contents(world.app) == before
