"""Agreements over HTTP: recorded by the county, read by both sides."""

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from shop.agreements.models import Agreement, AgreementLine, DueWeight
from shop.agreements.reminders import find_ending, remind_end
from shop.agreements.states import AGREEMENT_LIFE, EVENTS_ZH
from shop.kit.db import db, transaction
from shop.kit.jobs import Outbox
from shop.orders.scheduled import place_due
from tests.factories.agreements import line, recorded
from tests.factories.tables import contents
from tests.factories.world import NOW, World, build

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


def test_a_first_day_that_no_campaign_covers_is_named(world: World) -> None:
    later = SIGNED | {"starts_on": "2026-03-02", "ends_on": "2026-06-30"}
    answer = world.app.test_client().post(URL, json=later, headers=world.headers["operator"])
    assert answer.status_code == 409
    assert answer.get_json(force=True)["detail"] == "2026-03-02 没有进行中的活动。"


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
        ({"signed_on": "2025-07-16"}, 422, "signed-too-late"),
        ({"signed_on": "2025-07-11", "starts_on": "2025-07-01", "ends_on": "2025-07-10"}, 422, "signed-too-late"),
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


DRAFT = {name: value for name, value in SIGNED.items() if name != "signed_on"} | {"code": "A91"}


def test_a_draft_is_negotiated_signed_by_both_and_amended_over_http(world: World) -> None:
    client = world.app.test_client()

    def post(actor: str, path: str, body: object, status: int) -> Any:
        answer = client.post(f"{URL}{path}", json=body, headers=world.headers[actor])
        assert answer.status_code == status, answer.text
        return answer.get_json()

    [first] = post("buyer", "/drafts", DRAFT, 201)["items"]
    assert (first["number"], first["proposed_by"], first["in_force"]) == (1, "buyer", False)
    assert client.get(f"{URL}/A91", headers=world.headers["firm_staff"]).get_json()["lines"] == []
    terms = {name: value for name, value in DRAFT.items() if name not in ("code", "partner", "firm")}
    by_date = [{"sku": "PL001", "per_date_g": 20_000, "floor_fen_per_kg": 540, "price_rule": "MARKET_PLUS",
                "margin_bp": 500, "minimum_date_g": 10_000, "off_bp": 0}]  # fmt: skip
    second = post("firm_staff", "/A91/versions", terms | {"lines": by_date, "note": "提价"}, 201)["items"][0]
    assert (second["number"], second["note"], second["terms"]["lines"][0]["committed_g"]) == (2, "提价", 24 * 20_000)
    old = {"version": 1, "document_hash": first["document_hash"]}
    assert post("buyer", "/A91/signatures", old, 409)["type"].endswith("document-not-current")
    signature = {"version": 2, "document_hash": second["document_hash"]}
    assert post("buyer", "/A91/signatures", signature, 200)["status"] == "draft"
    signed = post("firm_staff", "/A91/signatures", signature, 200)
    stale = post("operator", "/A91/versions", terms | {"note": "改期", "made_from": 1}, 409)
    assert (stale["type"].rpartition("#")[2], stale["number"], stale["made_from"]) == ("version-stale", 2, 1)
    assert stale["detail"] == "协议 A91 已有第 2 版，所提文本是由第 1 版改来的；请在第 2 版上修改。"
    assert post("firm_staff", "/A91/versions", terms | {"lines": by_date}, 409)["type"].endswith("version-same")
    assert (signed["status"], signed["signed_fen"], signed["buyer_penalty_bp"]) == ("signed", 259_200, 500)
    line = signed["lines"][0]
    assert (line["minimum_g"], line["minimum_date_g"], line["off_bp"], line["special_bp"]) == (
        480_000, 10_000, 0, 11_500,
    )  # fmt: skip
    by_date[0]["per_date_g"] = 30_000
    third = post("operator", "/A91/versions", terms | {"lines": by_date, "made_from": 2}, 201)["items"][0]
    signature = {"version": 3, "document_hash": third["document_hash"]}
    assert post("firm_staff", "/A91/signatures", signature, 200)["lines"][0]["committed_g"] == 480_000
    assert post("buyer", "/A91/signatures", signature, 200)["lines"][0]["committed_g"] == 720_000
    versions = client.get(f"{URL}/A91/versions", headers=world.headers["township_manager"]).get_json()["items"]
    assert [(one["number"], one["in_force"], len(one["signatures"])) for one in versions] == [
        (3, True, 2), (2, False, 2), (1, False, 0),
    ]  # fmt: skip
    assert {one["person_name_zh"] for one in versions[0]["signatures"]} == {None}
    seen = client.get(f"{URL}/A91/versions", headers=world.headers["buyer"]).get_json()["items"][0]["signatures"]
    assert [(one["side"], one["person_name_zh"], one["signed_on"], one["on_paper"]) for one in seen] == [
        ("buyer", "某人（示例）", "2025-07-15", False), ("firm", "某人（示例）", "2025-07-15", False),
    ]  # fmt: skip
    assert post("buyer", "/A91/ending", {"event": "terminate", "reason": "不要了"}, 403)
    ended = post("operator", "/A91/ending", {"event": "terminate", "reason": "供方违约"}, 200)
    assert ended["status"] == "terminated"
    assert [(one["event"], one["side"], one["status"], one["reason"]) for one in ended["history"]] == [
        ("draft", "buyer", "draft", None), ("propose", "firm", "draft", "提价"), ("sign", "firm", "signed", None),
        ("amend", "buyer", "signed", None), ("terminate", "county", "terminated", "供方违约"),
    ]  # fmt: skip
    renewal = {"code": "A92", "renews": "A91", "partner": "B01", "firm": "F01"}
    assert post("buyer", "/drafts", DRAFT | renewal, 201)
    assert client.get(f"{URL}/A92", headers=world.headers["firm_staff"]).get_json()["renews"] == "A91"
    assert client.get(f"{URL}/A91", headers=world.headers["firm_staff"]).get_json()["renewed_by"] is None
    *_, last = post("firm_staff", "/A92/ending", {"event": "withdraw", "reason": "不续"}, 200)["history"]
    assert last == {
        "at": last["at"], "event": "withdraw", "event_zh": "撤回草案", "side": "firm", "status": "withdrawn",
        "reason": "不续",
    }  # fmt: skip


