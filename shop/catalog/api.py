"""The catalogue over HTTP: everybody reads what is for sale, firms write their own, the county admits and approves."""

import functools
from collections.abc import Callable
from typing import Any

from flask import Response, current_app, make_response, request
from flask_smorest import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.guard import ALL, EVERYONE, Owned, Role, allow, current_actor, may_see, must_own, reference_version
from shop.catalog import actions, admission, errors, pictures, reminders, schemas
from shop.catalog.models import (
    MAX_PAGE_PICTURE,
    MAX_PICTURE,
    MAX_THUMB,
    Certificate,
    Firm,
    FirmStatus,
    PaperKind,
    Product,
)
from shop.catalog.queries import Wanted, products_after
from shop.catalog.reference import Catalog, CatalogFirm, CatalogProduct, catalog, catalog_held
from shop.catalog.schemas import FirmEvent, ListingEvent
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import ForbiddenError, NotFoundError
from shop.kit.http import accepts_upload, documented, json_bytes, now, sent_file
from shop.kit.schemas import cursor_key, page
from shop.places.queries import village_named

blueprint = Blueprint("catalog", __name__, url_prefix="/api/v1", description="企业与商品 · Firms and products")

#: Bytes of a request that brings a picture: the file, and what stands around it.
MAX_UPLOAD = MAX_PICTURE + 64 * 1024
#: Who sees more than what is for sale.
INSIDERS = (Role.OPERATOR, Role.FIRM_STAFF)
#: An address longer than this is answered, but its answer is not kept.
LONGEST_KEPT = 300

_A_PRODUCT = {
    "name_zh": "大桐蜜桃", "name_en": "Datong honey peach", "category": "fruit", "spec_zh": "2.5kg/箱",
    "net_weight_g": 2500, "unit_zh": "箱", "origin_village": "西太村", "farm_gate_fen_per_kg": 480,
    "harvest_start_month": 7, "harvest_end_month": 8, "shelf_life_days": 7, "storage_zh": "冷藏0-4℃",
    "is_fresh": True, "is_food": True, "required_papers": ["conformity_certificate"],
}  # fmt: skip
_A_PICTURE = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"picture": {"type": "string", "format": "binary"}}},
            "example": {"picture": "peach.jpg"},
        }
    },
}
_A_PAPER = {"kind": "food_production_licence", "number": "SC10114082900001"}


def goods() -> Catalog:
    """The catalogue as of this request: the one statement it needs is the one that asked for its version."""
    version = reference_version()
    return catalog_held(db.engine, version) or catalog(db.session(), version)


