"""A unit's year, made by the real actions on the season's unit."""

from datetime import date

from shop.channels.actions import partner_by_code
from shop.kit.clock import beijing_day
from shop.orders.actions import approve
from shop.units import actions
from shop.units.models import Filing, Fund
from tests.factories.sales import Season

AUTHORITY = "县财政局"
TERMS = actions.RuleTerms(1_000, 2_000, 150_000, date(2025, 3, 21), "通知（示例）")


def ruled(season: Season) -> None:
    """The authority's rule of the season's year."""
    first = beijing_day(season.now).replace(month=1, day=1)
    actions.set_rule(season.session, AUTHORITY, first, TERMS, actor_id=None, now=season.now)


def filed(season: Season, canteen_fen: int = 1_000_001, union_fen: int = 0, members: int = 2) -> Filing:
    """What the unit files for the season's year."""
    return actions.file_year(
        season.session, partner_by_code(season.session, "UNIT"), beijing_day(season.now).year, AUTHORITY,
        canteen_fen=canteen_fen, union_fen=union_fen, members=members, actor_id=None, now=season.now,
    )  # fmt: skip


def outside(season: Season, number: str = "832-1", amount_fen: int = 25_000, day: date = date(2025, 6, 3)) -> None:
    """A purchase of the unit on the 832 platform."""
    unit = partner_by_code(season.session, "UNIT")
    actions.record_outside(season.session, unit, number, day, amount_fen, "苹果", actor_id=None, now=season.now)


def unit_year(season: Season) -> None:
    """Something of everything at a desk: filed, bought and taken back elsewhere, a union's goods accepted."""
    ruled(season)
    filed(season)
    outside(season)
    unit = partner_by_code(season.session, "UNIT")
    actions.void_outside(season.session, unit, "832-1", "金额录错", actor_id=None, now=season.now)
    order = season.asked("UNIT", 2)
    actions.declare(season.session, order, Fund.UNION, actor_id=None, now=season.now)
    approve(season.session, order, actor_id=None, now=season.now)
    season.settled(order)