def test_every_move_of_an_agreement_has_its_words_in_the_history() -> None:
    assert {event for _, event in AGREEMENT_LIFE.moves} | {"draft", "remind"} == set(EVENTS_ZH)


def test_nobody_drafts_for_another_buyer_or_another_firm(world: World) -> None:
    before = contents(world.app)
    for actor, foreign in (("buyer", {"partner": "B02"}), ("firm_staff", {"firm": "F02"})):
        answer = world.app.test_client().post(f"{URL}/drafts", json=DRAFT | foreign, headers=world.headers[actor])
        assert answer.status_code == 404, answer.text
    assert contents(world.app) == before


@pytest.mark.parametrize(
    "change",
    [
        {"committed_g": None},
        {"per_date_g": 5},
        {"minimum_g": 5_000_002},
        {"minimum_date_g": 5_000_002},
        {"special_bp": 9_999},
        {"second_bp": 10_001},
        {"schedule": "monthly:32"},
        {"schedule": ""},
        {"floor_fen_per_kg": 10_000_001},
        {"farm_gate_floor_fen_per_kg": 521},
        {"schedule": "weekly:１"},
        {"schedule": "once:2025-07-15"},
        {"schedule": "once:2026-01-01"},
    ],
)
def test_terms_that_make_no_sense_are_refused_with_their_place(world: World, change: dict[str, object]) -> None:
    promise = SIGNED["lines"][0] | change  # type: ignore[index]
    body = SIGNED | {"lines": [{name: value for name, value in promise.items() if value is not None}]}
    answer = world.app.test_client().post(URL, json=body, headers=world.headers["operator"])
    assert answer.status_code == 422, answer.text
    assert "/lines/0" in answer.text


