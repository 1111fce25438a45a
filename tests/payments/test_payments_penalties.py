"""What was paid of a claimed penalty: said by who has the money, void on a mistake, in the books and the reports."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from shop.agreements.actions import agreement_by_code
from shop.agreements.models import CallOff, Side
from shop.agreements.signing import Hand
from shop.kit.db import db, transaction
from shop.ledger.actions import trial_balance
from shop.ledger.models import AccountKind as A
from shop.ledger.models import Journal
from shop.orders.breach import decide, propose_penalties
from shop.orders.models import Order
from shop.orders.scheduled import place_due
from shop.reports.books import run_checks
from shop.reports.checks import CHECKS
from tests.factories.agreements import line, recorded
from tests.factories.tables import contents
from tests.factories.world import NOW, TODAY, World, build

NEXT = TODAY + timedelta(days=1)
#: 5 kg beyond the tolerance at 5 yuan: 5 % of the firm. 4 kg: 8 % of the buyer.
BY_FIRM, BY_BUYER = 125, 160
URL, VOIDS = "/agreements/A50/penalty-payments", "/agreements/A50/penalty-payment-voids"
BOOKS = ("I11", "I12", "I13", "I13-shares", "I13-penalties", "I16", "I17")


@pytest.fixture
def world(committed: Flask) -> World:
    """Agreement A50: 10 kg each Tuesday at 5 yuan a kg, 9 kg at least; the first day is called."""
    built = build(committed)
    with transaction() as session:
        recorded(session, line(minimum_g=0, minimum_date_g=9_000))
        place_due(session, TODAY, now=NOW)
    return built


def post(world: World, actor: str, path: str, body: dict[str, Any], status: int = 201, key: str = "1") -> Any:
    headers = world.headers[actor] | {"Idempotency-Key": f"{path}{key}{body}".encode().hex()[:250]}
    answer = world.app.test_client().post(f"/api/v1{path}", json=body, headers=headers | {"Accept-Language": "zh"})
    assert answer.status_code == status, answer.text
    return answer.get_json()


def refused(world: World, actor: str, path: str, body: dict[str, Any], kind: str, status: int = 409) -> str:
    """The sentence of a refusal that changed nothing."""
    before = contents(world.app)
    answer = post(world, actor, path, body, status, key=f"refused {kind}")
    assert (answer["type"].rpartition("#")[2], contents(world.app)) == (kind, before)
    return str(answer["detail"])


def claimed(world: World, side: Side) -> None:
    """Penalty 1 against a side, claimed by the other: goods that did not come, or a day that the buyer cancelled."""
    if side is Side.BUYER:
        number = db.session.scalars(select(Order.number).join(CallOff).where(CallOff.schedule_day == TODAY)).one()
        post(world, "buyer", f"/orders/{number}/cancellation", {"reason": "不要了"}, 200)
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        [made] = propose_penalties(session, agreement, NEXT, actor_id=None, now=NOW)
        other = Side.BUYER if side is Side.FIRM else Side.FIRM
        decide(session, agreement, 1, "claim", by=Hand(other, None, NOW), reason="违约")
        assert (made.side, made.penalty_fen) == (side, BY_FIRM if side is Side.FIRM else BY_BUYER)


def paid(reference: str = "W1", **more: Any) -> dict[str, Any]:
    return {"penalty": 1, "bank_reference": reference, "paid_on": str(TODAY), **more}


def balances() -> dict[A, int]:
    return {kind: fen for kind, fen in trial_balance(db.session()) if fen}


def books_hold() -> None:
    wanted = [check for check in CHECKS if check.code in BOOKS]
    assert len(wanted) == len(BOOKS)
    assert run_checks(db.session.connection(), wanted, now=NOW) == []


@pytest.mark.parametrize(
    ("side", "payee", "payer", "to_firm"),
    [(Side.FIRM, "buyer", "firm_staff", -BY_FIRM), (Side.BUYER, "firm_staff", "buyer", BY_BUYER)],
)
def test_the_side_that_is_paid_or_the_county_says_so_in_parts_and_the_books_follow(
    world: World, side: Side, payee: str, payer: str, to_firm: int
) -> None:
    claimed(world, side)
    assert balances() == {}  # a claim books nothing
    refused(world, payer, URL, paid(), "not-yours-to-receive")
    [first] = post(world, payee, URL, paid(amount_fen=100))["items"]
    whole = abs(to_firm)
    assert (first["penalty_fen"], first["paid_fen"], first["open_fen"]) == (whole, 100, whole - 100)
    detail = refused(world, payee, URL, paid("W2", amount_fen=whole - 99), "penalty-beyond-claimed")
    assert "还有 0." in detail
    [told] = post(world, "operator", URL, paid("W2"))["items"]  # the rest of it
    assert (told["paid_fen"], told["open_fen"]) == (whole, 0)
    assert [(one["amount_fen"], one["paid_on"], one["bank_reference"], one["side"]) for one in told["payments"]] == [
        (100, str(TODAY), "W1", "buyer" if payee == "buyer" else "firm"), (whole - 100, str(TODAY), "W2", "county"),
    ]  # fmt: skip
    assert balances() == {A.CLEARING: to_firm, A.FIRM: -to_firm}
    books_hold()
    assert "还有 0.00 元未付" in refused(world, payee, URL, paid("W3"), "penalty-beyond-claimed")
    for reader in (payer, "township_manager"):
        listed = world.app.test_client().get("/api/v1/agreements/A50/penalties", headers=world.headers[reader])
        assert listed.get_json()["items"] == [told]


def test_nothing_is_paid_of_what_is_not_claimed_nor_on_a_day_to_come_nor_by_a_number_booked_before(
    world: World,
) -> None:
    with transaction() as session:
        recorded(session, line(minimum_g=0), code="A51")
        agreement = agreement_by_code(session, "A50", lock=True)
        propose_penalties(session, agreement, NEXT, actor_id=None, now=NOW)
    assert "待决定" in refused(world, "buyer", URL, paid(), "move-refused")
    refused(world, "buyer", URL, paid(penalty=2), "no-such-penalty")
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        decide(session, agreement, 1, "claim", by=Hand(Side.BUYER, None, NOW), reason="违约")
    refused(world, "buyer", URL, paid(paid_on=str(NEXT)), "day-ahead", 422)
    assert "2000-01-01" in refused(world, "buyer", URL, paid(paid_on="2000-01-01"), "penalty-paid-too-early", 422)
    post(world, "buyer", URL, paid(amount_fen=1))
    assert "W1" in refused(world, "buyer", URL, paid(amount_fen=1), "transfer-booked")
    refused(world, "buyer", VOIDS.replace("A50", "A51"), {"bank_reference": "W1", "reason": "x"},
            "no-such-penalty-payment")  # fmt: skip


def test_a_payment_that_was_keyed_wrong_is_void_openly_and_recorded_anew(world: World) -> None:
    claimed(world, Side.FIRM)
    post(world, "buyer", URL, paid(amount_fen=120))
    void = {"bank_reference": "W1", "reason": "金额录错"}
    refused(world, "firm_staff", VOIDS, void, "not-yours-to-receive")
    [told] = post(world, "buyer", VOIDS, void)["items"]
    assert (told["paid_fen"], told["open_fen"], balances()) == (0, BY_FIRM, {})
    [gone] = told["payments"]
    assert (gone["amount_fen"], gone["void_reason"], gone["voided_by"]) == (120, "金额录错", "buyer")
    assert gone["voided_at"] is not None
    refused(world, "operator", VOIDS, {**void, "reason": "再"}, "penalty-payment-voided")
    # The number is free again, and the last record of it is the one that counts.
    [anew] = post(world, "operator", URL, paid(amount_fen=12))["items"]
    assert (anew["paid_fen"], len(anew["payments"]), balances()) == (12, 2, {A.CLEARING: -12, A.FIRM: 12})
    books_hold()
    kinds = select(Journal.kind, func.count(Journal.reverses_id)).where(Journal.source_type == "penalty_payments")
    assert dict(db.session.execute(kinds.group_by(Journal.kind)).all()) == {"paid": 0, "voided": 1}  # type: ignore[arg-type]
    page = world.browser("firm_staff").get("/desk/agreements/A50").text
    for words in ("已付 0.12 元，未付 1.13 元", "流水 W1", "作废：金额录错", "县里"):
        assert words in page, words


def test_a_claim_of_which_something_was_paid_is_withdrawn_only_after_that_is_void(world: World) -> None:
    claimed(world, Side.FIRM)
    post(world, "buyer", URL, paid(amount_fen=20))
    path, withdraw = "/agreements/A50/penalty-decisions", {"number": 1, "event": "withdraw", "reason": "协商撤回"}
    assert "已付 0.20 元" in refused(world, "buyer", path, withdraw, "penalty-paid")
    refused(world, "firm_staff", path, withdraw, "not-yours-to-decide")
    post(world, "operator", VOIDS, {"bank_reference": "W1", "reason": "已退回"})
    [told] = post(world, "buyer", path, withdraw, 200, "2")["items"]
    assert (told["status"], told["paid_fen"], told["open_fen"]) == ("withdrawn", 0, 0)
    books_hold()


def test_reports_tell_who_owes_a_claimed_penalty_to_whom_and_how_much_is_open(world: World) -> None:
    claimed(world, Side.FIRM)
    post(world, "buyer", URL, paid(amount_fen=100))
    client = world.app.test_client()

    def told(actor: str) -> Any:
        return client.get("/api/v1/reports/agreement-penalties", headers=world.headers[actor]).get_json()

    sums = {"penalty_fen": BY_FIRM, "paid_fen": 100, "open_fen": 25}
    nothing = dict.fromkeys(sums, 0)
    for actor in ("buyer", "firm_staff", "operator", "township_manager"):
        found = told(actor)
        assert found["total"] == {"firm": sums, "buyer": nothing}
        [row] = found["items"]
        assert {name: row[name] for name in sums} == sums
        assert (row["agreement"], row["number"], row["side"], row["last_paid_on"]) == ("A50", 1, "firm", str(TODAY))
        assert row["owed_by"] != row["owed_to"]
        assert row["claimed_at"] is not None
    day = f"every=day&on={TODAY}"
    for actor in ("firm_staff", "operator"):
        report = client.get(f"/api/v1/reports/periodic?{day}", headers=world.headers[actor]).get_json()
        (section,) = (one for one in report["sections"] if one["code"] == "penalties")
        known = dict(zip(("penalty_claimed_fen", "penalty_paid_fen", "penalty_open_fen"), sums.values(), strict=True))
        assert (section["total"], [one["key"] for one in section["rows"]]) == (known, ["A50-1"])
        for name, fen in known.items():
            for key in ("", "&key=A50-1"):
                asked = f"{day}&section=penalties&figure={name}&span=day{key}"
                why = client.get(f"/api/v1/reports/periodic/explain?{asked}", headers=world.headers[actor]).get_json()
                assert (why["value"], [one["source_code"] for one in why["items"]]) == (fen, ["A50-1"])
        shown = world.browser(actor).get(f"/reports/periodic/why?{asked}").text
        assert "未付的违约金" in shown
        page = world.browser(actor).get(f"/reports/agreements?as_of={TODAY}").text
        assert "已主张未付清的违约金（目前）：企业未付 0.25 元，采购方未付 0.00 元" in page
    post(world, "buyer", URL, paid("W2"))
    assert told("buyer")["total"]["firm"] == sums | {"paid_fen": BY_FIRM, "open_fen": 0}
    assert "已主张未付清的违约金" not in world.browser("buyer").get("/reports/agreements").text


def test_who_sees_another_agreement_reads_nothing_of_its_penalties(world: World) -> None:
    """A02 is the agreement of the other buyer and firm."""
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO penalty_proposals (agreement_id, number, side, status, as_of, shortfall_g, penalty_fen,"
                " proposed_at) SELECT id, 1, 'firm', 'claimed', :day, 1, 1, :now FROM agreements WHERE code = 'A02'"
            ),
            {"day": TODAY, "now": NOW},
        )
    for actor, seen in (("buyer", 0), ("firm_staff", 0), ("township_manager", 0), ("operator", 1)):
        answer = world.app.test_client().get("/api/v1/reports/agreement-penalties", headers=world.headers[actor])
        assert (actor, len(answer.get_json()["items"])) == (actor, seen)
    post(world, "buyer", "/agreements/A02/penalty-payments", paid(), 404)
    post(world, "buyer", "/agreements/A02/penalty-payment-voids", {"bank_reference": "W1", "reason": "x"}, 404)


def test_a_firm_that_returns_the_deposit_double_from_its_own_pocket_was_overpaid_by_nobody(world: World) -> None:
    """It sold nothing here, so the ledger says that it owes; that is no fault of the books."""
    due_fen = 5_000
    post(world, "operator", "/agreements/A50/deposit", {"amount_fen": due_fen, "bank_reference": "T1"})
    number = db.session.scalars(select(Order.number).join(CallOff).where(CallOff.schedule_day == TODAY)).one()
    post(world, "firm_staff", f"/orders/{number}/cancellation", {"reason": "无货"}, 200)
    post(world, "operator", "/agreements/A50/ending", {"event": "terminate", "reason": "供方不再供货"}, 200)
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        propose_penalties(session, agreement, NEXT, actor_id=None, now=NOW)
    post(world, "operator", "/agreements/A50/deposit/return", {"bank_reference": "R1", "penalty": 1})
    assert balances() == {A.CLEARING: -due_fen, A.FIRM: due_fen}
    books_hold()
    (check,) = (check for check in CHECKS if check.code == "I17")
    with db.engine.connect() as connection:  # one fen more than that
        connection.execute(text("ALTER TABLE postings DISABLE TRIGGER USER"))
        connection.execute(
            text(
                "UPDATE postings SET amount_fen = amount_fen + 1 WHERE id = (SELECT max(postings.id) FROM postings"
                " JOIN accounts ON accounts.id = account_id WHERE kind = 'firm')"
            )
        )
        assert len(run_checks(connection, [check], now=NOW)) == 1
        connection.rollback()
