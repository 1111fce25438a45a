"""The deposit of an agreement: received whole, set off against price, returned, lost or doubled, each in the books."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from shop.agreements import signing
from shop.agreements.actions import agreement_by_code
from shop.agreements.models import Agreement, AgreementStatus, CallOff
from shop.income.actions import settle_and_reach
from shop.kit.db import db, transaction
from shop.kit.states import History
from shop.ledger.actions import trial_balance
from shop.ledger.models import AccountKind as A
from shop.orders.actions import accept, approve, dispatch
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order
from shop.orders.scheduled import place_due
from shop.payments import deposits
from shop.reports.books import run_checks
from shop.reports.checks import CHECKS
from tests.factories.agreements import BUYER, amended, line, recorded, terms
from tests.factories.tables import contents
from tests.factories.world import NOW, TODAY, World, build

#: 100 kg at 5 yuan, 10 %.
DUE = 5_000
URL = "/agreements/A50/deposit"
BOOKS = ("I08", "I11", "I12", "I13", "I13-shares", "I13-deposits", "I14-orders", "I16")


@pytest.fixture
def world(committed: Flask) -> World:
    """Agreement A50: deposit 10 %; the first 10 kg were delivered, accepted and settled: 50 yuan are owed."""
    built = build(committed)
    with transaction() as session:
        recorded(session, line(minimum_g=60_000))
        place_due(session, TODAY, now=NOW)
    with transaction() as session:
        order = locked_order_by_id(session, bought().id)
        approve(session, order, actor_id=None, now=NOW)
        dispatch(session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=NOW)
        accept(session, order, None, actor_id=None, now=NOW)
    with transaction() as session:
        settle_and_reach(session, bought().id, now=NOW)
    return built


def bought() -> Order:
    return db.session.scalars(select(Order).join(CallOff).where(CallOff.schedule_day == TODAY)).one()


def post(world: World, actor: str, path: str, body: dict[str, Any], status: int = 201, key: str = "1") -> Any:
    headers = world.headers[actor] | {"Idempotency-Key": f"{path}{key}{body}"[:200].encode().hex()[:250]}
    answer = world.app.test_client().post(f"/api/v1{path}", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def receive(world: World, fen: int = DUE, reference: str = "T1", status: int = 201) -> Any:
    return post(world, "operator", URL, {"amount_fen": fen, "bank_reference": reference}, status)


def end() -> None:
    """The agreement is terminated."""
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        signing.end(session, agreement, "terminate", actor_id=None, now=NOW, reason="到期前解除（示例）")


def balances() -> dict[A, int]:
    return {kind: fen for kind, fen in trial_balance(db.session()) if fen}


def books_hold() -> None:
    wanted = [check for check in CHECKS if check.code in BOOKS]
    assert len(wanted) == len(BOOKS)
    assert run_checks(db.session.connection(), wanted, now=NOW) == []


def status_of() -> AgreementStatus:
    return db.session.execute(select(Agreement.status).where(Agreement.code == "A50")).scalar_one()


def test_a_deposit_comes_in_parts_is_held_apart_and_never_more_than_agreed(world: World) -> None:
    first = receive(world, 2_000)
    assert (first["due_fen"], first["received_fen"], first["left_fen"]) == (DUE, 2_000, 2_000)
    before = contents(world.app)
    beyond = receive(world, 3_001, "T2", 409)
    assert beyond["type"].endswith("deposit-beyond-agreed")
    assert beyond["detail"] == "协议 A50 的定金还应收 30.00 元，到账 30.01 元。"
    assert receive(world, 1_000, "T1", 409)["type"].endswith("transfer-booked")
    assert contents(world.app) == before
    assert receive(world, 3_000, "T2")["left_fen"] == DUE
    assert (balances()[A.DEPOSIT], balances()[A.CLEARING]) == (-DUE, DUE)
    books_hold()


def test_a_whole_deposit_moves_a_signed_agreement_on(world: World) -> None:
    with transaction() as session:
        recorded(session, line(), code="A51")
    body = {"amount_fen": DUE - 1, "bank_reference": "T1"}
    post(world, "firm_staff", "/agreements/A51/deposit", body)
    signed = select(Agreement.status).where(Agreement.code == "A51")
    assert db.session.scalar(signed) is AgreementStatus.SIGNED
    post(world, "firm_staff", "/agreements/A51/deposit", {"amount_fen": 1, "bank_reference": "T2"})
    assert db.session.scalar(signed) is AgreementStatus.DEPOSIT_PAID
    assert status_of() is AgreementStatus.EXECUTING


def test_it_is_set_off_against_what_is_owed_and_nothing_else(world: World) -> None:
    receive(world)
    off = f"{URL}/set-off"
    assert post(world, "firm_staff", off, {"order": bought().number, "amount_fen": 2_000})["left_fen"] == 3_000
    assert post(world, "operator", off, {"order": bought().number})["left_fen"] == 0
    assert bought().paid_fen == DUE
    told = world.app.test_client().get(f"/api/v1{URL}", headers=world.headers["buyer"]).get_json()["moves"]
    assert [(one["kind"], one["amount_fen"], one["order"]) for one in told] == [
        ("received", DUE, None), ("set_off", 2_000, bought().number), ("set_off", 3_000, bought().number),
    ]  # fmt: skip
    page = world.browser("firm_staff").get("/desk/agreements/A50").text
    assert f'<td>抵货款</td><td class="n">30.00</td><td class="code">{bought().number}</td>' in page
    assert A.DEPOSIT not in balances()
    assert (balances()[A.CLEARING], balances()[A.FIRM]) == (DUE, -DUE)
    assert A.RECEIVABLE not in balances()
    books_hold()
    before = contents(world.app)
    assert post(world, "operator", off, {"order": bought().number, "amount_fen": 1}, 409)
    assert post(world, "operator", off, {"order": "UNIT1", "amount_fen": 1}, 409)["type"].endswith("nothing-to-pay")
    for number in ("UNIT2", "NIX"):  # another firm's, nobody's
        answer = post(world, "firm_staff", off, {"order": number, "amount_fen": 1}, 404)
        assert answer["type"].endswith("not-found")
    assert contents(world.app) == before


def standing_of(name: str) -> int:
    found: int = getattr(deposits.standing(db.session(), agreement_by_code(db.session(), "A50")), name)
    return found


def test_what_is_left_goes_back_after_the_end_and_not_before(world: World) -> None:
    receive(world)
    back = f"{URL}/return"
    assert post(world, "operator", back, {"bank_reference": "R1"}, 409)["type"].endswith("deposit-still-bound")
    assert (standing_of("left_fen"), standing_of("open_fen")) == (DUE, 0)
    end()
    assert (standing_of("left_fen"), standing_of("open_fen")) == (DUE, DUE)  # to be returned or forfeited
    told = post(world, "operator", back, {"bank_reference": "R1"})
    assert (told["left_fen"], told["open_fen"]) == (0, 0)  # and nothing is asked for again
    assert A.CLEARING not in balances()
    assert post(world, "operator", back, {"bank_reference": "R2"}, 409)["type"].endswith("deposit-used-up")
    books_hold()


def test_a_deposit_is_rounded_down_to_the_law(world: World) -> None:
    with transaction() as session:
        recorded(session, line(committed_g=100_000, floor_fen_per_kg=523, minimum_g=0), code="A51", deposit_bp=2_000)
        recorded(session, line(committed_g=104_608, floor_fen_per_kg=500, minimum_g=0), code="A52", deposit_bp=2_000)
    due = [deposits.standing(db.session(), agreement_by_code(db.session(), code)).due_fen for code in ("A51", "A52")]
    assert due == [10_460, 10_460]  # of 523.00 and of 523.04


def test_what_an_amendment_leaves_above_the_terms_goes_back_at_once_and_may_come_again(world: World) -> None:
    receive(world)
    back = f"{URL}/return"
    with transaction() as session:
        amended(session, "A50", terms(line(committed_g=20_000, minimum_g=0)))
    before = contents(world.app)
    assert post(world, "operator", back, {"bank_reference": "R1", "penalty": 1}, 409)["type"].endswith("still-bound")
    assert contents(world.app) == before
    told = post(world, "operator", back, {"bank_reference": "R1"})
    assert [told[name] for name in ("due_fen", "left_fen", "excess_fen", "open_fen")] == [1_000, 1_000, 0, 0]
    assert post(world, "operator", back, {"bank_reference": "R2"}, 409)["type"].endswith("deposit-still-bound")
    with transaction() as session:
        amended(session, "A50", terms(line(committed_g=40_000, minimum_g=0)))
    assert receive(world, 1_001, "T2", 409)["type"].endswith("deposit-beyond-agreed")
    assert receive(world, 1_000, "T2")["left_fen"] == 2_000
    books_hold()


@pytest.mark.parametrize(("came", "status"), [(3_000, "deposit_paid"), (2_999, "signed"), (0, "signed")])
def test_an_amendment_that_asks_for_no_more_than_came_in_makes_the_deposit_whole(
    world: World, came: int, status: str
) -> None:
    with transaction() as session:
        recorded(session, line(), code="A51")
    if came:
        post(world, "operator", "/agreements/A51/deposit", {"amount_fen": came, "bank_reference": "T1"})
    with transaction() as session:
        signing.propose(session, agreement_by_code(session, "A51", lock=True), terms(deposit_bp=600), by=BUYER)
        hash_ = signing.youngest(session, agreement_by_code(session, "A51")).document_hash
    asked = {"version": 2, "document_hash": hash_}
    assert post(world, "buyer", "/agreements/A51/signatures", asked, 200)["status"] == "signed"
    assert post(world, "firm_staff", "/agreements/A51/signatures", asked, 200)["status"] == status
    moves = select(History.event).where(History.entity_type == "agreements", History.event == "pay_deposit")
    assert len(db.session.scalars(moves).all()) == (status == "deposit_paid")
    books_hold()


@pytest.mark.parametrize("side", ["firm", "buyer"])
def test_what_is_no_deposit_is_neither_doubled_nor_lost(world: World, side: str) -> None:
    receive(world)
    with transaction() as session:
        amended(session, "A50", terms(line(committed_g=20_000, minimum_g=0, minimum_date_g=1_000), tolerance_bp=0))
    end()
    number = propose(world, side)
    if side == "firm":
        post(world, "operator", f"{URL}/return", {"bank_reference": "R1", "penalty": number})
        assert balances()[A.CLEARING] == -1_000
    else:
        lost = post(world, "firm_staff", f"{URL}/forfeit", {"penalty": number, "reason": "买方未按约采购"})
        assert (lost["left_fen"], lost["excess_fen"]) == (4_000, 3_000)
    books_hold()


def propose(world: World, side: str) -> int:
    """A breach of a side, as the schedule left it, proposed; the number of the proposal."""
    with transaction() as session:
        if side == "firm":
            session.execute(text("INSERT INTO call_offs (agreement_id, line_id, status, due_on, weight_g, stands_g,"
                                 " again_g, price_fen_per_kg, requested_at) SELECT agreement_id, line_id, 'requested',"
                                 " due_on - 1, 50000, 50000, 0, 500, requested_at FROM call_offs"
                                 " WHERE schedule_day IS NOT NULL"))  # fmt: skip
        else:
            session.execute(text("INSERT INTO call_offs (agreement_id, line_id, status, due_on, weight_g, stands_g,"
                                 " again_g, price_fen_per_kg, requested_at, schedule_day, cancelled_by) SELECT"
                                 " agreement_id, line_id, 'cancelled', due_on, 10000, 0, 0, 500, requested_at,"
                                 " due_on - 1, 'buyer'"
                                 " FROM call_offs WHERE schedule_day IS NOT NULL"))  # fmt: skip
    items = post(world, "operator", "/agreements/A50/penalties", {"day": "2025-07-15"})["items"]
    assert [item["side"] for item in items] == [side]
    return int(items[0]["number"])


def test_a_firm_in_breach_returns_it_double_and_pays_no_penalty_beside_it(world: World) -> None:
    receive(world)
    end()
    number = propose(world, "firm")
    post(world, "operator", f"{URL}/return", {"bank_reference": "R1", "penalty": number})
    assert (balances()[A.CLEARING], A.DEPOSIT in balances()) == (-DUE, False)
    assert A.FIRM not in balances()  # what it earned went out as the other half
    books_hold()
    claim = {"number": number, "event": "claim", "reason": "违约"}
    assert post(world, "buyer", "/agreements/A50/penalty-decisions", claim, 409)


def test_a_buyer_in_breach_loses_it_to_the_firm_or_pays_the_penalty_never_both(world: World) -> None:
    with transaction() as session:
        session.execute(text("ALTER TABLE agreement_lines DISABLE TRIGGER agreement_lines_terms"))
        session.execute(text("UPDATE agreement_lines SET minimum_date_g = 9000"))
    receive(world)
    end()
    number = propose(world, "buyer")
    lose = {"penalty": number, "reason": "买方未按约采购"}
    assert post(world, "buyer", f"{URL}/forfeit", lose, 403)
    # While the firm may still take it, the county does not return it.
    early = post(world, "operator", f"{URL}/return", {"bank_reference": "R1"}, 409)
    assert early["type"].endswith("penalty-undecided")
    assert post(world, "firm_staff", f"{URL}/forfeit", lose)["left_fen"] == 0
    assert (balances()[A.FIRM], A.DEPOSIT in balances()) == (-2 * DUE, False)
    books_hold()
    claim = {"number": number, "event": "claim", "reason": "违约"}
    assert post(world, "firm_staff", "/agreements/A50/penalty-decisions", claim, 409)


def test_a_claimed_penalty_leaves_the_deposit_alone(world: World) -> None:
    receive(world)
    end()
    number = propose(world, "firm")
    post(world, "buyer", "/agreements/A50/penalty-decisions",
         {"number": number, "event": "claim", "reason": "违约"}, 200)  # fmt: skip
    before = contents(world.app)
    assert post(world, "operator", f"{URL}/return", {"bank_reference": "R1", "penalty": number}, 409)
    assert contents(world.app) == before
    assert post(world, "operator", f"{URL}/return", {"bank_reference": "R1"})["left_fen"] == 0
    books_hold()
