"""Shapes of agreements on the wire. Weights in grams, prices in fen per kg, amounts in fen."""

from datetime import date
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.agreements.models import AgreementStatus, MajeureStatus, PaperKind, PriceRule, Side
from shop.agreements.quotes import QuoteUnit, per_kg
from shop.agreements.schedule import parse, well_written
from shop.farmers.models import Grade
from shop.kit.schemas import (
    MAX_FEN,
    MAX_FEN_PER_KG,
    MAX_GRAMS,
    Code,
    Day,
    PageQuery,
    QueryWhole,
    StrictSchema,
    Text,
    Whole,
    each_once,
)

#: Products of one agreement.
MOST_LINES = 50


class AgreementFilter(PageQuery):
    """Agreements in a status, of a firm or a buyer (codes)."""

    status = fields.Enum(AgreementStatus, by_value=True, load_default=None)
    firm = Code(load_default=None)
    partner = Code(load_default=None)


def a_schedule(written: str) -> None:
    """Raise ValidationError for what is no schedule as contracts write it."""
    try:
        well_written(written)
    except ValueError:
        raise ValidationError("Not a schedule.") from None


def once_within_the_term(data: dict[str, Any], *, last: date) -> None:
    """Raise ValidationError for a single delivery, of the whole or of a line, before the first day or after `last`."""

    def wrong(written: str | None) -> bool:
        day = parse(written).on if written else None
        return day is not None and not data["starts_on"] <= day <= last

    said = {"schedule": ["A single delivery must lie within the term."]}
    told: dict[str, Any] = dict(said) if wrong(data["schedule"]) else {}
    if lines := {place: said for place, line in enumerate(data.get("lines", ())) if wrong(line.get("schedule"))}:
        told["lines"] = lines
    if told:
        raise ValidationError(told)


