"""Claimed penalties of purchase agreements: who owes them to whom, what was paid, what is open. No part of receivables.

A claim books nothing, so this is told of the claims themselves; amounts in fen, as they stand now.
"""

from typing import Any, TypeAlias

from sqlalchemy import BigInteger, Select, String, case, cast, func, select
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.agreements.models import Agreement, Side
from shop.agreements.queries import visible
from shop.catalog.models import Firm
from shop.channels.models import Partner
from shop.kit.states import History
from shop.orders.models import PenaltyProposal, PenaltyStatus
from shop.payments.models import PenaltyPayment, PenaltyPaymentVoid
from shop.reports.area import area

AnySelect: TypeAlias = Select[*tuple[Any, ...]]
#: In fen; open is claimed less paid.
FIGURES = ("penalty_fen", "paid_fen", "open_fen")
#: What of each penalty counts as paid, and since which day.
_PAID = (
    select(
        PenaltyPayment.proposal_id, func.sum(PenaltyPayment.amount_fen).label("fen"),
        func.max(PenaltyPayment.paid_on).label("last_on"),
    )
    .outerjoin(PenaltyPaymentVoid, PenaltyPaymentVoid.payment_id == PenaltyPayment.id)
    .where(PenaltyPaymentVoid.payment_id.is_(None))
    .group_by(PenaltyPayment.proposal_id)
    .subquery("paid")
)  # fmt: skip
_PAID_FEN = cast(func.coalesce(_PAID.c.fen, 0), BigInteger)
_OPEN_FEN = PenaltyProposal.penalty_fen - _PAID_FEN
_SUMS = [cast(func.coalesce(func.sum(one), 0), BigInteger) for one in (PenaltyProposal.penalty_fen, _PAID_FEN)]
_BY_FIRM = PenaltyProposal.side == Side.FIRM
_CLAIMED_AT = (
    select(func.max(History.at))
    .where(
        History.entity_type == PenaltyProposal.__tablename__,
        History.entity_id == PenaltyProposal.id,
        History.event == "claim",
    )
    .correlate(PenaltyProposal)
    .scalar_subquery()
)
#: What a penalty is called: its agreement and its number.
_CODE = Agreement.code + "-" + cast(PenaltyProposal.number, String)
_ROW = (
    PenaltyProposal.id, _CODE.label("code"), Agreement.code.label("agreement"), PenaltyProposal.number,
    PenaltyProposal.side,
    case((_BY_FIRM, Firm.name_zh), else_=Partner.name_zh).label("owed_by"),
    case((_BY_FIRM, Partner.name_zh), else_=Firm.name_zh).label("owed_to"),
    PenaltyProposal.as_of, _CLAIMED_AT.label("claimed_at"), PenaltyProposal.penalty_fen,
    _PAID_FEN.label("paid_fen"), _OPEN_FEN.label("open_fen"), _PAID.c.last_on.label("last_paid_on"),
)  # fmt: skip


def _claimed(query: AnySelect, actor: Actor, *, open_only: bool) -> AnySelect:
    claimed = (
        visible(query, actor)
        .join(PenaltyProposal, PenaltyProposal.agreement_id == Agreement.id)
        .outerjoin(_PAID, _PAID.c.proposal_id == PenaltyProposal.id)
        .where(PenaltyProposal.status == PenaltyStatus.CLAIMED)
    )
    return claimed.where(_OPEN_FEN > 0) if open_only else claimed


def claimed_penalties(
    session: Session, actor: Actor, *, limit: int, before_id: int | None = None, open_only: bool = False
) -> list[dict[str, Any]]:
    """Up to `limit` claimed penalties of the agreements that `actor` sees, the last proposed first."""
    rows = _claimed(select(*_ROW), actor, open_only=open_only).order_by(PenaltyProposal.id.desc()).limit(limit)
    if before_id is not None:
        rows = rows.where(PenaltyProposal.id < before_id)
    return [dict(row) for row in session.execute(rows).mappings()]


def penalties_total(session: Session, actor: Actor) -> dict[str, dict[str, int]]:
    """What is claimed, paid and open of all of them, by the side that owes it."""
    query = _claimed(select(PenaltyProposal.side, *_SUMS), actor, open_only=False).group_by(PenaltyProposal.side)
    total = {side.value: _told(0, 0) for side in (Side.FIRM, Side.BUYER)}
    return total | {side.value: _told(claimed, paid) for side, claimed, paid in session.execute(query)}


def open_penalties(session: Session, actor: Actor, *, limit: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Claimed and not wholly paid, in the reader's area as reports know it, and the sums of all: for reports."""
    claimed = _claimed(select(*_ROW), actor, open_only=True).where(area(actor))
    rows = session.execute(claimed.order_by(Agreement.code, PenaltyProposal.number).limit(limit)).mappings()
    sums = session.execute(_claimed(select(*_SUMS), actor, open_only=True).where(area(actor))).one()
    return [dict(row) for row in rows], _told(*sums)


def _told(claimed_fen: int, paid_fen: int) -> dict[str, int]:
    return dict(zip(FIGURES, (claimed_fen, paid_fen, claimed_fen - paid_fen), strict=True))


def behind_open_penalties(actor: Actor, figure: str, code: str | None) -> AnySelect:
    """The penalties that make a sum of `open_penalties`, one of `FIGURES`, or that of one of them, as rows."""
    value = dict(zip(FIGURES, (PenaltyProposal.penalty_fen, _PAID_FEN, _OPEN_FEN), strict=True))[figure]
    rows = _claimed(
        select(
            PenaltyProposal.id, PenaltyProposal.as_of.label("day"), _CODE.label("source_code"),
            Firm.code.label("firm"), Partner.code.label("partner"), value.label("value"),
        ),
        actor, open_only=True,
    ).where(area(actor))  # fmt: skip
    return rows if code is None else rows.where(_CODE.in_([code]))
