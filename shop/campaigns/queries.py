"""How far a campaign has come, by channel, township and unit, beside its goals and the campaign before."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.access.guard import ALL, Actor, Role, scope
from shop.campaigns.models import WITH_GOALS, Goal
from shop.channels.models import Campaign, Channel, Partner
from shop.kit.errors import NotFoundError
from shop.kit.money import BP_WHOLE, divide_half_up
from shop.places.models import Township, TownshipKind

#: Fen settled (paid less refunded, or accepted on invoice) of orders placed up to a day, by channel and partner.
SETTLED = text(
    """
    SELECT orders.channel_id, orders.partner_id, sum(net_fen) AS fen
    FROM orders JOIN settlements ON settlements.order_id = orders.id
    WHERE campaign_id = :campaign AND placed_on <= :until GROUP BY GROUPING SETS ((orders.channel_id),
        (orders.partner_id), ())
    """
)
#: Households whose produce was sold in these orders, each once for a row, and fen by township of the household.
REACHED = text(
    """
    WITH reached AS (
        SELECT orders.channel_id, orders.partner_id, township_id, household_id,
            sum(sales_reach.amount_fen) AS fen
        FROM orders JOIN order_lines ON order_lines.order_id = orders.id
        JOIN sales_reach ON order_line_id = order_lines.id
        JOIN households ON households.id = household_id JOIN villages ON villages.id = village_id
        WHERE campaign_id = :campaign AND placed_on <= :until GROUP BY 1, 2, 3, 4)
    SELECT channel_id, partner_id, township_id, sum(fen) AS fen,
        count(DISTINCT household_id) FILTER (WHERE fen > 0) AS households
    FROM reached GROUP BY GROUPING SETS ((channel_id), (partner_id), (township_id), ())
    """
)
#: The same for each day, in the area of a reader: of the county what was settled, of townships what their households'
#: produce was sold for.
SETTLED_BY_DAY = text(
    """
    SELECT placed_on, sum(net_fen)::bigint AS fen FROM orders JOIN settlements ON settlements.order_id = orders.id
    WHERE campaign_id = :campaign AND placed_on BETWEEN :first AND :until GROUP BY placed_on
    """
)
REACHED_BY_DAY = text(
    """
    SELECT placed_on, sum(sales_reach.amount_fen)::bigint AS fen
    FROM orders JOIN order_lines ON order_lines.order_id = orders.id JOIN sales_reach ON order_line_id = order_lines.id
    JOIN households ON households.id = household_id JOIN villages ON villages.id = village_id
    WHERE campaign_id = :campaign AND placed_on BETWEEN :first AND :until AND township_id = ANY(:townships)
    GROUP BY placed_on
    """
)
Key = tuple[str, int | None]
ALL_KEY: Key = ("campaign", None)


@dataclass
class Reached:
    """Fen and households of one row."""

    amount_fen: int = 0
    households: int = 0


def compared(session: Session, campaign: Campaign, code: str | None) -> Campaign | None:
    """The campaign to compare with: the one named, else the last that was over before this one began.

    Raises NotFoundError for a name that is none.
    """
    if code is not None:
        named = session.scalar(select(Campaign).where(Campaign.code == code))
        if named is None:
            raise NotFoundError(what="compare")
        return named
    return session.scalar(
        select(Campaign)
        .where(Campaign.ends_on < campaign.starts_on)
        .order_by(Campaign.ends_on.desc(), Campaign.id.desc())
        .limit(1)
    )


def campaigns(session: Session) -> list[Campaign]:
    """All campaigns, the one that started last first. One statement."""
    return list(session.scalars(select(Campaign).order_by(Campaign.starts_on.desc(), Campaign.id.desc())))


def by_day(session: Session, actor: Actor, campaign: Campaign, days: int) -> list[int]:
    """Fen settled of orders placed up to each of the campaign's first `days` days, in the reader's area.

    Of the county as in `progress` its total, of a township's manager his townships' rows. Two statements at most.
    """
    asked = {
        "campaign": campaign.id, "first": campaign.starts_on, "until": campaign.starts_on + timedelta(days=days - 1),
    }  # fmt: skip
    if actor.sees_county:
        rows = session.execute(SETTLED_BY_DAY, asked)
    else:
        mine = session.scalars(select(Township.id).where(scope(actor, {Role.MANAGER: Township.party_id}))).all()
        rows = session.execute(REACHED_BY_DAY, asked | {"townships": list(mine)})
    fen = {row.placed_on: int(row.fen) for row in rows}
    return list(accumulate(fen.get(campaign.starts_on + timedelta(days=day), 0) for day in range(days)))


def figures(session: Session, campaign_id: int, until: date) -> dict[Key, Reached]:
    """What a campaign reached with orders placed up to `until`: whole, by channel, partner, township. Two statements.

    Of a township the fen are those of its households' produce; of the others those settled.
    """
    found: dict[Key, Reached] = {}
    asked = {"campaign": campaign_id, "until": until}
    for row in session.execute(SETTLED, asked):
        found.setdefault(_key(row.channel_id, row.partner_id, None), Reached()).amount_fen = int(row.fen or 0)
    for row in session.execute(REACHED, asked):
        key = _key(row.channel_id, row.partner_id, row.township_id)
        known = found.setdefault(key, Reached())
        known.households = row.households
        if key[0] == "township":
            known.amount_fen = int(row.fen)
    return found


def _key(channel_id: int | None, partner_id: int | None, township_id: int | None) -> Key:
    if channel_id is not None:
        return ("channel", channel_id)
    if partner_id is not None:
        return ("partner", partner_id)
    return ("township", township_id) if township_id is not None else ALL_KEY


def progress(
    session: Session, actor: Actor, campaign: Campaign, before: Campaign | None, *, day: date
) -> dict[str, Any]:
    """Rows of a campaign up to `day`, each beside its goal and beside `before` after as many days.

    A township's manager sees his township's row alone. All channels and all townships stand there, also with zero;
    units that sold or have a goal.
    """
    until = min(day, campaign.ends_on)
    elapsed = max((until - campaign.starts_on).days + 1, 0)
    now = figures(session, campaign.id, until)
    then: dict[Key, Reached] = {}
    compared_until = None
    if before is not None:
        compared_until = min(before.starts_on + timedelta(days=elapsed - 1), before.ends_on)
        then = figures(session, before.id, compared_until)
    goals = {
        _key(goal.channel_id, goal.partner_id, goal.township_id): goal
        for goal in session.scalars(select(Goal).where(Goal.campaign_id == campaign.id))
    }

    def row(key: Key, code: str | None, name_zh: str) -> dict[str, Any]:
        have, had, goal = now.get(key, Reached()), then.get(key, Reached()), goals.get(key)
        wanted_fen, wanted = (goal.amount_fen, goal.households) if goal else (None, None)
        return {
            "code": code, "name_zh": name_zh, "amount_fen": have.amount_fen, "households": have.households,
            "goal_fen": wanted_fen, "goal_households": wanted,
            "amount_bp": divide_half_up(have.amount_fen * BP_WHOLE, wanted_fen) if wanted_fen else None,
            "households_bp": divide_half_up(have.households * BP_WHOLE, wanted) if wanted else None,
            "before_fen": had.amount_fen if before else None,
            "before_households": had.households if before else None,
        }  # fmt: skip

    townships = session.execute(
        select(Township.id, Township.code, Township.name_zh)
        .where(
            scope(actor, {Role.OPERATOR: ALL, Role.MANAGER: Township.party_id}),
            Township.kind != TownshipKind.COMMUNITY_AREA,
        )
        .order_by(Township.code)
    ).all()
    shown: dict[str, Any] = {
        "campaign": campaign.code, "name_zh": campaign.name_zh, "until": until, "days": elapsed,
        "compared_with": before.code if before else None, "compared_until": compared_until,
        "total": None, "channels": [], "units": [],
        "townships": [row(("township", id_), code, name) for id_, code, name in townships],
    }  # fmt: skip
    if not actor.sees_county:
        return shown
    channels = session.execute(select(Channel.id, Channel.kind, Channel.name_zh).order_by(Channel.position)).all()
    named = [id_ for kind, id_ in {*now, *goals} if kind == "partner"]
    units = session.execute(
        select(Partner.id, Partner.code, Partner.name_zh)
        .where(Partner.kind.in_(WITH_GOALS), Partner.id.in_(named))
        .order_by(Partner.code)
    ).all()
    return shown | {
        "total": row(ALL_KEY, None, campaign.name_zh),
        "channels": [row(("channel", id_), kind.value, name) for id_, kind, name in channels],
        "units": [row(("partner", id_), code, name) for id_, code, name in units],
    }
