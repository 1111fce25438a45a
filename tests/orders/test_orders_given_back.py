"""What was refused, cut or not delivered of a call-off is the promise's again, and the rest of a late one is closed."""

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shop.access.models import PartyKind, Role
from shop.agreements import actions
from shop.agreements.actions import agreement_by_code, let_stand
from shop.agreements.errors import AmendmentRefused
from shop.agreements.models import Agreement, AgreementStatus, CallOff, Side
from shop.agreements.signing import Hand
from shop.catalog.actions import product_by_sku
from shop.income.actions import settle_and_reach
from shop.kit.clock import WalkingClock, at_beijing, beijing_day
from shop.kit.db import db, release, transaction
from shop.orders.breach import behind, decide, propose_penalties
from shop.orders.calls import close_ended
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order, OrderCut, OrderStatus, Pick
from shop.orders.scheduled import place_due
from shop.reports import rollups
from shop.reports.books import CHECKS, run_checks
from shop.reports.models import Rollup
from shop.stock.models import Lot
from tests.factories.access import headers_of, person
from tests.factories.agreements import amended, line, recorded, terms
from tests.factories.scans import sends
from tests.factories.tables import contents
from tests.factories.threads import at_once
from tests.factories.world import ACTORS, NOW, TODAY, World, build, operator_on

NEXT, AFTER = TODAY + timedelta(days=1), date(2025, 9, 17)
PROOFS = [check for check in CHECKS if check.code[:3] in ("I19", "I20", "I30")]
_keys = count(1)


@pytest.fixture
def world(committed: Flask) -> World:
    """The small world with 100 kg of peaches that last."""
    return build(committed)


def once(world: World, *, committed_g: int = 10_000, **promise: Any) -> str:
    """A50 promises 10 kg, once, today, at 5 yuan a kg, with 5 % tolerated; the number of the order that was called."""
    with transaction() as session:
        recorded(
            session, line(committed_g=committed_g, minimum_g=0, **promise), schedule=f"once:{TODAY}",
            deposit_bp=0,
        )  # fmt: skip
        assert place_due(session, TODAY, now=NOW).placed == 1
        of = select(Order.number).join(CallOff).join(Agreement).where(Agreement.code == "A50")
        return session.execute(of).scalar_one()


def send(world: World, who: str, path: str, body: dict[str, Any]) -> Any:
    headers = world.headers[who] | {"Idempotency-Key": f"{next(_keys)}"}
    return world.app.test_client().post(f"/api/v1{path}", json=body, headers=headers)


def done(world: World, who: str, path: str, body: dict[str, Any]) -> Any:
    answer = send(world, who, path, body)
    assert answer.status_code in (200, 201), answer.text
    return answer.get_json()


def later(world: World, clock: WalkingClock, day: date, hour: int = 9) -> None:
    """It is that day now, and who asks has signed in anew."""
    clock.put(at_beijing(day, hour))
    for who in ("buyer", "firm_staff", "operator"):
        role, kind = ACTORS[who]
        world.headers[who] = headers_of(world.app, person(world.app, (role, world.a.parties[kind])))
    stranger = Role.BUYER, world.b.parties[PartyKind.BUYER]
    world.headers["stranger"] = headers_of(world.app, person(world.app, stranger))


def refusal(world: World, who: str, path: str, body: dict[str, Any]) -> str:
    """The kind of a refusal that changed nothing."""
    before = contents(world.app)
    answer = send(world, who, path, body)
    assert answer.status_code in (403, 404, 409), answer.text
    assert contents(world.app) == before
    return str(answer.get_json()["type"].rpartition("#")[2])


def sent(world: World, number: str, grams: int | None = None) -> None:
    """The firm confirms, where it has not yet, and sends so much, or all that is left."""
    if status_of(number) is OrderStatus.PLACED:
        done(world, "firm_staff", f"/orders/{number}/approval", {})
    body = {} if grams is None else {"lines": [{"sku": "PL001", "weight_g": grams}]}
    done(world, "firm_staff", f"/orders/{number}/dispatches", body)


