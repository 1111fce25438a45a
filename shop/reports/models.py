"""Rollup tables: each row is a pure function of the facts under its key, recomputed whole, never added to.

Days and months are Beijing's; a dekad is a third of a month (旬). Dirty keys (`kit.dirty`): sales (on_day, firm,
channel), its dekads and months (first day, firm, channel), its partners of all firms (on_day or first day, channel),
receivables (due day, firm, partner), income, reach, costs (month, household), their cuts (month), agreements
(agreement). Sent reports (on_day) are checked again by such marks, too.
"""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import BIT, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shop.agreements.models import CallOffStatus, Side
from shop.income.models import IncomeKind
from shop.kit.db import Model, one_of
from shop.kit.types import Code, Fen, Grams, Id, Instant, Json, Prose, Ref, Small
from shop.orders.models import OrderStatus
from shop.reports.periods import Every


class Rollup(StrEnum):
    """Names of the rollups; also the names under which the triggers mark dirty keys."""

    SALES = "sales"
    SALES_DEKADS = "sales_dekads"
    SALES_MONTHS = "sales_months"
    PARTNER_DAYS = "partner_days"
    PARTNER_DEKADS = "partner_dekads"
    PARTNER_MONTHS = "partner_months"
    RECEIVABLES = "receivables"
    INCOME = "income"
    REACH = "reach"
    AGREEMENTS = "agreements"
    COSTS = "costs"
    INCOME_CUTS = "income_cuts"
    COST_CUTS = "cost_cuts"
    REACH_CUTS = "reach_cuts"
    INCOME_DAYS = "income_days"


#: The name of marks for sent reports: days whose figures may be otherwise now. No rollup.
SENT_REPORTS = "sent_reports"


class Cut(StrEnum):
    """By what the months of a county are cut, beside its townships; what `own_id` is the id of."""

    PAYER = "payer"  # 1: a firm, 0: none of them
    VILLAGE = "village"
    FIRM = "firm"
    PRODUCT = "product"
    CHANNEL = "channel"


class PartWork(StrEnum):
    """What is done with a part of a rollup."""

    REBUILD = "rebuild"  # made from zero
    PROVE = "prove"  # recounted and compared


class Exported(StrEnum):
    """Tables of which a file is made."""

    INCOME = "income"
    AGREEMENTS = "agreements"


class ExportFile(StrEnum):
    """What kind of file."""

    XLSX = "xlsx"
    CSV = "csv"
    PDF = "pdf"


class _SalesFigures:
    """Of orders that were confirmed, by firm and channel.

    `orders`, `weight_g` (accepted, else ordered grams) and `open_fen` (total of orders not yet settled) leave cancelled
    orders out. paid/refunded: money that moved. net = what was settled = firm + host + platform + carrier.
    held = paid for orders not yet settled, or on its way back; due = accepted on invoice and not yet paid, so that
    paid - refunded + due = net + held, always.
    """

    firm_id: Mapped[Ref] = mapped_column(primary_key=True)
    channel_id: Mapped[Ref] = mapped_column(primary_key=True)
    orders: Mapped[int]
    settled_orders: Mapped[int]
    weight_g: Mapped[Grams]
    paid_fen: Mapped[Fen]
    refunded_fen: Mapped[Fen]
    net_fen: Mapped[Fen]
    firm_fen: Mapped[Fen]
    host_fen: Mapped[Fen]
    platform_fen: Mapped[Fen]
    carrier_fen: Mapped[Fen]
    coupon_fen: Mapped[Fen] = mapped_column(server_default="0")
    open_fen: Mapped[Fen]
    held_fen: Mapped[Fen]
    due_fen: Mapped[Fen]


