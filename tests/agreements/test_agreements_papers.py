"""Papers of an agreement: kept as they came, read by its two sides and the county, the proof of force majeure."""

import hashlib
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shop.access.guard import Role
from shop.access.models import PartyKind
from shop.agreements.actions import agreement_by_code
from shop.agreements.models import MAX_PAPER, PaperKind, Side
from shop.agreements.papers import MOST_PAPERS, Sent, add_paper
from shop.agreements.signing import Hand
from shop.kit.db import transaction
from shop.kit.jpeg import plain
from shop.kit.scans import JPEG, PNG
from shop.kit.tables import PDF_TYPE
from tests.factories.access import headers_of, person
from tests.factories.photos import photo
from tests.factories.scans import WHERE, chunk, pdf, png, sends
from tests.factories.tables import contents
from tests.factories.world import NOW, World, build

#: A proof that the county has sent stands in the world: A01-1.
PAPERS = "/api/v1/agreements/A01/papers"
NOTICES = "/api/v1/agreements/A01/force-majeure"


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


@pytest.fixture
def http(world: World) -> FlaskClient:
    return world.app.test_client()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_each_side_adds_papers_and_both_and_the_county_read_them_byte_for_byte(world: World, http: FlaskClient) -> None:
    sent = png(chunk(b"tEXt", b"Comment\x00" + WHERE))
    files = {
        ("buyer", "signed_scan", "合同/扫描件 (1)"): (pdf(), pdf(), PDF_TYPE, "pdf"),
        ("firm_staff", "inspection", "农残检测报告"): (sent, png(), PNG, "png"),
        ("operator", "licence", "营业执照"): (photo(where=True), plain(photo()), JPEG, "jpg"),
    }
    for number, ((who, kind, title), (data, kept, media_type, ending)) in enumerate(files.items(), 2):
        added = sends(http, world.headers[who], "A01", data, kind, title)
        assert added.status_code == 201, added.text
        side = {"buyer": "buyer", "firm_staff": "firm", "operator": "county"}[who]
        assert added.get_json() == {
            "code": f"A01-{number}", "kind": kind, "title": title, "media_type": media_type, "size_bytes": len(kept),
            "sha256": sha256(kept), "sent_sha256": sha256(data), "side": side, "uploaded_at": NOW.isoformat(),
        }  # fmt: skip
        for reader in ("buyer", "firm_staff", "operator"):
            listed = http.get(PAPERS, headers=world.headers[reader]).get_json()["items"]
            assert (len(listed), listed[-1]) == (number, added.get_json())
            got = http.get(f"/api/v1/agreement-papers/A01-{number}", headers=world.headers[reader])
            assert (got.status_code, got.content_type, got.data) == (200, media_type, kept)
            disposition = got.headers["Content-Disposition"]
            assert disposition.startswith(f"attachment; filename*=UTF-8''A01-{number}-%")
            assert disposition.endswith(f".{ending}")
            assert "/" not in disposition
            assert got.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in got.headers["Content-Security-Policy"]
            assert "no-store" in got.headers["Cache-Control"]
    assert WHERE in sent
    assert WHERE not in got.data
    with world.app.app_context(), transaction() as session:
        who = session.execute(text("SELECT count(*) FROM agreement_papers WHERE uploaded_by_id IS NULL")).scalar_one()
    assert who == 2  # the two of the world, which nobody sent


def test_the_same_file_again_is_the_same_paper_and_another_title_is_said(world: World, http: FlaskClient) -> None:
    headers = world.headers["buyer"]
    first = sends(http, headers, "A01")
    before = contents(world.app)
    again = sends(http, headers, "A01")
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    renamed = sends(http, headers, "A01", title="另一名称")
    assert (renamed.status_code, renamed.get_json()["type"].rpartition("#")[2]) == (409, "paper-kept")
    assert "A01-2" in renamed.get_json()["detail"]
    assert contents(world.app) == before
    assert sends(http, headers, "A01", kind="other").get_json()["code"] == "A01-3"
    assert sends(http, world.headers["firm_staff"], "A01").get_json()["code"] == "A01-4"