def status_of(number: str) -> OrderStatus:
    status = db.session.execute(select(Order.status).where(Order.number == number)).scalar_one()
    release()
    return status


def taken(world: World, number: str, grams: int) -> None:
    """The buyer accepts so much of what came, and the order is settled."""
    said = {"sku": "PL001", "accepted_g": grams, "refused_reason": "压伤"}
    done(world, "buyer", f"/orders/{number}/acceptance", {"lines": [said]})
    with transaction() as session:
        order_id = session.execute(select(Order.id).where(Order.number == number)).scalar_one()
        settle_and_reach(session, order_id, now=NOW)


def again(world: World, grams: int, day: date = NEXT) -> str:
    """The number of the order of another call."""
    asked = {"sku": "PL001", "weight_g": grams, "due_on": str(day)}
    return str(done(world, "buyer", "/agreements/A50/call-offs", asked)["number"])


def not_again(world: World, grams: int, day: date = NEXT) -> str:
    return refusal(world, "buyer", "/agreements/A50/call-offs",
                   {"sku": "PL001", "weight_g": grams, "due_on": str(day)})  # fmt: skip


def told(world: World) -> tuple[int, int]:
    """Called and left of the promise, as both sides read it."""
    answer = world.app.test_client().get("/api/v1/agreements/A50", headers=world.headers["buyer"])
    [line_] = answer.get_json()["lines"]
    return line_["called_g"], line_["left_g"]


def short(day: date) -> list[tuple[str, int]]:
    """Who is behind with how much."""
    with transaction() as session:
        known = agreement_by_code(session, "A50").id
        return [(one.side.value, one.shortfall_g) for one in behind(session, day, [known])]


def report(world: World, day: date) -> dict[str, int]:
    """The figures of A50; the rows that explain each of them add up to it."""
    with transaction() as session:
        rollups.refresh(session, Rollup.AGREEMENTS)
    clock: WalkingClock = world.app.extensions["clock"]
    before = clock.now()
    client, headers = world.app.test_client(), operator_on(world, day)
    asked = client.get(f"/api/v1/reports/agreements?by=agreement&as_of={day}", headers=headers).get_json()
    [row] = [one for one in asked["items"] if one["key"] == "A50"]
    for figure in ("due_g", "called_g", "accepted_g", "refused_g", "shortfall_g", "firm_short_g", "forecast_g"):
        why = client.get(
            f"/api/v1/reports/agreements/explain?by=agreement&key=A50&as_of={day}&figure={figure}", headers=headers
        ).get_json()
        assert (figure, sum(one["parts"][figure] for one in why["items"]), why["value"]) == (
            figure, row[figure], row[figure],
        )  # fmt: skip
    clock.put(before)
    return dict(row)


def books() -> list[str]:
    found = [str(one) for one in run_checks(db.session.connection(), PROOFS, now=NOW)]
    release()
    return found


# -- what was refused or cut may be called again -----------------------------------------------------------------------


def test_what_was_refused_is_called_again_and_then_the_promise_is_kept(world: World, clock: WalkingClock) -> None:
    known, number = books(), once(world)
    assert told(world) == (10_000, 0)
    sent(world, number)
    assert not_again(world, 1) == "promise-exceeded"  # it may still be accepted
    taken(world, number, 0)
    assert told(world) == (10_000, 10_000)
    assert not_again(world, 10_001) == "promise-exceeded"
    assert short(NEXT) == [("firm", 10_000 - 500)]
    number = again(world, 10_000, TODAY)
    assert (told(world), not_again(world, 1)) == ((20_000, 0), "promise-exceeded")
    later(world, clock, NEXT)
    sent(world, number)
    taken(world, number, 10_000)
    assert (told(world), short(NEXT), short(AFTER)) == ((20_000, 0), [], [])
    row = report(world, NEXT)
    figures = ("due_g", "called_g", "dispatched_g", "accepted_g", "refused_g", "shortfall_g", "rate_bp", "firm_short_g")
    assert [row[name] for name in figures] == [10_000, 20_000, 20_000, 10_000, 10_000, 0, 10_000, 0]
    with transaction() as session:
        assert close_ended(session, AFTER, now=at_beijing(AFTER, 1)) == 1
        assert agreement_by_code(session, "A50").status is AgreementStatus.FULFILLED
    assert books() == known


