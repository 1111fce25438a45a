"""Codes that count once: what was made void keeps its own for ever, what is recorded anew takes the next free one."""

from collections.abc import Collection
from itertools import count

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from shop.kit.types import MAX_CODE


def next_free(session: Session, column: InstrumentedAttribute[str], code: str, beside: Collection[str] = ()) -> str:
    """The code with the first of -2, -3, … that neither `column` nor `beside` has; its end alone, where it is long."""
    for number in count(2):
        free = f"{code[-(MAX_CODE - len(f'-{number}')) :]}-{number}"
        if free not in beside and not session.scalar(select(column).where(column == free)):
            break
    return free


def way_out(
    session: Session, column: InstrumentedAttribute[str], code: str, *, void: bool, of_zh: str, of_en: str
) -> dict[str, str]:
    """What the refusal of a code that was used tells whoever records (`way_zh`, `way_en`).

    `void`: what has it is his own and void, so that it tells a free code. Else another one, `of_zh`, has its own.
    """
    if not void:
        return {"way_zh": f"另一{of_zh}请用它自己的编号", "way_en": f"another {of_en} has a code of its own"}
    free = next_free(session, column, code)
    return {"way_zh": f"但已作废，重新登记请用 {free}", "way_en": f"it is void, record it anew as {free}"}
