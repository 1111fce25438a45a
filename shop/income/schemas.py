"""Shapes of deliveries, statements and refunds. Money in fen, weights in grams."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.farmers.models import Grade
from shop.income.models import CostBasis, CostKind, GuaranteeKind, PaymentKind
from shop.kit.plain import unfit
from shop.kit.schemas import (
    MAX_FEN,
    MAX_FEN_PER_KG,
    MAX_GRAMS,
    MAX_PAGE,
    Code,
    Day,
    Month,
    PageQuery,
    QueryWhole,
    StrictSchema,
    Text,
    Whole,
)


def _plain(text: str) -> None:
    """Raise ValidationError for what a file may not hold either."""
    if unfit(text) is not None:
        raise ValidationError("Must not start with = + - or @, nor look like a phone, identity or card number.")


class DeliveryAsked(StrictSchema):
    """A slip: what a household handed in. `weight_g` is net, after the deduction.

    Paid by a base price, to which the factor of the grade is applied, or by a price agreed as it is: one of the two.
    """

    code = Code(required=True)
    household = Code(required=True)
    sku = Code(required=True)
    delivered_on = Day(required=True)
    weight_g = Whole(low=1, high=MAX_GRAMS, required=True)
    grade = fields.Enum(Grade, by_value=True, required=True)
    price_fen_per_kg = Whole(low=1, high=MAX_FEN_PER_KG, load_default=None)
    base_price_fen_per_kg = Whole(low=1, high=MAX_FEN_PER_KG, load_default=None)
    deduction_g = Whole(high=MAX_GRAMS, load_default=0)
    signer = Text(high=60, load_default=None, validate=_plain)

    @validates_schema
    def one_price(self, data: dict[str, Any], **_: Any) -> None:
        """A price, or a base price."""
        if (data["price_fen_per_kg"] is None) == (data["base_price_fen_per_kg"] is None):
            raise ValidationError({"price_fen_per_kg": ["Give a price or a base price, not both."]})


class CorrectionAsked(StrictSchema):
    """What a slip should have said; a weight of zero voids it."""

    weight_g = Whole(low=0, high=MAX_GRAMS, required=True)
    price_fen_per_kg = Whole(low=1, high=MAX_FEN_PER_KG, required=True)
    reason = Text(high=200, required=True)


class CorrectionOut(Schema):
    """The corrected slip, what changed, and the month in which the change counts."""

    code = fields.String()
    weight_g = fields.Integer()
    price_fen_per_kg = fields.Integer()
    amount_fen = fields.Integer()
    change_g = fields.Integer()
    change_fen = fields.Integer()
    reason = fields.String()
    month = Month()


class MonthAsked(StrictSchema):
    """The month to close."""

    month = Month(required=True)


class MonthsFilter(StrictSchema):
    """At most `limit` months before `before`."""

    limit = QueryWhole(low=1, high=MAX_PAGE, load_default=24)
    before = Month(load_default=None)


class ClosedMonthOut(Schema):
    """A closed month: when, for how many households, how many entries, what they received (fen)."""

    month = Month()
    closed_at = fields.DateTime()
    households = fields.Integer()
    entries = fields.Integer()
    amount_fen = fields.Integer()


class ClosedMonths(Schema):
    """Closed months, the youngest first; `next`: give it as `before` for the rest."""

    items = fields.List(fields.Nested(ClosedMonthOut))
    next = Month(allow_none=True)


class DeliveryFilter(PageQuery):
    """Narrow the list of slips."""

    household = Code(load_default=None)
    sku = Code(load_default=None)
    unlotted = fields.Boolean(load_default=False)


class DeliveryOut(Schema):
    """A slip as it was written: amount = weight x price per kg, half up. And what it stands for after corrections.

    `void`: it stands for nothing. `corrected_because`: the reason of the last correction; none where it has none.
    """

    code = fields.String()
    delivered_on = fields.Date()
    household = fields.String()
    firm = fields.String()
    sku = fields.String()
    weight_g = fields.Integer()
    grade = fields.String()
    deduction_g = fields.Integer()
    base_price_fen_per_kg = fields.Integer(allow_none=True)
    factor_bp = fields.Integer(allow_none=True)
    price_fen_per_kg = fields.Integer()
    signer = fields.String(allow_none=True)
    amount_fen = fields.Integer()
    standing_weight_g = fields.Integer()
    standing_amount_fen = fields.Integer()
    void = fields.Boolean()
    corrected_because = fields.String(allow_none=True)
    lot = fields.String(allow_none=True)


class DeliveryPage(Schema):
    """A page of slips, newest first."""

    items = fields.List(fields.Nested(DeliveryOut))
    next = fields.String(allow_none=True)


class Period(StrictSchema):
    """A month, or a span of months (without `to`, up to now); the present month by default."""

    month = Month(load_default=None)
    first = Month(load_default=None, data_key="from")
    last = Month(load_default=None, data_key="to")

    @validates_schema
    def one_span(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse two spans, an end without a beginning, and a reversed one."""
        first, last = data["first"], data["last"]
        if data["month"] is not None and (first is not None or last is not None):
            raise ValidationError({"month": ["Give `month`, or `from` and `to`."]})
        if last is not None and (first is None or last < first):
            raise ValidationError({"to": ["Give `from` too, not after `to`."]})