def test_what_the_firm_cut_is_called_again_for_the_next_day(world: World) -> None:
    number = once(world)
    done(world, "firm_staff", f"/orders/{number}/approval", {})
    cut = {"lines": [{"sku": "PL001", "weight_g": 4_000}], "reason": "采收不足"}
    done(world, "firm_staff", f"/orders/{number}/cuts", cut)
    assert (told(world), not_again(world, 4_001)) == ((10_000, 4_000), "promise-exceeded")
    second = again(world, 4_000)
    # What was called again is owed by the new call, on its day: once.
    assert (short(NEXT), short(NEXT + timedelta(days=1))) == ([("firm", 6_000 - 500)], [("firm", 10_000 - 500)])
    for of, grams in ((number, 6_000), (second, 4_000)):
        sent(world, of)
        taken(world, of, grams)
    assert (told(world), short(AFTER)) == ((14_000, 0), [])


def test_what_was_cut_ahead_of_its_day_is_owed_on_the_earlier_day_for_which_it_was_called_again(world: World) -> None:
    with transaction() as session:
        recorded(session, line(minimum_g=0))
    last = TODAY + timedelta(days=5)
    first = again(world, 20_000, last)
    done(world, "firm_staff", f"/orders/{first}/approval", {})
    cut = {"lines": [{"sku": "PL001", "weight_g": 8_000}], "reason": "采收不足"}
    done(world, "firm_staff", f"/orders/{first}/cuts", cut)
    again(world, 8_000)
    after = [NEXT, NEXT + timedelta(days=1), last, last + timedelta(days=1)]
    assert [short(day) for day in after] == [[], *[[("firm", 8_000 - 5_000)]] * 2, [("firm", 20_000 - 5_000)]]


def test_in_mid_term_what_was_made_good_is_behind_no_more_and_the_buyer_called_it_once(world: World) -> None:
    """10 kg each Tuesday, 100 kg in all: 10 kg are refused, called again and taken."""
    with transaction() as session:
        recorded(session, line(minimum_g=100_000, minimum_date_g=0), tolerance_bp=0)
        place_due(session, TODAY, now=NOW)
        of = select(Order.number).join(CallOff).where(CallOff.schedule_day == TODAY)
        number = session.execute(of).scalar_one()
    sent(world, number)
    taken(world, number, 0)
    assert short(NEXT) == [("firm", 10_000)]
    for grams in (6_000, 4_000):
        number = again(world, grams, TODAY)
        sent(world, number)
        taken(world, number, grams)
    calls = (
        world.app.test_client().get("/api/v1/agreements/A50", headers=world.headers["buyer"]).get_json()["call_offs"]
    )
    assert [(one["weight_g"], one["stands_g"], one["again_g"]) for one in calls] == [
        (10_000, 0, 0), (6_000, 6_000, 6_000), (4_000, 4_000, 4_000),
    ]  # fmt: skip
    client = world.browser("buyer")
    page = client.get("/desk/agreements/A50").text
    # Called, again of it, what it takes of the promise; called in all and left.
    assert [words in page for words in ('<td class="n">6</td><td class="n">6</td><td class="n">6</td>',
                                        '<td class="n">10</td><td class="n"></td><td class="n">0</td>',
                                        '<td class="n">20</td><td class="n">90</td>')] == [True] * 3  # fmt: skip
    row = report(world, NEXT)
    assert (short(NEXT), row["shortfall_g"], row["forecast_g"]) == ([], 0, 90_000)
    # What is left he calls for the last day and does not want after all: he called 10 of his 100 kg, not 20.
    whole = again(world, 90_000, date(2025, 9, 16))
    done(world, "buyer", f"/orders/{whole}/cancellation", {"reason": "不要了"})
    assert short(AFTER) == [("buyer", 90_000)]


