"""A live session over HTTP: planned, reviewed, on air, steered, ended by the host or by the clock."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from shop.channels.models import Occasion, OccasionStatus
from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, release, transaction
from shop.kit.states import History
from shop.live import actions
from shop.live.models import LiveSession
from shop.reports.books import check_books
from shop.stock.models import Pool
from tests.factories.tables import contents
from tests.factories.world import World, build

API = "/api/v1"
ITEM = {"sku": "PL001", "price_fen": 2_800, "set_aside_g": 25_000, "per_buyer_cap": 3}
SESSION = {
    "code": "LIVE-9", "partner": "L01", "title_zh": "鲜桃专场（示例）", "starts_at": "2025-07-15T09:00:00+08:00",
    "ends_at": "2025-07-15T21:30:00+08:00", "commission_bp": 500, "operator_zh": "助农直播间（示例）",
    "offers": [ITEM],
}  # fmt: skip
VERIFIED = {"host_verified_on": "2025-07-01", "host_age": 28}
URL = f"{API}/sessions/LIVE-9"


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def send(
    world: World, actor: str, method: str, url: str, body: dict[str, Any] | None = None, key: str = "k"
) -> TestResponse:
    headers = world.headers[actor] | {"Idempotency-Key": f"{key} {method} {url}"}
    return world.app.test_client().open(url, method=method, json=body, headers=headers)


def post(world: World, actor: str, url: str, body: dict[str, Any] | None = None, key: str = "k") -> TestResponse:
    return send(world, actor, "POST", url, body, key)


def planned(world: World, **changes: Any) -> Any:
    answer = post(world, "host", f"{API}/sessions", SESSION | changes)
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def on_air(world: World, **changes: Any) -> None:
    planned(world, **changes)
    assert post(world, "operator", f"{URL}/review", VERIFIED).status_code == 200
    assert post(world, "host", f"{URL}/opening").get_json()["status"] == "live"


def order(world: World, key: str = "o", quantity: int = 1) -> TestResponse:
    body = {"partner": "L01", "occasion": "LIVE-9", "lines": [{"sku": "PL001", "quantity": quantity}]}
    return post(world, "customer", f"{API}/orders", body, key)


def pools() -> dict[str, int]:
    """Available grams of PL001 by kind of pool, the open one and that of LIVE-9."""
    rows = db.session.execute(
        select(Pool.kind, Pool.available_g)
        .outerjoin(Occasion, Occasion.id == Pool.occasion_id)
        .where(
            Pool.product_id == text("(SELECT id FROM products WHERE sku = 'PL001')"),
            (Pool.occasion_id.is_(None)) | (Occasion.code == "LIVE-9"),
        )
    ).all()
    release()
    return {kind.value: grams for kind, grams in rows}


def events() -> list[str]:
    found = db.session.scalars(
        select(History.event)
        .join(LiveSession, LiveSession.id == History.entity_id)
        .join(Occasion, Occasion.id == LiveSession.occasion_id)
        .where(History.entity_type == "live_sessions", Occasion.code == "LIVE-9")
        .order_by(History.id)
    ).all()
    release()
    return list(found)


def test_a_session_sells_from_what_was_set_aside_and_gives_the_rest_back(world: World) -> None:
    assert planned(world)["status"] == "planned"
    assert post(world, "host", f"{URL}/opening").status_code == 409
    assert post(world, "host", f"{URL}/review", VERIFIED).status_code == 403
    assert post(world, "operator", f"{URL}/review", VERIFIED).get_json()["status_zh"] == "已审核"
    assert post(world, "host", f"{URL}/opening", key="2").get_json()["status"] == "live"
    assert pools() == {"open": 75_000, "set_aside": 25_000}
    assert order(world).status_code == 201
    ended = post(world, "host", f"{URL}/closing").get_json()
    assert (ended["status"], ended["recording_keep_until"]) == ("ended", "2028-07-15")
    assert pools() == {"open": 97_500, "set_aside": 0}
    assert events() == ["plan", "review", "go_live", "end"]


def test_a_session_that_promises_more_than_there_is_does_not_go_on_air(world: World) -> None:
    planned(world, offers=[ITEM | {"set_aside_g": 100_001}])
    post(world, "operator", f"{URL}/review", VERIFIED)
    before = contents(world.app)
    assert post(world, "host", f"{URL}/opening").status_code == 409
    assert contents(world.app) == before


@pytest.mark.parametrize(
    ("verified", "status", "code"),
    [
        (VERIFIED | {"host_age": 15}, 422, "host-too-young"),
        (VERIFIED | {"host_age": 15, "guardian_consented": True}, 422, "host-too-young"),
        (VERIFIED | {"host_age": 17}, 422, "host-too-young"),
        (VERIFIED | {"host_verified_on": "2025-07-16"}, 409, "host-not-verified"),
    ],
)
def test_a_host_too_young_or_not_verified_yet_is_not_reviewed(
    world: World, verified: dict[str, Any], status: int, code: str
) -> None:
    planned(world)
    before = contents(world.app)
    answer = post(world, "operator", f"{URL}/review", verified)
    assert (answer.status_code, answer.get_json()["type"].rpartition("#")[2]) == (status, code)
    assert contents(world.app) == before


def test_a_host_of_sixteen_needs_his_guardian_and_then_may(world: World) -> None:
    planned(world)
    verified = VERIFIED | {"host_age": 16, "guardian_consented": True}
    assert post(world, "operator", f"{URL}/review", verified).get_json()["host_age"] == 16


def test_a_session_without_an_operator_is_not_reviewed(world: World) -> None:
    planned(world, operator_zh=None)
    refused = post(world, "operator", f"{URL}/review", VERIFIED)
    assert (refused.status_code, refused.get_json()["missing"]) == (409, "直播间运营者 operator_zh")


def test_who_changes_the_shelf_after_the_review_is_reviewed_again(world: World) -> None:
    planned(world)
    post(world, "operator", f"{URL}/review", VERIFIED)
    changed = send(world, "host", "PUT", f"{URL}/shelf", {"offers": [ITEM | {"price_fen": 1}]}).get_json()
    assert (changed["status"], changed["offers"][0]["price_fen"]) == ("planned", 1)
    assert post(world, "host", f"{URL}/opening").status_code == 409
    assert events() == ["plan", "review", "revise", "shelf"]


def test_the_shelf_of_a_session_on_air_is_not_laid_out_anew(world: World) -> None:
    on_air(world)
    before = contents(world.app)
    assert send(world, "host", "PUT", f"{URL}/shelf", {"offers": [ITEM]}).status_code == 409
    assert contents(world.app) == before


def test_a_shelf_keeps_its_order_its_cards_and_its_certificates(world: World) -> None:
    first = ITEM | {"sku": "PL002", "slot_fee_fen": 20_000, "talking_points": "皮薄汁多"}
    assert post(world, "host", f"{API}/sessions", SESSION | {"offers": [first, ITEM]}).status_code == 201
    with transaction() as session:
        session.execute(text("UPDATE certificates SET verified_at = now()"))
    held = ITEM | {"certificates": ["SC10114082900001"]}
    shelf = send(world, "host", "PUT", f"{URL}/shelf", {"offers": [first, held]}).get_json()["offers"]
    assert [(item["position"], item["sku"]) for item in shelf] == [(1, "PL002"), (2, "PL001")]
    assert (shelf[0]["slot_fee_fen"], shelf[0]["talking_points"]) == (20_000, "皮薄汁多")
    assert [item["certificates"] for item in shelf] == [[], ["SC10114082900001"]]


@pytest.mark.parametrize(
    "untrue",
    [
        "verified_at = NULL",
        "verified_at = now(), expires_on = '2025-07-14'",
        "verified_at = now(), number = 'SC99999999999999'",
    ],
)
def test_a_certificate_that_is_not_held_is_not_shown(world: World, untrue: str) -> None:
    with transaction() as session:
        session.execute(
            text(f"UPDATE certificates SET {untrue} WHERE product_id = (SELECT id FROM products WHERE sku = 'PL001')")
        )
    before = contents(world.app)
    refused = post(
        world, "host", f"{API}/sessions", SESSION | {"offers": [ITEM | {"certificates": ["SC10114082900001"]}]}
    )
    assert (refused.status_code, refused.get_json()["numbers"]) == (409, "SC10114082900001")
    assert contents(world.app) == before


def test_a_changed_price_holds_from_the_next_order_on_and_is_remembered(world: World) -> None:
    on_air(world)
    assert order(world, "before").get_json()["total_fen"] == 2_800
    changed = post(world, "host", f"{URL}/shelf-changes", {"sku": "PL001", "price_fen": 2_600})
    assert changed.get_json()["offers"][0]["price_fen"] == 2_600
    assert order(world, "after").get_json()["total_fen"] == 2_600
    totals = db.session.execute(text("SELECT total_fen FROM orders WHERE total_fen < 6000 ORDER BY id")).scalars()
    assert list(totals) == [2_800, 2_600]
    facts = db.session.scalars(select(History.facts).where(History.event == "change")).all()
    assert facts == [{"sku": "PL001", "price_fen": 2_600, "price_fen_before": 2_800}]


def test_stock_is_topped_up_once_for_a_request_that_comes_twice(world: World) -> None:
    on_air(world)
    for _ in range(2):
        assert post(world, "host", f"{URL}/shelf-changes", {"sku": "PL001", "top_up_g": 5_000}).status_code == 200
    assert pools() == {"open": 70_000, "set_aside": 30_000}
    before = contents(world.app)
    more = post(world, "host", f"{URL}/shelf-changes", {"sku": "PL001", "top_up_g": 70_001}, key="more")
    assert more.status_code == 409
    assert contents(world.app) == before


def test_the_product_spoken_of_is_pinned_and_taken_down_at_the_end(world: World) -> None:
    on_air(world)
    assert send(world, "host", "PUT", f"{URL}/pin", {"sku": "PL001"}).get_json()["pinned"] == "PL001"
    assert send(world, "host", "PUT", f"{URL}/pin", {"sku": "PL002"}).status_code == 409
    assert post(world, "host", f"{URL}/closing").get_json()["pinned"] is None
    assert send(world, "host", "PUT", f"{URL}/pin", {"sku": "PL001"}).status_code == 409


def test_the_clock_ends_a_session_whose_host_forgot_and_its_stock_comes_back(world: World, clock: WalkingClock) -> None:
    on_air(world)
    clock.put(clock.now().replace(hour=13, minute=29))
    with transaction() as session:
        assert actions.end_overdue(session, now=clock.now()) == 0
    for expected in (1, 0):
        clock.walk(timedelta(minutes=1))
        with transaction() as session:
            assert actions.end_overdue(session, now=clock.now()) == expected
    assert pools() == {"open": 100_000, "set_aside": 0}
    assert db.session.scalar(select(Occasion.status).where(Occasion.code == "LIVE-9")) is OccasionStatus.CLOSED
    assert db.session.scalar(select(Occasion.status).where(Occasion.code == "LIVE-1")) is OccasionStatus.OPEN


def test_a_session_on_air_may_run_longer_and_never_shorter(world: World) -> None:
    on_air(world)
    later = send(world, "host", "PATCH", URL, {"ends_at": "2025-07-15T22:00:00+08:00"})
    assert (later.status_code, later.get_json()["status"]) == (200, "live")
    before = contents(world.app)
    for hours in ({"ends_at": "2025-07-15T21:00:00+08:00"}, {"starts_at": "2025-07-15T08:00:00+08:00"}):
        assert send(world, "host", "PATCH", URL, hours).status_code == 409
    assert contents(world.app) == before


def test_a_recording_is_kept_for_three_years_by_the_action_and_by_the_database(world: World) -> None:
    on_air(world)
    assert send(world, "host", "PATCH", URL, {"recording_ref": "https://example.org/a"}).status_code == 200
    post(world, "host", f"{URL}/closing")
    before = contents(world.app)
    refused = send(world, "host", "PATCH", URL, {"recording_ref": "https://example.org/b"})
    assert (refused.status_code, refused.get_json()["type"].rpartition("#")[2]) == (409, "recording-kept")
    assert contents(world.app) == before
    kept = (
        "UPDATE live_sessions SET recording_keep_until = (now() + interval '3 years')::date WHERE recording_ref <> ''"
    )
    with transaction() as session:
        session.execute(text(kept))
    for change in ("UPDATE live_sessions SET recording_ref = NULL", "DELETE FROM live_sessions"):
        with pytest.raises(Exception, match="is kept until"), transaction() as session:
            session.execute(text(f"{change} WHERE recording_ref <> ''"))


def test_where_a_recording_lies_is_forgotten_after_its_three_years_and_that_there_was_one_is_not(world: World) -> None:
    on_air(world)
    assert send(world, "host", "PATCH", URL, {"recording_ref": "https://example.org/a"}).status_code == 200
    post(world, "host", f"{URL}/closing")
    with transaction() as session:  # as if it had been held three years before
        session.execute(text("ALTER TABLE live_sessions DISABLE TRIGGER USER"))
        session.execute(text("UPDATE live_sessions SET recording_keep_until = '2026-03-01' WHERE recording_ref <> ''"))
        session.execute(text("ALTER TABLE live_sessions ENABLE TRIGGER USER"))
    before = contents(world.app)
    for day, forgotten in (((2026, 3, 1), 0), ((2026, 3, 2), 1), ((2026, 3, 2), 0)):
        with transaction() as session:
            assert actions.forget_recordings(session, now=at_beijing(date(*day), 4)) == forgotten
        assert (contents(world.app) == before) == (not forgotten and day == (2026, 3, 1))
    shown = send(world, "host", "GET", URL).get_json()
    assert (shown["recording_ref"], shown["recording_keep_until"]) == (None, "2026-03-01")
    told = "SELECT string_agg(facts::text, '') FROM history WHERE entity_type = 'live_sessions'"
    assert "registered" in db.session.scalar(text(told))
    assert "example.org" not in db.session.scalar(text(told))
    release()


def test_a_session_ended_on_the_last_of_february_is_kept_to_the_first_of_march() -> None:
    assert actions._years_later(date(2024, 2, 29)) == date(2027, 3, 1)
    assert actions._years_later(date(2025, 7, 15)) == date(2028, 7, 15)


def test_links_of_a_session_are_made_once_in_the_order_of_its_shelf(world: World) -> None:
    planned(world, offers=[ITEM | {"sku": "PL002"}, ITEM])
    made = send(world, "host", "PUT", f"{URL}/links").get_json()["items"]
    assert [link["sku"] for link in made] == [None, "PL002", "PL001"]
    assert send(world, "host", "PUT", f"{URL}/links").get_json()["items"] == made


def test_the_list_shows_a_host_his_own_and_the_county_all(world: World) -> None:
    planned(world)
    own, all_of_them = (
        [item["code"] for item in send(world, actor, "GET", f"{API}/sessions").get_json()["items"]]
        for actor in ("host", "operator")
    )
    assert own == ["LIVE-9", "LIVE-1"]
    assert all_of_them == ["LIVE-9", "LIVE-2", "LIVE-1"]


def test_an_unpaid_order_of_a_session_holds_as_long_as_the_session_says(world: World, clock: WalkingClock) -> None:
    on_air(world, hold_s=120)
    expires = order(world).get_json()["expires_at"]
    assert expires == (clock.now() + timedelta(seconds=120)).isoformat()


def test_a_session_through_its_life_leaves_the_books_right(county: Flask, clock: WalkingClock) -> None:
    from tests.factories.sales import ready

    with transaction() as session:
        season = ready(session, clock.now())
        season.settled(season.paid("HOST"))
        actions.end_session(session, "LIVE-1", actor_id=None, now=clock.now())
        session.execute(text("UPDATE outbox SET sent_at = :now, done_at = :now"), {"now": clock.now()})
    found = check_books(db.session(), now=clock.now() + timedelta(hours=3))
    assert [str(violation) for violation in found if not violation.check.code.startswith("I23")] == []


def test_a_cap_counts_all_orders_of_a_buyer_that_stand(world: World) -> None:
    on_air(world)
    number = order(world, "two", 2).get_json()["number"]
    before = contents(world.app)
    refused = order(world, "two more", 2)
    assert (refused.status_code, refused.get_json()["cap"], refused.get_json()["had"]) == (409, 3, 2)
    assert contents(world.app) == before
    assert post(world, "customer", f"{API}/orders/{number}/cancellation", {"reason": "改主意"}).status_code == 200
    assert order(world, "three", 3).status_code == 201
