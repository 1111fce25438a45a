"""Posting."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.kit.clock import beijing_month
from shop.ledger.models import Account, AccountKind, Journal, Posting


def account(session: Session, kind: AccountKind, party_id: int | None = None) -> int:
    """The id of the account of `kind` (and party), opened when it is new."""
    same_party = Account.party_id.is_(None) if party_id is None else Account.party_id == party_id
    found = session.scalar(select(Account.id).where(Account.kind == kind, same_party))
    if found:
        return found
    session.execute(insert(Account).values(kind=kind, party_id=party_id).on_conflict_do_nothing())
    return session.execute(select(Account.id).where(Account.kind == kind, same_party)).scalar_one()


def post(
    session: Session, source_type: str, source_id: int, kind: str, legs: Sequence[tuple[int, int]], *,
    booked_at: datetime, memo: str | None = None, reverses_id: int | None = None,
) -> int:  # fmt: skip
    """Book one event: `legs` are (account id, fen), debit positive, and must sum to zero (checked at commit).

    Returns the journal's id. The same source and kind posts once: a second call finds the first journal.
    Legs of zero are left out.
    """
    made = session.execute(
        insert(Journal)
        .values(
            source_type=source_type, source_id=source_id, kind=kind, booked_at=booked_at,
            month=beijing_month(booked_at), memo=memo, reverses_id=reverses_id,
        )
        .on_conflict_do_nothing()
        .returning(Journal.id)
    ).scalar()  # fmt: skip
    if made is None:
        return session.execute(
            select(Journal.id).where(
                Journal.source_type == source_type, Journal.source_id == source_id, Journal.kind == kind
            )
        ).scalar_one()
    rows = [{"journal_id": made, "account_id": id_, "amount_fen": fen} for id_, fen in legs if fen]
    session.execute(insert(Posting), rows)
    return made


def balance(session: Session, account_id: int) -> int:
    """Sum of an account's postings in fen: debit positive."""
    total = session.scalar(select(func.sum(Posting.amount_fen)).where(Posting.account_id == account_id))
    return int(total or 0)


def trial_balance(session: Session) -> list[tuple[AccountKind, int]]:
    """Balance in fen of each kind of account; the whole sums to zero."""
    rows = session.execute(
        select(Account.kind, func.sum(Posting.amount_fen))
        .join(Posting, Posting.account_id == Account.id)
        .group_by(Account.kind)
        .order_by(Account.kind)
    )
    return [(kind, int(total)) for kind, total in rows]
