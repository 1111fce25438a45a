"""Agreements over HTTP: record what was signed and what markets quote, and read where each promise stands.

Calling off places an order and is therefore in the room of orders, and so is one agreement with its orders. Signing may
make a deposit whole and is in the room of payments.
"""

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app
from flask_smorest import Blueprint
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Owned, Role, allow, current_actor, must_own
from shop.agreements import errors, majeure, papers, queries, schemas, signing
from shop.agreements.amending import kept_by
from shop.agreements.carrying import in_force, replaced_by_next, whole_line, whole_terms
from shop.agreements.draft_files import BadCell, blamed, filled_in, template, unknown
from shop.agreements.models import MAX_PAPER, RUNNING, Agreement, AgreementPaper, MarketQuote
from shop.agreements.owners import hand_of, locked_agreement
from shop.agreements.quote_files import QuoteFile, take_in
from shop.agreements.quotes import Quoted, per_kg, record_quote
from shop.agreements.renewing import campaign_on
from shop.agreements.schedule import schedule_of
from shop.agreements.terms import NOTHING_KEPT, Kept, LineTerms, Terms, committed_g
from shop.catalog.actions import firm_by_code, product_by_sku
from shop.catalog.models import Firm, Product
from shop.channels.actions import partner_by_code
from shop.channels.errors import CodeTaken, NoCampaign
from shop.channels.models import Partner
from shop.kit.clock import beijing_day
from shop.kit.db import db, release, transaction
from shop.kit.errors import DomainError, MoveRefusedError, NotFoundError
from shop.kit.http import accepts_upload, also_as, documented, file_response, language, now, one_file
from shop.kit.scans import ENDINGS
from shop.kit.schemas import PageQuery, cursor_key, page
from shop.kit.tables import XLSX_TYPE

blueprint = Blueprint("agreements", __name__, url_prefix="/api/v1", description="采购协议 · Purchase agreements")

READERS = queries.READERS

MAX_FILE = 2 * 1024 * 1024
#: Errors listed in one answer; the rest is counted.
MAX_LISTED = 500


def _file_body(example: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema, "example": {"file": example}}}}


@blueprint.route("/agreements", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.AgreementFilter, location="query")
@blueprint.response(200, schemas.AgreementPage)
def list_agreements(query: dict[str, Any]) -> dict[str, object]:
    """协议列表 · Agreements that concern you, newest first."""
    wanted = []
    before = cursor_key(query["cursor"])
    if before is not None:
        wanted.append(Agreement.id < before)
    if query["status"]:
        wanted.append(Agreement.status == query["status"])
    if query["firm"]:
        wanted.append(Firm.code == query["firm"])
    if query["partner"]:
        wanted.append(Partner.code == query["partner"])
    rows = queries.agreements(db.session(), current_actor(), *wanted, limit=query["limit"] + 1, day=beijing_day(now()))
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


_LINE = {"sku": "PL001", "committed_g": 5_000_000, "floor_fen_per_kg": 520, "price_rule": "FLOOR_OR_MARKET"}
_TERMS = {
    "starts_on": "2025-07-16", "ends_on": "2025-12-31", "deposit_bp": 1_000, "penalty_bp": 500, "tolerance_bp": 500,
    "payment_term_days": 30, "schedule": "weekly:1,4", "lines": [_LINE],
}  # fmt: skip
DRAFTING = [
    NotFoundError, CodeTaken, NoCampaign, errors.NotABulkBuyer, errors.NotTheSellers, errors.TermsRefused,
    errors.NeverDue,
]  # fmt: skip


