"""Tables of the ledger. Triggers in the migration keep it append-only and balanced (checked at commit)."""

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Code, Fen, Id, Instant, Prose, Ref


class AccountKind(StrEnum):
    """What an account stands for. Kinds with a party have one account for each party."""

    CLEARING = "clearing"  # money at the payment provider or bank
    MARKETPLACE = "marketplace"  # collected by a marketplace and not yet paid out to us (party: shop)
    ADVANCES = "advances"  # paid by buyers, order not yet accepted: owed to the buyer
    REFUNDS_DUE = "refunds_due"  # granted back to buyers, not yet confirmed by the provider
    RECEIVABLE = "receivable"  # owed by a buyer on invoice (party: buyer)
    FIRM = "firm"  # owed to a firm for its sales (party: firm)
    HOST = "host"  # owed to a host as commission (party: host)
    PLATFORM = "platform"  # technical fee of an online shop (party: shop)
    CARRIER = "carrier"  # freight
    FIRM_COSTS = "firm_costs"  # what a firm spends on households (party: firm)
    HOUSEHOLD = "household"  # owed to a household (party: household)
    DEPOSIT = "deposit"  # 定金 held for a buyer until it is set off, returned or lost (party: buyer)
    RESERVE = "reserve"  # a co-operative's reserve, 公积金 (party: firm)
    PLEDGED = "pledged"  # coupons and slot fees, owed by who promised them (party: host, shop, firm)
    SUBSIDIES = "subsidies"  # public money paid to households


class Account(Model):
    """One account: its kind, and the party it belongs to where the kind has one."""

    __tablename__ = "accounts"
    __table_args__ = (
        one_of("kind", AccountKind),
        UniqueConstraint("kind", "party_id", postgresql_nulls_not_distinct=True),
    )

    id: Mapped[Id]
    kind: Mapped[AccountKind]
    party_id: Mapped[Ref | None] = mapped_column(ForeignKey("parties.id"))


class Journal(Model):
    """One booked event: where it came from, when, in which Beijing month."""

    __tablename__ = "journals"
    __table_args__ = (
        UniqueConstraint("source_type", "source_id", "kind"),
        CheckConstraint("extract(day FROM month) = 1", name="month_first_day"),
        Index(None, "month"),
    )

    id: Mapped[Id]
    source_type: Mapped[Code]
    source_id: Mapped[Ref]
    kind: Mapped[Code]
    booked_at: Mapped[Instant]
    month: Mapped[date]
    reverses_id: Mapped[Ref | None] = mapped_column(ForeignKey("journals.id"))
    memo: Mapped[Prose | None]


class Posting(Model):
    """One leg of a journal: debit positive, credit negative, never zero."""

    __tablename__ = "postings"
    __table_args__ = (
        CheckConstraint("amount_fen <> 0", name="amount_not_zero"),
        Index(None, "journal_id"),
        Index(None, "account_id", "id"),
    )

    id: Mapped[Id]
    journal_id: Mapped[Ref] = mapped_column(ForeignKey("journals.id"))
    account_id: Mapped[Ref] = mapped_column(ForeignKey("accounts.id"))
    amount_fen: Mapped[Fen]
