"""Shapes of the reports. Money in fen, weights in grams, rates in basis points, months `YYYY-MM`, days `YYYY-MM-DD`."""

from datetime import date
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from shop.agreements.models import Side
from shop.channels.models import ChannelKind
from shop.income.models import Category, IncomeKind
from shop.kit.schemas import MAX_PAGE, Code, Day, Month, PageQuery, QueryWhole, StrictSchema, Text
from shop.reports.agreement_report import AgreementsBy
from shop.reports.explain import Measure
from shop.reports.explain_agreements import EXPLAINED
from shop.reports.explain_periodic import PERIODIC_FIGURES
from shop.reports.exports import Wanted
from shop.reports.income_report import IncomeBy
from shop.reports.models import Exported, ExportFile, PartWork, Rollup
from shop.reports.periodic import SPANS_ZH
from shop.reports.periods import Every
from shop.reports.queries import Period
from shop.reports.work import JobState

#: Rows for each day: a year at most. Anything: ten years.
LONGEST_BY_DAY = 366
LONGEST_DAYS = 3_660
LONGEST_MONTHS = 120
#: The statistical code of a township or of a village.
A_PLACE = validate.Regexp(r"^([0-9]{9}|[0-9]{12})\Z", error="Must be a code of 9 or 12 digits.")