def kept(view: Callable[..., Any]) -> Callable[..., Response]:
    """Answer everybody but insiders from bytes made once for a version of the catalogue and a day. Below `allow`."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        if current_actor().has(*INSIDERS):
            return make_response(view(*args, **kwargs))
        answers, key = goods(), (request.path, request.query_string, beijing_day(now()))
        ready = answers.answers.get(key)
        if ready is not None:
            return Response(ready, content_type="application/json")
        response = make_response(view(*args, **kwargs))
        if response.status_code == 200 and len(request.full_path) <= LONGEST_KEPT:
            answers.keep(key, response.get_data())
        return response

    return wrapper


def _product_visible(product: CatalogProduct) -> bool:
    return product.published(beijing_day(now())) or _inside(product.firm_party_id)


def _firm_visible(firm: CatalogFirm) -> bool:
    return firm.status is FirmStatus.ADMITTED or _inside(firm.party_id)


def _inside(firm_party_id: int) -> bool:
    return may_see(current_actor(), {Role.OPERATOR: ALL, Role.FIRM_STAFF: firm_party_id})


def _owners(firm: Firm) -> dict[Role, Owned]:
    return {Role.OPERATOR: ALL, Role.FIRM_STAFF: firm.party_id}


def _own_product(session: Session, sku: str, *roles: Role) -> Product:
    """The product, locked, if it belongs to the actor in one of `roles`. Raises NotFoundError, ForbiddenError."""
    actor = current_actor()
    if not actor.has(*roles):
        raise ForbiddenError
    product = actions.product_by_sku(session, sku, lock=True)
    firm = session.get_one(Firm, product.firm_id)
    must_own(actor, {role: owner for role, owner in _owners(firm).items() if role in roles}, what=sku)
    return product


# -- firms -------------------------------------------------------------------------------------------------------------


@blueprint.route("/firms", methods=["GET"])
@allow(EVERYONE)
@kept
@blueprint.arguments(schemas.FirmFilter, location="query")
@blueprint.alt_response(200, schema=schemas.FirmPage, success=True)
def list_firms(query: dict[str, Any]) -> Response:
    """企业列表 · Admitted firms; a firm also sees itself, the county all."""
    after = cursor_key(query["cursor"]) or 0
    firms = sorted(
        (firm for firm in goods().firms if firm.firm_id > after and _firm_visible(firm)), key=lambda firm: firm.firm_id
    )
    found = page(firms[: query["limit"] + 1], query["limit"], key=lambda firm: firm.firm_id)
    return json_bytes(found | {"items": [firm.card() for firm in found["items"]]})  # type: ignore[attr-defined]


@blueprint.route("/firms", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ApplyFirm)
@blueprint.response(201, schemas.FirmState)
@documented(
    errors=[errors.FirmTaken, NotFoundError],
    example={
        "code": "F19", "name_zh": "杜马乡示范果业专业合作社（示例）", "kind": "cooperative", "village": "杜村",
        "reserve_bp": 1000, "member_return_bp": 6000,
    },
)  # fmt: skip
def apply_firm(body: dict[str, Any]) -> dict[str, str]:
    """登记企业申请 · Record a firm's application; admission is a step of its own."""
    with transaction() as session:
        firm = actions.apply_firm(
            session, body["code"], body["name_zh"], body["kind"], village_named(session, body["village"]),
            reserve_bp=body["reserve_bp"], member_return_bp=body["member_return_bp"],
            actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return {"code": firm.code, "status": firm.status.value}


@blueprint.route("/firms/<string:code>", methods=["GET"])
@allow(EVERYONE)
@kept
@blueprint.alt_response(200, schema=schemas.FirmOut, success=True)
@documented(errors=[NotFoundError])
def show_firm(code: str) -> Response:
    """企业 · One firm."""
    firm = next((firm for firm in goods().firms if firm.code == code), None)
    if firm is None or not _firm_visible(firm):
        raise NotFoundError(what=code)
    return json_bytes(firm.card())


@blueprint.route("/firms/<string:code>/admission", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.FirmDecision)
@blueprint.response(200, schemas.FirmState)
@documented(errors=[NotFoundError, errors.MoveRefusedError], example={"event": "admit", "reason": "资料齐全"})
def decide_firm(body: dict[str, Any], code: str) -> dict[str, str]:
    """准入或暂停企业 · Admit or suspend a firm; a suspended one sells nothing."""
    event: FirmEvent = body["event"]
    with transaction() as session:
        firm = actions.firm_by_code(session, code, lock=True)
        actions.move_firm(
            session, firm, event.value, reason=body["reason"], actor_id=current_actor().person_id, now=now()
        )
        return {"code": firm.code, "status": firm.status.value}


@blueprint.route("/firm-requirements", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF)
@blueprint.response(200, schemas.RequirementList)
def list_requirements() -> dict[str, object]:
    """准入条件 · The items of the checklist, and in which channels each is needed from which day on."""
    return {"items": admission.requirements(db.session())}


@blueprint.route("/firm-requirements/<string:code>/scopes", methods=["PUT"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ScopesAsked)
@blueprint.response(200, schemas.ScopesAsked)
@documented(errors=[NotFoundError], example={"scopes": [{"channel": "unit", "required_from": "2026-01-01"}]})
def set_scopes(body: dict[str, Any], code: str) -> dict[str, Any]:
    """设定准入条件 · Where an item is needed to sell; it stops nothing elsewhere."""
    with transaction() as session:
        admission.set_scopes(
            session, admission.requirement_by_code(session, code),
            [(scope["channel"], scope["required_from"]) for scope in body["scopes"]],
            actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
    return body


def _checklist(session: Session, firm: Firm) -> dict[str, Any]:
    return {"firm": firm.code, "items": admission.checklist(session, firm, beijing_day(now()))}


@blueprint.route("/firms/<string:code>/checklist", methods=["GET"])
@allow(Role.OPERATOR, Role.FIRM_STAFF)
@blueprint.response(200, schemas.Checklist)
@documented(errors=[NotFoundError])
def show_checklist(code: str) -> dict[str, Any]:
    """准入清单 · What a firm has shown, who found what, and what is missing."""
    session = db.session()
    firm = actions.firm_by_code(session, code)
    must_own(current_actor(), _owners(firm), what=code)
    return _checklist(session, firm)


@blueprint.route("/firms/<string:code>/checklist", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.ItemAsked)
@blueprint.response(201, schemas.Checklist)
@documented(errors=[NotFoundError], example={"requirement": "business_licence", "told": "91140829MA0EXAMPLE"})
def submit_item(body: dict[str, Any], code: str) -> dict[str, Any]:
    """提交准入资料 · Show what your firm has for an item; it counts when an office has found it right."""
    with transaction() as session:
        firm = actions.firm_by_code(session, code, lock=True)
        must_own(current_actor(), {Role.FIRM_STAFF: firm.party_id}, what=code)
        item = admission.requirement_by_code(session, body["requirement"])
        admission.submit_item(
            session, firm, item, body["told"], body["expires_on"], actor_id=current_actor().person_id, now=now()
        )
        return _checklist(session, firm)


@blueprint.route("/firms/<string:code>/checklist/findings", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.CheckAsked)
@blueprint.response(200, schemas.Checklist)
@documented(
    errors=[NotFoundError, errors.NothingToCheck],
    example={"requirement": "business_licence", "accepted": True, "office_zh": "县农业农村局"},
)
def check_item(body: dict[str, Any], code: str) -> dict[str, Any]:
    """核验准入资料 · Enter what an office found: accepted, or rejected with a reason."""
    with transaction() as session:
        firm = actions.firm_by_code(session, code, lock=True)
        item = admission.requirement_by_code(session, body.pop("requirement"))
        admission.check_item(session, firm, item, **body, actor_id=current_actor().person_id, now=now())
        return _checklist(session, firm)


# -- products ----------------------------------------------------------------------------------------------------------


@blueprint.route("/products", methods=["GET"])
@allow(EVERYONE)
@kept
@blueprint.arguments(schemas.ProductFilter, location="query")
@blueprint.alt_response(200, schema=schemas.ProductPage, success=True)
def list_products(query: dict[str, Any]) -> Response:
    """商品列表 · Products for sale; a firm also sees its drafts, the county all."""
    day = query["on"] or beijing_day(now())
    wanted = Wanted(day, query["firm"], query["category"], query["in_season"], query["q"])
    rows = products_after(
        goods().products, cursor_key(query["cursor"]), query["limit"], wanted=wanted, visible=_product_visible
    )
    found = page(rows, query["limit"], key=lambda product: product.product_id)
    return json_bytes({"items": [_card(product, day) for product in rows[: query["limit"]]], "next": found["next"]})


@blueprint.route("/products/<string:sku>", methods=["GET"])
@allow(EVERYONE)
@kept
@blueprint.arguments(schemas.ProductOn, location="query")
@blueprint.alt_response(200, schema=schemas.ProductOut, success=True)
@documented(errors=[NotFoundError])
def show_product(query: dict[str, Any], sku: str) -> Response:
    """商品 · One product as seen on a day: prices, bulk tiers, season, and the certificates held then."""
    product = goods().by_sku.get(sku)
    if product is None or not _product_visible(product):
        raise NotFoundError(what=sku)
    return json_bytes(_card(product, query["on"] or beijing_day(now())))


def _card(product: CatalogProduct, day: Any) -> dict[str, object]:
    card = product.card(day)
    return card | {"status": product.status.value} if _inside(product.firm_party_id) else card


def _state(product: Product) -> dict[str, str]:
    return {"sku": product.sku, "status": product.status.value}


def _columns(session: Session, body: dict[str, Any]) -> dict[str, object]:
    """The columns of a product from what a firm says of it."""
    columns = {name: value for name, value in body.items() if name not in ("firm", "origin_village", "required_papers")}
    if "origin_village" in body:
        columns["origin_village_id"] = village_named(session, body["origin_village"])
    return columns


@blueprint.route("/products", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.DraftProduct)
@blueprint.response(201, schemas.ListingState)
@documented(errors=[errors.SkuTaken, NotFoundError], example={"sku": "PL101", "firm": "F01", **_A_PRODUCT})
def draft_product(body: dict[str, Any]) -> dict[str, str]:
    """新建商品 · Draft a listing of your firm; prices and papers follow, then submit it."""
    with transaction() as session:
        firm = actions.firm_by_code(session, body["firm"])
        must_own(current_actor(), {Role.FIRM_STAFF: firm.party_id}, what=body["firm"])
        product = actions.draft_product(
            session, firm, _columns(session, body), sorted(set(body["required_papers"])),
            actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return _state(product)


@blueprint.route("/products/<string:sku>", methods=["PATCH"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.ProductFields(partial=True))
@blueprint.response(200, schemas.ListingState)
@documented(errors=[NotFoundError, errors.MoveRefusedError], example=_A_PRODUCT)
def edit_product(body: dict[str, Any], sku: str) -> dict[str, str]:
    """修改商品 · Change a draft, or a withdrawn listing, which becomes a draft again."""
    with transaction() as session:
        product = _own_product(session, sku, Role.FIRM_STAFF)
        papers = body.get("required_papers")
        actions.edit_product(
            session, product, _columns(session, body), None if papers is None else sorted(set(papers)),
            actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return _state(product)


#: Who may do what to a listing: a firm to its own, the county to all.
LISTING_ROLES: dict[ListingEvent, tuple[Role, ...]] = {
    ListingEvent.SUBMIT: (Role.FIRM_STAFF,),
    ListingEvent.APPROVE: (Role.OPERATOR,),
    ListingEvent.SEND_BACK: (Role.OPERATOR,),
    ListingEvent.WITHDRAW: (Role.FIRM_STAFF, Role.OPERATOR),
}


@blueprint.route("/products/<string:sku>/listing", methods=["POST"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.arguments(schemas.ListingMove)
@blueprint.response(200, schemas.ListingState)
@documented(
    errors=[NotFoundError, ForbiddenError, errors.MoveRefusedError, errors.NothingToSell], example={"event": "submit"}
)
def move_listing(body: dict[str, Any], sku: str) -> dict[str, str]:
    """上架流程 · Submit or withdraw (firm); approve, send back or withdraw (county)."""
    event: ListingEvent = body["event"]
    with transaction() as session:
        product = _own_product(session, sku, *LISTING_ROLES[event])
        actions.move_listing(
            session, product, event.value, reason=body["reason"], actor_id=current_actor().person_id, now=now()
        )
        return _state(product)


@blueprint.route("/products/<string:sku>/prices", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.PriceListAsked)
@blueprint.response(201, schemas.PriceListOut)
@documented(
    errors=[NotFoundError, errors.PriceListNotOrdered, errors.PriceListInThePast],
    example={
        "valid_from": "2025-08-01",
        "tiers": [{"min_quantity": 1, "price_fen": 3980}, {"min_quantity": 10, "price_fen": 3780}],
    },
)
def set_prices(body: dict[str, Any], sku: str) -> dict[str, object]:
    """定价 · A new price list from a day on, per pack, with bulk tiers; orders already placed keep their prices."""
    tiers = [(tier["min_quantity"], tier["price_fen"]) for tier in body["tiers"]]
    with transaction() as session:
        product = _own_product(session, sku, Role.FIRM_STAFF)
        actions.set_prices(session, product, body["valid_from"], tiers, actor_id=current_actor().person_id, now=now())
    return {"sku": sku, **body}


@blueprint.route("/products/<string:sku>/windows", methods=["PUT"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.WindowsAsked)
@blueprint.response(200, schemas.WindowsOut)
@documented(
    errors=[NotFoundError],
    example={
        "published_from": "2025-06-01", "published_until": None, "orders_from": "2025-07-01",
        "orders_until": "2025-08-20",
    },
)  # fmt: skip
def set_windows(body: dict[str, Any], sku: str) -> dict[str, Any]:
    """展示与下单日期 · From which day until which a product is shown and ordered, apart from its harvest."""
    with transaction() as session:
        product = _own_product(session, sku, Role.FIRM_STAFF)
        actions.set_windows(session, product, body, actor_id=current_actor().person_id, now=now())
    return {"sku": sku, **body}


@blueprint.route("/products/<string:sku>/pictures", methods=["POST"])
@allow(Role.FIRM_STAFF)
@accepts_upload(MAX_UPLOAD)
@blueprint.response(201, schemas.PictureList)
@blueprint.doc(requestBody=_A_PICTURE)
@documented(
    errors=[NotFoundError, errors.PictureRefused, errors.PictureTaken, errors.TooManyPictures],
    answer={"sku": "PL001", "pictures": ["8b1a9953c4611296a827abf8c47804d7"]},
)
def add_picture(sku: str) -> dict[str, object]:
    """上传商品图片 · Add a picture (JPEG, PNG or WebP) behind the others; it is drawn anew, nothing else kept."""
    from shop.kit.pictures import NotAPicture, drawn

    with transaction() as session:
        _own_product(session, sku, Role.FIRM_STAFF)
    file = sent_file("picture")
    if len(file) > MAX_PICTURE:
        raise errors.PictureRefused
    try:
        made = drawn(file, page_bytes=MAX_PAGE_PICTURE, thumb_bytes=MAX_THUMB)
    except NotAPicture:
        raise errors.PictureRefused from None
    with transaction() as session:
        product = _own_product(session, sku, Role.FIRM_STAFF)
        names = pictures.add_picture(session, product, made, actor_id=current_actor().person_id, now=now())
    return {"sku": sku, "pictures": names}


@blueprint.route("/products/<string:sku>/pictures", methods=["PUT"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.arguments(schemas.PictureOrderAsked)
@blueprint.response(200, schemas.PictureList)
@documented(errors=[NotFoundError, errors.PicturesNotNamed], example={"pictures": ["8b1a9953c4611296a827abf8c47804d7"]})
def keep_pictures(body: dict[str, Any], sku: str) -> dict[str, object]:
    """图片排序与删除 · Show these pictures in this order, the first one leads; one that is left out is taken off."""
    with transaction() as session:
        product = _own_product(session, sku, Role.FIRM_STAFF, Role.OPERATOR)
        pictures.keep_pictures(session, product, body["pictures"], actor_id=current_actor().person_id, now=now())
    return {"sku": sku, **body}


@blueprint.route("/products/<string:sku>/video", methods=["PUT"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.VideoAsked)
@blueprint.response(200, schemas.VideoOut)
@documented(errors=[NotFoundError, errors.VideoElsewhere], example={"url": "https://v.douyin.com/iRNBho6u/"})
def set_video(body: dict[str, Any], sku: str) -> dict[str, object]:
    """商品视频 · Where a video of the product is shown: an address of a host that the county knows, never a file."""
    hosts = current_app.extensions["settings"].video_hosts
    with transaction() as session:
        product = _own_product(session, sku, Role.FIRM_STAFF)
        pictures.set_video(
            session, product, body["url"], hosts=hosts, actor_id=current_actor().person_id, now=now()
        )  # fmt: skip
    return {"sku": sku, "video_url": body["url"]}


@blueprint.route("/certificate-reminders", methods=["GET"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.response(200, schemas.CertificateReminderList)
def list_certificate_reminders() -> dict[str, object]:
    """证书到期提醒 · Papers that expire within 60, 30 and 7 days and are not renewed: a firm's own, the county all."""
    return {"items": reminders.reminders(db.session(), current_actor())}


@blueprint.route("/products/<string:sku>/certificates", methods=["GET"])
@allow(Role.FIRM_STAFF, Role.OPERATOR)
@blueprint.response(200, schemas.CertificateList)
@documented(errors=[NotFoundError])
def list_certificates(sku: str) -> dict[str, object]:
    """商品证书 · All papers of a product, also claimed and expired ones: for its firm and the county."""
    session = db.session()
    product = actions.product_by_sku(session, sku)
    must_own(current_actor(), _owners(session.get_one(Firm, product.firm_id)), what=sku)
    papers = session.scalars(select(Certificate).where(Certificate.product_id == product.id).order_by(Certificate.id))
    return {"items": [_paper(paper) for paper in papers]}


@blueprint.route("/products/<string:sku>/certificates", methods=["POST"])
@allow(Role.FIRM_STAFF)
@blueprint.arguments(schemas.CertificateAsked)
@blueprint.response(201, schemas.CertificateState)
@documented(
    errors=[NotFoundError, errors.CertificateTaken],
    example={**_A_PAPER, "issued_on": "2024-06-01", "expires_on": "2029-05-31"},
)
def add_certificate(body: dict[str, Any], sku: str) -> dict[str, object]:
    """登记证书 · Register a licence or mark: claimed only, until the county has seen it."""
    with transaction() as session:
        paper = actions.add_certificate(
            session, _own_product(session, sku, Role.FIRM_STAFF), PaperKind(body["kind"]), body["number"],
            body["issued_on"], body["expires_on"], actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return _paper(paper)


@blueprint.route("/products/<string:sku>/certificates/verification", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.CertificateNamed)
@blueprint.response(200, schemas.CertificateState)
@documented(errors=[NotFoundError, errors.CertificateRevoked], example=_A_PAPER)
def verify_certificate(body: dict[str, Any], sku: str) -> dict[str, object]:
    """核验证书 · The county has seen the paper: it is shown, and opens the sale, while it is valid."""
    with transaction() as session:
        paper = _named_paper(session, body, sku)
        actions.verify_certificate(session, paper, actor_id=current_actor().person_id, now=now())
        return _paper(paper)


@blueprint.route("/products/<string:sku>/certificates/revocation", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.CertificateRevoked)
@blueprint.response(200, schemas.CertificateState)
@documented(errors=[NotFoundError, errors.CertificateNotVerified], example={**_A_PAPER, "reason": "发证机关已注销"})
def revoke_certificate(body: dict[str, Any], sku: str) -> dict[str, object]:
    """撤销证书 · The paper is good no more: at once it is not shown and gates the sale; what was sold before stays."""
    with transaction() as session:
        paper = _named_paper(session, body, sku)
        actions.revoke_certificate(session, paper, body["reason"], actor_id=current_actor().person_id, now=now())
        return _paper(paper)


def _named_paper(session: Session, body: dict[str, Any], sku: str) -> Certificate:
    """The paper that the county names, its product locked. Raises NotFoundError."""
    product = _own_product(session, sku, Role.OPERATOR)
    paper = actions.certificate_of(session, product, PaperKind(body["kind"]), body["number"])
    if paper is None:
        raise NotFoundError(what=body["number"])
    return paper


def _paper(paper: Certificate) -> dict[str, object]:
    return {
        "kind": paper.kind.value, "number": paper.number, "issued_on": paper.issued_on,
        "expires_on": paper.expires_on, "verified": paper.verified_at is not None,
        "verified_at": paper.verified_at, "revoked_at": paper.revoked_at, "revoked_because": paper.revoked_because,
    }  # fmt: skip