class StatementEntry(Schema):
    """An entry: the day it was earned, and the month in which it counts (later, when its own was closed before).

    `payment`: the code of the wage, rent or subsidy, or of the contract that guarantees an income for land.
    """

    day = fields.Date()
    month = Month()
    kind = fields.String()
    amount_fen = fields.Integer()
    weight_g = fields.Integer()
    firm_name_zh = fields.String(allow_none=True)
    product_name_zh = fields.String(allow_none=True)
    slip = fields.String(allow_none=True)
    payment = fields.String(allow_none=True)
    corrected_because = fields.String(allow_none=True)


class Business(Schema):
    """Business income, gross and net apart: net = covered - cost; sales whose costs are not known are uncovered."""

    gross_fen = fields.Integer()
    covered_fen = fields.Integer()
    cost_fen = fields.Integer()
    net_fen = fields.Integer()
    uncovered_gross_fen = fields.Integer()


class MovedLine(Schema):
    """What a closed month told on one statement and belongs to another since records were merged or that was undone.

    `month`: that of the statement that moves it; `of_month`: the closed one. `direction` "in": the statement of
    `household` told it and this one has it now; "out": this one told it and that of `household` has it now, each sum
    with its sign turned. No sum says which: it may be zero, or below zero by a correction. Net = covered - cost.
    """

    month = Month()
    of_month = Month()
    direction = fields.String(validate=validate.OneOf(["in", "out"]))
    household = fields.String(allow_none=True)
    received_fen = fields.Integer()
    wage_fen = fields.Integer()
    business_gross_fen = fields.Integer()
    property_fen = fields.Integer()
    transfer_fen = fields.Integer()
    covered_fen = fields.Integer()
    cost_fen = fields.Integer()
    net_fen = fields.Integer()
    sales_reached_fen = fields.Integer()


class Statement(Schema):
    """A household's statement: cash received by kind, the entries behind it, and the sales its produce reached.

    `counts_for`: the record of the same family whose statement tells the open months of this one. `moved`: what closed
    months told on another statement, or told here and belongs to another; it is in no other figure.
    """

    household = fields.String()
    counts_for = fields.String(allow_none=True)
    township_zh = fields.String()
    village_zh = fields.String()
    from_ = Month(attribute="from", data_key="from")
    to = Month()
    closed_through = Month(allow_none=True)
    received_fen = fields.Integer()
    by_kind = fields.List(fields.Dict())
    business = fields.Nested(Business)
    entries = fields.List(fields.Nested(StatementEntry))
    moved = fields.List(fields.Nested(MovedLine))
    moved_fen = fields.Integer()
    sales_reached = fields.List(fields.Dict())
    note_zh = fields.String()
    note_en = fields.String()


class RefundAsked(StrictSchema):
    """Give money back: an amount, over all lines or the named ones."""

    amount_fen = Whole(low=1, required=True)
    reason = Text(high=200, required=True)
    skus = fields.List(Code(), load_default=None, validate=validate.Length(min=1, max=50))


class PlanAsked(StrictSchema):
    """A co-operative's surplus of a year and how it is to be shared; `return_bp` of what is left after the reserve.

    `share_value_fen`: paid in for one capital share; zero compares accounts by shares alone. `aid_fen`: state aid and
    gifts, counted to all members' accounts in equal parts.
    """

    firm = Code(required=True)
    year = Whole(low=2000, high=2100, required=True)
    surplus_fen = Whole(required=True)
    prior_loss_fen = Whole(required=True)
    reserve_bp = Whole(high=10_000, required=True)
    return_bp = Whole(high=10_000, required=True)
    share_value_fen = Whole(high=100_000_000, load_default=0)
    aid_fen = Whole(load_default=0)