class ChannelsFilter(StrictSchema):
    """Which days; `by` splits them."""

    first = Day(required=True, data_key="from")
    last = Day(required=True, data_key="to")
    by = fields.Enum(Period, by_value=True, load_default=None)

    @validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse days in the wrong order and spans without end."""
        days = (data["last"] - data["first"]).days + 1
        if days < 1:
            raise ValidationError({"to": ["Must not be before `from`."]})
        longest = LONGEST_BY_DAY if data["by"] is Period.DAY else LONGEST_DAYS
        if days > longest:
            raise ValidationError({"to": [f"At most {longest} days."]})


class SalesFigures(Schema):
    """Figures of confirmed orders. paid - refunded + due = net + held; net = firm + host + platform + carrier."""

    orders = fields.Integer()
    settled_orders = fields.Integer()
    weight_g = fields.Integer()
    paid_fen = fields.Integer()
    refunded_fen = fields.Integer()
    net_fen = fields.Integer()
    firm_fen = fields.Integer()
    host_fen = fields.Integer()
    platform_fen = fields.Integer()
    carrier_fen = fields.Integer()
    coupon_fen = fields.Integer()
    open_fen = fields.Integer(metadata={"description": "Total of orders not yet settled"})
    held_fen = fields.Integer(metadata={"description": "Paid for orders not yet settled, or on its way back"})
    due_fen = fields.Integer(metadata={"description": "Accepted on invoice and not yet paid"})


class ChannelRow(SalesFigures):
    """A channel, of a day, a month or the whole span."""

    period = fields.String(allow_none=True)
    channel = fields.String()
    name = fields.String()


class ReportHead(Schema):
    """What every report says of itself: the cut-off of its figures, where they come from, how they are counted."""

    as_of = fields.DateTime(allow_none=True)
    source = fields.String()
    basis = fields.String()


class ChannelsReport(ReportHead):
    """Sales by channel."""

    first = fields.Date(data_key="from", attribute="from")
    last = fields.Date(data_key="to", attribute="to")
    items = fields.List(fields.Nested(ChannelRow))
    total = fields.Nested(SalesFigures)


class Rows(StrictSchema):
    """At most `limit` rows after that of the key `after`: what `next` said."""

    limit = QueryWhole(low=1, high=MAX_PAGE, load_default=MAX_PAGE)
    after = Code(load_default=None)


class AgreementsFilter(Rows):
    """What a row is, and up to which day: today (by default) or before."""

    by = fields.Enum(AgreementsBy, by_value=True, load_default=AgreementsBy.AGREEMENT)
    day = Day(load_default=None, data_key="as_of")


class AgreementFigures(Schema):
    """Signed (at the floor price) and kept (at the price of each call-off), never added."""

    agreements = fields.Integer()
    signed_g = fields.Integer()
    signed_fen = fields.Integer()
    due_g = fields.Integer()
    called_g = fields.Integer()
    dispatched_g = fields.Integer()
    accepted_g = fields.Integer()
    refused_g = fields.Integer()
    shortfall_g = fields.Integer()
    executed_fen = fields.Integer()
    rate_bp = fields.Integer(allow_none=True, metadata={"description": "accepted of due; null while nothing is due"})
    firm_short_g = fields.Integer(metadata={"description": "what the firm is behind with, beyond the tolerance"})
    firm_penalty_fen = fields.Integer(
        metadata={"description": "exposure by contract, not booked, whatever was decided of it"}
    )
    buyer_short_g = fields.Integer()
    buyer_penalty_fen = fields.Integer(metadata={"description": "the same of the buyer"})
    receivable_fen = fields.Integer(metadata={"description": "accepted and not paid, now"})
    overdue_fen = fields.Integer(metadata={"description": "of it, due before the day"})
    forecast_g = fields.Integer(metadata={"description": "called or scheduled after the day, in the harvest window"})
    forecast_fen = fields.Integer(metadata={"description": "the same, called at its price, else at the floor price"})
    out_of_season_g = fields.Integer(metadata={"description": "called or scheduled after the day, outside the window"})
    at_risk_g = fields.Integer(
        allow_none=True,
        metadata={"description": "of the 14 days ahead, beyond the firm's free stock; null of a past day"},
    )


class AgreementsRow(AgreementFigures):
    """An agreement, a buyer, a firm, a product, a township or a month."""

    key = fields.String()
    name = fields.String()


class AgreementsReport(ReportHead):
    """Purchase agreements. `day`: what was due up to it, included; `as_of`: when the figures were refreshed."""

    by = fields.String()
    day = fields.Date()
    items = fields.List(fields.Nested(AgreementsRow))
    next = fields.String(allow_none=True)
    total = fields.Nested(AgreementFigures)


class PenaltySums(Schema):
    """Of claimed penalties."""

    penalty_fen = fields.Integer(metadata={"description": "claimed"})
    paid_fen = fields.Integer(metadata={"description": "of it, paid and not void"})
    open_fen = fields.Integer(metadata={"description": "of it, not paid yet"})


class ClaimedPenalty(PenaltySums):
    """A claimed penalty: `side` is the one in breach, which owes it."""

    agreement = fields.String()
    number = fields.Integer()
    side = fields.Enum(Side, by_value=True)
    owed_by = fields.String()
    owed_to = fields.String()
    as_of = fields.Date()
    claimed_at = fields.DateTime()
    last_paid_on = fields.Date(allow_none=True)


class PenaltyTotal(Schema):
    """By the side that owes."""

    firm = fields.Nested(PenaltySums)
    buyer = fields.Nested(PenaltySums)


class ClaimedPenalties(Schema):
    """A page of claimed penalties, the last proposed first, and the total of all."""

    items = fields.List(fields.Nested(ClaimedPenalty))
    next = fields.String(allow_none=True)
    total = fields.Nested(PenaltyTotal)


class AgreementExplainFilter(PageQuery):
    """Which figure: of a row (`key`) or, without one, of the total."""

    by = fields.Enum(AgreementsBy, by_value=True, load_default=AgreementsBy.AGREEMENT)
    day = Day(load_default=None, data_key="as_of")
    figure = fields.String(load_default="accepted_g", validate=validate.OneOf(EXPLAINED))
    key = Code(load_default=None)


class AgreementFact(Schema):
    """A fact behind a figure: a line as signed, a day of the schedule, a call-off with its order line, a minimum."""

    source = fields.String(metadata={"description": "agreement_lines, due_weights, call_offs or minimum"})
    day = fields.Date()
    agreement = fields.String()
    partner = fields.String()
    firm = fields.String()
    sku = fields.String()
    parts = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata={"description": "its part of it"})
    scheduled_g = fields.Integer(allow_none=True)
    status = fields.String(allow_none=True)
    called_weight_g = fields.Integer(allow_none=True)
    price_fen_per_kg = fields.Integer(allow_none=True)
    schedule_day = fields.Date(allow_none=True)
    order = fields.String(allow_none=True)
    order_line = fields.Integer(allow_none=True)
    accepted_at = fields.DateTime(allow_none=True)
    invoice_due_on = fields.Date(allow_none=True)
    accepted_fen = fields.Integer(allow_none=True)
    paid_fen = fields.Integer(allow_none=True)


class AgreementsExplained(Schema):
    """The facts behind a figure, oldest first; their parts add up to `total`, which is `value` (of a rate, its two)."""

    by = fields.String()
    day = fields.Date()
    figure = fields.String()
    rows = fields.Integer()
    value = fields.Integer(allow_none=True)
    total = fields.Dict(keys=fields.String(), values=fields.Integer())
    items = fields.List(fields.Nested(AgreementFact))
    next = fields.String(allow_none=True)


class AgreementStockFilter(StrictSchema):
    """How many days ahead are looked at."""

    days = QueryWhole(low=0, high=90, load_default=14)


class AgreementAtRisk(Schema):
    """An agreement that the free stock does not reach, from which day on."""

    agreement = fields.String()
    partner_name_zh = fields.String()
    lacking_g = fields.Integer()
    from_day = fields.Date()


class AgreementStockRow(Schema):
    """A firm's promised product: asked in the days ahead, free of it, lacking, and of whom. In grams."""

    firm = fields.String()
    firm_name_zh = fields.String()
    sku = fields.String()
    name_zh = fields.String()
    asked_g = fields.Integer()
    available_g = fields.Integer()
    lacking_g = fields.Integer()
    agreements = fields.List(fields.Nested(AgreementAtRisk))


