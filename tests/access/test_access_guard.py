"""Which rows an actor sees: decided in one place."""

import pytest
from flask import Flask, jsonify
from flask_smorest import Blueprint
from sqlalchemy import column, literal_column, select, values
from sqlalchemy.orm import Session

from shop.access.guard import (
    ALL,
    SIGNED_IN,
    Actor,
    All,
    Grant,
    allow,
    assert_guarded,
    current_actor,
    may_see,
    must_own,
    scope,
)
from shop.access.models import PartyKind, Role
from shop.kit.errors import NotFoundError
from tests.factories.access import headers_of, party, person

FIRM_STAFF = Actor(1, (Grant(Role.FIRM_STAFF, 10, PartyKind.FIRM), Grant(Role.FIRM_STAFF, 11, PartyKind.FIRM)))
OPERATOR = Actor(2, (Grant(Role.OPERATOR, 1, PartyKind.COUNTY),))
COUNTY = Actor(3, (Grant(Role.MANAGER, 1, PartyKind.COUNTY),))
TOWNSHIP = Actor(4, (Grant(Role.MANAGER, 20, PartyKind.TOWNSHIP),))
BUYER = Actor(5, (Grant(Role.BUYER, 30, PartyKind.BUYER),))
BOTH = Actor(6, (Grant(Role.FIRM_STAFF, 10, PartyKind.FIRM), Grant(Role.BUYER, 30, PartyKind.BUYER)))
NOBODY = Actor(None)

#: (firm, buyer, township) of four rows.
ROWS = values(column("firm"), column("buyer"), column("township"), name="rows").data(
    [(10, 30, 20), (11, 31, 20), (12, 30, 21), (13, 32, 22)]
)
OWNERS = {
    Role.OPERATOR: ALL,
    Role.MANAGER: ROWS.c.township,
    Role.FIRM_STAFF: ROWS.c.firm,
    Role.BUYER: ROWS.c.buyer,
}


@pytest.mark.parametrize(
    ("actor", "firms"),
    [
        (OPERATOR, [10, 11, 12, 13]),
        (COUNTY, [10, 11, 12, 13]),
        (TOWNSHIP, [10, 11]),
        (FIRM_STAFF, [10, 11]),
        (BUYER, [10, 12]),
        (BOTH, [10, 12]),
        (NOBODY, []),
    ],
)
def test_a_list_holds_the_rows_of_his_parties_and_no_other(session: Session, actor: Actor, firms: list[int]) -> None:
    assert session.scalars(select(ROWS.c.firm).where(scope(actor, OWNERS)).order_by(ROWS.c.firm)).all() == firms


def test_a_role_that_is_not_named_sees_nothing(session: Session) -> None:
    assert session.scalars(select(literal_column("1")).where(scope(BUYER, {Role.OPERATOR: ALL}))).all() == []


@pytest.mark.parametrize(
    ("actor", "owners", "seen"),
    [
        (FIRM_STAFF, {Role.FIRM_STAFF: 11}, True),
        (FIRM_STAFF, {Role.FIRM_STAFF: 12}, False),
        (FIRM_STAFF, {Role.BUYER: 10}, False),
        (FIRM_STAFF, {Role.FIRM_STAFF: None}, False),
        (OPERATOR, {Role.FIRM_STAFF: 11}, False),
        (OPERATOR, {Role.FIRM_STAFF: 11, Role.OPERATOR: ALL}, True),
        (COUNTY, {Role.MANAGER: 20}, True),
        (TOWNSHIP, {Role.MANAGER: 20}, True),
        (TOWNSHIP, {Role.MANAGER: 21}, False),
        (NOBODY, {Role.OPERATOR: ALL, Role.BUYER: 30}, False),
    ],
)
def test_an_object_is_seen_by_its_owners_only(actor: Actor, owners: dict[Role, int | All | None], seen: bool) -> None:
    assert may_see(actor, owners) is seen


def test_a_foreign_object_is_refused_as_a_missing_one() -> None:
    with pytest.raises(NotFoundError) as refused:
        must_own(BUYER, {Role.BUYER: 31}, "order 7")
    assert refused.value.facts == {"what": "order 7"}
    must_own(BUYER, {Role.BUYER: 30}, "order 7")


def test_a_route_that_does_not_say_who_may_call_it_stops_the_start() -> None:
    app = Flask("open door")
    app.add_url_rule("/api/v1/open", "open", lambda: "open")
    with pytest.raises(RuntimeError, match="does not say who may call it"):
        assert_guarded(app)


def test_in_a_view_for_certain_roles_the_others_do_not_count(committed: Flask) -> None:
    room = Blueprint("probe", __name__, url_prefix="/api/v1/probe")

    @room.route("/buyers")
    @allow(Role.BUYER)
    def buyers() -> object:
        return jsonify([grant.role.value for grant in current_actor().grants])

    @room.route("/all")
    @allow(SIGNED_IN)
    def everybody() -> object:
        return jsonify([grant.role.value for grant in current_actor().grants])

    committed.register_blueprint(room)
    both = person(
        committed,
        (Role.BUYER, party(committed, PartyKind.BUYER)),
        (Role.HOST, party(committed, PartyKind.HOST)),
    )
    headers, client = headers_of(committed, both), committed.test_client()
    assert client.get("/api/v1/probe/buyers", headers=headers).get_json() == ["buyer"]
    assert client.get("/api/v1/probe/all", headers=headers).get_json() == ["buyer", "host"]