class PlanApproval(StrictSchema):
    """What the members' meeting decided: its day, and where its minutes are kept."""

    met_on = Day(required=True)
    minutes = Text(high=200, required=True)


class PlanReason(StrictSchema):
    """Why the plan is withdrawn or reversed."""

    reason = Text(high=200, required=True)


class ObjectionAsked(StrictSchema):
    """What a member says against the plan."""

    household = Code(required=True)
    words = Text(high=1_000, required=True)


class AnswerAsked(StrictSchema):
    """What the co-operative answers to which objection."""

    position = Whole(low=1, high=10_000, required=True)
    words = Text(high=1_000, required=True)


class PlanFilter(PageQuery):
    """Plans of a firm, of a year."""

    firm = Code(load_default=None)
    year = QueryWhole(low=2000, high=2100, load_default=None)


class PlanOut(Schema):
    """A plan: losses, then the reserve (rounded up), then by transactions (rounded up) and by capital accounts.

    `withdrawn_because`, `reversed_because`: why it was withdrawn, or taken back after booking; nothing of it is shared
    then.
    """

    code = fields.String()
    firm = fields.String()
    firm_name_zh = fields.String()
    year = fields.Integer()
    status = fields.String()
    historical = fields.Boolean()
    surplus_fen = fields.Integer()
    prior_loss_fen = fields.Integer()
    reserve_bp = fields.Integer()
    return_bp = fields.Integer()
    share_value_fen = fields.Integer()
    aid_fen = fields.Integer()
    reserve_fen = fields.Integer()
    distributable_fen = fields.Integer()
    patronage_fen = fields.Integer()
    dividend_fen = fields.Integer()
    laid_open_on = fields.Date(allow_none=True)
    approvable_from = fields.Date(allow_none=True)
    met_on = fields.Date(allow_none=True)
    minutes = fields.String(allow_none=True)
    booked_on = fields.Date(allow_none=True)
    withdrawn_because = fields.String(allow_none=True)
    reversed_because = fields.String(allow_none=True)


class PlanPage(Schema):
    """A page of plans, newest first."""

    items = fields.List(fields.Nested(PlanOut))
    next = fields.String(allow_none=True)


class PlanPart(Schema):
    """A member's part; `account_fen`: the capital account it follows (shares, where they have no value)."""

    household = fields.String()
    delivered_fen = fields.Integer()
    account_fen = fields.Integer()
    patronage_fen = fields.Integer()
    dividend_fen = fields.Integer()
    reserve_credit_fen = fields.Integer()


class ObjectionOut(Schema):
    """An objection and its answer."""

    position = fields.Integer()
    household = fields.String()
    words = fields.String()
    raised_on = fields.Date()
    answer = fields.String(allow_none=True)


class PlanDetail(PlanOut):
    """A plan with its members' parts and objections: all of them for the co-operative, a household's own for itself."""

    parts = fields.List(fields.Nested(PlanPart))
    objections = fields.List(fields.Nested(ObjectionOut))


class LandIn(StrictSchema):
    """A household's land in a contract, in tenths of a mu (0.1 亩)."""

    household = Code(required=True)
    mu_tenths = Whole(low=1, high=1_000_000, required=True)


class GuaranteeAsked(StrictSchema):
    """A signed contract: guaranteed fen a mu and year, basis points of the profit on top, first and last year."""

    code = Code(required=True)
    firm = Code(required=True)
    guaranteed_fen_per_mu = Whole(low=1, high=100_000_000, required=True)
    second_bp = Whole(high=10_000, required=True)
    from_year = Whole(low=2000, high=2100, required=True)
    to_year = Whole(low=2000, high=2100, required=True)
    signed_on = Day(required=True)
    document = Text(high=200, required=True)
    lands = fields.List(fields.Nested(LandIn), required=True, validate=validate.Length(min=1, max=500))

    @validates_schema
    def ends_after_it_begins(self, data: dict[str, Any], **_: Any) -> None:
        """Whole years in their order, each household once."""
        if data["to_year"] < data["from_year"]:
            raise ValidationError({"to_year": ["Must not lie before from_year."]})
        if len({land["household"] for land in data["lands"]}) != len(data["lands"]):
            raise ValidationError({"lands": ["Name each household once."]})