class _ProductFigures:
    """Of lines of confirmed orders that were not cancelled, by firm, channel and product.

    `weight_g` accepted, else ordered; `amount_fen` goods as ordered, before freight, refunds beside it. `net_fen`: on
    invoice what was accepted, else as ordered; in advance as ordered less refunds.
    """

    firm_id: Mapped[Ref] = mapped_column(primary_key=True)
    channel_id: Mapped[Ref] = mapped_column(primary_key=True)
    product_id: Mapped[Ref] = mapped_column(primary_key=True)
    lines: Mapped[int]
    weight_g: Mapped[Grams]
    amount_fen: Mapped[Fen]
    refunded_fen: Mapped[Fen]
    net_fen: Mapped[Fen]


class _ByPartner:
    """Per channel, partner and occasion (0 = none), of confirmed orders that were not cancelled.

    `is_own`: bought by the partner himself; `from_file`: brought by a file of a platform. Amounts and weight as those
    of products.
    """

    channel_id: Mapped[Ref] = mapped_column(primary_key=True)
    partner_id: Mapped[Ref] = mapped_column(primary_key=True)
    occasion_id: Mapped[Ref] = mapped_column(primary_key=True)
    is_own: Mapped[bool] = mapped_column(primary_key=True)
    from_file: Mapped[bool] = mapped_column(primary_key=True)
    orders: Mapped[int]
    weight_g: Mapped[Grams]
    amount_fen: Mapped[Fen]
    refunded_fen: Mapped[Fen]
    net_fen: Mapped[Fen]


class SalesRollup(_SalesFigures, Model):
    """Per day of placing, firm and channel."""

    __tablename__ = "sales_rollup"
    __table_args__ = (Index(None, "firm_id", "day"),)

    day: Mapped[date] = mapped_column(primary_key=True)


class ProductSalesRollup(_ProductFigures, Model):
    """Per day of placing, firm, channel and product."""

    __tablename__ = "product_sales_rollup"
    __table_args__ = (Index(None, "product_id", "day"), Index(None, "firm_id", "channel_id", "day"))

    day: Mapped[date] = mapped_column(primary_key=True)


class PartnerSalesRollup(_ByPartner, Model):
    """Per day of placing and firm too."""

    __tablename__ = "partner_sales_rollup"
    __table_args__ = (Index(None, "firm_id", "channel_id", "day"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)


class SalesDekad(_SalesFigures, Model):
    """The days of `SalesRollup` by dekad: by its first day."""

    __tablename__ = "sales_dekads"

    dekad: Mapped[date] = mapped_column(primary_key=True)


class ProductSalesDekad(_ProductFigures, Model):
    """The days of `ProductSalesRollup` by dekad."""

    __tablename__ = "product_sales_dekads"

    dekad: Mapped[date] = mapped_column(primary_key=True)


class PartnerSalesDekad(_ByPartner, Model):
    """The days of `PartnerSalesRollup` by dekad."""

    __tablename__ = "partner_sales_dekads"

    dekad: Mapped[date] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)


class SalesMonth(_SalesFigures, Model):
    """The days of `SalesRollup` by month."""

    __tablename__ = "sales_months"

    month: Mapped[date] = mapped_column(primary_key=True)


class ProductSalesMonth(_ProductFigures, Model):
    """The days of `ProductSalesRollup` by month."""

    __tablename__ = "product_sales_months"

    month: Mapped[date] = mapped_column(primary_key=True)


class PartnerSalesMonth(_ByPartner, Model):
    """The days of `PartnerSalesRollup` by month."""

    __tablename__ = "partner_sales_months"

    month: Mapped[date] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)


class PartnerDay(_ByPartner, Model):
    """`PartnerSalesRollup` of all firms together: what the county reads."""

    __tablename__ = "partner_days"

    day: Mapped[date] = mapped_column(primary_key=True)


class PartnerDekad(_ByPartner, Model):
    """`PartnerSalesDekad` of all firms together."""

    __tablename__ = "partner_dekads"

    dekad: Mapped[date] = mapped_column(primary_key=True)


