"""Both sides of an agreement at their desks, over HTTP, with a clock that walks day by day."""

from datetime import date
from typing import Any

from sqlalchemy import select, text

from shop.access.guard import Actor, Grant, Role
from shop.access.models import PartyKind
from shop.agreements import queries
from shop.agreements.contract import Plan
from shop.agreements.models import Agreement, AgreementLine, AgreementStatus, DueWeight
from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, release, transaction
from shop.orders.scheduled import place_due
from shop.reports.books import CHECKS, run_checks
from tests.factories.tables import contents
from tests.factories.world import NOW, World

LINE = {"sku": "PL001", "floor_fen_per_kg": 500, "price_rule": "FIXED"}
TERMS = {
    "starts_on": "2025-07-15", "ends_on": "2025-07-24", "penalty_bp": 500, "payment_term_days": 30, "schedule": "daily",
}  # fmt: skip
DRAFT = {"code": "T1", "partner": "B01", "firm": "F01", **TERMS, "lines": [{**LINE, "per_date_g": 10_000}]}
OPERATOR = Actor(1, (Grant(Role.OPERATOR, 1, PartyKind.COUNTY),))
PROOFS = [check for check in CHECKS if check.code in ("I19", "I19-due", "I19-terms", "I20")]


def july(day: int) -> date:
    return date(2025, 7, day)


class Desk:
    """Both sides at their desks; the clock goes to a day and never back."""

    def __init__(self, world: World, clock: WalkingClock) -> None:
        self.world, self.clock, self.keys = world, clock, 0

    def at(self, day: date) -> None:
        self.clock.put(at_beijing(day, 10))

    def post(self, actor: str, path: str, body: dict[str, Any], status: int = 201) -> Any:
        self.keys += 1
        headers = self.world.headers[actor] | {"Idempotency-Key": f"k{self.keys}", "Accept-Language": "zh"}
        answer = self.world.app.test_client().post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    def refused(self, actor: str, path: str, body: dict[str, Any], status: int = 409) -> Any:
        before = contents(self.world.app)
        problem = self.post(actor, path, body, status)
        assert contents(self.world.app) == before
        return problem | {"code": problem["type"].rpartition("#")[2]}

    def version(self, lines: list[dict[str, Any]], code: str = "T1", **changes: object) -> dict[str, Any]:
        body = {**TERMS, "lines": lines, **changes}
        found: dict[str, Any] = self.post("buyer", f"/agreements/{code}/versions", body)["items"][0]
        return found

    def sign(self, version: dict[str, Any], *actors: str, code: str = "T1") -> Any:
        asked = {"version": version["number"], "document_hash": version["document_hash"]}
        for actor in actors or ("buyer", "firm_staff"):
            answer = self.post(actor, f"/agreements/{code}/signatures", asked, 200)
        return answer

    def signed(self, **changes: object) -> None:
        code = str(changes.get("code", "T1"))
        version = self.post("buyer", "/agreements/drafts", {**DRAFT, **changes})["items"][0]
        assert self.sign(version, code=code)["status"] == "signed"

    def call(self, day: date, grams: int, due_on: date, status: int = 201) -> Any:
        body = {"sku": "PL001", "weight_g": grams, "due_on": str(due_on), "schedule_day": str(day)}
        return self.post("buyer", "/agreements/T1/call-offs", body, status)

    def run(self, *days: int) -> int:
        placed = 0
        for day in days:
            self.at(july(day))
            with transaction() as session:
                found = place_due(session, july(day), now=self.clock.now())
            assert found.refused == []
            placed += found.placed
        return placed


def desk_of(world: World, clock: WalkingClock) -> Desk:
    """The desks of the world; who is signed in stays so."""
    with transaction() as session:
        session.execute(text("UPDATE access_tokens SET expires_at = '2026-12-31'"))
    return Desk(world, clock)


def due(code: str = "T1") -> dict[int, int]:
    """What falls due on which day of July."""
    rows = db.session.execute(
        select(DueWeight.due_on, DueWeight.weight_g)
        .join(AgreementLine, AgreementLine.id == DueWeight.line_id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .where(Agreement.code == code, DueWeight.weight_g > 0)
    )
    found = {day.day: grams for day, grams in rows}
    release()
    return found


def status(code: str = "T1") -> AgreementStatus:
    found = db.session.execute(select(Agreement.status).where(Agreement.code == code)).scalar_one()
    release()
    return found


def books_hold() -> None:
    assert run_checks(db.session.connection(), PROOFS, now=NOW) == []
    release()


def plan(number: int, code: str = "T1") -> Plan:
    found = queries.contract(db.session(), OPERATOR, code, number).plans["PL001"]
    release()
    return found


def days(first: int, last: int, grams: int) -> dict[int, int]:
    return dict.fromkeys(range(first, last + 1), grams)