class PaidOn(StrictSchema):
    """The day on which households were paid; by default today."""

    paid_on = Day(load_default=None)


class _Year(StrictSchema):
    """A year of a contract."""

    year = Whole(low=2000, high=2100, required=True)


class GuaranteedYear(_Year, PaidOn):
    """The year whose guarantee is paid, and on which day."""


class SecondShare(GuaranteedYear):
    """A year's distributable profit, zero or less where there was none, and on which day its part is paid."""

    distributable_fen = Whole(low=-MAX_FEN, required=True)


class GuaranteeVoidAsked(_Year):
    """Which payment of a year should not have been, and why."""

    kind = fields.Enum(GuaranteeKind, by_value=True, required=True)
    reason = Text(high=200, required=True)


class GuaranteeReason(StrictSchema):
    """Why the contract is void."""

    reason = Text(high=200, required=True)


class GuaranteeEndingAsked(GuaranteeReason):
    """The last year that both sides agreed on, by which paper, and why; the year before the first: it never ran."""

    last_year = Whole(low=1999, high=2100, required=True)
    document = Text(high=200, required=True)


class GuaranteePaidOut(Schema):
    """What was paid for a year."""

    year = fields.Integer()
    kind = fields.String()
    amount_fen = fields.Integer()


class _UndoneOut(Schema):
    """Why something was undone, by the county or by the firm, when."""

    reason = fields.String()
    by_county = fields.Boolean()
    recorded_at = fields.DateTime()


class GuaranteeVoidedOut(GuaranteePaidOut, _UndoneOut):
    """What was paid for a year and taken back, and the month in which that counts."""

    month = Month()


class GuaranteeEndingOut(_UndoneOut):
    """The last year of a contract as it was agreed later, and the paper; null = the contract was void."""

    last_year = fields.Integer(allow_none=True)
    document = fields.String(allow_none=True)


class LandOut(Schema):
    """A household's land, in tenths of a mu."""

    household = fields.String()
    mu_tenths = fields.Integer()


class GuaranteeOut(Schema):
    """A contract, the land in it, what it paid, and the years over whose guarantee is still owed.

    From `from_year` to `to_year` as it was signed; `last_year` as things stand, null = it is void. Of `endings` the
    last one holds. What is in `voided` is not in `paid`.
    """

    code = fields.String()
    firm = fields.String()
    guaranteed_fen_per_mu = fields.Integer()
    second_bp = fields.Integer()
    from_year = fields.Integer()
    to_year = fields.Integer()
    signed_on = fields.Date()
    document = fields.String()
    lands = fields.List(fields.Nested(LandOut))
    last_year = fields.Integer(allow_none=True)
    endings = fields.List(fields.Nested(GuaranteeEndingOut))
    paid = fields.List(fields.Nested(GuaranteePaidOut))
    voided = fields.List(fields.Nested(GuaranteeVoidedOut))
    unpaid_years = fields.List(fields.Integer())


class GuaranteePage(Schema):
    """A page of contracts, newest first."""

    items = fields.List(fields.Nested(GuaranteeOut))
    next = fields.String(allow_none=True)


class RateAsked(StrictSchema):
    """What a product costs to grow from a day on: fen a kg delivered, or a mu and year; and the paper that says so."""

    sku = Code(required=True)
    basis = fields.Enum(CostBasis, by_value=True, required=True)
    rate_fen = Whole(low=1, high=100_000_000, required=True)
    valid_from = Day(required=True)
    source = Text(high=200, required=True)


class RateFilter(PageQuery):
    """Rates of a product."""

    sku = Code(load_default=None)


class RateVoidAsked(StrictSchema):
    """The rate that was keyed wrong, by its product, basis and first day, and why."""

    sku = Code(required=True)
    basis = fields.Enum(CostBasis, by_value=True, required=True)
    valid_from = Day(required=True)
    reason = Text(high=200, required=True)


class RateOut(Schema):
    """A rate; `void_reason`: why it counts no more."""

    sku = fields.String()
    basis = fields.String()
    rate_fen = fields.Integer()
    valid_from = fields.Date()
    source = fields.String()
    void_reason = fields.String(allow_none=True)
    voided_at = fields.DateTime(allow_none=True)