class PartnerMonth(_ByPartner, Model):
    """`PartnerSalesMonth` of all firms together."""

    __tablename__ = "partner_months"

    month: Mapped[date] = mapped_column(primary_key=True)


class ReceivableRollup(Model):
    """Per due day, firm and partner: what was accepted on invoice and is not paid yet. Gone when all is paid."""

    __tablename__ = "receivable_rollup"
    __table_args__ = (Index(None, "partner_id"),)

    due_on: Mapped[date] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)
    partner_id: Mapped[Ref] = mapped_column(primary_key=True)
    orders: Mapped[int]
    due_fen: Mapped[Fen]


class IncomeRollup(Model):
    """Per month, household, firm, product (0 = none) and kind of income."""

    __tablename__ = "income_rollup"
    __table_args__ = (one_of("kind", IncomeKind),)

    month: Mapped[date] = mapped_column(primary_key=True)
    household_id: Mapped[Ref] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)
    product_id: Mapped[Ref] = mapped_column(primary_key=True)
    kind: Mapped[IncomeKind] = mapped_column(primary_key=True)
    entries: Mapped[int]
    weight_g: Mapped[Grams]
    amount_fen: Mapped[Fen]


class _IncomeFigures:
    """Without product: a column for each kind. One without an entry is NULL, another thing than entries of nothing."""

    amount_fen: Mapped[Fen]
    weight_g: Mapped[Grams]
    sale_fen: Mapped[Fen | None]
    patronage_fen: Mapped[Fen | None]
    wage_fen: Mapped[Fen | None]
    land_rent_fen: Mapped[Fen | None]
    dividend_fen: Mapped[Fen | None]
    subsidy_fen: Mapped[Fen | None]


class IncomeMonth(_IncomeFigures, Model):
    """The rows of `IncomeRollup` per month, household and firm: reports over many would read four times as many."""

    __tablename__ = "income_months"
    __table_args__ = (Index(None, "firm_id", "month"),)

    month: Mapped[date] = mapped_column(primary_key=True)
    household_id: Mapped[Ref] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)


class _Families:
    """By township where the family lives, and by one thing more: the families as a set of bits.

    `families`: bit n stands for the household of id n, its merged records counted for it; as long as it must be.
    """

    cut: Mapped[Cut] = mapped_column(primary_key=True)
    township_id: Mapped[Ref] = mapped_column(primary_key=True)
    own_id: Mapped[Ref] = mapped_column(primary_key=True)
    families: Mapped[str] = mapped_column(BIT(varying=True))


class _Cut(_Families):
    """A month. `firm_id`: 0 = whoever paid; villages, products, channels are kept for each firm too."""

    month: Mapped[date] = mapped_column(primary_key=True, sort_order=-1)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)


class IncomeCut(_Cut, _IncomeFigures, Model):
    """`IncomeMonth` by payer, village, firm. `families`: those reached; `others`: of whom anything else is known."""

    __tablename__ = "income_cuts"
    __table_args__ = (one_of("cut", Cut),)

    others: Mapped[str] = mapped_column(BIT(varying=True))


class IncomeProductCut(_Cut, _IncomeFigures, Model):
    """`IncomeRollup` by product (0 = none)."""

    __tablename__ = "income_product_cuts"
    __table_args__ = (one_of("cut", Cut),)


class IncomeDay(_Families, Model):
    """A day on which entries count (`COUNTED_ON`), by payer and firm: what parts of months are read from."""

    __tablename__ = "income_days"
    __table_args__ = (one_of("cut", Cut),)

    day: Mapped[date] = mapped_column(primary_key=True, sort_order=-1)
    amount_fen: Mapped[Fen]


class CostRollup(Model):
    """Per month, household, firm and product (0 = none): costs, and the sales whose costs became known.

    `sold`: the month in which these sales count; of costs of no sale that in which they count themselves.
    """

    __tablename__ = "cost_rollup"
    __table_args__ = (Index(None, "household_id", "month"),)

    month: Mapped[date] = mapped_column(primary_key=True)
    household_id: Mapped[Ref] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)
    product_id: Mapped[Ref] = mapped_column(primary_key=True)
    sold: Mapped[date] = mapped_column(primary_key=True)
    lines: Mapped[int]
    cost_fen: Mapped[Fen]
    covered_fen: Mapped[Fen]


