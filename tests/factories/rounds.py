"""Buying rounds of a unit, made by the real actions on the season's product."""

from collections.abc import Mapping
from datetime import timedelta

from shop.access.actions import create_person
from shop.catalog.reference import catalog
from shop.channels.actions import partner_by_code
from shop.channels.models import Campaign
from shop.channels.reference import selling
from shop.kit.reference import current_version
from shop.orders.actions import approve
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order
from shop.rounds import actions, joining
from shop.rounds.models import Round
from tests.factories.sales import Season

WHERE = actions.Where("一楼大厅（示例）", "王组织（示例）", "+8613800000000")


def open_round(season: Season, *terms: actions.Terms, partner: str = "UNIT", hours: int = 48) -> Round:
    """A round that is open for `hours`; of the season's product, 1 to 5 packs a person, without `terms`."""
    session, now = season.session, season.now
    session.flush()
    return actions.open_round(
        session, partner_by_code(session, partner), session.query(Campaign.id).scalar(), "鲜桃团购（示例）",
        now + timedelta(hours=hours), WHERE, terms or [actions.Terms(season.sku, 1, 5)],
        goods=catalog(session, current_version(session)), actor_id=None, now=now,
    )  # fmt: skip


def joined(season: Season, round_: Round, number: int, wanted: Mapping[str, int]) -> str:
    """Colleague `number` joins by his staff number; his secret."""
    secret = joining.new_secret()
    who = joining.Colleague(f"同事{number}（示例）", None, f"N{number:04d}")
    joining.join(season.session, round_.join_code, who, wanted, secret, now=season.now)
    return secret


def closed(season: Season, round_: Round) -> Order:
    """The round's bulk order, waiting for its approval."""
    session = season.session
    session.flush()
    version = current_version(session)
    placed = actions.close_round(
        session, round_, goods=catalog(session, version), selling=selling(session, version), actor_id=None,
        now=season.now,
    )  # fmt: skip
    return locked_order_by_id(session, placed.order_id)


def delivered_round(season: Season, packs: tuple[int, ...] = (2, 3, 1), refused_g: int = 0) -> Round:
    """A round of colleagues who wanted so many packs each, ordered, approved and accepted but for `refused_g`."""
    round_ = open_round(season)
    for number, wanted in enumerate(packs, 1):
        joined(season, round_, number, {season.sku: wanted})
    order = closed(season, round_)
    approve(season.session, order, actor_id=None, now=season.now)
    season.settled(order, refused_g)
    return round_


def handed_out(season: Season, round_: Round) -> None:
    """The organiser hands the first his goods."""
    organiser = create_person(
        season.session, login=f"organiser-{round_.id}", name_zh="王组织（示例）", password="long enough", now=season.now
    )
    actions.hand_out(season.session, round_, [1], actor_id=organiser.id, now=season.now)