def test_t66_what_is_no_paper_or_too_large_or_too_many_is_refused_and_nothing_is_kept(
    world: World, http: FlaskClient
) -> None:
    headers = world.headers["buyer"]
    before = contents(world.app)
    large = pdf(behind=b"%" * (MAX_PAPER - len(pdf())) + b"\n%%EOF\n")
    for data in (b"", b"<html>", pdf(words=b"/S/JavaScript "), large):
        refused = sends(http, headers, "A01", data)
        assert (refused.status_code, refused.get_json()["type"].rpartition("#")[2]) == (422, "paper-refused")
    assert sends(http, headers, "A01", b" " * (MAX_PAPER + 100_000)).status_code == 413
    for wrong in ({"kind": "meme"}, {"title": ""}, {"title": "x" * 121}):
        assert sends(http, headers, "A01", **wrong).status_code == 422
    assert http.post(f"{PAPERS}?kind=other&title=x", headers=headers).status_code == 422
    assert contents(world.app) == before
    with world.app.app_context(), transaction() as session:
        agreement = agreement_by_code(session, "A01", lock=True)
        for number in range(MOST_PAPERS):
            paper = Sent(PaperKind.OTHER, "附件", pdf(words=b"/N %d" % number))
            add_paper(session, agreement, paper, by=Hand(Side.BUYER, None, NOW))
    full = sends(http, headers, "A01")
    assert (full.status_code, full.get_json()["type"].rpartition("#")[2]) == (409, "too-many-papers")
    assert sends(http, world.headers["firm_staff"], "A01").status_code == 201


def test_papers_are_not_for_another_buyer_or_firm_nor_for_who_only_manages(world: World, http: FlaskClient) -> None:
    """The other agreement's buyer, who also manages the township of the first, reads that but none of its papers."""
    other, township = world.b.parties[PartyKind.BUYER], world.a.parties[PartyKind.TOWNSHIP]
    both = headers_of(world.app, person(world.app, (Role.BUYER, other), (Role.MANAGER, township)))
    assert http.get("/api/v1/agreements/A01", headers=both).status_code == 200
    for headers in (both, headers_of(world.app, person(world.app, (Role.FIRM_STAFF, world.b.parties[PartyKind.FIRM])))):
        asked = [http.get(path, headers=headers) for path in (PAPERS, "/api/v1/agreement-papers/A01-1")]
        assert [one.status_code for one in [*asked, sends(http, headers, "A01")]] == [404] * 3
    browser = world.app.test_client()
    browser.set_cookie("signed_in", both["Authorization"].removeprefix("Bearer "))
    assert "A01" not in browser.get("/desk/agreements").text
    assert "A02" in browser.get("/desk/agreements").text
    pages = ("/desk/agreements/A01", "/desk/agreement-papers/A01-1")
    assert [browser.get(path).status_code for path in pages] == [404] * 2
    # The contract of his own, and none of somebody else's.
    assert browser.get("/desk/agreements/A02/versions/1.pdf").mimetype == "application/pdf"
    for none in (2**15 - 1, 2**15, 10**20 - 1):
        assert browser.get(f"/desk/agreements/A02/versions/{none}.pdf").status_code == 404


def test_a_paper_is_neither_changed_nor_lost_nor_forged_at_the_database(world: World) -> None:
    before = contents(world.app)
    for sql, why in (
        ("UPDATE agreement_papers SET title = '别的'", "append-only"), ("DELETE FROM agreement_papers", "append-only"),
        ("INSERT INTO agreement_papers (agreement_id, code, kind, title, media_type, content, size_bytes, sha256,"
         " sent_sha256, side, uploaded_at) SELECT agreement_id, code || '9', 'other', title, media_type, '\\x00', 1,"
         " sha256, sent_sha256, side, uploaded_at FROM agreement_papers", "hash_fits"),
    ):  # fmt: skip
        with world.app.app_context(), pytest.raises(DBAPIError, match=why), transaction() as session:
            session.execute(text(sql))
    assert contents(world.app) == before