class ReachRollup(Model):
    """Per month, household, firm, product and channel: the sales that its produce reached. Not income."""

    __tablename__ = "reach_rollup"
    __table_args__ = (Index(None, "household_id", "month"),)

    month: Mapped[date] = mapped_column(primary_key=True)
    household_id: Mapped[Ref] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)
    product_id: Mapped[Ref] = mapped_column(primary_key=True)
    channel_id: Mapped[Ref] = mapped_column(primary_key=True)
    lines: Mapped[int]
    weight_g: Mapped[Grams]
    amount_fen: Mapped[Fen]


class ReachMonth(Model):
    """`ReachRollup` without product and channel: a fifteenth of its rows where a household grows three of them."""

    __tablename__ = "reach_months"
    __table_args__ = (Index(None, "firm_id", "month"),)

    month: Mapped[date] = mapped_column(primary_key=True)
    household_id: Mapped[Ref] = mapped_column(primary_key=True)
    firm_id: Mapped[Ref] = mapped_column(primary_key=True)
    weight_g: Mapped[Grams]
    amount_fen: Mapped[Fen]


class CostCut(_Cut, Model):
    """`CostRollup` by payer, village, firm, product, each by the month of the sales."""

    __tablename__ = "cost_cuts"
    __table_args__ = (one_of("cut", Cut),)

    sold: Mapped[date] = mapped_column(primary_key=True)

    covered_fen: Mapped[Fen]
    cost_fen: Mapped[Fen]


class ReachCut(_Cut, Model):
    """`ReachRollup` by payer, village, firm, product, channel."""

    __tablename__ = "reach_cuts"
    __table_args__ = (one_of("cut", Cut),)

    amount_fen: Mapped[Fen]
    weight_g: Mapped[Grams]


class _PromiseFigures:
    """Of a line of an agreement: due by schedule, called off, dispatched, accepted, refused; executed amount."""

    line_id: Mapped[Ref] = mapped_column(primary_key=True)
    agreement_id: Mapped[Ref]
    due_g: Mapped[Grams]
    called_g: Mapped[Grams]
    dispatched_g: Mapped[Grams]
    accepted_g: Mapped[Grams]
    refused_g: Mapped[Grams]
    executed_fen: Mapped[Fen]


class AgreementRollup(_PromiseFigures, Model):
    """Per agreement line and due day.

    What was called off and delivered stands on the day it was called for, so that "due to a day" and "accepted" of the
    same row speak of the same promise.
    """

    __tablename__ = "agreement_rollup"
    __table_args__ = (Index(None, "agreement_id"),)

    due_on: Mapped[date] = mapped_column(primary_key=True)


class AgreementMonth(_PromiseFigures, Model):
    """The days of `AgreementRollup` by month."""

    __tablename__ = "agreement_months"
    __table_args__ = (Index(None, "agreement_id"),)

    month: Mapped[date] = mapped_column(primary_key=True)


class CallOffRollup(Model):
    """A call-off and what became of its order. `order_status` is NULL where there is none."""

    __tablename__ = "call_off_rollup"
    __table_args__ = (Index(None, "agreement_id"),)

    id: Mapped[Ref] = mapped_column(primary_key=True, autoincrement=False)
    agreement_id: Mapped[Ref]
    line_id: Mapped[Ref]
    status: Mapped[CallOffStatus]
    cancelled_by: Mapped[Side | None]
    due_on: Mapped[date]
    schedule_day: Mapped[date | None]
    version_id: Mapped[Ref | None]
    weight_g: Mapped[Grams]
    stands_g: Mapped[Grams]
    again_g: Mapped[Grams]
    order_status: Mapped[OrderStatus | None]
    owed_on: Mapped[date | None]
    paid_fen: Mapped[Fen | None]
    accepted_g: Mapped[Grams]
    accepted_fen: Mapped[Fen | None]