class PromiseAsked(StrictSchema):
    """A line: grams over the whole term (`committed_g`) or for each day of the schedule (`per_date_g`).

    `minimum_g` and `minimum_date_g`: what the buyer takes at least, in total (null: all) and on each day. For FIXED
    the floor is the price; `margin_bp` for MARKET_PLUS only. In an amendment `per_date_g` is for each day that is left
    and was not called yet; what fell due or was called stays. `special_bp`, `second_bp`, `off_bp`: a grade's price in
    parts of 一级, 0 = not taken. `quote_source`: whose market quotes count; empty: any. `schedule`: its own days,
    written as those of the agreement; null: these. Left out of a first draft: 11500, 8500 and 6000, any source, the
    days of the agreement, all of the weight, else 0; of another, see the terms.
    """

    sku = Code(required=True)
    committed_g = Whole(low=1, high=MAX_GRAMS, load_default=None)
    per_date_g = Whole(low=1, high=MAX_GRAMS // 1_100, load_default=None)
    minimum_g = Whole(low=0, high=MAX_GRAMS, allow_none=True)
    minimum_date_g = Whole(low=0, high=MAX_GRAMS)
    floor_fen_per_kg = Whole(low=1, high=MAX_FEN_PER_KG, required=True)
    price_rule = fields.Enum(PriceRule, by_value=True, required=True)
    margin_bp = Whole(low=0, high=10_000)
    farm_gate_floor_fen_per_kg = Whole(low=0, high=MAX_FEN_PER_KG)
    special_bp = Whole(low=10_000, high=20_000)
    second_bp = Whole(low=0, high=10_000)
    off_bp = Whole(low=0, high=10_000)
    quote_source = Text(low=0)
    schedule = Text(allow_none=True, validate=a_schedule)

    @validates_schema
    def fits(self, data: dict[str, Any], **_: Any) -> None:
        """Only MARKET_PLUS has a margin; one of the two weights is given; minima stay within it, floors in order."""
        if data.get("margin_bp") and data["price_rule"] is not PriceRule.MARKET_PLUS:
            raise ValidationError("Only MARKET_PLUS has a margin.", "margin_bp")
        if (data["committed_g"] is None) == (data["per_date_g"] is None):
            raise ValidationError("Give either committed_g or per_date_g.", "committed_g")
        if data["committed_g"] is not None and (data.get("minimum_g") or 0) > data["committed_g"]:
            raise ValidationError("More than what is committed.", "minimum_g")
        if data.get("minimum_date_g", 0) > (data["per_date_g"] or data["committed_g"]):
            raise ValidationError("More than what is committed.", "minimum_date_g")
        if data.get("farm_gate_floor_fen_per_kg", 0) > data["floor_fen_per_kg"]:
            raise ValidationError("Above the floor price.", "farm_gate_floor_fen_per_kg")


class TermsAsked(StrictSchema):
    """The whole terms. Deposit at most 20 % (Civil Code art. 586), invoices due in 60 days at most.

    What is left out is 0 in a first draft; in another version it stands as in the one that it replaces, in a renewal as
    in the agreement that it renews, so do the terms of each product.

    `penalty_bp` is the firm's rate, `buyer_penalty_bp` the buyer's (null, in a first draft left out: the same).
    `schedule`: `daily`, `weekly:1,4` (1 = Monday), `monthly:5,20` (a day that a month lacks is its last),
    `once:2026-01-20`.
    """

    starts_on = Day(required=True)
    ends_on = Day(required=True)
    deposit_bp = Whole(low=0, high=2_000)
    penalty_bp = Whole(low=0, high=3_000)
    buyer_penalty_bp = Whole(low=0, high=3_000, allow_none=True)
    tolerance_bp = Whole(low=0, high=2_000)
    payment_term_days = Whole(low=0, high=60, required=True)
    schedule = Text(required=True, validate=a_schedule)
    lines = fields.List(fields.Nested(PromiseAsked), required=True, validate=validate.Length(min=1, max=MOST_LINES))

    @validates_schema
    def makes_sense(self, data: dict[str, Any], **_: Any) -> None:
        """The term is in order and three years at most, a single delivery in it, no product is promised twice."""
        if not 0 <= (data["ends_on"] - data["starts_on"]).days <= 3 * 366:
            raise ValidationError("Must lie within three years after the first day.", "ends_on")
        once_within_the_term(data, last=data["ends_on"])
        each_once(data.get("lines", ()), "sku", "lines", "A product is promised twice.")


class VersionAsked(TermsAsked):
    """Other terms than the youngest version, with a word on why."""

    note = Text(high=500, load_default=None)


class NextVersionAsked(VersionAsked):
    """Other terms, and the number of the version that they were made from: refused where another has followed it.

    Left out: whatever is the youngest.
    """

    made_from = Whole(low=1, high=10_000, load_default=None)


class DraftAsked(VersionAsked):
    """A draft between a buyer and a firm; `renews` names the agreement that it follows."""

    code = Code(required=True)
    partner = Code(required=True)
    firm = Code(required=True)
    renews = Code(load_default=None)


class SignedAgreement(TermsAsked):
    """An agreement as both sides signed it on paper."""

    code = Code(required=True)
    partner = Code(required=True)
    firm = Code(required=True)
    signed_on = Day(required=True)


class ContractFilter(StrictSchema):
    """Which version; left out: the one in force, else the youngest."""

    version = QueryWhole(low=1, high=10_000, load_default=None)


class SignatureAsked(StrictSchema):
    """The document that is signed: number of the version, SHA-256 of its terms in hexadecimal."""

    version = Whole(low=1, high=10_000, required=True)
    document_hash = Text(high=64, low=64, required=True)


class EndingAsked(StrictSchema):
    """`withdraw` a draft; `terminate` a running agreement (the county)."""

    event = fields.String(required=True, validate=validate.OneOf(["withdraw", "terminate"]))
    reason = Text(high=500, required=True)


class MajeureAsked(StrictSchema):
    """What a side could not help, from its first to its last day; `paper`: the code of the paper that proves it."""

    from_day = Day(required=True)
    to_day = Day(required=True)
    reason = Text(high=500, required=True)
    paper = Text(required=True)

    @validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        """The days are in order."""
        if data["to_day"] < data["from_day"]:
            raise ValidationError("Must not lie before the first day.", "to_day")


class PaperQuery(StrictSchema):
    """What the paper that is sent is, and what it is called."""

    kind = fields.Enum(PaperKind, by_value=True, required=True)
    title = Text(required=True)


class PaperOut(Schema):
    """A paper: `sha256` of what is kept and read again, `sent_sha256` of the file as it was sent."""

    code = fields.String()
    kind = fields.Enum(PaperKind, by_value=True)
    title = fields.String()
    media_type = fields.String()
    size_bytes = fields.Integer()
    sha256 = fields.String()
    sent_sha256 = fields.String()
    side = fields.Enum(Side, by_value=True)
    uploaded_at = fields.DateTime()


class PaperList(Schema):
    """Papers of an agreement, the first first."""

    items = fields.List(fields.Nested(PaperOut))


class MajeureDecision(StrictSchema):
    """`recognise` or `reject` a notice, and why."""

    number = Whole(low=1, high=10_000, required=True)
    event = fields.String(required=True, validate=validate.OneOf(["recognise", "reject"]))
    reason = Text(high=500, required=True)


class MajeureOut(Schema):
    """A notice of force majeure; `paper`: the code of its proof, none for one told before papers were kept."""

    number = fields.Integer()
    side = fields.Enum(Side, by_value=True)
    status = fields.Enum(MajeureStatus, by_value=True)
    from_day = fields.Date()
    to_day = fields.Date()
    reason = fields.String()
    proof = fields.String()
    proof_hash = fields.String()
    paper = fields.String(allow_none=True)
    told_at = fields.DateTime()
    decided_at = fields.DateTime(allow_none=True)
    decision_reason = fields.String(allow_none=True, metadata={"description": "the county's"})


class MajeureList(Schema):
    """Notices, the oldest first."""

    items = fields.List(fields.Nested(MajeureOut))


class QuoteAsked(StrictSchema):
    """A market price of a day from a named source: `price_fen` per 公斤, 斤 or 吨. With a `reason`: a correction."""

    sku = Code(required=True)
    quoted_on = Day(required=True)
    source = Text(required=True)
    market = Text(required=True)
    grade = fields.Enum(Grade, by_value=True, load_default=Grade.FIRST)
    per = fields.Enum(QuoteUnit, by_value=True, load_default=QuoteUnit.KG)
    price_fen = Whole(low=1, high=MAX_FEN, required=True)
    reason = Text(high=200, load_default=None)

    @validates_schema
    def worth_something(self, data: dict[str, Any], **_: Any) -> None:
        """A price is one fen per kg at least, and no more than a price may be."""
        if not 1 <= per_kg(data["price_fen"], data["per"]) <= MAX_FEN_PER_KG:
            raise ValidationError("Must be 0.01 to 100,000 yuan per kg.", "price_fen")


class QuoteFilter(PageQuery):
    """Quotes of a product, a source, a day and later, until a day."""

    sku = Code(load_default=None)
    source = Text(load_default=None)
    since = Day(load_default=None)
    until = Day(load_default=None)


class QuoteOut(Schema):
    """A quote per kg. `position` above 1: a correction, with its `reason`."""

    sku = fields.String()
    quoted_on = fields.Date()
    source = fields.String()
    market = fields.String()
    grade = fields.String()
    fen_per_kg = fields.Integer()
    position = fields.Integer()
    reason = fields.String(allow_none=True)
    recorded_at = fields.DateTime()


class QuotesTaken(Schema):
    """What a file of quotes brought: new ones, known ones, corrections."""

    new = fields.Integer()
    unchanged = fields.Integer()
    corrected = fields.Integer()


class QuotePage(Schema):
    """A page of quotes, the last recorded first."""

    items = fields.List(fields.Nested(QuoteOut))
    next = fields.String(allow_none=True)


class BadRow(Schema):
    """A row of a file that was left out; line 0: the whole file."""

    line = fields.Integer()
    zh = fields.String()
    en = fields.String()


class QuoteFileOut(Schema):
    """A file of the inbox: its SHA-256, what it brought, and the first rows that were left out (`bad_rows` in all)."""

    name = fields.String()
    sha256 = fields.String()
    size_bytes = fields.Integer()
    taken_at = fields.DateTime()
    new = fields.Integer(attribute="new_quotes")
    unchanged = fields.Integer()
    corrected = fields.Integer()
    bad_rows = fields.Integer()
    bad = fields.List(fields.Nested(BadRow))


class QuoteFilePage(Schema):
    """A page of files, the last taken first; whether an inbox is set, and whose quotes are taken (empty: any)."""

    items = fields.List(fields.Nested(QuoteFileOut))
    next = fields.String(allow_none=True)
    inbox_set = fields.Boolean()
    sources = fields.List(fields.String())


class PromiseOut(Schema):
    """A promise and where it stands today: due by the schedule so far, called and not cancelled, left to call.

    What was refused or not delivered of calls is left again, so called and left may be more than committed.

    `schedule`: its own; null: that of the agreement. `on_paper_g`: of the whole, what fell due on paper before the
    agreement was recorded here; it is neither due nor called here.
    """

    sku = fields.String()
    name_zh = fields.String()
    price_rule = fields.String()
    floor_fen_per_kg = fields.Integer()
    margin_bp = fields.Integer()
    farm_gate_floor_fen_per_kg = fields.Integer()
    special_bp = fields.Integer()
    second_bp = fields.Integer()
    off_bp = fields.Integer()
    quote_source = fields.String()
    schedule = fields.String(allow_none=True)
    minimum_g = fields.Integer()
    minimum_date_g = fields.Integer()
    committed_g = fields.Integer()
    on_paper_g = fields.Integer()
    signed_fen = fields.Integer()
    due_g = fields.Integer()
    called_g = fields.Integer()
    left_g = fields.Integer()


class CallOffOut(Schema):
    """A quantity called for a day, at the price fixed then; `schedule_day`: the day of the schedule that it serves.

    `stands_g`: what it takes of the promise: to come, or accepted. `again_g`: what of it had been called before and was
    refused or not delivered.
    `cancelled_by`: the side whose breach that is; null of one that stands, or that counts against nobody.
    `version`: the number of the terms that it stands under, those in force when its price was fixed.
    """

    sku = fields.String()
    status = fields.String()
    due_on = fields.Date()
    weight_g = fields.Integer()
    price_fen_per_kg = fields.Integer()
    stands_g = fields.Integer()
    again_g = fields.Integer()
    schedule_day = fields.Date(allow_none=True)
    cancelled_by = fields.String(allow_none=True)
    version = fields.Integer(allow_none=True)


class AgreementOut(Schema):
    """An agreement. `signed_fen`: committed weight at the floor price, line by line; a draft has no lines yet.

    `ended_on`: the day of its end, or of a draft's withdrawal, null while it runs. `renews`, `renewed_by`: codes.
    """

    code = fields.String()
    status = fields.String()
    partner = fields.String()
    partner_name_zh = fields.String()
    firm = fields.String()
    firm_name_zh = fields.String()
    signed_on = fields.Date(allow_none=True)
    starts_on = fields.Date()
    ends_on = fields.Date()
    ended_on = fields.Date(allow_none=True)
    renews = fields.String(allow_none=True)
    renewed_by = fields.String(allow_none=True)
    deposit_bp = fields.Integer()
    penalty_bp = fields.Integer()
    buyer_penalty_bp = fields.Integer()
    tolerance_bp = fields.Integer()
    payment_term_days = fields.Integer()
    schedule = fields.String()
    signed_fen = fields.Integer()
    lines = fields.List(fields.Nested(PromiseOut))


class HappenedOut(Schema):
    """What happened to an agreement: the side that spoke (null: the calendar), its state since, and the reason."""

    at = fields.DateTime()
    event = fields.String()
    event_zh = fields.String()
    side = fields.String(allow_none=True)
    status = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)