def test_the_firm_is_behind_with_no_more_than_is_still_missing_of_the_promise(world: World) -> None:
    number = once(world, committed_g=30_000)
    sent(world, number)
    taken(world, number, 20_000)
    assert short(NEXT) == [("firm", 10_000 - 1_500)]
    second = again(world, 8_000)
    sent(world, second)
    taken(world, second, 8_000)
    assert (told(world), short(NEXT)) == ((38_000, 2_000), [("firm", 2_000 - 1_500)])


def test_a_schedule_that_earlier_calls_had_used_up_reaches_on_by_what_was_refused(world: World) -> None:
    """And so does the forecast."""
    last = date(2025, 9, 16)
    with transaction() as session:
        recorded(session, line(minimum_g=0))
        place_due(session, TODAY, now=NOW)
    early = again(world, 10_000)
    assert report(world, TODAY)["forecast_g"] == 10_000 + 80_000
    with transaction() as session:
        of = select(Order.number).join(CallOff).where(CallOff.schedule_day == TODAY)
        number = session.execute(of).scalar_one()
    for of, grams in ((number, 3_000), (early, 10_000)):
        sent(world, of)
        taken(world, of, grams)
    assert report(world, TODAY)["forecast_g"] == 10_000 + 87_000
    with transaction() as session:
        assert place_due(session, last, now=at_beijing(last, 6)).placed == 9
        found = session.scalars(select(CallOff.weight_g).join(Agreement).where(CallOff.schedule_day == last)).one()
    assert found == 7_000


def test_an_amendment_may_promise_what_stands_and_what_has_fallen_due(world: World) -> None:
    with transaction() as session:
        recorded(session, line(minimum_g=0))
    number = again(world, 40_000, TODAY)
    for grams in (39_999, 12_000):
        asked = terms(line(committed_g=grams, minimum_g=0))
        with pytest.raises(AmendmentRefused), transaction() as session:
            amended(session, "A50", asked)
    sent(world, number)
    taken(world, number, 12_000)
    with pytest.raises(AmendmentRefused, match="12"), transaction() as session:
        amended(session, "A50", terms(line(committed_g=11_999, minimum_g=0)))
    with transaction() as session:
        amended(session, "A50", terms(line(committed_g=12_000, minimum_g=0)))
    assert told(world) == (40_000, 0)


def test_t34_fifty_callers_call_no_more_than_was_given_back(world: World) -> None:
    number = once(world)
    sent(world, number)
    taken(world, number, 1_000)

    def call(session: Session) -> None:
        actions.call_off(session, "A50", product_by_sku(session, "PL001"), 600, NEXT, actor_id=None, now=NOW)

    answers = at_once(world.app, [call] * 50)
    assert sorted(answers) == [""] * 15 + ["promise-exceeded"] * 35
    assert told(world) == (10_000 + 15 * 600, 0)


# -- an acceptance that is corrected -----------------------------------------------------------------------------------


def corrected(grams: int) -> dict[str, Any]:
    return {"accepted_g": grams, "refused_reason": None if grams == 10_000 else "压伤", "reason": "填错"}


def test_more_is_not_accepted_after_the_fact_when_it_was_called_again(world: World) -> None:
    number = once(world)
    sent(world, number)
    taken(world, number, 2_000)
    second = again(world, 7_000)
    path = f"/orders/{number}/acceptance-corrections"
    assert refusal(world, "operator", path, corrected(3_001)) == "promise-called-again"
    answer = send(world, "operator", path, corrected(10_000)).get_json()
    assert "协议 A50 只余 1 公斤，更正要多验收 8 公斤" in answer["detail"]
    done(world, "operator", path, corrected(3_000))
    assert told(world) == (17_000, 0)
    done(world, "buyer", f"/orders/{second}/call-off", {"weight_g": 2_000})
    assert told(world) == (12_000, 5_000)
    done(world, "operator", path, corrected(8_000))
    done(world, "buyer", f"/orders/{second}/cancellation", {"reason": "不要了"})
    done(world, "operator", path, corrected(10_000))
    assert told(world) == (10_000, 0)
    done(world, "operator", path, corrected(0))
    assert told(world) == (10_000, 10_000)