class CallOffLine(Model):
    """What the call-offs of a line add up to: called again by others, taken by the buyer; of what he cancelled what was
    beside the schedule."""

    __tablename__ = "call_off_lines"
    __table_args__ = (Index(None, "agreement_id"),)

    line_id: Mapped[Ref] = mapped_column(primary_key=True)
    agreement_id: Mapped[Ref]
    recalled_g: Mapped[Grams]
    taken_g: Mapped[Grams]
    beside_g: Mapped[Grams]


class Publication(Model):
    """Income figures of closed months as they were published: a version for ever. Append-only; restated by the next.

    `figures`: the report by township and its total, without anything that tells of single households.
    """

    __tablename__ = "publications"
    __table_args__ = (
        UniqueConstraint("first_month", "last_month", "version"),
        CheckConstraint("extract(day FROM first_month) = 1 AND extract(day FROM last_month) = 1", name="whole_months"),
        CheckConstraint("first_month <= last_month", name="months_in_order"),
        CheckConstraint("version > 0 AND (version = 1) = (reason IS NULL)", name="restated_with_a_reason"),
    )

    id: Mapped[Id]
    first_month: Mapped[date]
    last_month: Mapped[date]
    version: Mapped[Small]
    figures: Mapped[Json]
    reason: Mapped[Prose | None]
    published_by_id: Mapped[Ref | None]
    published_at: Mapped[Instant]


class JobRun(Model):
    """One run of a job for a period: claimed by inserting the row, so two schedulers do it once.

    Rollups keep one row each of period `latest`: when they last took in everything that was marked. `due_by`: when the
    next run of a job of the timetable is late.
    """

    __tablename__ = "job_runs"
    __table_args__ = (UniqueConstraint("job", "period"),)

    id: Mapped[Id]
    job: Mapped[Code]
    period: Mapped[Code]
    started_at: Mapped[Instant]
    finished_at: Mapped[Instant | None]
    rows: Mapped[int | None]
    outcome: Mapped[Prose | None]
    due_by: Mapped[Instant | None]


class JobFailure(Model):
    """A job that has failed since it last did its work: when last, how often, and the kind of the error, no message."""

    __tablename__ = "job_failures"
    __table_args__ = (CheckConstraint("times > 0", name="times_counted"),)

    job: Mapped[Code] = mapped_column(primary_key=True)
    failed_at: Mapped[Instant]
    error: Mapped[Code]
    times: Mapped[int]