def test_a_schedule_that_is_written_otherwise_is_told_how_it_is_written(world: World) -> None:
    headers = world.headers["operator"] | {"Accept-Language": "zh"}
    answer = world.app.test_client().post(URL, json=SIGNED | {"schedule": "每周一"}, headers=headers)
    assert answer.status_code == 422, answer.text
    assert [(one["pointer"], "weekly:1,4（周一、周四）" in one["detail"]) for one in answer.get_json()["errors"]] == [
        ("/schedule", True)
    ]


def test_the_largest_promise_is_counted_in_every_report(world: World) -> None:
    client, largest = world.app.test_client(), {"committed_g": 10**10, "floor_fen_per_kg": 1_000}
    body = SIGNED | {"lines": [{"sku": "PL001", "price_rule": "FIXED", **largest}]}
    too_much = SIGNED | {"lines": [{"sku": "PL001", "price_rule": "FIXED", **largest, "floor_fen_per_kg": 10**7}]}
    refused = client.post(URL, json=too_much, headers=world.headers["operator"] | {"Accept-Language": "zh"})
    assert (refused.status_code, refused.get_json()["term"]) == (422, "committed_g")
    assert refused.get_json()["detail"] == "商品 PL001 的约定总量不得使价值（按保底价）超过 100,000,000.00 元。"
    assert client.post(URL, json=body, headers=world.headers["operator"]).status_code == 201
    for by in ("agreement", "month"):
        shown = client.get(f"/api/v1/reports/agreements?by={by}", headers=world.headers["operator"])
        assert shown.status_code == 200, shown.text
        assert shown.get_json()["total"]["signed_fen"] >= 10**10


def test_signatures_on_paper_are_of_their_day_and_of_nobody_here(world: World) -> None:
    client = world.app.test_client()
    made = client.post(URL, json=SIGNED | {"signed_on": "2025-07-03"}, headers=world.headers["operator"])
    assert made.status_code == 201, made.text
    seen = client.get(f"{URL}/A90/versions", headers=world.headers["operator"]).get_json()["items"][0]["signatures"]
    assert seen == [
        {"side": side, "signed_on": "2025-07-03", "signed_at": None, "on_paper": True, "person_name_zh": None}
        for side in ("buyer", "firm")
    ]
    client.set_cookie("signed_in", world.headers["buyer"]["Authorization"].removeprefix("Bearer "))
    page = client.get("/desk/agreements/A90").text
    for words in ("采购方 纸质签署 2025-07-03", "签署日：2025-07-03", "供方 5%，采购方 5%", "应付 2,600.00 元",
                  "保底价每公斤5.20元，市场价高于保底价的随行就市"):  # fmt: skip
        assert words in page


def test_a_call_off_names_its_order(world: World) -> None:
    with transaction() as session:
        recorded(session, line())
        assert place_due(session, date(2025, 7, 15), now=NOW).placed == 1
    client = world.app.test_client()
    [call] = client.get(f"{URL}/A50", headers=world.headers["buyer"]).get_json()["call_offs"]
    order = client.get(f"/api/v1/orders/{call['order']}", headers=world.headers["buyer"]).get_json()
    assert (call["order_status"], order["total_fen"]) == ("placed", 5_000)
    client.set_cookie("signed_in", world.headers["firm_staff"]["Authorization"].removeprefix("Bearer "))
    page = client.get("/desk/agreements/A50").text
    assert f'<td class="n">10</td><td class="n">5.00</td><td class="code">{call["order"]}</td><td>已下单</td>' in page


def test_reminders_are_read_by_both_sides(world: World) -> None:
    with transaction() as session:
        find_ending(session, date(2025, 10, 2), now=NOW)
        for job in session.scalars(select(Outbox).where(Outbox.job == "agreements.remind_end")):
            remind_end(session, *job.ids, now=NOW)
    for actor in ("buyer", "firm_staff", "township_manager"):
        items = world.app.test_client().get("/api/v1/agreement-reminders", headers=world.headers[actor]).get_json()
        assert [(item["agreement"], item["days_before"]) for item in items["items"]] == [("A01", 60)]
    for actor in ("buyer", "firm_staff"):
        browser = world.browser(actor)
        assert "<br><small>60 天内到期</small>" in browser.get("/desk/agreements").text
        assert "到期提醒：60 天内到期（2025-07-15 " in browser.get("/desk/agreements/A01").text
