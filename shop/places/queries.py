"""Reading places."""

from collections.abc import Sequence

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from shop.kit.errors import NotFoundError
from shop.places.gazetteer import Gazetteer, VillageName, build
from shop.places.models import PlaceAlias, Township, Village

#: Digits of a township's code; a village's has three more.
TOWNSHIP_DIGITS = 9


def gazetteer(session: Session) -> Gazetteer:
    """All places of the database by every name they may be given: three statements, a few hundred rows."""
    townships = session.execute(select(Township.code, Township.name_zh)).all()
    villages = session.execute(
        select(Village.code, Township.code, Village.name_zh, Village.short_zh).join(
            Township, Township.id == Village.township_id
        )
    )
    aliases = session.execute(
        select(PlaceAlias.alias, Township.code, Village.code)
        .outerjoin(Township, Township.id == PlaceAlias.township_id)
        .outerjoin(Village, Village.id == PlaceAlias.village_id)
    ).all()
    return build(
        townships,
        [VillageName(*row) for row in villages],
        {alias: town for alias, town, _ in aliases if town},
        {alias: village for alias, _, village in aliases if village},
    )


def village_named(session: Session, named: str) -> int:
    """The id of the village that a code, a name or a known misprint means. Raises NotFoundError: never a guess."""
    code = gazetteer(session).village(named)
    found = session.scalar(select(Village.id).where(Village.code == code)) if code else None
    if found is None:
        raise NotFoundError(what=named)
    return found


def place_names(session: Session, codes: Sequence[str]) -> dict[str, str]:
    """The names of townships and villages by their codes; a code of no place is left out."""
    named = union(
        select(Township.code, Township.name_zh).where(Township.code.in_(codes)),
        select(Village.code, Village.short_zh).where(Village.code.in_(codes)),
    )
    return dict(session.execute(named).all())


def place_zh(session: Session, code: str | None) -> str:
    """A township by its name, a village by that of its township and its own; nothing without a code."""
    if code is None:
        return ""
    names = place_names(session, [code[:TOWNSHIP_DIGITS], code])
    return "".join(dict.fromkeys(names.get(part, part) for part in (code[:TOWNSHIP_DIGITS], code)))
