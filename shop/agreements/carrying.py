"""What a version leaves out: it stands as in the version that it replaces, or in the agreement that it renews.

Of a first draft it is what custom says (`LineTerms`, `UNSAID`). So nobody loses a rate by not repeating it.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from shop.agreements.models import Agreement, AgreementVersion
from shop.agreements.signing import youngest
from shop.agreements.terms import LineTerms, Terms, read

#: Of a first draft, in basis points; the buyer's penalty is the firm's.
UNSAID: Mapping[str, Any] = {"deposit_bp": 0, "penalty_bp": 0, "buyer_penalty_bp": None, "tolerance_bp": 0}
_OF_LINE = (
    "minimum_date_g", "farm_gate_floor_fen_per_kg", "special_bp", "second_bp", "off_bp", "quote_source", "schedule",
)  # fmt: skip


def replaced_by_next(session: Session, agreement: Agreement) -> Terms:
    """The terms that another version would replace: of what runs those in force, of a draft the youngest."""
    return in_force(session, agreement) or read(youngest(session, agreement).terms)


def in_force(session: Session, agreement: Agreement) -> Terms | None:
    """The terms that both have signed last, also of an agreement that has ended; None: there are none."""
    if agreement.version_id is None:
        return None
    return read(session.get_one(AgreementVersion, agreement.version_id).terms)


def whole_terms(said: Mapping[str, Any], before: Terms | None) -> dict[str, Any]:
    """The terms of all lines, with what is left out of them: what is said as null is what custom says."""
    known = {name: getattr(before, name) for name in UNSAID} if before is not None else UNSAID
    whole = {**known, **{name: value for name, value in said.items() if name != "lines"}}
    if whole["buyer_penalty_bp"] is None:
        whole["buyer_penalty_bp"] = whole["penalty_bp"]
    return whole


def whole_line(said: Mapping[str, Any], before: Terms | None) -> dict[str, Any]:
    """The terms of a line; its minimum in total may be None: all of it. A margin is carried to the same rule only."""
    old = next((line for line in before.lines if line.sku == said["sku"]), None) if before is not None else None
    return {"minimum_g": None, **(_carried(old, said) if old is not None else {}), **said}


def _carried(old: LineTerms, said: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: getattr(old, name) for name in _OF_LINE}
    if old.price_rule is said["price_rule"]:
        known["margin_bp"] = old.margin_bp
    if old.minimum_g != old.committed_g:
        known["minimum_g"] = old.minimum_g
    return known