def test_a_penalty_that_was_claimed_stays_when_the_goods_come_later(world: World, clock: WalkingClock) -> None:
    number = once(world)
    sent(world, number)
    taken(world, number, 0)
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        propose_penalties(session, agreement, NEXT, actor_id=None, now=at_beijing(NEXT, 9))
        decide(session, agreement, 1, "claim", by=Hand(Side.BUYER, None, at_beijing(NEXT, 9)), reason="未交")
    later(world, clock, NEXT)
    second = again(world, 10_000, NEXT)
    sent(world, second)
    taken(world, second, 10_000)
    items = world.app.test_client().get("/api/v1/agreements/A50/penalties", headers=world.headers["buyer"]).get_json()
    assert [(one["status"], one["shortfall_g"]) for one in items["items"]] == [("claimed", 9_500)]
    assert done(world, "buyer", "/agreements/A50/penalties", {"day": str(NEXT)})["items"] == items["items"]


# -- the rest of an order that came in part ----------------------------------------------------------------------------

CLOSED = {"reason": "余货一直未到"}


def test_what_never_came_is_closed_after_its_day_and_then_all_goes_on(world: World, clock: WalkingClock) -> None:
    number = once(world)
    sent(world, number, 6_000)
    path = f"/orders/{number}/undelivered"
    assert refusal(world, "buyer", f"/orders/{number}/acceptance", {}) == "move-refused"
    assert refusal(world, "buyer", f"/orders/{number}/cancellation", {}) == "already-on-the-way"
    assert refusal(world, "buyer", path, CLOSED) == "rest-not-late"
    later(world, clock, NEXT, 0)
    assert refusal(world, "firm_staff", path, CLOSED) == "forbidden"
    assert refusal(world, "stranger", path, CLOSED) == "not-found"
    [cut] = done(world, "buyer", path, CLOSED)["items"]
    assert (cut["side"], cut["weight_g"], cut["amount_fen"], cut["reason"]) == ("firm", 4_000, 2_000, CLOSED["reason"])
    assert refusal(world, "buyer", path, CLOSED) == "move-refused"
    assert refusal(world, "firm_staff", f"/orders/{number}/dispatches", {}) == "move-refused"
    taken(world, number, 6_000)
    assert (told(world), short(NEXT)) == ((10_000, 4_000), [("firm", 4_000 - 500)])
    with transaction() as session:
        assert close_ended(session, AFTER, now=at_beijing(AFTER, 1)) == 1
        assert agreement_by_code(session, "A50").status is AgreementStatus.SHORT
    assert short(AFTER) == [("firm", 4_000 - 500)]


def test_the_county_closes_it_as_well_also_when_the_agreement_was_terminated(world: World, clock: WalkingClock) -> None:
    number = once(world)
    sent(world, number, 6_000)
    done(world, "operator", "/agreements/A50/ending", {"event": "terminate", "reason": "企业停产"})
    path = f"/orders/{number}/undelivered"
    assert refusal(world, "operator", path, CLOSED) == "rest-not-late"
    later(world, clock, NEXT)
    done(world, "operator", path, CLOSED)
    taken(world, number, 5_000)
    assert short(NEXT) == [("firm", 5_000 - 500)]


