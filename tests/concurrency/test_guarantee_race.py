"""A guarantee contract undone while it is paid or its land promised elsewhere, by real threads; and the controls."""

from collections.abc import Callable, Iterator
from datetime import date
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.catalog.actions import firm_by_code
from shop.income import endings, guarantees
from shop.income.guarantees import Promise, locked_contract, pay_guaranteed, pay_second, sign_contract
from shop.income.models import GuaranteeKind
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from tests.factories.guarantees import lands, paid, signed
from tests.factories.office import MARCH_2026, Office, good_books, scalars
from tests.factories.threads import at_once

BY = {"actor_id": None, "now": MARCH_2026}
STANDING = """
    SELECT kind, position FROM (SELECT DISTINCT contract_id, year, kind, position FROM guarantee_payments) AS paid
    WHERE NOT EXISTS (SELECT FROM guarantee_voids AS void WHERE (void.contract_id, void.year, void.kind, void.position)
                      = (paid.contract_id, paid.year, paid.kind, paid.position)) ORDER BY 1, 2
"""


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Iterator[Office]:
    with good_books(county, clock) as office:
        signed(office)
        yield office


def pays(session: Session) -> object:
    return pay_guaranteed(session, locked_contract(session, "BD-001"), 2025, **BY)


def shares(session: Session) -> object:
    return pay_second(session, locked_contract(session, "BD-001"), 2025, 1_000, **BY)


def voids(session: Session) -> object:
    contract = locked_contract(session, "BD-001")
    return endings.void_payment(session, contract, 2025, GuaranteeKind.GUARANTEED, "误", by_county=True, **BY)


def voids_all(session: Session) -> object:
    return endings.void_contract(session, locked_contract(session, "BD-001"), "误", by_county=True, **BY)


def prolongs(session: Session) -> object:
    contract = locked_contract(session, "BD-001")
    return endings.end_contract(session, contract, 2026, "协议", "年份录错", by_county=True, **BY)


def promises(session: Session) -> object:
    """The whole land of the contract's first household, in another contract of 2026."""
    firm, first = firm_by_code(session, "F01", lock=True), min(lands())
    promise = Promise(90_000, 0, 2026, 2026, date(2026, 1, 1), "合同（示例）")
    return sign_contract(session, firm, "BD-002", promise, {first: held()}, **BY)


def held() -> int:
    [(tenths,)] = scalars("SELECT land_mu_tenths FROM households WHERE code = :code", code=min(lands()))
    return int(tenths)


def taken() -> int:
    """Tenths of a mu of the first household in contracts of 2026."""
    [(tenths,)] = scalars(
        "SELECT sum(mu_tenths) FROM guarantee_contracts JOIN guarantee_lands ON contract_id = guarantee_contracts.id"
        " JOIN households ON households.id = household_id WHERE households.code = :code AND 2026 BETWEEN from_year AND"
        " coalesce((SELECT last_year FROM guarantee_endings AS ended WHERE ended.contract_id = guarantee_contracts.id"
        " ORDER BY position DESC LIMIT 1), to_year)",
        code=min(lands()),
    )
    return int(tenths)


def standing() -> list[tuple[str, int]]:
    return [(kind, position) for kind, position in scalars(STANDING)]


def unguarded(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """No row is locked, and whoever has asked one of these waits for the other."""
    met = Barrier(2)

    def after(action: Callable[..., Any]) -> Callable[..., Any]:
        def slowly(*args: object) -> object:
            found = action(*args)
            met.wait(timeout=10)
            return found

        return slowly

    monkeypatch.setattr(Select, "with_for_update", lambda query, **_: query)
    for name in names:
        asked = after(getattr(guarantees, name))
        monkeypatch.setattr(guarantees, name, asked)
        monkeypatch.setattr(endings, name, asked)


@pytest.mark.parametrize("_", range(3))
def test_a_guarantee_is_not_taken_back_while_its_second_share_is_paid(office: Office, _: int) -> None:
    paid(office, "guaranteed-payments", year=2025)
    answers = at_once(office.app, [voids, shares])
    if answers == ["", "guaranteed-first"]:
        assert standing() == []
    else:
        assert answers == ["second-share-stands", ""]
        assert standing() == [("guaranteed", 1), ("second", 1)]


def test_the_control_without_the_lock_shares_on_top_of_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    paid(office, "guaranteed-payments", year=2025)
    with monkeypatch.context() as off:
        unguarded(off, "standing")
        assert at_once(office.app, [voids, shares]) == ["", ""]
    assert standing() == [("second", 1)]
    office.post("/guarantees/BD-001/payment-voids", {"year": 2025, "kind": "second", "reason": "误"})


def test_a_void_contract_pays_nothing_at_the_same_time(office: Office) -> None:
    answers = at_once(office.app, [voids_all, pays])
    assert (answers, standing()) in (
        (["", "contract-void"], []), (["guarantee-payments-stand", ""], [("guaranteed", 1)]),
    )  # fmt: skip


def test_the_control_without_the_lock_pays_by_a_void_contract(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as off:
        unguarded(off, "standing")
        assert at_once(office.app, [voids_all, pays]) == ["", ""]
    assert standing() == [("guaranteed", 1)]
    office.post("/guarantees/BD-001/payment-voids", {"year": 2025, "kind": "guaranteed", "reason": "误"})


def test_a_year_is_paid_anew_once_and_taken_back_once(office: Office) -> None:
    paid(office, "guaranteed-payments", year=2025)
    assert sorted(at_once(office.app, [voids] * 3)) == ["", "guarantee-unpaid", "guarantee-unpaid"]
    assert sorted(at_once(office.app, [pays] * 3)) == ["", "guarantee-paid", "guarantee-paid"]
    assert standing() == [("guaranteed", 2)]


@pytest.mark.parametrize(("twice", "constraint"), [
    (voids, "pk_guarantee_voids"), (pays, "uq_guarantee_payments_position"),
])  # fmt: skip
def test_without_the_lock_a_constraint_still_holds_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, twice: Callable[[Session], object], constraint: str
) -> None:
    paid(office, "guaranteed-payments", year=2025)
    if twice is pays:
        with transaction() as session:
            voids(session)
    with monkeypatch.context() as off:
        unguarded(off, "standing")
        with pytest.raises(IntegrityError, match=constraint):
            at_once(office.app, [twice, twice])


def test_land_that_comes_back_to_a_contract_is_not_promised_at_the_same_time(office: Office) -> None:
    end(office)
    answers = at_once(office.app, [prolongs, promises])
    assert sorted(answers) == ["", "land-beyond-holding"]
    assert taken() in (35, held())


def test_the_control_without_the_locks_promises_the_land_twice(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    end(office)
    with monkeypatch.context() as off:
        unguarded(off, "hold_the_land")
        assert at_once(office.app, [prolongs, promises]) == ["", ""]
    assert taken() == held() + 35


def end(office: Office) -> None:
    """BD-001 ends with 2025."""
    with transaction() as session:
        contract = locked_contract(session, "BD-001")
        endings.end_contract(session, contract, 2025, "协议", "协商", by_county=True, **BY)
    assert office.get("/guarantees/BD-001")["last_year"] == 2025