class RateMade(RateOut):
    """A new rate; `areas`: areas of its days that keep the rate a mu they were recorded by, unless recorded anew.

    A hundred are named, `areas_count` says how many there are.
    """

    areas = fields.List(fields.String())
    areas_count = fields.Integer()


class RateVoidOut(RateOut):
    """A void rate; `areas`: cost records that are void with it, to be recorded anew."""

    areas = fields.List(fields.String())


class RatePage(Schema):
    """A page of rates, newest first."""

    items = fields.List(fields.Nested(RateOut))
    next = fields.String(allow_none=True)


class CostAsked(StrictSchema):
    """What a household spent: an amount, or (`area`) tenths of a mu that the rate a mu is applied to.

    `sku`: what it was spent on; without it the whole holding (depreciation, production tax).
    """

    code = Code(required=True)
    household = Code(required=True)
    sku = Code(load_default=None)
    kind = fields.Enum(CostKind, by_value=True, required=True)
    incurred_on = Day(required=True)
    amount_fen = Whole(low=1, load_default=None)
    mu_tenths = Whole(low=1, high=1_000_000, load_default=None)
    source = Text(high=200, required=True)

    @validates_schema
    def amount_or_area(self, data: dict[str, Any], **_: Any) -> None:
        """An area has land and a product, everything else has an amount."""
        area = data["kind"] is CostKind.AREA
        if area != (data["mu_tenths"] is not None) or area == (data["amount_fen"] is not None):
            raise ValidationError({"kind": ["An area has mu_tenths, any other kind amount_fen."]})
        if area and data["sku"] is None:
            raise ValidationError({"sku": ["An area is of a product."]})


class CostOut(Schema):
    """A recorded cost."""

    code = fields.String()
    household = fields.String()
    sku = fields.String(allow_none=True)
    kind = fields.String()
    incurred_on = fields.Date()
    amount_fen = fields.Integer()


class PaymentAsked(StrictSchema):
    """What was paid beside produce: wage or rent by a firm, a subsidy by none; `source`: its list or programme."""

    code = Code(required=True)
    household = Code(required=True)
    firm = Code(load_default=None)
    kind = fields.Enum(PaymentKind, by_value=True, required=True)
    paid_on = Day(required=True)
    amount_fen = Whole(low=1, required=True)
    source = Text(high=200, load_default=None)

    @validates_schema
    def subsidies_have_a_source(self, data: dict[str, Any], **_: Any) -> None:
        """A subsidy names its programme and no firm, the others a firm."""
        subsidy = data["kind"] is PaymentKind.SUBSIDY
        if subsidy == (data["firm"] is not None):
            raise ValidationError({"firm": ["A subsidy names no firm, any other kind does."]})
        if subsidy and data["source"] is None:
            raise ValidationError({"source": ["A subsidy names its programme."]})


class PaymentOut(Schema):
    """A recorded payment."""

    code = fields.String()
    household = fields.String()
    firm = fields.String(allow_none=True)
    kind = fields.String()
    paid_on = fields.Date()
    amount_fen = fields.Integer()


class _Kept(Schema):
    """A record as it was written, and what it stands for after its corrections: zero, it is void."""

    source = fields.String()
    standing_fen = fields.Integer()
    corrected_because = fields.String(allow_none=True)


class PaymentKept(PaymentOut, _Kept):
    """A payment with what it stands for."""


class PaymentPage(Schema):
    """A page of payments, newest first."""

    items = fields.List(fields.Nested(PaymentKept))
    next = fields.String(allow_none=True)


class CostKept(CostOut, _Kept):
    """A recorded cost with what it stands for; an area in whose place others were entered counts no more."""

    taken_over = fields.Boolean()


class CostPage(Schema):
    """A page of recorded costs, newest first."""

    items = fields.List(fields.Nested(CostKept))
    next = fields.String(allow_none=True)


class RecordCorrectionAsked(StrictSchema):
    """What a payment or cost record should have said, in fen; zero voids it."""

    amount_fen = Whole(required=True)
    reason = Text(high=200, required=True)


class RecordCorrectionOut(Schema):
    """The corrected record, what changed, and the month in which the change counts."""

    code = fields.String()
    amount_fen = fields.Integer()
    change_fen = fields.Integer()
    reason = fields.String()
    month = Month()
