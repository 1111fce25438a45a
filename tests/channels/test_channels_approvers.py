"""Approval by the unit's approver: whom the county named, and nobody else."""

import pytest
from sqlalchemy import func, select

from shop.access.actions import create_person, grant
from shop.access.models import Party, Role
from shop.channels.actions import may_approve, name_approvers, partner_by_code
from shop.channels.models import Approver
from shop.kit.errors import NotFoundError
from shop.orders.actions import approve
from shop.orders.errors import NotTheApprover
from shop.orders.models import OrderStatus
from tests.factories.sales import Season


def buyer(season: Season, login: str, partner: str = "UNIT") -> int:
    """Somebody who buys for the partner."""
    made = create_person(
        season.session, login=login, name_zh="某人（示例）", password="long enough to remember", now=season.now
    )
    grant(season.session, made.id, partner_by_code(season.session, partner).party_id, Role.BUYER, now=season.now)
    return made.id


def test_without_named_approvers_each_buyer_of_the_unit_approves(season: Season) -> None:
    order = season.asked("UNIT")
    approve(season.session, order, actor_id=buyer(season, "organiser"), now=season.now)
    assert order.status is OrderStatus.CONFIRMED


def test_with_named_approvers_nobody_else_approves(season: Season) -> None:
    organiser, head = buyer(season, "organiser"), buyer(season, "head")
    unit = partner_by_code(season.session, "UNIT")
    name_approvers(season.session, unit, ["head"], actor_id=None, now=season.now)
    order = season.asked("UNIT")
    with pytest.raises(NotTheApprover):
        approve(season.session, order, actor_id=organiser, now=season.now)
    assert order.status is OrderStatus.PLACED
    approve(season.session, order, actor_id=head, now=season.now)
    assert order.status is OrderStatus.CONFIRMED
    name_approvers(season.session, unit, [], actor_id=None, now=season.now)
    assert may_approve(season.session, unit.id, organiser)


def test_an_approver_is_a_buyer_of_that_unit(season: Season) -> None:
    unit = partner_by_code(season.session, "UNIT")
    other = season.session.execute(select(Party.id).where(Party.id != unit.party_id, Party.kind == "buyer").limit(1))
    stranger = create_person(
        season.session, login="stranger", name_zh="某人（示例）", password="long enough to remember", now=season.now
    )
    grant(season.session, stranger.id, other.scalar_one(), Role.BUYER, now=season.now)
    for login in ("stranger", "nobody"):
        with pytest.raises(NotFoundError):
            name_approvers(season.session, unit, [login], actor_id=None, now=season.now)
    assert season.session.scalar(select(func.count()).select_from(Approver)) == 0
