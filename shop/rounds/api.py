"""Buying rounds over HTTP: the organiser's side, and joining by a link without an account."""

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.actions import normal_phone
from shop.access.errors import PhoneNotValid
from shop.access.guard import EVERYONE, Role, allow, current_actor, must_own, reference_version
from shop.catalog.actions import product_by_sku
from shop.catalog.errors import OutOfSeason
from shop.catalog.models import Firm
from shop.catalog.reference import Catalog, catalog
from shop.channels.actions import partner_by_code
from shop.channels.errors import NoCampaign
from shop.channels.models import Partner
from shop.channels.reference import selling
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import MoveRefusedError, NotFoundError
from shop.kit.http import documented, file_response, now
from shop.kit.idempotency import idempotent
from shop.kit.schemas import cursor_key, page
from shop.kit.tables import XLSX_TYPE
from shop.orders import errors as order_errors
from shop.rounds import actions, errors, joining, queries, schemas
from shop.rounds.locks import locked_round
from shop.rounds.models import Round, RoundEntry
from shop.rounds.papers import workbook
from shop.stock import errors as stock_errors
from shop.stock.queries import aside
from shop.stock.schemas import AsideOut, RoundAside

blueprint = Blueprint("rounds", __name__, url_prefix="/api/v1", description="团购 · Buying rounds of units")

SELLING = [
    order_errors.NotForSale, OutOfSeason, order_errors.PaperMissing, order_errors.NotForThisChannel,
    order_errors.OneSellerPerOrder,
]  # fmt: skip
JOINING = [
    NotFoundError, errors.RoundNotOpen, errors.SecretNotKnown, errors.NotInThisRound, errors.PacksOutOfBounds,
    errors.RoundSoldOut,
]  # fmt: skip


def _goods() -> Catalog:
    return catalog(db.session(), reference_version())


def _locked(session: Session, code: str) -> Round:
    """The round, locked, if the actor buys for its unit. Raises NotFoundError otherwise."""
    round_ = locked_round(session, code)
    party_id = session.execute(select(Partner.party_id).where(Partner.id == round_.partner_id)).scalar_one()
    must_own(current_actor(), {Role.BUYER: party_id}, what=code)
    return round_


def _shown(code: str) -> dict[str, Any]:
    return queries.own_round(db.session(), current_actor(), code, goods=_goods(), day=beijing_day(now()))