class AgreementStock(Schema):
    """What agreements ask of stock, the largest lack first."""

    day = fields.Date()
    days = fields.Integer()
    items = fields.List(fields.Nested(AgreementStockRow))


class IncomeSpan(StrictSchema):
    """What a row is, which months (`year`, or `from` and `to`), and perhaps of which township or village alone."""

    by = fields.Enum(IncomeBy, by_value=True, load_default=IncomeBy.TOWNSHIP)
    year = QueryWhole(low=2000, high=2100, load_default=None)
    first = Month(load_default=None, data_key="from")
    last = Month(load_default=None, data_key="to")
    place = fields.String(
        validate=A_PLACE, load_default=None,
        metadata={"description": "Statistical code of a township (9 digits) or a village (12)"},
    )  # fmt: skip

    @validates_schema
    def one_span(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse no span, two spans, half a span, a reversed and an endless one."""
        first, last = data["first"], data["last"]
        if (data["year"] is None) == (first is None and last is None):
            raise ValidationError({"year": ["Give `year`, or `from` and `to`."]})
        if data["year"] is not None:
            return
        if first is None or last is None:
            raise ValidationError({"to": ["Give both `from` and `to`."]})
        if last < first:
            raise ValidationError({"to": ["Must not be before `from`."]})
        if _months(first, last) > LONGEST_MONTHS:
            raise ValidationError({"to": [f"At most {LONGEST_MONTHS} months."]})


def _months(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month + 1


class IncomeFilter(IncomeSpan, Rows):
    """Which rows of the report."""


class ExplainFilter(IncomeSpan, PageQuery):
    """Which figure of the income report: its row (`key`; none = the total), measure, perhaps one kind or category."""

    key = Text(high=60, load_default=None)
    measure = fields.Enum(Measure, by_value=True, load_default=Measure.CASH)
    kind = fields.Enum(IncomeKind, by_value=True, load_default=None)
    category = fields.Enum(Category, by_value=True, load_default=None)

    @validates_schema
    def measures_have_it(self, data: dict[str, Any], **_: Any) -> None:
        """Sales reached have no kind, cash and costs have no channel."""
        if data["by"] is IncomeBy.CHANNEL and data["measure"] is not Measure.SALES_REACHED:
            raise ValidationError({"by": ["Cash has no channel; ask for sales_reached."]})
        for name in ("kind", "category"):
            if data[name] is not None and data["measure"] is not Measure.CASH:
                raise ValidationError({name: ["Only cash has kinds and categories."]})
        if data["measure"] is Measure.GAIN and data["key"] is not None:
            raise ValidationError({"key": ["The gain is of a whole area: ask for `place`."]})


class ExplainRow(Schema):
    """A row behind the figure: what it adds, and where it comes from."""

    month = Month()
    day = fields.Date()
    household = fields.String()
    firm = fields.String()
    sku = fields.String(allow_none=True)
    kind = fields.Enum(IncomeKind, by_value=True)
    weight_g = fields.Integer()
    amount_fen = fields.Integer()
    period_fen = fields.Integer(metadata={"description": "Of the gain: what is compared of the period"})
    base_fen = fields.Integer(metadata={"description": "Of the gain: the same of its base"})
    source = fields.String()
    source_code = fields.String()
    corrected_because = fields.String(allow_none=True)
    lot = fields.String()
    channel = fields.Enum(ChannelKind, by_value=True)


class Explained(Schema):
    """A figure and the rows that make it. `total_fen` is the sum of all of them, not of this page."""

    by = fields.String()
    first = Month(data_key="from", attribute="from")
    last = Month(data_key="to", attribute="to")
    place = fields.String(allow_none=True)
    measure = fields.String()
    kind = fields.String(allow_none=True)
    category = fields.String(allow_none=True)
    rows = fields.Integer()
    households = fields.Integer(metadata={"description": "Households reached, of those behind the rows"})
    total_fen = fields.Integer()
    total_g = fields.Integer()
    items = fields.List(fields.Nested(ExplainRow))
    next = fields.String(allow_none=True)


class CashByKind(Schema):
    """Cash by kind. `sale_gross_fen` is before the costs of growing: not net income."""

    sale_gross_fen = fields.Integer()
    patronage_fen = fields.Integer()
    wage_fen = fields.Integer()
    land_rent_fen = fields.Integer()
    dividend_fen = fields.Integer()
    subsidy_fen = fields.Integer()


class CashByCategory(Schema):
    """Cash by the four categories of the statistics office; business is gross."""

    wage_fen = fields.Integer()
    business_gross_fen = fields.Integer()
    property_fen = fields.Integer()
    transfer_fen = fields.Integer()


class BusinessFigures(Schema):
    """Business income, gross and net apart: net = covered - cost; sales whose costs are not known are uncovered."""

    gross_fen = fields.Integer()
    covered_fen = fields.Integer()
    cost_fen = fields.Integer()
    net_fen = fields.Integer()
    uncovered_gross_fen = fields.Integer()


class IncomeFigures(Schema):
    """Cash that households received, how many, and beside it the sales that their produce reached."""

    cash_fen = fields.Integer(allow_none=True)
    cash = fields.Nested(CashByKind, allow_none=True)
    categories = fields.Nested(CashByCategory, allow_none=True)
    business = fields.Nested(BusinessFigures, allow_none=True)
    weight_g = fields.Integer(allow_none=True)
    households = fields.Integer()
    assisted_households = fields.Integer(
        allow_none=True,
        metadata={"description": "Of whole closed years by township or village alone, unless it tells of single ones"},
    )
    sales_reached_fen = fields.Integer(metadata={"description": "Never income, never added to cash"})
    sales_reached_g = fields.Integer()


class IncomeRow(IncomeFigures):
    """A place, firm, product, channel, month or household."""

    key = fields.String()
    name = fields.String()


class GainCategory(Schema):
    """A category of income in both periods, and why it is left out if it is."""

    category = fields.String()
    period_fen = fields.Integer(allow_none=True)
    base_fen = fields.Integer(allow_none=True)
    gross = fields.Boolean()
    compared = fields.Boolean()
    left_out = fields.String(allow_none=True)
    left_out_text = fields.String(allow_none=True)


class Gain(Schema):
    """Gain per household over what both periods record in the same way, or (`no_base`) why there is none."""

    status = fields.String(validate=validate.OneOf(["compared", "no_base"]))
    reason = fields.String()
    reason_text = fields.String()
    base = fields.String()
    households = fields.Integer()
    households_new = fields.Integer()
    households_without_income_now = fields.Integer()
    base_fen = fields.Integer()
    period_fen = fields.Integer()
    change_fen = fields.Integer()
    per_household_fen = fields.Integer()
    note = fields.String()
    categories = fields.List(fields.Nested(GainCategory))


class IncomeReport(ReportHead):
    """Household income."""

    by = fields.String()
    first = Month(data_key="from", attribute="from")
    last = Month(data_key="to", attribute="to")
    place = fields.String(allow_none=True)
    items = fields.List(fields.Nested(IncomeRow))
    next = fields.String(allow_none=True)
    total = fields.Nested(IncomeFigures)
    gain = fields.Nested(Gain)


class PublicationAsked(StrictSchema):
    """Closed months to publish; `reason`: why a published period is restated."""

    first = Month(required=True, data_key="from")
    last = Month(required=True, data_key="to")
    reason = Text(high=200, load_default=None)

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        """The last month is not before the first, and not more than a year after."""
        if not 1 <= _months(data["first"], data["last"]) <= LONGEST_MONTHS:
            raise ValidationError({"to": ["Must not lie before from, nor years after."]})


class PublicationPeriod(StrictSchema):
    """A published period; without a version its last one."""

    first = Month(required=True, data_key="from")
    last = Month(required=True, data_key="to")
    version = QueryWhole(low=1, high=1_000, load_default=None)


class PublicationHead(Schema):
    """A version: its months, and from the second on why it was restated."""

    first = Month(data_key="from", attribute="from")
    last = Month(data_key="to", attribute="to")
    version = fields.Integer()
    reason = fields.String(allow_none=True)
    published_at = fields.DateTime()


class Change(Schema):
    """A figure that the version changed: of a township (its code), or of the total (None)."""

    township = fields.String(allow_none=True)
    figure = fields.String()
    before = fields.Integer()
    after = fields.Integer()


class PublicationOut(PublicationHead):
    """A version with its figures by township and in total, and what it changed."""

    latest_version = fields.Integer()
    figures = fields.Dict(
        metadata={"description": "`withheld_kinds`: kinds of income of few households, whose figures are null"}
    )
    changes = fields.List(fields.Nested(Change))


class PublicationPage(Schema):
    """Versions, newest first."""

    items = fields.List(fields.Nested(PublicationHead))
    next = fields.String(allow_none=True)


class PeriodicFilter(StrictSchema):
    """Which report: how often it is made, and a day of its period (today by default)."""

    every = fields.Enum(Every, by_value=True, load_default=Every.DAY)
    on = Day(load_default=None)


class SpanOut(Schema):
    """From the first to the last day, both included."""

    first = fields.Date(data_key="from", attribute="from")
    last = fields.Date(data_key="to", attribute="to")


class ColumnOut(Schema):
    """A column of a section: its title, the name of its value in a row, its unit (`by_row`: the row names it)."""

    title = fields.String()
    path = fields.String()
    measure = fields.String()


class SectionOut(Schema):
    """A table of a periodic report. Values in fen, grams, basis points or counts, as `columns` say."""

    code = fields.String()
    title = fields.String()
    columns = fields.List(fields.Nested(ColumnOut))
    rows = fields.List(fields.Dict())
    total = fields.Dict(allow_none=True)


class Periodic(Schema):
    """A daily, ten-day, weekly or monthly report as it is now. `over`: whether its period is."""

    every = fields.String()
    title = fields.String()
    area = fields.String(metadata={"description": "The county, townships or firms that it is about"})
    day = fields.Nested(SpanOut)
    period = fields.Nested(SpanOut)
    cumulative = fields.Nested(SpanOut)
    last_year = fields.Nested(SpanOut)
    cut_off = fields.DateTime()
    as_of = fields.DateTime(allow_none=True)
    over = fields.Boolean()
    tax = fields.String()
    basis = fields.String()
    sources = fields.String()
    gain = fields.Nested(Gain, allow_none=True)
    sent = fields.Nested(
        lambda: Sent(), allow_none=True, metadata={"description": "The latest version that the reader's office sent"}
    )
    sections = fields.List(fields.Nested(SectionOut))


class PeriodicExplainFilter(PeriodicFilter, PageQuery):
    """Which figure: of a section its row `key` (without it the total), over one of the spans."""

    section = fields.String(required=True, validate=validate.OneOf(sorted(PERIODIC_FIGURES)))
    key = Text(high=46, load_default=None)
    figure = fields.String(
        required=True, validate=validate.OneOf(sorted({f for of in PERIODIC_FIGURES.values() for f in of}))
    )
    span = fields.String(load_default="period", validate=validate.OneOf(sorted(SPANS_ZH)))


class PeriodicSource(Schema):
    """A row behind a figure; `value` is its part of it. What it has not is left out."""

    day = fields.Date()
    source_code = fields.String(allow_none=True)
    source = fields.String()
    firm = fields.String(allow_none=True)
    channel = fields.Enum(ChannelKind, by_value=True)
    partner = fields.String(allow_none=True)
    sku = fields.String(allow_none=True)
    household = fields.String()
    kind = fields.Enum(IncomeKind, by_value=True)
    amount_fen = fields.Integer()
    value = fields.Integer()


class PeriodicExplained(Schema):
    """The rows behind one figure, newest first; `value` is the sum of all of them."""

    every = fields.String()
    section = fields.String()
    figure = fields.String()
    span = fields.String()
    first = fields.Date(data_key="from", attribute="from")
    last = fields.Date(data_key="to", attribute="to")
    rows = fields.Integer()
    value = fields.Integer()
    items = fields.List(fields.Nested(PeriodicSource))
    next = fields.String(allow_none=True)


class ReportToSend(StrictSchema):
    """Which report is sent; `note`: why again, from the second version on."""

    every = fields.Enum(Every, by_value=True, required=True)
    on = Day(required=True)
    note = Text(high=200, load_default=None)


class Sent(Schema):
    """A report that was sent: frozen. Its bytes are at `/reports/sent/{code}`; `sha256` is their hash.

    `latest`: no later version of its period. `changed`: how many of its figures are otherwise now and named in no
    report, as of `checked_at`; null for an older version and until its period is over. `named_in`: the last report that
    named a change of it.
    """

    code = fields.String()
    title = fields.String()
    every = fields.Enum(Every, by_value=True)
    first = fields.Date(data_key="from", attribute="first_on")
    last = fields.Date(data_key="to", attribute="last_on")
    area = fields.String()
    version = fields.Integer()
    note = fields.String(allow_none=True)
    confirmed_by = fields.String()
    sent_at = fields.DateTime()
    sha256 = fields.String()
    latest = fields.Boolean()
    changed = fields.Integer(allow_none=True)
    checked_at = fields.DateTime(allow_none=True)
    named_in = fields.String(allow_none=True)


class SentFilter(PageQuery):
    """Which sent reports: `changed`, only those with figures that are otherwise now and that no report has named."""

    changed = fields.Boolean(load_default=False)


class FigureChanged(Schema):
    """A figure of a sent report: as it said, as it was told last (by it or a later one), and as the books say now."""

    section = fields.String()
    table = fields.String()
    key = fields.String()
    figure = fields.String(metadata={"description": "section, key and column"})
    name = fields.String()
    measure = fields.String()
    sent_value = fields.Integer(allow_none=True)
    told_value = fields.Integer(allow_none=True)
    now_value = fields.Integer(allow_none=True)
    change_value = fields.Integer(allow_none=True, metadata={"description": "now_value less sent_value"})


class SentChanges(Sent):
    """A sent report and every figure of its period that is otherwise now, counted as it is asked for."""

    items = fields.List(fields.Nested(FigureChanged))


class SentPage(Schema):
    """Reports that were sent, the latest first."""

    items = fields.List(fields.Nested(Sent))
    next = fields.String(allow_none=True)


class SalesExplainFilter(PageQuery):
    """Which figure of the channels report: its days, and its channel (none = all five)."""

    first = Day(required=True, data_key="from")
    last = Day(required=True, data_key="to")
    channel = fields.Enum(ChannelKind, by_value=True, load_default=None)

    @validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse days in the wrong order and spans without end."""
        if not 0 <= (data["last"] - data["first"]).days < LONGEST_BY_DAY:
            raise ValidationError({"to": [f"From `from` on, at most {LONGEST_BY_DAY} days."]})


class ExplainedOrder(SalesFigures):
    """An order and its part of every figure."""

    number = fields.String()
    day = fields.Date()
    channel = fields.Enum(ChannelKind, by_value=True)
    firm = fields.String()
    partner = fields.String()


class SalesExplained(Schema):
    """The orders behind figures of the channels report. `total` is the sum of all of them, not of this page."""

    first = fields.Date(data_key="from", attribute="from")
    last = fields.Date(data_key="to", attribute="to")
    channel = fields.String(allow_none=True)
    rows = fields.Integer()
    total = fields.Nested(SalesFigures)
    items = fields.List(fields.Nested(ExplainedOrder))
    next = fields.String(allow_none=True)


class JobAtWork(Schema):
    """A job: its last run and success, what of it waits. Times of the jobs' own clock.

    `due_by`: when the next run of a job of the timetable is late; `overdue_ms` by how much it is. `failed_at`, `error`
    (the kind, never a message) and `failures` are of the time since it last did its work.
    """

    job = fields.String()
    state = fields.Enum(JobState, by_value=True)
    period = fields.String(allow_none=True)
    started_at = fields.DateTime(allow_none=True)
    finished_at = fields.DateTime(allow_none=True)
    took_ms = fields.Integer(allow_none=True)
    rows = fields.Integer(allow_none=True)
    outcome = fields.String(allow_none=True)
    last_success_at = fields.DateTime(allow_none=True)
    due_by = fields.DateTime(allow_none=True)
    overdue_ms = fields.Integer()
    failed_at = fields.DateTime(allow_none=True)
    error = fields.String(allow_none=True)
    failures = fields.Integer()
    waiting = fields.Integer()
    oldest_waiting_at = fields.DateTime(allow_none=True)
    given_up = fields.Integer()


class JobGivenUp(Schema):
    """A job that was given up: what it is about, by ids; the kind of its last error, null where its worker died."""

    id = fields.Integer()
    job = fields.String()
    ids = fields.List(fields.Integer())
    attempts = fields.Integer()
    error = fields.String(allow_none=True)
    asked_at = fields.DateTime(attribute="created_at")
    given_up_at = fields.DateTime(attribute="dead_at", allow_none=True)


class JobsGivenUp(Schema):
    """What was given up, the latest asked first."""

    items = fields.List(fields.Nested(JobGivenUp))
    next = fields.String(allow_none=True)


class DirtyKeys(Schema):
    """Keys of a rollup whose facts changed and whose figures are not recomputed yet."""

    rollup = fields.String()
    keys = fields.Integer()


class PartsAtWork(Schema):
    """How far a rollup that is made from zero or proved has come; `found` is the first difference of a proof."""

    rollup = fields.Enum(Rollup, by_value=True)
    work = fields.Enum(PartWork, by_value=True)
    parts = fields.Integer()
    done = fields.Integer()
    rows = fields.Integer()
    took_ms = fields.Integer(metadata={"description": "Of all workers together"})
    last_done_at = fields.DateTime(allow_none=True)
    differences = fields.Integer()
    found = fields.String(allow_none=True)
    failed = fields.Integer(metadata={"description": "Failed at the last try and wait for the next"})
    error = fields.String(allow_none=True)
    next_try_at = fields.DateTime(allow_none=True)


class RebuildAsked(StrictSchema):
    """A rollup to be made from zero."""

    rollup = fields.Enum(Rollup, by_value=True, required=True)


class RebuildBegun(Schema):
    """How many parts the workers have before them."""

    rollup = fields.Enum(Rollup, by_value=True)
    parts = fields.Integer()


class JobsAtWork(Schema):
    """All jobs. `rollups_differ`: whether the nightly recount found a difference; null until all of it was done."""

    items = fields.List(fields.Nested(JobAtWork))
    dirty = fields.List(fields.Nested(DirtyKeys))
    parts = fields.List(fields.Nested(PartsAtWork))
    rollups_differ = fields.Boolean(allow_none=True)


class ExportAsked(StrictSchema):
    """A long table as a file: income of months (`from`, `to`, perhaps `place`), or agreements up to a day (`as_of`)."""

    report = fields.Enum(Exported, by_value=True, required=True)
    file = fields.Enum(ExportFile, by_value=True, required=True)
    by = fields.String(required=True, validate=validate.Length(max=20))
    first = Month(load_default=None, data_key="from")
    last = Month(load_default=None, data_key="to")
    place = fields.String(validate=A_PLACE, load_default=None)
    day = Day(load_default=None, data_key="as_of")

    @post_load
    def as_wanted(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Whether the rest is what the pages' filters take."""
        of_income = data["report"] is Exported.INCOME
        try:
            by: IncomeBy | AgreementsBy = IncomeBy(data["by"]) if of_income else AgreementsBy(data["by"])
        except ValueError:
            raise ValidationError({"by": ["Not a row of this report."]}) from None
        others = ("day",) if of_income else ("first", "last", "place")
        if any(data[name] is not None for name in others):
            raise ValidationError({self.fields[name].data_key or name: ["Not of this report."] for name in others
                                   if data[name] is not None})  # fmt: skip
        first, last = (data["first"], data["last"]) if of_income else (data["day"], data["day"])
        if first is None or last is None or last < first or _months(first, last) > LONGEST_MONTHS:
            raise ValidationError({"from": [f"Give `from` and `to`, at most {LONGEST_MONTHS} months, or `as_of`."]})
        return {"wanted": Wanted(data["report"], by, first, last, data["place"]), "file": data["file"]}


class ReportFile(Schema):
    """A file that a job makes: `making`, `ready` until it expires, `expired`, or `failed`: not made within an hour."""

    code = fields.String()
    report = fields.Enum(Exported, by_value=True)
    file = fields.Enum(ExportFile, by_value=True)
    title = fields.String()
    status = fields.String()
    asked_at = fields.DateTime()
    rows_done = fields.Integer()
    rows_total = fields.Integer(allow_none=True, metadata={"description": "null until the rows were read"})
    done_at = fields.DateTime(allow_none=True)
    expires_at = fields.DateTime(allow_none=True)


class ReportFiles(Schema):
    """One's own files, newest first."""

    items = fields.List(fields.Nested(ReportFile))


def export_form(wanted: Wanted, file: str) -> dict[str, str]:
    """The fields that ask for this table, for a form."""
    asked = {"report": wanted.report.value, "file": file, "by": wanted.by.value}
    if wanted.report is Exported.AGREEMENTS:
        return asked | {"as_of": str(wanted.last)}
    place = {"place": wanted.place} if wanted.place else {}
    return asked | {"from": f"{wanted.first:%Y-%m}", "to": f"{wanted.last:%Y-%m}"} | place
