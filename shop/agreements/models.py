"""Tables of agreements, their lines, quotes and call-offs. Weights in grams, prices in fen per kg."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shop.channels.models import OccasionKind, PartnerKind
from shop.farmers.models import Grade
from shop.kit.db import Model, one_of
from shop.kit.types import Bp, Code, Fen, Grams, Id, Instant, Json, Name, Prose, Ref, Small


class AgreementStatus(StrEnum):
    """Life of an agreement."""

    DRAFT = "draft"
    WITHDRAWN = "withdrawn"
    SIGNED = "signed"
    DEPOSIT_PAID = "deposit_paid"
    EXECUTING = "executing"
    FULFILLED = "fulfilled"
    SHORT = "short"
    TERMINATED = "terminated"
    RENEWED = "renewed"


#: Signed and not ended.
RUNNING = (AgreementStatus.SIGNED, AgreementStatus.DEPOSIT_PAID, AgreementStatus.EXECUTING)
#: Never signed.
UNSIGNED = (AgreementStatus.DRAFT, AgreementStatus.WITHDRAWN)


class Side(StrEnum):
    """Who speaks: one of the two who sign, or the county that records what they signed on paper."""

    BUYER = "buyer"
    FIRM = "firm"
    COUNTY = "county"


#: Who signs an agreement.
SIGNERS = (Side.BUYER, Side.FIRM)


class PriceRule(StrEnum):
    """How the day's price follows from floor and market."""

    FIXED = "FIXED"
    FLOOR_OR_MARKET = "FLOOR_OR_MARKET"
    MARKET_PLUS = "MARKET_PLUS"