@blueprint.route("/rounds", methods=["GET"])
@allow(Role.BUYER, Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.arguments(schemas.RoundFilter, location="query")
@blueprint.response(200, schemas.RoundPage)
def list_rounds(query: dict[str, Any]) -> dict[str, object]:
    """团购列表 · Rounds of your unit, or of your firm's goods, newest first, without names; the county sees all."""
    wanted = []
    before = cursor_key(query["cursor"])
    if before is not None:
        wanted.append(Round.id < before)
    if query["status"]:
        wanted.append(Round.status == query["status"])
    rows = queries.rounds(
        db.session(), current_actor(), *wanted, goods=_goods(), day=beijing_day(now()), limit=query["limit"] + 1
    )
    return page(rows, query["limit"], key=lambda row: int(row["id"]))


@blueprint.route("/rounds", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.RoundAsked)
@blueprint.response(201, schemas.RoundOut)
@documented(
    errors=[NotFoundError, errors.NoRoundsHere, errors.ClosesTooLate, NoCampaign, PhoneNotValid, *SELLING],
    example={
        "partner": "U01", "title_zh": "中秋鲜果团购（示例）", "closes_at": "2025-07-20T18:00:00+08:00",
        "delivery_point_zh": "平陆县某单位一楼大厅（示例）", "contact_name_zh": "王组织（示例）",
        "contact_phone": "13800000000",
        "products": [{"sku": "PL001", "least_packs": 1, "most_packs": 5, "total_packs": 200}],
    },
)  # fmt: skip
def open_round(body: dict[str, Any]) -> dict[str, Any]:
    """发起团购 · Open a round; colleagues join by its link until the closing time."""
    session, actor = db.session(), current_actor()
    partner = partner_by_code(session, body["partner"])
    must_own(actor, {Role.BUYER: partner.party_id}, what=body["partner"])
    version = reference_version()
    skus = {product["sku"] for product in body["products"]}
    wanted = frozenset(product.product_id for sku, product in _goods().by_sku.items() if sku in skus)
    today = beijing_day(now())
    campaign_id = selling(session, version).campaign_on(today, wanted)
    if campaign_id is None:
        raise NoCampaign(day=str(today))
    where = actions.Where(body["delivery_point_zh"], body["contact_name_zh"], normal_phone(body["contact_phone"]))
    round_ = actions.open_round(
        session, partner, campaign_id, body["title_zh"], body["closes_at"], where,
        [actions.Terms(**product) for product in body["products"]], goods=_goods(), actor_id=actor.person_id,
        now=now(),
    )  # fmt: skip
    return _shown(round_.code)


@blueprint.route("/rounds/<string:code>", methods=["GET"])
@allow(Role.BUYER, Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.response(200, schemas.RoundOut)
@documented(errors=[NotFoundError])
def show_round(code: str) -> dict[str, Any]:
    """团购详情 · One round: how much so far, at which price, and what is missing to the next tier."""
    return _shown(code)


@blueprint.route("/rounds/<string:code>/closing", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.response(200, schemas.RoundOut)
@documented(
    errors=[
        NotFoundError, MoveRefusedError, errors.NobodyJoined, order_errors.CampaignClosed,
        order_errors.OccasionNotOpen, order_errors.OrderTooLarge, *SELLING,
    ]
)  # fmt: skip
def close(code: str) -> dict[str, Any]:
    """截止并下单 · Close the round into ONE bulk order at the tier of the total; it then waits for approval."""
    session, version = db.session(), reference_version()
    actions.close_round(
        session, _locked(session, code), goods=catalog(session, version), selling=selling(session, version),
        actor_id=current_actor().person_id, now=now(),
    )  # fmt: skip
    return _shown(code)


@blueprint.route("/rounds/<string:code>/cancellation", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.Cancellation)
@blueprint.response(200, schemas.RoundOut)
@documented(errors=[NotFoundError, MoveRefusedError], example={"reason": "货源有变"})
def cancel(body: dict[str, Any], code: str) -> dict[str, Any]:
    """取消团购 · Call the round off before it was ordered."""
    session = db.session()
    actions.cancel_round(
        session, _locked(session, code), actor_id=current_actor().person_id, now=now(), reason=body["reason"]
    )
    return _shown(code)


@blueprint.route("/rounds/<string:code>/set-asides", methods=["POST"])
@allow(Role.FIRM_STAFF)
@idempotent
@blueprint.arguments(RoundAside)
@blueprint.response(201, AsideOut)
@documented(
    errors=[
        NotFoundError, MoveRefusedError, stock_errors.SetAsideUntil, stock_errors.SetAsideStands,
        stock_errors.NotEnoughStock,
    ],
    example={"sku": "PL001", "weight_g": 10_000, "until": "2025-07-25T18:00:00+08:00"},
)  # fmt: skip
def set_aside(body: dict[str, Any], code: str) -> dict[str, Any]:
    """团购预留 · The firm sets stock aside for the round: its order is taken from it first, no other order can be."""
    session, actor = db.session(), current_actor()
    round_ = locked_round(session, code)
    must_own(actor, {Role.FIRM_STAFF: session.get_one(Firm, round_.firm_id).party_id}, what=code)
    product = product_by_sku(session, body["sku"])
    pool = actions.set_aside(
        session, round_, product, body["weight_g"], body["until"], actor_id=actor.person_id, now=now()
    )
    return aside(session, pool.id)


@blueprint.route("/rounds/<string:code>/removals", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.Removal)
@blueprint.response(200, schemas.RoundOut)
@documented(errors=[NotFoundError, MoveRefusedError], example={"position": 3, "reason": "不是本单位人员"})
def remove(body: dict[str, Any], code: str) -> dict[str, Any]:
    """移除报名 · Take an entry out, with a reason, before the round was ordered."""
    session = db.session()
    actions.remove_entry(session, _locked(session, code), **body, actor_id=current_actor().person_id, now=now())
    return _shown(code)


@blueprint.route("/rounds/<string:code>/distribution", methods=["GET"])
@allow(Role.BUYER)
@blueprint.response(200, schemas.DistributionOut)
@documented(errors=[NotFoundError])
def show_distribution(code: str) -> dict[str, Any]:
    """分发清单 · Who ordered what and, once the goods were accepted, who gets what: by person and by box."""
    shown = _shown(code)
    found = queries.distribution(db.session(), shown["id"], goods=_goods(), day=beijing_day(now()))
    return {
        "round": code,
        "accepted": found.accepted,
        "people": [queries.person_row(person) for person in found.people],
        "boxes": queries.boxes(found.people),
        "loose": found.loose,
        "amount_fen": sum(person.amount_fen for person in found.people),
    }


@blueprint.route("/rounds/<string:code>/distribution.xlsx", methods=["GET"])
@allow(Role.BUYER)
@blueprint.doc(responses={"200": {"content": {XLSX_TYPE: {"schema": {"type": "string", "format": "binary"}}}}})
@documented(errors=[NotFoundError])
def download_distribution(code: str) -> Response:
    """分发清单下载 · The list as a workbook: by person with a column to sign, by box, and what is left over."""
    shown = _shown(code)
    found = queries.distribution(db.session(), shown["id"], goods=_goods(), day=beijing_day(now()))
    return file_response(workbook(found), XLSX_TYPE, f"{shown['title_zh']}-{code}")


@blueprint.route("/rounds/<string:code>/hand-outs", methods=["POST"])
@allow(Role.BUYER)
@idempotent
@blueprint.arguments(schemas.HandedOut)
@blueprint.response(200, schemas.RoundOut)
@documented(errors=[NotFoundError, MoveRefusedError, errors.NothingToHandOut], example={"positions": [1, 2]})
def hand_out(body: dict[str, Any], code: str) -> dict[str, Any]:
    """登记发放 · Record who was handed his goods."""
    session, person_id = db.session(), current_actor().person_id
    assert person_id is not None, "a buyer is signed in"  # noqa: S101
    actions.hand_out(session, _locked(session, code), body["positions"], actor_id=person_id, now=now())
    return _shown(code)


def _wanted(body: dict[str, Any]) -> dict[str, int]:
    return {line["sku"]: line["quantity"] for line in body["lines"]}


def _mine(session: Session, link: str, secret: str) -> dict[str, Any]:
    round_, entry = joining.entry_of(session, link, secret)
    return _own_entry(session, round_, entry)


def _own_entry(session: Session, round_: Round, entry: RoundEntry) -> dict[str, Any]:
    found = queries.distribution(session, round_.id, goods=_goods(), day=beijing_day(now()))
    me = next(person for person in found.people if person.entry_id == entry.id)
    return {**queries.person_row(me), "closes_at": round_.closes_at}


@blueprint.route("/joins/<string:link>", methods=["GET"])
@allow(EVERYONE)
@blueprint.response(200, schemas.OpenRoundOut)
@documented(errors=[NotFoundError])
def show_join(link: str) -> dict[str, Any]:
    """团购报名页 · What a round offers, for whoever has its link. No name of anybody."""
    return queries.round_of_link(db.session(), link, goods=_goods(), day=beijing_day(now()))


@blueprint.route("/joins/<string:link>", methods=["POST"])
@allow(EVERYONE)
@blueprint.arguments(schemas.Joining)
@blueprint.response(201, schemas.MineOut)
@documented(
    errors=[*JOINING, errors.RoundFull, errors.AlreadyJoined, PhoneNotValid],
    example={
        "name_zh": "李同事（示例）", "phone": "13900000000", "lines": [{"sku": "PL001", "quantity": 2}],
        "secret": "abcd-efgh-jkmn-pqrs",
    },
)  # fmt: skip
def join(body: dict[str, Any], link: str) -> dict[str, Any]:
    """报名 · Join without an account. The secret in the answer is yours alone: it changes or withdraws your entry."""
    who = joining.Colleague(
        body["name_zh"], normal_phone(body["phone"]) if body["phone"] else None, body["staff_number"]
    )
    secret = body["secret"] or joining.new_secret()
    with transaction() as session:
        joining.join(session, link, who, _wanted(body), secret, now=now())
        return {**_mine(session, link, secret), "secret": secret}


@blueprint.route("/joins/<string:link>/mine", methods=["POST"])
@allow(EVERYONE)
@blueprint.arguments(schemas.SecretAsked)
@blueprint.response(200, schemas.MineOut)
@documented(errors=[NotFoundError, errors.SecretNotKnown], example={"secret": "abcd-efgh-jkmn-pqrs"})
def show_mine(body: dict[str, Any], link: str) -> dict[str, Any]:
    """我的报名 · Your own entry. The secret travels in the body, so that it stands in no address."""
    return _mine(db.session(), link, body["secret"])


@blueprint.route("/joins/<string:link>/change", methods=["POST"])
@allow(EVERYONE)
@blueprint.arguments(schemas.Changing)
@blueprint.response(200, schemas.MineOut)
@documented(errors=JOINING, example={"secret": "abcd-efgh-jkmn-pqrs", "lines": [{"sku": "PL001", "quantity": 3}]})
def change(body: dict[str, Any], link: str) -> dict[str, Any]:
    """修改 · Other packs than before, until the closing time."""
    with transaction() as session:
        joining.change(session, link, body["secret"], _wanted(body), now=now())
        return _mine(session, link, body["secret"])


@blueprint.route("/joins/<string:link>/withdrawal", methods=["POST"])
@allow(EVERYONE)
@blueprint.arguments(schemas.SecretAsked)
@blueprint.response(204)
@documented(
    errors=[NotFoundError, errors.RoundNotOpen, errors.SecretNotKnown], example={"secret": "abcd-efgh-jkmn-pqrs"}
)
def withdraw(body: dict[str, Any], link: str) -> None:
    """退出 · Leave the round; your name and phone are deleted."""
    with transaction() as session:
        joining.withdraw(session, link, body["secret"], now=now())
