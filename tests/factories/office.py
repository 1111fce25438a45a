"""The county office over HTTP, on the imported county: its operator and the staff of two co-operatives."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from sqlalchemy import text

import tasks.income  # noqa: F401  its jobs are known once it is loaded
from shop.access.models import PartyKind, Role
from shop.farmers.jobs import COUNT_FAMILY_COSTS
from shop.kit.clock import WalkingClock, at_beijing
from shop.kit.db import db, release, transaction
from shop.kit.job import Job
from shop.reports import rollups
from shop.reports.books import check_books
from shop.reports.models import Rollup
from tasks.registry import works
from tasks.run import run_asked
from tests.factories.access import headers_of, person

#: After 2025 is over.
MARCH_2026 = datetime(2026, 3, 10, 2, tzinfo=UTC)


class Office:
    """Who speaks with the county: its operator, a firm, a household's township."""

    def __init__(self, app: Flask, clock: WalkingClock) -> None:
        self.app, self.clock, self.keys = app, clock, 0
        clock.put(MARCH_2026)
        parties = {
            (kind, code): party_id
            for party_id, kind, code in scalars("SELECT id, kind, code FROM parties WHERE kind IN ('county', 'firm')")
        }
        self.people = {"operator": person(app, (Role.OPERATOR, parties["county", "140829"]))} | {
            code: person(app, (Role.FIRM_STAFF, party_id))
            for (kind, code), party_id in parties.items()
            if kind == PartyKind.FIRM and code in {"F01", "F02"}
        }
        self.sign_in()

    def sign_in(self) -> None:
        """Everybody anew: tokens are good for half a day."""
        signed = {name: headers_of(self.app, person_id) for name, person_id in self.people.items()}
        self.operator = signed.pop("operator")
        self.firms = signed

    def go(self, day: date) -> None:
        """Let it be noon of a Beijing day."""
        self.clock.put(at_beijing(day, 12))
        self.sign_in()

    def household(self, code: str) -> dict[str, str]:
        """The headers of a household."""
        party_id = scalars("SELECT party_id FROM households WHERE code = :code", code=code)[0][0]
        return headers_of(self.app, person(self.app, (Role.HOUSEHOLD, party_id)))

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None, status: int = 201) -> Any:
        self.keys += 1
        sent = (headers or self.operator) | {"Idempotency-Key": f"office-{self.keys}"}
        answer = self.app.test_client().post(f"/api/v1{path}", json=body, headers=sent)
        assert answer.status_code == status, answer.text
        return answer.json

    def get(self, path: str, headers: dict[str, str] | None = None, status: int = 200) -> Any:
        answer = self.app.test_client().get(f"/api/v1{path}", headers=headers or self.operator)
        assert answer.status_code == status, answer.text
        return answer.json

    def do_jobs(self, job: Job) -> None:
        """Do what was asked of a job and is not done."""
        asked = "SELECT id FROM outbox WHERE job = :job AND done_at IS NULL ORDER BY id"
        for (outbox_id,) in scalars(asked, job=job.name):
            run_asked(works()[job.name], outbox_id, self.clock)

    def close_through(self, last: int) -> None:
        """Close the months of 2025 from January to `last`."""
        for month in range(1, last + 1):
            self.post("/months", {"month": f"2025-{month:02}"})


def scalars(sql: str, **bound: Any) -> list[Any]:
    found = list(db.session.execute(text(sql), bound))
    release()
    return found


@contextmanager
def good_books(county: Flask, clock: WalkingClock, day: date = date(2026, 3, 10)) -> Iterator[Office]:
    """The office on a day; whatever was done there, the jobs count it and the books are good."""
    office = Office(county, clock)
    office.go(day)
    yield office
    office.do_jobs(COUNT_FAMILY_COSTS)
    count_all()
    assert check_books(db.session(), now=office.clock.now()) == []
    release()


def count_all() -> None:
    """Let the jobs of the rollups do what there is."""
    for rollup in Rollup:
        with transaction() as session:
            while rollups.refresh(session, rollup).keys:
                pass