@pytest.mark.parametrize("closes", ["buyer", "firm_staff"])
def test_the_firm_is_behind_as_if_it_had_cut_the_rest_itself(world: World, clock: WalkingClock, closes: str) -> None:
    number = once(world)
    sent(world, number, 6_000)
    later(world, clock, NEXT)
    if closes == "buyer":
        done(world, "buyer", f"/orders/{number}/undelivered", CLOSED)
    else:
        cut = {"lines": [{"sku": "PL001", "weight_g": 4_000}], **CLOSED}
        done(world, "firm_staff", f"/orders/{number}/cuts", cut)
    [kept] = db.session.scalars(select(OrderCut))
    assert (kept.side, kept.weight_g, kept.amount_fen) == (Side.FIRM, 4_000, 2_000)
    release()
    assert (told(world), short(AFTER)) == ((10_000, 4_000), [("firm", 9_500)])
    assert report(world, NEXT)["firm_short_g"] == 9_500


# -- a buyer who says nothing ------------------------------------------------------------------------------------------

SILENT = {"reason": "收货后一直没有验收"}


@pytest.mark.parametrize(("signed_for", "days"), [(False, 10), (True, 7)])
def test_goods_of_a_silent_buyer_are_accepted_for_him_and_the_agreement_ends(
    world: World, clock: WalkingClock, signed_for: bool, days: int
) -> None:
    number = once(world)
    path = f"/orders/{number}/acceptance-for-buyer"
    assert refusal(world, "operator", path, SILENT) == "move-refused"
    sent(world, number)
    if signed_for:
        done(world, "firm_staff", f"/orders/{number}/signatures", {"position": 1, "signed_on": str(TODAY)})
    over = clock.now() + timedelta(days=days)
    with transaction() as session:
        assert close_ended(session, AFTER, now=over) == 0
    later(world, clock, beijing_day(over))
    clock.put(over - timedelta(seconds=1))
    assert refusal(world, "operator", path, SILENT) == "still-to-inspect"
    clock.put(over)
    assert {refusal(world, who, path, SILENT) for who in ("buyer", "firm_staff")} == {"forbidden"}
    [line_] = done(world, "operator", path, SILENT)["lines"]
    assert (line_["accepted_g"], line_["refused_g"], line_["accepted_fen"]) == (10_000, 0, 5_000)
    for who in ("buyer", "firm_staff"):
        seen = world.app.test_client().get(f"/api/v1/orders/{number}", headers=world.headers[who]).get_json()
        assert (seen["accepted_because"], seen["cancelled_because"]) == (SILENT["reason"], None)
    assert refusal(world, "buyer", f"/orders/{number}/acceptance", {}) == "move-refused"
    with transaction() as session:
        assert close_ended(session, AFTER, now=over) == 1
        assert agreement_by_code(session, "A50").status is AgreementStatus.FULFILLED
    read = world.app.test_client().get("/api/v1/agreements/A50", headers=world.headers["firm_staff"]).get_json()
    assert [one["accepted_because"] for one in read["call_offs"]] == [SILENT["reason"]]


def test_what_was_accepted_for_a_buyer_is_corrected_as_any_acceptance(world: World, clock: WalkingClock) -> None:
    number = once(world)
    sent(world, number)
    later(world, clock, TODAY + timedelta(days=10), 23)
    done(world, "operator", f"/orders/{number}/acceptance-for-buyer", SILENT)
    fewer = {"accepted_g": 9_000, "refused_reason": "补交检验单：压伤", "reason": "采购方补交检验单"}
    done(world, "operator", f"/orders/{number}/acceptance-corrections", fewer)
    assert told(world) == (10_000, 1_000)