class RollupPart(Model):
    """A part of a rollup to be made from zero, or proved, by whichever worker takes it first.

    Taken by locking the row for as long as the work lasts, so a worker that dies leaves it as it was. `month`,
    `firm_id`: what is in it; None = all. `differences`: rows that a proof found otherwise, `found` the first of them.
    One that failed, `attempts` times, waits until `due_at`; `error` is the kind of what it failed by, no message.
    """

    __tablename__ = "rollup_parts"
    __table_args__ = (
        one_of("rollup", Rollup),
        one_of("work", PartWork),
        UniqueConstraint("rollup", "work", "month", "firm_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("(done_at IS NULL) = (rows IS NULL)", name="done_with_its_rows"),
        CheckConstraint("(coalesce(differences, 0) > 0) = (found IS NOT NULL)", name="difference_named"),
        Index("ix_rollup_parts_open", "id", postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[Id]
    rollup: Mapped[Rollup]
    work: Mapped[PartWork]
    month: Mapped[date | None]
    firm_id: Mapped[Ref | None]
    asked_at: Mapped[Instant]
    done_at: Mapped[Instant | None]
    rows: Mapped[int | None]
    took_ms: Mapped[int | None]
    differences: Mapped[int | None]
    found: Mapped[Prose | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[Instant | None]
    error: Mapped[Code | None]


class SentReport(Model):
    """A periodic report as it was sent: its bytes, for ever. A later one of the same period is the next version.

    `party_id`: the county or township it is of. `body`: the JSON of the report in UTF-8, `body_sha256` its hash.
    """

    __tablename__ = "sent_reports"
    __table_args__ = (
        one_of("every", Every),
        UniqueConstraint("party_id", "every", "first_on", "version"),
        CheckConstraint("version > 0", name="version_counted"),
        CheckConstraint("version = 1 OR note IS NOT NULL", name="later_version_says_why"),
        CheckConstraint("last_on >= first_on", name="days_ordered"),
        CheckConstraint("body_sha256 = sha256(body)", name="body_as_sent"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    party_id: Mapped[Ref] = mapped_column(ForeignKey("parties.id"))
    every: Mapped[Every]
    first_on: Mapped[date]
    last_on: Mapped[date]
    version: Mapped[Small]
    note: Mapped[Prose | None]
    sent_at: Mapped[Instant]
    confirmed_by_id: Mapped[Ref] = mapped_column(ForeignKey("people.id"))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    body_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))


class SentCheck(Model):
    """What the books say today of the latest version of a sent report: derived from its bytes, later ones, and rollups.

    `told`: figures that a later report named, each with the value it said last (`adjustments.Figure.path`). `changes`:
    figures that are otherwise by now and that no report has named. `named_in_id`: the last report that named some.
    `waiting_since`: its days were marked, or it was just sent, and nobody has looked since.
    """

    __tablename__ = "sent_checks"
    __table_args__ = (
        CheckConstraint("waiting_since IS NOT NULL OR checked_at IS NOT NULL", name="waits_or_was_checked"),
        CheckConstraint("jsonb_typeof(told) = 'object' AND jsonb_typeof(changes) = 'array'", name="as_kept"),
        Index("ix_sent_checks_waiting", "waiting_since", postgresql_where=text("waiting_since IS NOT NULL")),
    )

    sent_id: Mapped[Ref] = mapped_column(ForeignKey("sent_reports.id"), primary_key=True, autoincrement=False)
    told: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    named_in_id: Mapped[Ref | None] = mapped_column(ForeignKey("sent_reports.id"))
    waiting_since: Mapped[Instant | None]
    checked_at: Mapped[Instant | None]


class ReportExport(Model):
    """A long table that somebody asked for as a file: made by a job, kept in the database until `expires_at`.

    Here, not in a folder: any machine may make it and any may hand it out. `wanted`: as `Wanted` keeps it.
    `scope`: the grants [role, party] with which it was made; who fetches it must have them still. `rows_done` of
    `rows_total` are written; the total is not known before the rows are read.
    """

    __tablename__ = "report_exports"
    __table_args__ = (
        one_of("report", Exported),
        one_of("file", ExportFile),
        CheckConstraint("num_nulls(done_at, expires_at, body) IN (0, 3)", name="done_with_its_body"),
        CheckConstraint("done_at IS NULL OR num_nulls(scope, rows_total) = 0", name="done_with_its_scope"),
        CheckConstraint("rows_done BETWEEN 0 AND coalesce(rows_total, 0)", name="rows_done_of_all"),
        Index(None, "person_id", "id"),
    )

    id: Mapped[Id]
    code: Mapped[Code] = mapped_column(unique=True)
    person_id: Mapped[Ref] = mapped_column(ForeignKey("people.id"))
    report: Mapped[Exported]
    file: Mapped[ExportFile]
    wanted: Mapped[Json]
    title: Mapped[Prose]
    asked_at: Mapped[Instant]
    scope: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))
    rows_done: Mapped[int] = mapped_column(server_default="0")
    rows_total: Mapped[int | None]
    done_at: Mapped[Instant | None]
    expires_at: Mapped[Instant | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