def _terms(
    session: Session, body: dict[str, Any], kept: Mapping[str, Kept] | None = None, before: Terms | None = None
) -> Terms:
    """The terms of a request: a weight for each date gives the one for the whole term. Raises NotFoundError.

    `kept`: of an amendment, what stays of each product. `before`: what is left out stands as in these terms.
    """
    lines = []
    for asked in body["lines"]:
        line = whole_line(asked, before)
        if asked["per_date_g"] is not None:
            product = product_by_sku(session, asked["sku"])
            schedule = schedule_of(line.get("schedule"), body["schedule"])
            stays = kept.get(asked["sku"], Kept(beijing_day(now()))) if kept is not None else NOTHING_KEPT
            line["committed_g"] = committed_g(
                product, schedule, body["starts_on"], body["ends_on"], asked["per_date_g"], stays
            )
        if line["minimum_g"] is None:
            line["minimum_g"] = line["committed_g"]
        lines.append(LineTerms(**line))
    whole = whole_terms(body, before)
    names = [name for name in Terms.__dataclass_fields__ if name != "lines"]
    return Terms(**{name: whole[name] for name in names}, lines=tuple(lines))


@blueprint.route("/agreements", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.SignedAgreement)
@blueprint.response(201, schemas.AgreementDetail)
@documented(
    errors=[*DRAFTING, errors.SignedTooLate],
    example={"code": "A90", "partner": "B01", "firm": "F01", "signed_on": "2025-07-15", **_TERMS},
)
def record_signed(body: dict[str, Any]) -> dict[str, Any]:
    """登记协议 · Record an agreement that both sides signed on paper; what is due when follows from its schedule."""
    with transaction() as session:
        actor = current_actor()
        partner, firm = partner_by_code(session, body["partner"]), firm_by_code(session, body["firm"])
        campaign_id = campaign_on(session, body["starts_on"])
        signing.record_signed(
            session, body["code"], partner, firm, campaign_id, _terms(session, body),
            signed_on=body["signed_on"], actor_id=actor.person_id, now=now(),
        )  # fmt: skip
        return queries.agreement(session, actor, body["code"], beijing_day(now()))