class CallOffStatus(StrEnum):
    """Life of a call-off; what was delivered and accepted stands on its order."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class MajeureStatus(StrEnum):
    """Life of a notice of force majeure: told by a side, then recognised or rejected by the county."""

    TOLD = "told"
    RECOGNISED = "recognised"
    REJECTED = "rejected"


class Agreement(Model):
    """A long-term purchase agreement between a buyer and a firm, both days of the term included.

    The terms are those of the version in force (`version_id`); a trigger refuses any other change of a signed term.
    Deposit (定金) at most 20 % of the contract value (Civil Code art. 586). `penalty_bp` is the firm's rate,
    `buyer_penalty_bp` the buyer's. `schedule` is kept as written: daily, weekly:d,d (1 = Monday), monthly:d,d,
    once:date. `renews_id`: the agreement that this one follows. `ended_on`: the day on which it ended, until it runs
    again; nothing of its schedule falls due after it (`FALLS_DUE`).
    """

    __tablename__ = "agreements"
    __table_args__ = (
        one_of("status", AgreementStatus),
        ForeignKeyConstraint(["occasion_id", "occasion_kind"], ["occasions.id", "occasions.kind"]),
        ForeignKeyConstraint(["occasion_id", "partner_id"], ["occasions.id", "occasions.partner_id"]),
        ForeignKeyConstraint(["partner_id", "partner_kind"], ["partners.id", "partners.kind"]),
        CheckConstraint("occasion_kind = 'agreement' AND partner_kind = 'enterprise'", name="kinds_fit"),
        CheckConstraint("ends_on >= starts_on", name="term_ordered"),
        CheckConstraint("deposit_bp BETWEEN 0 AND 2000", name="deposit_lawful"),
        CheckConstraint("penalty_bp BETWEEN 0 AND 3000", name="penalty_in_range"),
        CheckConstraint("buyer_penalty_bp BETWEEN 0 AND 3000", name="buyer_penalty_in_range"),
        CheckConstraint("tolerance_bp BETWEEN 0 AND 2000", name="tolerance_in_range"),
        CheckConstraint("payment_term_days BETWEEN 0 AND 60", name="term_lawful"),
        CheckConstraint("status NOT IN ('draft', 'withdrawn') OR signed_on IS NULL", name="drafts_unsigned"),
        CheckConstraint(
            "ended_on IS NULL OR status NOT IN ('draft', 'signed', 'deposit_paid', 'executing')",
            name="what_runs_has_not_ended",
        ),
        ForeignKeyConstraint(
            ["version_id", "id"], ["agreement_versions.id", "agreement_versions.agreement_id"], use_alter=True
        ),
        UniqueConstraint("occasion_id"),
        Index(None, "partner_id"),
        Index(None, "firm_id"),
        Index(None, "renews_id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    status: Mapped[AgreementStatus]
    occasion_id: Mapped[Ref]
    occasion_kind: Mapped[OccasionKind]
    partner_id: Mapped[Ref]
    partner_kind: Mapped[PartnerKind]
    firm_id: Mapped[Ref] = mapped_column(ForeignKey("firms.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    signed_on: Mapped[date | None]
    deposit_bp: Mapped[Bp]
    penalty_bp: Mapped[Bp]
    buyer_penalty_bp: Mapped[Bp] = mapped_column(server_default="0")
    tolerance_bp: Mapped[Bp] = mapped_column(server_default="0")
    payment_term_days: Mapped[Small]
    schedule: Mapped[Name]
    version_id: Mapped[Ref | None]
    renews_id: Mapped[Ref | None] = mapped_column(ForeignKey("agreements.id"))
    ended_on: Mapped[date | None]


class AgreementVersion(Model):
    """The whole terms as one side put them: never changed, only followed by the next version. Append-only.

    `document_hash`: SHA-256, in hexadecimal, of the terms as `terms.document` writes them.
    """

    __tablename__ = "agreement_versions"
    __table_args__ = (
        one_of("proposed_by", Side),
        UniqueConstraint("agreement_id", "number"),
        UniqueConstraint("id", "agreement_id"),
        UniqueConstraint("id", "document_hash"),
        CheckConstraint("number > 0", name="number_counted"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    number: Mapped[Small]
    terms: Mapped[Json]
    document_hash: Mapped[str] = mapped_column(String(64))
    proposed_by: Mapped[Side]
    proposed_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    proposed_at: Mapped[Instant]
    note: Mapped[Prose | None]


class AgreementSignature(Model):
    """One side's consent to one document: who and when. Append-only; another document's hash is impossible.

    `on_paper`: recorded by the county from the signed paper; `person_id` is then who recorded it.
    """

    __tablename__ = "agreement_signatures"
    __table_args__ = (
        CheckConstraint("side IN ('buyer', 'firm')", name="side_known"),
        ForeignKeyConstraint(
            ["version_id", "document_hash"], ["agreement_versions.id", "agreement_versions.document_hash"]
        ),
    )

    version_id: Mapped[Ref] = mapped_column(primary_key=True)
    side: Mapped[Side] = mapped_column(primary_key=True)
    document_hash: Mapped[str] = mapped_column(String(64))
    person_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    signed_at: Mapped[Instant]
    on_paper: Mapped[bool]


class AgreementReminder(Model):
    """Both sides were reminded, once, that the agreement ends in `days_before` days or fewer. Append-only."""

    __tablename__ = "agreement_reminders"
    __table_args__ = (CheckConstraint("days_before > 0", name="before_the_end"),)

    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"), primary_key=True)
    ends_on: Mapped[date] = mapped_column(primary_key=True)
    days_before: Mapped[Small] = mapped_column(primary_key=True)
    reminded_at: Mapped[Instant]


class AgreementLine(Model):
    """What is promised of one product over the whole term, and at what price.

    `floor_fen_per_kg`: for FIXED it is the price. `margin_bp`: MARKET_PLUS only. `minimum_g` in total and
    `minimum_date_g` on each day of the schedule are what the buyer commits to take. `special_bp`, `second_bp`,
    `off_bp`: price of a grade in parts of 一级; 0 = not taken. `quote_source`: whose market quotes count; empty: any.
    `schedule`: its own, as written; None: that of the agreement. `on_paper_g`: of the whole, what fell due before an
    agreement signed on paper was recorded here: it was called on paper, and has no days in `due_weights`.
    """

    __tablename__ = "agreement_lines"
    __table_args__ = (
        one_of("price_rule", PriceRule),
        UniqueConstraint("agreement_id", "product_id"),
        CheckConstraint("committed_g >= 0 AND floor_fen_per_kg > 0", name="promises_something"),
        CheckConstraint(
            "minimum_g BETWEEN 0 AND committed_g AND minimum_date_g BETWEEN 0 AND committed_g", name="minimum_within"
        ),
        CheckConstraint("farm_gate_floor_fen_per_kg >= 0", name="farm_gate_not_negative"),
        CheckConstraint(
            "special_bp BETWEEN 10000 AND 20000 AND second_bp BETWEEN 0 AND 10000 AND off_bp BETWEEN 0 AND 10000",
            name="grades_in_range",
        ),
        CheckConstraint("margin_bp >= 0 AND (margin_bp = 0 OR price_rule = 'MARKET_PLUS')", name="margin_fits_rule"),
        CheckConstraint("schedule <> ''", name="schedule_written"),
        CheckConstraint("on_paper_g BETWEEN 0 AND committed_g", name="on_paper_within"),
        Index(None, "product_id"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    committed_g: Mapped[Grams]
    floor_fen_per_kg: Mapped[Fen]
    price_rule: Mapped[PriceRule]
    margin_bp: Mapped[Bp] = mapped_column(server_default="0")
    minimum_g: Mapped[Grams] = mapped_column(server_default="0")
    minimum_date_g: Mapped[Grams] = mapped_column(server_default="0")
    farm_gate_floor_fen_per_kg: Mapped[Fen] = mapped_column(server_default="0")
    special_bp: Mapped[Bp] = mapped_column(server_default="11500")
    second_bp: Mapped[Bp] = mapped_column(server_default="8500")
    off_bp: Mapped[Bp] = mapped_column(server_default="6000")
    quote_source: Mapped[Name] = mapped_column(server_default="")
    schedule: Mapped[Name | None]
    on_paper_g: Mapped[Grams] = mapped_column(server_default="0")
    version_id: Mapped[Ref | None] = mapped_column(ForeignKey("agreement_versions.id"))

    @property
    def here_g(self) -> int:
        """Grams of the promise that are called here, if all is: without what was called on paper."""
        return self.committed_g - self.on_paper_g


class MarketQuote(Model):
    """The price of a product of a grade in a market on a day, from a named source. Append-only.

    `position` 2 and above correct what the same source said of that day before, with a reason; the last one counts for
    prices that are fixed after it.
    """

    __tablename__ = "market_quotes"
    __table_args__ = (
        UniqueConstraint(
            "product_id", "quoted_on", "source", "market", "grade", "position", name="uq_market_quotes_said"
        ),
        one_of("grade", Grade),
        CheckConstraint("fen_per_kg > 0", name="price_positive"),
        CheckConstraint("position > 0 AND (position > 1) = (reason IS NOT NULL)", name="corrected_with_reason"),
    )

    id: Mapped[Id]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("products.id"))
    quoted_on: Mapped[date]
    source: Mapped[Name]
    market: Mapped[Name] = mapped_column(server_default="")
    grade: Mapped[Grade] = mapped_column(server_default=Grade.FIRST.value)
    position: Mapped[Small] = mapped_column(server_default="1")
    fen_per_kg: Mapped[Fen]
    recorded_at: Mapped[Instant]
    recorded_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    reason: Mapped[Prose | None]


class QuoteFileTaken(Model):
    """A file of quotes that was found in the inbox and taken in, known by its SHA-256 (hexadecimal). Append-only.

    `modified_at`, `size_bytes`: as the folder showed it, so that it need not be read again. `bad_rows`: how many rows
    were left out; `bad`: the first of them, each with its line and the reason in both languages.
    """

    __tablename__ = "quote_files"
    __table_args__ = (
        CheckConstraint("size_bytes >= 0 AND bad_rows >= 0", name="counted"),
        CheckConstraint("new_quotes >= 0 AND unchanged >= 0 AND corrected >= 0", name="quotes_counted"),
        Index(None, "name"),
    )

    id: Mapped[Id]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[Name]
    size_bytes: Mapped[int]
    modified_at: Mapped[Instant]
    taken_at: Mapped[Instant]
    new_quotes: Mapped[int]
    unchanged: Mapped[int]
    corrected: Mapped[int]
    bad_rows: Mapped[int]
    bad: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class DueWeight(Model):
    """What the schedule asks of a line on a day: written when the agreement is signed, later days anew by an amendment.

    The days of the schedule that fall in the product's harvest window (prolonged by its shelf life) share the committed
    weight by largest remainder, so they add up to it exactly, with what fell due on paper before (`on_paper_g`).
    """

    __tablename__ = "due_weights"
    __table_args__ = (CheckConstraint("weight_g >= 0", name="not_negative"),)

    line_id: Mapped[Ref] = mapped_column(ForeignKey("agreement_lines.id"), primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    weight_g: Mapped[Grams]


#: Whether a day in `due_weights`, of one of `agreements`, falls due, in SQL: after its end what was called and stands.
FALLS_DUE = """(
    ended_on IS NULL OR due_weights.due_on <= ended_on OR EXISTS (
        SELECT FROM call_offs AS called WHERE called.line_id = due_weights.line_id
            AND called.schedule_day = due_weights.due_on AND called.status <> 'cancelled')
)"""


class AgreementReopening(Model):
    """One side asked that an ended agreement run again; it did so when the other consented, by `until`.

    `ended_at`, `ended_as`: the end that is taken back; for each end there is one. Which word was the first is what was
    written first, not what the clock said.
    """

    __tablename__ = "agreement_reopenings"
    __table_args__ = (
        one_of("ended_as", AgreementStatus),
        CheckConstraint("asked_by IN ('buyer', 'firm')", name="side_known"),
        CheckConstraint("length(btrim(reason)) > 0", name="has_a_reason"),
        UniqueConstraint("agreement_id", "number"),
        UniqueConstraint("agreement_id", "ended_at"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    number: Mapped[Small]
    ended_at: Mapped[Instant]
    ended_as: Mapped[AgreementStatus]
    until: Mapped[date]
    asked_by: Mapped[Side]
    asked_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    asked_at: Mapped[Instant]
    reason: Mapped[Prose]
    consented_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    consented_at: Mapped[Instant | None]


class MissedDay(Model):
    """A day of the schedule that passed while the agreement was closed: the schedule does not call it any more.

    `weight_g`: what it had asked for; an amendment spreads it anew.
    """

    __tablename__ = "missed_days"
    __table_args__ = (ForeignKeyConstraint(["line_id", "due_on"], ["due_weights.line_id", "due_weights.due_on"]),)

    line_id: Mapped[Ref] = mapped_column(primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    weight_g: Mapped[Grams]
    reopening_id: Mapped[Ref] = mapped_column(ForeignKey("agreement_reopenings.id"))


class CallOff(Model):
    """A quantity called under an agreement line for a day, at the price fixed for that day when it was called.

    `schedule_day`: the day of the schedule that this is the call-off of, once per line and day whatever is rerun;
    `due_on` is another day when it was brought forward or moved. None: called beside the schedule. `cancelled_by`: the
    side that did not want or could not, which decides whose breach it is: after its day the firm. `stands_g`: what it
    takes of the promise, as its order says (checked by check-books): what is still to come, then what was accepted.
    `again_g`: what of it the firm had left open of earlier calls, and is owed by this one now. `version_id`: the terms
    it stands under, those in force when its price was fixed (`in_force.py`); None: recorded before there were versions.
    """

    __tablename__ = "call_offs"
    __table_args__ = (
        one_of("status", CallOffStatus),
        CheckConstraint("weight_g > 0 AND price_fen_per_kg > 0", name="weighed_and_priced"),
        CheckConstraint("stands_g BETWEEN 0 AND weight_g AND (stands_g = 0 OR status <> 'cancelled')", name="stands"),
        CheckConstraint("again_g BETWEEN 0 AND weight_g", name="again"),
        CheckConstraint("cancelled_by IS NULL OR status = 'cancelled'", name="cancelled_by_somebody"),
        one_of("cancelled_by", Side),
        ForeignKeyConstraint(
            ["version_id", "agreement_id"], ["agreement_versions.id", "agreement_versions.agreement_id"]
        ),
        UniqueConstraint("line_id", "schedule_day"),
        Index(None, "agreement_id", "due_on"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    line_id: Mapped[Ref] = mapped_column(ForeignKey("agreement_lines.id"))
    status: Mapped[CallOffStatus]
    due_on: Mapped[date]
    weight_g: Mapped[Grams]
    stands_g: Mapped[Grams]
    again_g: Mapped[Grams]
    price_fen_per_kg: Mapped[Fen]
    version_id: Mapped[Ref | None]
    schedule_day: Mapped[date | None]
    cancelled_by: Mapped[Side | None]
    requested_at: Mapped[Instant]


class PaperKind(StrEnum):
    """What a paper of an agreement is."""

    SIGNED_SCAN = "signed_scan"
    POWER_OF_ATTORNEY = "power_of_attorney"
    LICENCE = "licence"
    INSPECTION = "inspection"
    MAJEURE_PROOF = "majeure_proof"
    OTHER = "other"


#: Bytes of a paper.
MAX_PAPER = 8 * 1024 * 1024


class AgreementPaper(Model):
    """A scan that belongs to an agreement. Append-only.

    `sha256` is that of `content`, which is what is read again; `sent_sha256` that of the file as it was sent: of a
    picture more is sent than is kept. Both in hexadecimal. `side`: who sent it, the county for both.
    """

    __tablename__ = "agreement_papers"
    __table_args__ = (
        one_of("kind", PaperKind),
        one_of("side", Side),
        CheckConstraint("media_type IN ('application/pdf', 'image/jpeg', 'image/png')", name="media_type_known"),
        CheckConstraint(f"octet_length(content) = size_bytes AND size_bytes BETWEEN 1 AND {MAX_PAPER}", name="bounded"),
        CheckConstraint("encode(sha256(content), 'hex') = sha256", name="hash_fits"),
        UniqueConstraint("agreement_id", "sha256", "kind", "side", name="uq_agreement_papers_once"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    code: Mapped[Name] = mapped_column(unique=True)
    kind: Mapped[PaperKind]
    title: Mapped[Name]
    media_type: Mapped[Code]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    sent_sha256: Mapped[str] = mapped_column(String(64))
    side: Mapped[Side]
    uploaded_by_id: Mapped[Ref | None] = mapped_column(ForeignKey("people.id"))
    uploaded_at: Mapped[Instant]


class ForceMajeure(Model):
    """What a side could not help (不可抗力), from its first to its last day, with its proof: a paper and its hash.

    Recognised by the county, what fell due for that side in these days is no breach (Civil Code art. 590).
    """

    __tablename__ = "force_majeures"
    __table_args__ = (
        one_of("status", MajeureStatus),
        CheckConstraint("side IN ('buyer', 'firm')", name="side_known"),
        CheckConstraint("to_day >= from_day", name="days_ordered"),
        CheckConstraint("number > 0", name="number_counted"),
        UniqueConstraint("agreement_id", "number"),
    )

    id: Mapped[Id]
    agreement_id: Mapped[Ref] = mapped_column(ForeignKey("agreements.id"))
    number: Mapped[Small]
    side: Mapped[Side]
    status: Mapped[MajeureStatus]
    from_day: Mapped[date]
    to_day: Mapped[date]
    reason: Mapped[Prose]
    proof: Mapped[Name]
    proof_hash: Mapped[str] = mapped_column(String(64))
    paper_id: Mapped[Ref | None] = mapped_column(ForeignKey("agreement_papers.id"))
    told_at: Mapped[Instant]