def test_force_majeure_is_told_with_a_proof_of_one_s_own_or_the_county_s(world: World, http: FlaskClient) -> None:
    firm, buyer = world.headers["firm_staff"], world.headers["buyer"]
    mine = sends(http, firm, "A01", title="气象证明").get_json()
    scan = sends(http, firm, "A01", kind="signed_scan").get_json()["code"]
    theirs = sends(http, buyer, "A01").get_json()["code"]
    notice: dict[str, Any] = {"from_day": "2025-07-10", "to_day": "2025-07-12", "reason": "冰雹"}
    before = contents(world.app)
    for paper in ("A01-99", "A02-1", scan, theirs):
        refused = http.post(NOTICES, json=notice | {"paper": paper}, headers=firm)
        assert (refused.status_code, refused.get_json()["type"].rpartition("#")[2]) == (409, "no-proof"), paper
    assert http.post(NOTICES, json=notice, headers=firm).status_code == 422
    assert contents(world.app) == before
    for paper in (mine["code"], "A01-1"):
        told = http.post(NOTICES, json=notice | {"paper": paper}, headers=firm)
        assert told.status_code == 201, told.text
        same = http.post(NOTICES, json=notice | {"paper": "A01-1"}, headers=firm)
        assert (same.status_code, same.get_json()["type"].rpartition("#")[2]) == (409, "majeure-told")
        notice["to_day"] = "2025-07-13"
    listed = http.get(NOTICES, headers=buyer).get_json()["items"]
    assert [(one["number"], one["side"], one["paper"]) for one in listed] == [
        (1, "firm", mine["code"]), (2, "firm", "A01-1"),
    ]  # fmt: skip
    assert (listed[0]["proof"], listed[0]["proof_hash"]) == ("气象证明", mine["sha256"])
    assert listed == told.get_json()["items"]
    decision = {"number": 1, "event": "reject", "reason": "证明不足"}
    decided = http.post(f"{NOTICES}-decisions", json=decision, headers=world.headers["operator"])
    assert decided.status_code == 200, decided.text
    again = http.post(NOTICES, json=notice | {"to_day": "2025-07-12", "paper": "A01-1"}, headers=firm)
    assert (again.status_code, len(again.get_json()["items"])) == (201, 3)


def test_on_the_page_of_the_agreement_papers_are_read_and_sent(world: World) -> None:
    browser = world.browser("firm_staff")

    def form(data: bytes, title: str = "承诺达标合格证", **more: str) -> Any:
        fields = {"kind": "inspection", "title": title, "file": (BytesIO(data), "a.png")}
        return browser.post("/desk/agreements/A01/papers", data=fields, headers=more)

    assert "A02" not in browser.get("/desk/agreements").text
    before = contents(world.app)
    for refused, told in ((form(b"<html>"), "只收不超过 8 MB"), (form(png(), ""), "请选择类别")):
        assert refused.status_code == 422
        assert told in refused.text
    assert form(png(), **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert contents(world.app) == before
    sent = form(png())
    assert (sent.status_code, sent.headers["Location"]) == (303, "/desk/agreements/A01")
    told = world.app.test_client().post(
        NOTICES, json={"from_day": "2025-07-10", "to_day": "2025-07-12", "reason": "冰雹", "paper": "A01-1"},
        headers=world.headers["firm_staff"],
    )  # fmt: skip
    assert told.status_code == 201
    page = browser.get("/desk/agreements/A01").text
    for words in (
        "采购协议 A01",
        "检验检测报告",
        "承诺达标合格证",
        sha256(png()),
        "灾情证明（示例）",
        "县里",
        "待认定",
    ):
        assert words in page
    assert page.count('href="/desk/agreement-papers/A01-1"') == 2
    got = browser.get("/desk/agreement-papers/A01-2")
    assert (got.content_type, got.data) == (PNG, png())
    assert got.headers["Content-Disposition"].startswith("attachment")
