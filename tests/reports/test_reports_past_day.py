"""The agreements report of a day that is past says what that day's facts tell; of a day to come it says nothing."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from shop.agreements import signing
from shop.agreements.actions import agreement_by_code
from shop.agreements.models import Side
from shop.agreements.signing import Hand
from shop.kit.clock import at_beijing
from shop.kit.db import db, transaction
from shop.orders.calls import terminate
from shop.reports import rollups
from shop.reports.models import Rollup
from tests.factories.agreements import line, recorded, second_product, sign_by, terms
from tests.factories.tables import contents
from tests.factories.world import TODAY, World, build, operator_on

AMENDED, ENDED, LATER = TODAY + timedelta(days=4), TODAY + timedelta(days=8), TODAY + timedelta(days=20)


@pytest.fixture
def world(committed: Flask) -> World:
    """A50: 10 kg each Tuesday, ten times, at 5 yuan; twice as much and a second product since the fourth day after."""
    built = build(committed)
    now = at_beijing(AMENDED, 9)
    buyer, firm = Hand(Side.BUYER, None, now), Hand(Side.FIRM, None, now)
    with transaction() as session:
        second_product(session, "PL009")
        agreement = recorded(session, line(minimum_g=0))
        more = line(committed_g=200_000, floor_fen_per_kg=600), line(sku="PL009", committed_g=90_000)
        signing.propose(session, agreement, terms(*more), by=buyer)
        sign_by(session, "A50", buyer, firm)
        rollups.refresh(session, Rollup.AGREEMENTS)
    return built


def asked(world: World, query: str, headers: Mapping[str, str], path: str = "") -> Any:
    answer = world.app.test_client().get(f"/api/v1/reports/agreements{path}?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def row(world: World, day: date, headers: Mapping[str, str]) -> dict[str, Any]:
    """The row of A50 on a day, each of whose figures its facts make up."""
    [found] = [item for item in asked(world, f"as_of={day}", headers)["items"] if item["key"] == "A50"]
    for name in ("signed_g", "signed_fen", "due_g", "forecast_g", "at_risk_g"):
        why = asked(world, f"as_of={day}&key=A50&figure={name}&limit=100", headers, "/explain")
        assert (why["value"], sum(item["parts"][name] for item in why["items"])) == (found[name], found[name] or 0)
    assert isinstance(found, dict)
    return found


def test_what_was_signed_is_by_the_terms_in_force_on_the_day(world: World) -> None:
    headers = operator_on(world, LATER)
    before, since = row(world, AMENDED - timedelta(days=1), headers), row(world, AMENDED, headers)
    assert (before["signed_g"], before["signed_fen"], before["agreements"]) == (100_000, 50_000, 1)
    assert (since["signed_g"], since["signed_fen"], since["agreements"]) == (290_000, 120_000 + 45_000, 1)
    for day, grams in ((TODAY, 0), (AMENDED, 90_000)):
        [later] = [item for item in asked(world, f"as_of={day}&by=product", headers)["items"] if item["key"] == "PL009"]
        assert later["signed_g"] == grams
    by_month = asked(world, f"as_of={TODAY}&by=month", headers)
    assert by_month["total"] == asked(world, f"as_of={TODAY}", headers)["total"]


def test_what_had_not_ended_on_the_day_was_still_to_come(world: World) -> None:
    with transaction() as session:
        ended = agreement_by_code(session, "A50", lock=True)
        terminate(session, ended, "供方停产", actor_id=None, now=at_beijing(ENDED, 9))
        rollups.refresh(session, Rollup.AGREEMENTS)
    headers = operator_on(world, LATER)
    day_before, on_the_day = row(world, ENDED - timedelta(days=1), headers), row(world, ENDED, headers)
    ahead = "SELECT sum(weight_g) FROM due_weights JOIN agreement_lines ON id = line_id JOIN agreements ON"
    ahead += " agreements.id = agreement_id WHERE code = 'A50' AND due_on >"
    still = db.session.connection().exec_driver_sql(f"{ahead} '{ENDED - timedelta(days=1)}'").scalar_one()
    assert day_before["forecast_g"] == still > 0
    assert on_the_day["forecast_g"] == 0
    assert day_before["due_g"] == on_the_day["due_g"] == asked_so_far()


def asked_so_far() -> int:
    """What the schedule of A50 asked for before its end, by hand."""
    due = "SELECT sum(weight_g) FROM due_weights JOIN agreement_lines ON id = line_id JOIN agreements ON"
    due += f" agreements.id = agreement_id WHERE code = 'A50' AND due_on <= '{ENDED}'"
    return int(db.session.connection().exec_driver_sql(due).scalar_one())


def test_today_s_stock_says_nothing_of_a_past_day(world: World) -> None:
    headers = operator_on(world, AMENDED)
    assert row(world, AMENDED, headers)["at_risk_g"] is not None
    assert row(world, TODAY, headers)["at_risk_g"] is None
    told = asked(world, f"as_of={TODAY}", headers | {"Accept-Language": "zh"})
    assert "风险为今后 14 天内企业空闲库存不够的部分，只列今天的" in told["basis"]
    assert "验收、欠量、违约金、应收按目前的记录" in told["basis"]
    client = world.app.test_client()
    client.set_cookie("signed_in", headers["Authorization"].removeprefix("Bearer "))
    page = client.get(f"/reports/agreements?as_of={TODAY}").text
    assert "只列今天的" in page


def test_a_day_to_come_is_refused_and_the_page_shows_today(world: World) -> None:
    client, headers = world.app.test_client(), operator_on(world, AMENDED)
    ahead = AMENDED + timedelta(days=1)
    for path in ("", "/explain"):
        answer = client.get(f"/api/v1/reports/agreements{path}?as_of={ahead}", headers=headers)
        assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (422, "day-ahead")
    before = contents(world.app)
    body = {"report": "agreements", "file": "csv", "by": "agreement", "as_of": str(ahead)}
    answer = client.post("/api/v1/reports/files", json=body, headers=headers | {"Idempotency-Key": "1"})
    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (422, "day-ahead"), answer.text
    assert contents(world.app) == before
    client.set_cookie("signed_in", headers["Authorization"].removeprefix("Bearer "))
    page = client.get(f"/reports/agreements?as_of={ahead}").text
    assert f"{ahead} 尚未到来。" in page
    assert f"截至 {AMENDED}" in page
    for path in (".csv", "/why"):
        assert client.get(f"/reports/agreements{path}?as_of={ahead}&figure=due_g").status_code == 422


def test_a_report_of_a_period_that_runs_counts_nothing_that_is_still_to_come(world: World) -> None:
    client, headers = world.app.test_client(), operator_on(world, AMENDED)
    report = client.get(f"/api/v1/reports/periodic?every=month&on={AMENDED}", headers=headers).get_json()
    [section] = [one for one in report["sections"] if one["code"] == "agreements"]
    assert (report["over"], section["title"]) == (False, f"采购协议（截至 {AMENDED}）")
    told = asked(world, f"as_of={AMENDED}", headers)
    names = ("signed_g", "due_g", "accepted_g", "shortfall_g", "rate_bp")
    assert {one["key"]: [one[name] for name in names] for one in section["rows"]} == {
        one["key"]: [one[name] for name in names] for one in told["items"]
    }
    client.set_cookie("signed_in", headers["Authorization"].removeprefix("Bearer "))
    page = client.get(f"/reports/periodic?every=month&on={AMENDED}").text
    assert f"as_of={AMENDED}" in page
    assert "as_of=2025-07-31" not in page
    after = client.get("/api/v1/reports/periodic?every=month&on=2025-08-01", headers=headers).get_json()
    [section] = [one for one in after["sections"] if one["code"] == "agreements"]
    assert section["title"] == f"采购协议（截至 {AMENDED}）"