@blueprint.route("/agreements/drafts", methods=["POST"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@blueprint.arguments(schemas.DraftAsked)
@blueprint.response(201, schemas.VersionList)
@documented(
    errors=[*DRAFTING, errors.NotOnSale, errors.NotRenewable],
    example={"code": "A91", "partner": "B01", "firm": "F01", **_TERMS},
)
def draft(body: dict[str, Any]) -> dict[str, Any]:
    """起草协议 · Draft an agreement: version 1, to be negotiated in versions and signed by both sides."""
    with transaction() as session:
        return _drafted(session, body)


def _drafted(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Draft what the form asks for, as the side that speaks. Raises NotFoundError and what `draft` does."""
    actor = current_actor()
    # The other side first: one's own then answers alike whether it is missing or somebody else's.
    if actor.has(Role.FIRM_STAFF):
        partner, firm = partner_by_code(session, body["partner"]), firm_by_code(session, body["firm"])
    else:
        firm, partner = firm_by_code(session, body["firm"]), partner_by_code(session, body["partner"])
    owners: dict[Role, Owned] = {
        Role.BUYER: partner.party_id, Role.FIRM_STAFF: firm.party_id, Role.OPERATOR: ALL,
    }  # fmt: skip
    what = body["firm"] if actor.has(Role.FIRM_STAFF) else body["partner"]
    must_own(actor, owners, what=what)
    renews = queries.seen(session, actor, body["renews"]) if body["renews"] is not None else None
    before = in_force(session, renews) if renews is not None else None
    signing.draft(
        session, body["code"], partner, firm, campaign_on(session, body["starts_on"]),
        _terms(session, body, before=before), by=hand_of(owners), renews=renews, note=body["note"],
    )  # fmt: skip
    return {"items": queries.versions(session, actor, body["code"])}


@blueprint.route("/agreements/drafts/template.xlsx", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@blueprint.doc(**also_as(XLSX_TYPE))
@documented()
def download_template() -> Response:
    """协议表模板 · The workbook to fill in: terms, products, and what may stand in each column."""
    return file_response(template(), XLSX_TYPE, "采购协议模板")


@blueprint.route("/agreements/drafts/imports", methods=["POST"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@accepts_upload(MAX_FILE)
@blueprint.response(201, schemas.VersionList)
@blueprint.doc(requestBody=_file_body("采购协议.xlsx"))
@documented(errors=[NotFoundError, CodeTaken, errors.DraftRefused])
def import_draft() -> dict[str, Any]:
    """导入协议表 · Draft an agreement from the filled workbook: the same draft as by the form, or no draft at all."""
    filled = filled_in(one_file()[1])
    if filled.bad:
        raise _refused_draft(filled.bad)
    with transaction() as session:
        bad = unknown(session, filled, current_actor())
        if bad:
            raise _refused_draft(bad)
        try:
            return _drafted(session, filled.body)
        except DomainError as refusal:
            cell = blamed(refusal, filled)
            if cell is None:
                raise
            raise _refused_draft([cell]) from None


def _refused_draft(bad: list[BadCell]) -> errors.DraftRefused:
    zh = language() == "zh"
    rows = [
        {"sheet": cell.sheet, "line": cell.line, "column": cell.column, "reason": cell.zh if zh else cell.en}
        for cell in bad[:MAX_LISTED]
    ]
    return errors.DraftRefused(errors_total=len(bad), rows=rows)


@blueprint.route("/agreements/<string:code>/versions", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.VersionList)
@documented(errors=[NotFoundError])
def list_versions(code: str) -> dict[str, Any]:
    """协议文本 · All versions of the terms, the youngest first, with their hashes and signatures."""
    return {"items": queries.versions(db.session(), current_actor(), code)}


@blueprint.route("/agreements/<string:code>/contract", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.ContractFilter, location="query")
@blueprint.alt_response(
    200, success=True, content_type="application/pdf", schema={"type": "string", "format": "binary"}
)
@documented(errors=[NotFoundError, errors.NoSuchVersion])
def show_contract(query: dict[str, Any], code: str) -> Response:
    """合同文本 · The contract of a version as PDF, in Chinese, with its hash and who signed it."""
    return contract_response(code, query["version"])


def contract_response(code: str, version: int | None) -> Response:
    """The contract as a PDF to be read. Raises NotFoundError."""
    from shop.agreements.contract_pdf import contract_pdf

    found = queries.contract(db.session(), current_actor(), code, version)
    release()
    response = Response(contract_pdf(found), content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{found.document_hash[:16]}-v{found.number}.pdf"'
    return response


@blueprint.route("/agreements/<string:code>/versions", methods=["POST"])
@allow(Role.OPERATOR, Role.FIRM_STAFF, Role.BUYER)
@blueprint.arguments(schemas.NextVersionAsked)
@blueprint.response(201, schemas.VersionList)
@documented(
    errors=[
        NotFoundError,
        errors.AgreementNotRunning,
        errors.NotTheSellers,
        errors.NotOnSale,
        errors.TermsRefused,
        errors.NeverDue,
        errors.AmendmentRefused,
        errors.DaysPassed,
        errors.VersionSame,
        errors.VersionStale,
        errors.NotRenewable,
        NoCampaign,
    ],
    example={**_TERMS, "starts_on": "2025-07-01", "note": "数量增加至 5 吨", "made_from": 1},
)
def propose(body: dict[str, Any], code: str) -> dict[str, Any]:
    """提出新文本 · Put other terms: the next version of a draft, or an amendment (补充协议) of a signed agreement."""
    with transaction() as session:
        agreement, hand = locked_agreement(code, Role.BUYER, Role.FIRM_STAFF, Role.OPERATOR)
        kept = kept_by(session, agreement, beijing_day(hand.now)) if agreement.status in RUNNING else None
        terms = _terms(session, body, kept, replaced_by_next(session, agreement))
        signing.propose(session, agreement, terms, by=hand, note=body["note"], made_from=body["made_from"])
        return {"items": queries.versions(session, current_actor(), code)}


@blueprint.route("/agreements/<string:code>/force-majeure", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.BUYER)
@blueprint.arguments(schemas.MajeureAsked)
@blueprint.response(201, schemas.MajeureList)
@documented(
    errors=[NotFoundError, errors.AgreementNotRunning, errors.OutsideTerm, errors.NoProof, errors.MajeureTold],
    example={"from_day": "2025-07-10", "to_day": "2025-07-20", "reason": "冰雹", "paper": "A01-1"},
)  # fmt: skip
def tell_majeure(body: dict[str, Any], code: str) -> dict[str, Any]:
    """不可抗力通知 · Tell what you could not help, naming the paper that proves it; the county decides."""
    with transaction() as session:
        agreement, hand = locked_agreement(code, Role.BUYER, Role.FIRM_STAFF)
        majeure.tell(session, agreement, majeure.Event(**body), by=hand)
        return {"items": queries.majeures(session, agreement.id)}


@blueprint.route("/agreements/<string:code>/force-majeure", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.MajeureList)
@documented(errors=[NotFoundError])
def list_majeures(code: str) -> dict[str, Any]:
    """不可抗力记录 · Notices of force majeure, and what the county decided."""
    session = db.session()
    found = queries.agreement(session, current_actor(), code, beijing_day(now()))
    return {"items": queries.majeures(session, found["id"])}


@blueprint.route("/agreements/<string:code>/force-majeure-decisions", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.MajeureDecision)
@blueprint.response(200, schemas.MajeureList)
@documented(
    errors=[NotFoundError, errors.NoSuchNotice, MoveRefusedError],
    example={"number": 1, "event": "recognise", "reason": "证明属实"},
)
def decide_majeure(body: dict[str, Any], code: str) -> dict[str, Any]:
    """认定不可抗力 · The county recognises or rejects a notice, with its reason."""
    with transaction() as session:
        agreement, hand = locked_agreement(code, Role.OPERATOR)
        majeure.decide(
            session, agreement, body["number"], body["event"], actor_id=hand.person_id, now=hand.now,
            reason=body["reason"],
        )  # fmt: skip
        return {"items": queries.majeures(session, agreement.id)}


@blueprint.route("/agreements/<string:code>/papers", methods=["POST"])
@allow(*papers.READERS)
@accepts_upload(MAX_PAPER + 64 * 1024)
@blueprint.arguments(schemas.PaperQuery, location="query")
@blueprint.response(201, schemas.PaperOut)
@blueprint.doc(requestBody=_file_body("合同扫描件.pdf"))
@documented(errors=[NotFoundError, errors.PaperRefused, errors.PaperKept, errors.TooManyPapers])
def add_paper(query: dict[str, Any], code: str) -> AgreementPaper:
    """上传协议文件 · Add a paper to an agreement: PDF, JPEG or PNG; the same file again is the same paper."""
    with transaction() as session:
        agreement, hand = locked_agreement(code, *papers.READERS)
        return papers.add_paper(session, agreement, papers.Sent(**query, data=one_file()[1]), by=hand)


@blueprint.route("/agreements/<string:code>/papers", methods=["GET"])
@allow(*papers.READERS)
@blueprint.response(200, schemas.PaperList)
@documented(errors=[NotFoundError])
def list_papers(code: str) -> dict[str, Any]:
    """协议文件 · The papers of an agreement: what each is, who sent it when, its hash."""
    return {"items": papers.papers_of(db.session(), current_actor(), code)}


@blueprint.route("/agreement-papers/<string:code>", methods=["GET"])
@allow(*papers.READERS)
@blueprint.doc(**also_as(*ENDINGS))
@documented(errors=[NotFoundError])
def download_paper(code: str) -> Response:
    """下载协议文件 · One paper, byte for byte what its hash is of."""
    return paper_response(papers.content_of(db.session(), current_actor(), code))


def paper_response(paper: AgreementPaper) -> Response:
    """A paper to be kept: never run or shown by the browser as a part of our pages."""
    response = file_response(paper.content, paper.media_type, f"{paper.code}-{paper.title}")
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@blueprint.route("/agreement-reminders", methods=["GET"])
@allow(*READERS)
@blueprint.response(200, schemas.ReminderList)
def list_reminders() -> dict[str, Any]:
    """到期提醒 · Reminders, 60 and 30 days before the end, of agreements that concern you."""
    return {"items": queries.reminders(db.session(), current_actor())}


@blueprint.route("/market-quotes", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.QuoteAsked)
@blueprint.response(201, schemas.QuoteOut)
@documented(
    errors=[NotFoundError, errors.QuoteAhead, errors.QuoteExists, errors.QuoteMissing, errors.QuoteSame],
    example={
        "sku": "PL001", "quoted_on": "2025-07-15", "source": "农业农村部行情（示例）",
        "market": "运城果品批发市场（示例）", "grade": "一级", "per": "斤", "price_fen": 280,
    },
)  # fmt: skip
def quote(body: dict[str, Any]) -> dict[str, Any]:
    """市场行情 · Record a market price, or with a reason its correction; no price that was fixed before moves."""
    with transaction() as session:
        said = Quoted(
            product_by_sku(session, body["sku"]).id, body["quoted_on"], body["source"], body["market"],
            per_kg(body["price_fen"], body["per"]), body["grade"],
        )  # fmt: skip
        actor_id = current_actor().person_id
        made = record_quote(session, said, actor_id=actor_id, now=now(), correction=body["reason"])
        return queries.quotes(session, MarketQuote.id == made.id, limit=1)[0]


@blueprint.route("/market-quotes/imports", methods=["POST"])
@allow(Role.OPERATOR)
@accepts_upload(MAX_FILE)
@blueprint.response(200, schemas.QuotesTaken)
@blueprint.doc(requestBody=_file_body("行情.csv"))
@documented(errors=[errors.QuotesRefused], answer={"new": 12, "unchanged": 3, "corrected": 1})
def import_quotes() -> dict[str, int]:
    """导入行情 · Take a CSV or XLSX file of quotes: all of it or nothing; sent again it changes nothing."""
    _, data = one_file()
    with transaction() as session:
        taken = take_in(session, QuoteFile(data), actor_id=current_actor().person_id, now=now())
        if taken.problems:
            zh = language() == "zh"
            rows = [{"line": problem.line, "reason": problem.zh if zh else problem.en} for problem in taken.problems]
            raise errors.QuotesRefused(errors_total=len(rows), rows=rows[:MAX_LISTED])
        return {"new": taken.new, "unchanged": taken.unchanged, "corrected": taken.corrected}


@blueprint.route("/market-quotes/files", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, schemas.QuoteFilePage)
def list_quote_files(query: dict[str, Any]) -> dict[str, object]:
    """行情文件 · Files that the job took in from the inbox, each once, and the rows that it left out."""
    settings = current_app.extensions["settings"]
    before = cursor_key(query["cursor"])
    rows = queries.quote_files(db.session(), limit=query["limit"] + 1, before=before)
    shown = page(rows, query["limit"], key=lambda row: int(row["id"]))
    return shown | {"inbox_set": settings.quotes_inbox is not None, "sources": list(settings.quotes_sources)}


@blueprint.route("/market-quotes", methods=["GET"])
@allow(*READERS)
@blueprint.arguments(schemas.QuoteFilter, location="query")
@blueprint.response(200, schemas.QuotePage)
def list_quotes(query: dict[str, Any]) -> dict[str, object]:
    """行情记录 · Market quotes and their corrections, the last recorded first."""
    named = {"sku": Product.sku, "source": MarketQuote.source}
    wanted = [column == query[name] for name, column in named.items() if query[name]]
    if query["since"]:
        wanted.append(MarketQuote.quoted_on >= query["since"])
    if query["until"]:
        wanted.append(MarketQuote.quoted_on <= query["until"])
    before = cursor_key(query["cursor"])
    rows = queries.quotes(db.session(), *wanted, limit=query["limit"] + 1, before=before)
    return page(rows, query["limit"], key=lambda row: int(row["id"]))
