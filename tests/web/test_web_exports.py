"""Long tables as files: offered, made by a job, shown with progress, fetched by who asked for them, forgotten."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from shop.access.actions import issue_token
from shop.access.models import Role
from shop.kit.clock import WalkingClock
from shop.kit.db import db, transaction
from shop.kit.tables import read_table
from shop.reports import exports, rollups
from shop.reports.models import ReportExport, Rollup
from tasks.reports import make_export
from tests.factories.access import headers_of, person

LIST = "/reports/income.csv?by=household&from=2025-01&to=2025-06"


def browser(app: Flask, login: str) -> FlaskClient:
    with transaction() as session:
        found = session.execute(text("SELECT id FROM people WHERE login = :login"), {"login": login}).scalar_one()
        token = issue_token(session, found, now=app.extensions["clock"].now())
    client = app.test_client()
    client.set_cookie("signed_in", token)
    return client


@pytest.fixture
def manager(county: Flask, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A manager of the county, where a table of more than twenty rows is a long one."""
    monkeypatch.setattr(exports, "LONG", 20)
    monkeypatch.setattr(exports, "STEP", 10)
    with transaction() as session:
        rollups.rebuild(session, Rollup.INCOME)
        party = session.execute(text("SELECT id FROM parties WHERE kind = 'county'")).scalar_one()
    for login in ("manager", "other"):
        person(county, (Role.MANAGER, party), login=login)
    return browser(county, "manager")


def asked(client: FlaskClient) -> str:
    """The address that tells how far the file is."""
    offer = client.get(LIST)
    assert (offer.status_code, offer.mimetype) == (200, "text/html")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', offer.text))
    answer = client.post("/reports/exports", data=fields)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def of(address: str) -> ReportExport:
    db.session.rollback()
    return db.session.scalars(select(ReportExport).where(ReportExport.code == address.rpartition("/")[2])).one()


def test_a_long_table_is_made_by_a_job_and_fetched_by_its_maker_alone(
    county: Flask, manager: FlaskClient, clock: WalkingClock
) -> None:
    assert manager.get(LIST.replace("household", "township")).mimetype == "text/csv"
    where = asked(manager)
    # What he waits for is not asked for twice; nothing is there yet.
    assert asked(manager) == where
    assert manager.get(where).status_code == 202
    assert manager.get(f"{where}/file").status_code == 409
    told: list[int] = []
    with transaction() as session:
        begun = exports.gather(session, of(where).id, now=clock.now())
    assert begun is not None
    body = exports.written(*begun, told.append)
    total = of(where).rows_total or 0
    assert told == list(range(10, total + 1, 10))
    make_export(of(where).id, now=clock.now())
    ready = manager.get(where)
    assert (ready.status_code, str(total) in ready.text) == (200, True)
    got = manager.get(f"{where}/file")
    assert got.data == body
    rows = [row for _, row in read_table(got.data)]
    assert sum(1 for row in rows if row and row[0].startswith("农户-")) == total > 20
    assert "我的文件" in manager.get("/reports/income").text
    # Somebody else, who may read the same figures, finds nothing.
    other = browser(county, "other")
    assert (other.get(where).status_code, other.get(f"{where}/file").status_code) == (404, 404)
    assert "我的文件" not in other.get("/reports/income").text


def test_a_program_has_a_long_table_made_and_fetches_it(
    county: Flask, manager: FlaskClient, clock: WalkingClock
) -> None:
    api, path = county.test_client(), "/api/v1/reports/files"
    with transaction() as session:
        found = session.execute(text("SELECT id FROM people WHERE login = 'manager'")).scalar_one()
    api.environ_base |= {"HTTP_AUTHORIZATION": headers_of(county, found)["Authorization"]}
    wanted = {"report": "income", "file": "csv", "by": "household", "from": "2025-01", "to": "2025-06"}
    assert api.post(path, json=wanted | {"to": "2024-06"}).status_code == 422
    made = api.post(path, json=wanted)
    assert (made.status_code, made.json["status"], made.json["rows_total"]) == (202, "making", None)
    where = f"{path}/{made.json['code']}"
    early = api.get(f"{where}/content")
    assert (early.status_code, early.json["type"].rpartition("#")[2]) == (409, "file-not-ready")
    make_export(of(where).id, now=clock.now())
    ready = api.get(where).json
    assert (ready["status"], ready["rows_done"]) == ("ready", ready["rows_total"])
    assert api.get(path).json == {"items": [ready]}
    got = api.get(f"{where}/content")
    assert sum(1 for _, row in read_table(got.data) if row and row[0].startswith("农户-")) == ready["rows_total"] > 20
    assert got.headers["Content-Disposition"].endswith(".csv")
    # The page fetches the same bytes.
    assert manager.get(f"/reports/exports/{made.json['code']}/file").data == got.data


def test_a_table_is_printed_at_once_made_by_a_job_or_no_print_by_its_length(
    county: Flask, manager: FlaskClient, clock: WalkingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("/reports/income.pdf?year=2025", "/reports/agreements.pdf?by=firm"):
        paper = manager.get(address)
        assert (paper.mimetype, paper.data[:5]) == ("application/pdf", b"%PDF-")
        assert paper.headers["Content-Disposition"].endswith(".pdf")
    monkeypatch.setattr(exports, "PAPER_AT_ONCE", 20)
    offer = manager.get("/reports/income.pdf?by=village&year=2025")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', offer.text))
    assert fields["file"] == "pdf"
    where = str(manager.post("/reports/exports", data=fields).headers["Location"])
    make_export(of(where).id, now=clock.now())
    assert manager.get(f"{where}/file").data[:5] == b"%PDF-"
    monkeypatch.setattr(exports, "MOST_ON_PAPER", 20)
    refused = manager.post("/reports/exports", data=fields | {"by": "household"})
    assert (refused.status_code, "请取 Excel 或 CSV" in refused.text) == (422, True)


def test_who_sees_less_than_when_it_was_made_gets_no_file_and_its_time_ends(
    county: Flask, manager: FlaskClient, clock: WalkingClock
) -> None:
    where = asked(manager)
    make_export(of(where).id, now=clock.now())
    with transaction() as session:
        session.execute(text("""UPDATE report_exports SET scope = '{"grants": [["manager", 0]]}'"""))
    assert manager.get(f"{where}/file").status_code == 404
    with transaction() as session:
        assert exports.forget(session, now=clock.now()) == 0
        assert exports.forget(session, now=clock.now() + exports.KEPT_FOR) == 1
    assert manager.get(where).status_code == 404


def test_a_file_of_who_may_read_nothing_any_more_is_not_made(manager: FlaskClient, clock: WalkingClock) -> None:
    where = asked(manager)
    export_id = of(where).id
    with transaction() as session:
        session.execute(text("DELETE FROM grants WHERE person_id = (SELECT id FROM people WHERE login = 'manager')"))
    make_export(export_id, now=clock.now())
    assert db.session.get(ReportExport, export_id) is None
