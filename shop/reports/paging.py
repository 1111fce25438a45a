"""A page of rows, and where the page before it begins, so that one pages both ways by key."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session


def rows_from(
    session: Session, query: Any, row_id: Any, *, limit: int, start: int | None, ascending: bool = False
) -> dict[str, Any]:  # fmt: skip
    """`limit` + 1 rows beyond `start` by `row_id`, newest first unless `ascending`; and the start of the page before.

    `query` selects the id first. `previous` is None on the first page, and where the page before is the first.
    """
    order, back = (row_id.asc(), row_id.desc()) if ascending else (row_id.desc(), row_id.asc())
    if start is None:
        onward, previous = query, None
    else:
        beyond = row_id > start if ascending else row_id < start
        onward = query.where(beyond)
        previous = session.scalar(query.where(~beyond).order_by(back).offset(limit).limit(1))
    found = session.execute(onward.order_by(order).limit(limit + 1)).mappings()
    return {"items": [dict(row) for row in found], "previous": previous}


def key_before(passed: Sequence[str], limit: int) -> str | None:
    """After which key the page begins that is before the one behind all keys in `passed`.

    None where that is the first page, and on the first page itself.
    """
    return passed[-limit - 1] if len(passed) > limit else None
