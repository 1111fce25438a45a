"""Locking rounds: one round by its row, before its entries and before the order that it places."""

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from shop.kit.errors import NotFoundError
from shop.rounds.models import Round


def _locked(session: Session, which: ColumnElement[bool], what: str) -> Round:
    found = session.scalar(select(Round).where(which).with_for_update())
    if found is None:
        raise NotFoundError(what=what)
    return found


def locked_round(session: Session, code: str) -> Round:
    """The round, locked to the end of the transaction. Raises NotFoundError."""
    return _locked(session, Round.code == code, code)


def locked_by_link(session: Session, join_code: str) -> Round:
    """The round that a link leads to, locked. Raises NotFoundError."""
    return _locked(session, Round.join_code == join_code, join_code)
