"""What an amendment leaves as it is, what it spreads, and what both sides sign by that: over HTTP, day by day."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from shop.agreements.actions import agreement_by_code
from shop.agreements.contract import plan_zh
from shop.agreements.models import Agreement, AgreementStatus
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.orders.actions import cancel
from shop.orders.breach import behind
from shop.orders.calls import close_ended
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order
from shop.orders.scheduled import place_due
from tests.factories.desks import DRAFT, LINE, TERMS, Desk, books_hold, days, desk_of, due, july, plan, status
from tests.factories.tables import contents
from tests.factories.world import NOW, World, build, operator_on


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


@pytest.fixture
def desk(world: World, clock: WalkingClock) -> Desk:
    return desk_of(world, clock)


def test_days_called_ahead_keep_what_was_called_and_the_rest_goes_to_days_that_can_be_called(desk: Desk) -> None:
    """Three days brought forward, one of them less, one of them cancelled: nobody is behind who did nothing wrong."""
    desk.signed()
    assert desk.run(15, 16) == 2
    desk.call(july(17), 10_000, july(16))
    desk.call(july(18), 4_000, july(16))
    order = desk.call(july(19), 10_000, july(16))
    with transaction() as session:
        number = select(Order.id).where(Order.number == order["number"])
        held = locked_order_by_id(session, session.execute(number).scalar_one())
        cancel(session, held, actor_id=None, now=desk.clock.now(), by=None)
    version = desk.version([{**LINE, "committed_g": 200_000}])
    desk.sign(version)
    # 200 kg less 20 that fell due, 10 and 4 that were called ahead: 166 kg over the five days that are left.
    expected = days(15, 17, 10_000) | {18: 4_000} | days(20, 24, 33_200)
    assert due() == expected
    books_hold()
    told = plan(2)
    assert (told.due_g, told.until, told.called) == (20_000, july(16), {
        july(17): 10_000, july(18): 4_000, july(19): 0,
    })  # fmt: skip
    assert plan_zh(told) == (
        "至2025年7月16日已到期20公斤，其后已要货2025年7月17日10公斤、2025年7月18日4公斤，"
        "其余分5期交货（首期2025年7月20日，末期2025年7月24日），每期33.2公斤"
    )
    assert desk.run(17, 18, 19, 20, 21, 22, 23, 24) == 5
    day = july(25)
    with transaction() as session:
        assert [breach.side.value for breach in behind(session, day, [agreement_by_code(session, "T1").id])] == ["firm"]
    # What is changed of the calls later, or by the next amendment, changes nothing of what this one says.
    assert plan(2) == told


def test_where_every_day_was_called_the_rest_falls_on_the_last(desk: Desk) -> None:
    desk.signed(ends_on="2025-07-17")
    for day in (16, 17):
        desk.call(july(day), 10_000, july(15))
    desk.sign(desk.version([{**LINE, "committed_g": 35_000}], ends_on="2025-07-17"))
    assert due() == {15: 10_000, 16: 10_000, 17: 15_000}
    books_hold()


def test_an_end_today_keeps_what_was_called_beyond_what_fell_due(desk: Desk) -> None:
    """50 kg called for today, 10 kg due: both agree that this was all."""
    desk.signed()
    body = {"sku": "PL001", "weight_g": 50_000, "due_on": "2025-07-15"}
    desk.post("buyer", "/agreements/T1/call-offs", body)
    desk.sign(desk.version([{**LINE, "committed_g": 50_000}], ends_on="2025-07-15"))
    assert due() == {15: 50_000}
    books_hold()


def test_a_day_that_a_fast_clock_called_is_left_alone_after_a_reopening(desk: Desk) -> None:
    desk.signed()
    assert desk.run(15) == 1
    with transaction() as session:
        assert place_due(session, july(17), now=desk.clock.now()).placed == 2
    desk.post("operator", "/agreements/T1/ending", {"event": "terminate", "reason": "误登记"}, 200)
    for actor in ("buyer", "firm_staff"):
        desk.post(actor, "/agreements/T1/reopenings", {"reason": "误登记"}, 200)
    desk.sign(desk.version([{**LINE, "committed_g": 150_000}]))
    # The call for the 15th and those ahead were cancelled by the end: only the latter have days to come.
    assert due() == {15: 10_000} | days(18, 24, 20_000)
    books_hold()


def test_a_weight_for_each_date_means_the_days_that_are_left(desk: Desk) -> None:
    desk.signed()
    assert desk.run(15, 16, 17, 18, 19) == 5
    desk.call(july(21), 10_000, july(19))
    version = desk.version([{**LINE, "per_date_g": 20_000}])
    terms = version["terms"]["lines"][0]
    assert (terms["per_date_g"], terms["committed_g"], terms["minimum_g"]) == (20_000, 140_000, 140_000)
    assert plan_zh(plan(2)) == "自本补充协议生效次日起，其后尚未要货的各交货日每期20公斤"
    desk.sign(version)
    assert due() == days(15, 19, 10_000) | {20: 20_000, 21: 10_000} | days(22, 24, 20_000)
    books_hold()


def test_a_weight_for_each_date_is_put_anew_once_a_day_fell_due_between_the_signatures(desk: Desk) -> None:
    """Both sign one whole: of another one they are told, and by committed weight they may sign a day later."""
    desk.signed()
    assert desk.run(15, 16) == 2
    by_date = desk.version([{**LINE, "per_date_g": 20_000}])
    desk.sign(by_date, "buyer")
    assert desk.run(17) == 1
    asked = {"version": 2, "document_hash": by_date["document_hash"]}
    problem = desk.refused("firm_staff", "/agreements/T1/signatures", asked)
    assert problem["code"] == "days-passed"
    assert problem["detail"] == (
        "协议 T1 的商品 PL001 按每期 20 公斤 计，提出后已有交货日到期或已要货，约定总量应为 170 公斤，"
        "文本写的是 180 公斤；请按今天重新提出。"
    )
    again = desk.version([{**LINE, "per_date_g": 20_000}])
    assert again["terms"]["lines"][0]["committed_g"] == 170_000
    desk.sign(again)
    assert due() == days(15, 17, 10_000) | days(18, 24, 20_000)
    whole = desk.version([{**LINE, "committed_g": 150_000}])
    desk.sign(whole, "firm_staff")
    assert desk.run(18) == 1
    desk.sign(whole, "buyer")
    assert due() == days(15, 17, 10_000) | {18: 20_000} | days(19, 22, 16_667) | days(23, 24, 16_666)
    books_hold()


def test_the_least_of_a_date_is_judged_by_the_days_that_are_left(desk: Desk) -> None:
    desk.signed()
    assert desk.run(15, 16, 17, 18, 19) == 5
    url, said = "/agreements/T1/versions", {**TERMS}
    less = {**said, "lines": [{**LINE, "committed_g": 60_000, "minimum_date_g": 6_000}]}
    problem = desk.refused("buyer", url, less, 422)
    assert (problem["term"], problem["pointer"]) == ("minimum_date_g", "/lines/0/minimum_date_g")
    assert "超过排期每期的 2 公斤" in problem["detail"]
    desk.sign(desk.version([{**LINE, "committed_g": 200_000, "minimum_date_g": 25_000}]))
    assert due() == days(15, 19, 10_000) | days(20, 24, 30_000)


@pytest.mark.parametrize("door", ["draft", "paper", "version"])
def test_the_least_in_total_is_within_what_a_weight_for_each_date_gives(desk: Desk, door: str) -> None:
    asked = {"per_date_g": 100_000, "minimum_g": 2_000_000}
    body = {**DRAFT, "ends_on": "2025-09-16", "schedule": "weekly:1", "lines": [{**LINE, **asked}]}
    actor, url = "buyer", "/agreements/drafts"
    if door == "paper":
        actor, url, body = "operator", "/agreements", {**body, "signed_on": "2025-07-15"}
    if door == "version":
        desk.post("buyer", url, DRAFT)
        url, body = "/agreements/T1/versions", {key: body[key] for key in (*TERMS, "lines")}
    problem = desk.refused(actor, url, body, 422)
    assert (problem["term"], problem["pointer"]) == ("minimum_g", "/lines/0/minimum_g")
    assert "不得超过约定总量 900 公斤" in problem["detail"]


def test_a_renewal_is_asked_in_each_version_and_signature_whether_it_follows(desk: Desk) -> None:
    desk.signed()
    after = {"starts_on": "2025-07-25", "ends_on": "2025-07-31"}
    renewal = {**DRAFT, **after, "renews": "T1"}
    second = desk.post("buyer", "/agreements/drafts", {**renewal, "code": "T2"})["items"][0]
    third = desk.post("firm_staff", "/agreements/drafts", {**renewal, "code": "T3"})["items"][0]
    early = {**TERMS, **after, "starts_on": "2025-07-16", "lines": DRAFT["lines"]}
    assert desk.refused("buyer", "/agreements/T2/versions", early)["code"] == "not-renewable"
    # Prolonged while the renewals are drafts: they wait until they begin later.
    desk.sign(desk.version([{**LINE, "committed_g": 100_000}], ends_on="2025-07-26"))
    asked = {"version": 1, "document_hash": second["document_hash"]}
    assert desk.refused("buyer", "/agreements/T2/signatures", asked)["code"] == "not-renewable"
    desk.sign(desk.version([{**LINE, "committed_g": 100_000}]))
    assert desk.sign(second, code="T2")["status"] == "signed"
    asked = {"version": 1, "document_hash": third["document_hash"]}
    problem = desk.refused("buyer", "/agreements/T3/signatures", asked)
    assert (problem["code"], problem["detail"]) == ("not-renewable", "协议 T1 不能由此续签：已由 T2 续签。")
    assert desk.refused("buyer", "/agreements/drafts", {**renewal, "code": "T4"})["code"] == "not-renewable"
    longer = {**TERMS, "ends_on": "2025-07-25", "lines": [{**LINE, "committed_g": 100_000}]}
    problem = desk.refused("buyer", "/agreements/T1/versions", longer)
    assert problem["detail"] == "协议 T1 的补充条款不成立：结束日期不得晚于 2025-07-24（续签的 T2 自次日起）。"


def test_a_draft_begins_when_a_campaign_runs_in_each_version_and_when_it_is_signed(desk: Desk) -> None:
    late = {"starts_on": "2025-12-01", "ends_on": "2025-12-31"}
    drafted = desk.post("buyer", "/agreements/drafts", {**DRAFT, **late})["items"][0]
    body = {**TERMS, "starts_on": "2026-06-01", "ends_on": "2026-06-30", "lines": DRAFT["lines"]}
    assert desk.refused("buyer", "/agreements/T1/versions", body)["code"] == "no-campaign"
    with transaction() as session:
        session.execute(text("UPDATE campaigns SET ends_on = '2025-11-30'"))
    asked = {"version": 1, "document_hash": drafted["document_hash"]}
    assert desk.refused("buyer", "/agreements/T1/signatures", asked)["code"] == "no-campaign"
    with transaction() as session:
        session.execute(
            text("INSERT INTO campaigns (code, name_zh, name_en, starts_on, ends_on) VALUES"
                 " ('C2026', '活动（示例）', 'Campaign (example)', '2025-12-01', '2026-12-31')")
        )  # fmt: skip
    desk.sign(drafted)
    campaign = text("SELECT campaigns.code FROM occasions JOIN campaigns ON campaigns.id = campaign_id"
                    " WHERE occasions.code = 'T1'")  # fmt: skip
    assert db.session.execute(campaign).scalar_one() == "C2026"


def test_what_fell_due_on_paper_before_the_record_is_kept_and_called_by_nobody(desk: Desk) -> None:
    """A paper of the first to the twentieth, recorded on the 15th: the six days from then on are all there is to do."""
    paper = {**DRAFT, "starts_on": "2025-07-01", "ends_on": "2025-07-20", "signed_on": "2025-07-01"}
    line = desk.post("operator", "/agreements", paper)["lines"][0]
    assert (line["committed_g"], line["on_paper_g"], line["due_g"], line["left_g"]) == (
        200_000,
        140_000,
        10_000,
        60_000,
    )
    assert due() == days(15, 20, 10_000)
    before = contents(desk.world.app)
    assert desk.call(july(3), 10_000, july(15), 409)["type"].endswith("not-scheduled")
    assert contents(desk.world.app) == before
    beyond = {"sku": "PL001", "weight_g": 60_001, "due_on": "2025-07-16"}
    assert desk.refused("buyer", "/agreements/T1/call-offs", beyond)["code"] == "promise-exceeded"
    assert len(plan(1).days or {}) == 20
    # An amendment keeps it too, and says so; of today nothing was called yet.
    less = {**TERMS, "starts_on": "2025-07-01", "ends_on": "2025-07-20"}
    problem = desk.refused("buyer", "/agreements/T1/versions", {**less, "lines": [{**LINE, "committed_g": 139_999}]})
    assert "少于 140 公斤" in problem["detail"]
    desk.sign(desk.version([{**LINE, "committed_g": 175_000}], starts_on="2025-07-01", ends_on="2025-07-20"))
    assert due() == {15: 10_000} | days(16, 20, 5_000)
    assert plan(2).due_g == 150_000
    assert desk.run(15, 16, 17, 18, 19, 20) == 6
    assert report(desk, july(20), "signed_g", "due_g", "called_g") == [175_000, 35_000, 35_000]
    accept_all(desk)
    assert report(desk, july(21), "shortfall_g", "firm_short_g", "buyer_short_g") == [0, 0, 0]
    with transaction() as session:
        assert behind(session, july(21), [agreement_by_code(session, "T1").id]) == []
        close_ended(session, july(21), now=desk.clock.now())
    assert status() is AgreementStatus.FULFILLED
    books_hold()


def test_what_is_not_accepted_of_the_days_after_the_record_still_ends_short(desk: Desk) -> None:
    paper = {**DRAFT, "starts_on": "2025-07-01", "ends_on": "2025-07-20", "signed_on": "2025-07-01"}
    desk.post("operator", "/agreements", paper)
    assert desk.run(15, 16, 17, 18, 19) == 5
    accept_all(desk)
    with transaction() as session:
        close_ended(session, july(21), now=desk.clock.now())
        found = behind(session, july(21), [agreement_by_code(session, "T1").id])
    assert status() is AgreementStatus.SHORT
    assert found == []  # the schedule did not call the last day: an outage is nobody's breach


def test_a_paper_recorded_after_its_last_day_of_the_schedule_was_kept_on_paper(desk: Desk) -> None:
    paper = {**DRAFT, "starts_on": "2025-07-01", "ends_on": "2025-07-20", "signed_on": "2025-07-01",
             "schedule": "weekly:1"}  # fmt: skip
    line = desk.post("operator", "/agreements", {**paper, "lines": [{**LINE, "committed_g": 50_000}]})["lines"][0]
    assert (line["on_paper_g"], line["left_g"], due()) == (50_000, 0, {})
    with transaction() as session:
        assert place_due(session, july(15), now=NOW).placed == 0
        close_ended(session, july(21), now=NOW + timedelta(days=6))
    assert status() is AgreementStatus.FULFILLED


def report(desk: Desk, day: date, *figures: str) -> list[int]:
    """Figures of the agreement on a day, each as the facts that make it add up."""
    before, found = desk.clock.now(), []
    headers = operator_on(desk.world, day)
    for figure in figures:
        path = f"/api/v1/reports/agreements/explain?by=agreement&as_of={day}&key=T1&figure={figure}&limit=100"
        answer = desk.world.app.test_client().get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        body = answer.get_json()
        assert sum(item["parts"][figure] for item in body["items"]) == body["value"]
        found.append(body["value"])
    desk.clock.put(before)
    return found


def accept_all(desk: Desk) -> None:
    from shop.orders.actions import accept, approve, dispatch

    with transaction() as session:
        orders = session.scalars(
            select(Order.id).join(Agreement, Agreement.occasion_id == Order.occasion_id).where(Agreement.code == "T1")
        ).all()
        for order_id in orders:
            order = locked_order_by_id(session, order_id)
            approve(session, order, actor_id=None, now=desk.clock.now())
            dispatch(session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=desk.clock.now())
            accept(session, order, None, actor_id=None, now=desk.clock.now())


def test_force_majeure_is_told_of_what_is_signed(desk: Desk) -> None:
    drafted = desk.post("buyer", "/agreements/drafts", DRAFT)["items"][0]
    body = {"from_day": "2025-07-16", "to_day": "2025-07-18", "reason": "冰雹", "paper": "T1-1"}
    problem = desk.refused("buyer", "/agreements/T1/force-majeure", body)
    assert (problem["code"], problem["detail"]) == (
        "agreement-not-running", "协议 T1 当前是“草案”，不能通知不可抗力。",
    )  # fmt: skip
    desk.sign(drafted)
    assert desk.refused("buyer", "/agreements/T1/force-majeure", body)["code"] == "no-proof"