@pytest.mark.parametrize(("signed_on", "days"), [(None, 10), (8, 8 + 7)])
def test_the_time_runs_from_the_day_of_the_call_and_of_the_signature(
    world: World, clock: WalkingClock, signed_on: int | None, days: int
) -> None:
    number = once(world)
    due = TODAY + timedelta(days=3)
    with transaction() as session:
        session.execute(update(CallOff).values(due_on=due))
    sent(world, number)
    begins = due
    if signed_on is not None:
        begins = TODAY + timedelta(days=signed_on)
        later(world, clock, begins)
        body = {"position": 1, "signed_on": str(begins)}
        done(world, "firm_staff", f"/orders/{number}/signatures", body)
        days = 7
    until = at_beijing(begins + timedelta(days=days), 0)
    seen = world.app.test_client().get(f"/api/v1/orders/{number}", headers=world.headers["buyer"]).get_json()
    assert datetime.fromisoformat(seen["inspected_by"]) == until
    path = f"/orders/{number}/acceptance-for-buyer"
    later(world, clock, beijing_day(until))
    clock.put(until - timedelta(seconds=1))
    assert refusal(world, "operator", path, SILENT) == "still-to-inspect"
    # However late the county comes, the term of the invoice counts from the end of the inspection.
    later(world, clock, beijing_day(until) + timedelta(days=50))
    assert done(world, "operator", path, SILENT)["due_on"] == str(beijing_day(until) + timedelta(days=30))


def test_goods_that_were_recalled_are_accepted_for_nobody(world: World, clock: WalkingClock) -> None:
    number = once(world)
    sent(world, number)
    lot = db.session.execute(select(Lot.code).join(Pick).limit(1)).scalar_one()
    release()
    done(world, "operator", f"/lots/{lot}/recalls", {"reason": "农残超标"})
    later(world, clock, TODAY + timedelta(days=10), 23)
    assert refusal(world, "operator", f"/orders/{number}/acceptance-for-buyer", SILENT) == "goods-recalled"
    done(world, "buyer", f"/orders/{number}/acceptance", {})


# -- penalties that were proposed, and what became of them -------------------------------------------------------------

CLAIM = {"number": 1, "event": "claim", "reason": "未按约交货"}
DECISIONS, PENALTIES = "/agreements/A50/penalty-decisions", "/agreements/A50/penalties"


def proposed(world: World, day: date) -> list[tuple[str, int, int, str]]:
    items = done(world, "buyer", PENALTIES, {"day": str(day)})["items"]
    return [(one["side"], one["shortfall_g"], one["penalty_fen"], one["status"]) for one in items]


@pytest.mark.parametrize("what", ["delivered", "excused", "corrected"])
def test_what_no_longer_stands_is_not_claimed(world: World, clock: WalkingClock, what: str) -> None:
    number = once(world)
    if what == "corrected":
        sent(world, number)
        taken(world, number, 0)
    later(world, clock, NEXT)
    assert proposed(world, NEXT) == [("firm", 9_500, 238, "proposed")]
    if what == "delivered":
        sent(world, number)
        taken(world, number, 10_000)
    elif what == "corrected":
        done(world, "operator", f"/orders/{number}/acceptance-corrections",
             {"accepted_g": 10_000, "refused_reason": None, "reason": "录错"})  # fmt: skip
    else:
        paper = sends(world.app.test_client(), world.headers["firm_staff"], "A50").get_json()["code"]
        told = {"from_day": str(TODAY), "to_day": str(TODAY), "reason": "冰雹", "paper": paper}
        done(world, "firm_staff", "/agreements/A50/force-majeure", told)
        decided = {"number": 1, "event": "recognise", "reason": "有气象证明"}
        done(world, "operator", "/agreements/A50/force-majeure-decisions", decided)
    assert refusal(world, "buyer", DECISIONS, CLAIM) == "penalty-outdated"
    assert proposed(world, NEXT) == [("firm", 9_500, 238, "proposed")]  # nothing new
    assert done(world, "buyer", DECISIONS, CLAIM | {"event": "waive"})["items"][0]["status"] == "waived"


def test_goods_under_inspection_are_not_proposed(world: World, clock: WalkingClock) -> None:
    number = once(world)
    sent(world, number, 6_000)
    later(world, clock, NEXT)
    assert proposed(world, NEXT) == [("firm", 9_500, 238, "proposed")]
    sent(world, number)
    assert refusal(world, "buyer", DECISIONS, CLAIM) == "penalty-outdated"
    assert len(proposed(world, NEXT)) == 1
    taken(world, number, 0)
    assert done(world, "buyer", DECISIONS, CLAIM)["items"][0]["status"] == "claimed"