class AgreementTold(AgreementOut):
    """An agreement with what happened to it, the oldest first."""

    history = fields.List(fields.Nested(HappenedOut))


class AgreementDetail(AgreementTold):
    """An agreement with its call-offs, by due date."""

    call_offs = fields.List(fields.Nested(CallOffOut))


class AgreementPage(Schema):
    """A page of agreements."""

    items = fields.List(fields.Nested(AgreementOut))
    next = fields.String(allow_none=True)


class SignatureOut(Schema):
    """Who consented: side, day, and for a signature here the hour and, to its sides and the county, the person."""

    side = fields.String()
    signed_on = fields.Date()
    signed_at = fields.DateTime(allow_none=True)
    on_paper = fields.Boolean()
    person_name_zh = fields.String(allow_none=True)


class VersionOut(Schema):
    """The terms of a version as a document, its hash, and who has signed it."""

    number = fields.Integer()
    document_hash = fields.String()
    proposed_by = fields.String()
    proposed_at = fields.DateTime()
    note = fields.String(allow_none=True)
    in_force = fields.Boolean()
    terms = fields.Raw()
    signatures = fields.List(fields.Nested(SignatureOut))


class VersionList(Schema):
    """Versions, the youngest first."""

    items = fields.List(fields.Nested(VersionOut))


class ReminderOut(Schema):
    """An agreement ends in `days_before` days or fewer."""

    agreement = fields.String()
    partner_name_zh = fields.String()
    firm_name_zh = fields.String()
    ends_on = fields.Date()
    days_before = fields.Integer()
    reminded_at = fields.DateTime()


class ReminderList(Schema):
    """Reminders of agreements that still run, the nearest end first."""

    items = fields.List(fields.Nested(ReminderOut))