def test_what_fell_due_after_a_claim_is_claimed_by_itself(world: World, clock: WalkingClock) -> None:
    week = TODAY + timedelta(days=7)
    with transaction() as session:
        recorded(session, line(committed_g=20_000, minimum_g=0), ends_on=week, tolerance_bp=0, deposit_bp=0)
    numbers = []
    for n, day in enumerate((TODAY, week)):
        later(world, clock, day)
        with transaction() as session:
            assert place_due(session, day, now=clock.now()).placed == 1
            of = (
                select(Order.number).join(CallOff).join(Agreement).where(Agreement.code == "A50", CallOff.due_on == day)
            )
            numbers.append(session.execute(of).scalar_one())
        sent(world, numbers[n])
        taken(world, numbers[n], 9_000 if n == 0 else 0)
        later(world, clock, day + timedelta(days=1))
        if n == 0:
            assert proposed(world, NEXT) == [("firm", 1_000, 25, "proposed")]
            done(world, "buyer", DECISIONS, CLAIM)
            assert proposed(world, NEXT) == [("firm", 1_000, 25, "claimed")]
    assert proposed(world, week + timedelta(days=1))[1:] == [("firm", 10_000, 250, "proposed")]
    assert done(world, "buyer", DECISIONS, CLAIM | {"number": 2})["items"][1]["status"] == "claimed"
    assert short(week + timedelta(days=1)) == [("firm", 11_000)]


# -- what is cancelled after its day -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["buyer", "operator", "firm_staff"])
@pytest.mark.parametrize("confirmed", [True, False])
def test_who_cancels_what_the_firm_is_late_with_takes_no_breach_on_himself(
    world: World, clock: WalkingClock, who: str, confirmed: bool
) -> None:
    number = once(world, minimum_date_g=10_000)
    if confirmed:
        done(world, "firm_staff", f"/orders/{number}/approval", {})
    later(world, clock, NEXT)
    done(world, who, f"/orders/{number}/cancellation", {"reason": "一直未到"})
    assert (short(NEXT), short(AFTER)) == ([("firm", 9_500)],) * 2
    row = report(world, NEXT)
    assert (row["firm_short_g"], row["buyer_short_g"]) == (9_500, 0)


@pytest.mark.parametrize(("who", "behind_with"), [("buyer", [("buyer", 9_500)]), ("operator", [])])
def test_on_its_day_nothing_is_late_yet(world: World, who: str, behind_with: list[tuple[str, int]]) -> None:
    number = once(world, minimum_date_g=10_000)
    done(world, who, f"/orders/{number}/cancellation", {"reason": "不要了"})
    assert (short(NEXT), short(AFTER)) == (behind_with, behind_with)


def test_what_was_late_in_recognised_force_majeure_is_nobody_s_breach_when_it_is_cancelled(
    world: World, clock: WalkingClock
) -> None:
    number = once(world, minimum_date_g=10_000)
    paper = sends(world.app.test_client(), world.headers["firm_staff"], "A50").get_json()["code"]
    told_of = {"from_day": str(TODAY), "to_day": str(TODAY), "reason": "冰雹", "paper": paper}
    done(world, "firm_staff", "/agreements/A50/force-majeure", told_of)
    decision = {"number": 1, "event": "recognise", "reason": "核实"}
    done(world, "operator", "/agreements/A50/force-majeure-decisions", decision)
    later(world, clock, NEXT)
    done(world, "buyer", f"/orders/{number}/cancellation", {"reason": "一直未到"})
    assert (short(NEXT), short(AFTER)) == ([], [])


def test_the_books_tell_a_call_off_that_takes_other_than_its_order_says(world: World) -> None:
    known, number = books(), once(world)
    with transaction() as session:
        order_id, call_id = session.execute(select(Order.id, Order.call_off_id).where(Order.number == number)).one()
        locked_order_by_id(session, order_id)
        let_stand(session, call_id, 9_999)
    assert [one.split()[0] for one in books() if one not in known] == ["I19-stands"]
