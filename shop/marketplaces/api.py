"""Shops on marketplaces over HTTP: set one up, map its SKUs, bring its files, see what they say."""

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from shop.access.guard import Role, allow, current_actor, reference_version
from shop.catalog.actions import product_by_sku
from shop.catalog.reference import catalog
from shop.channels.actions import partner_by_code
from shop.channels.reference import selling
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import AS_FILES, accepts_upload, asks_for_file, documented, file_response, language, now, one_file
from shop.kit.schemas import cursor_key, page
from shop.kit.tables import XLSX_TYPE, Cell, Sheet, write_csv, write_xlsx, yuan_cell
from shop.marketplaces import actions, errors, queries, reconciling, schemas
from shop.marketplaces.connectors import FileConnector
from shop.marketplaces.facts import Problem
from shop.marketplaces.listing import offered
from shop.marketplaces.models import FactKind
from shop.marketplaces.profiles import profile_of
from shop.marketplaces.taking import Taken, bring

blueprint = Blueprint("marketplaces", __name__, url_prefix="/api/v1", description="平台店铺 · Shops on marketplaces")

#: One exported file.
MAX_FILE = 20 * 1024 * 1024
#: Problems listed in one answer; the rest is counted.
MAX_LISTED = 500

_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}},
            "example": {"file": "订单导出.csv"},
        }
    },
}


@blueprint.route("/marketplaces/<string:code>", methods=["PUT"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.SetUpAsked)
@blueprint.response(200, schemas.ShopOut)
@documented(
    errors=[NotFoundError, errors.NotAMarketplace, errors.ProfileRefused],
    example={"template": "douyin", "settle_days": 10},
)
def set_up(body: dict[str, Any], code: str) -> dict[str, Any]:
    """设置平台店铺 · How a shop's files are read, and after how many days it owes the money."""
    with transaction() as session:
        partner = partner_by_code(session, code)
        told = actions.template(body["template"]) if body["profile"] is None else body["profile"]
        shop = actions.set_up(
            session, partner, told, receipt_days=body["receipt_days"], settle_days=body["settle_days"],
            actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        return queries.shop(session, shop)


@blueprint.route("/marketplaces/<string:code>", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.response(200, schemas.ShopOut)
@documented(errors=[NotFoundError, errors.NotSetUp])
def show_shop(code: str) -> dict[str, Any]:
    """平台店铺 · A shop, its profile, and how many of its lines are behind."""
    session = db.session()
    return queries.shop(session, actions.shop_by_code(session, code))


@blueprint.route("/marketplaces/<string:code>/items", methods=["POST"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ItemAsked)
@blueprint.response(201, schemas.ItemOut)
@documented(
    errors=[NotFoundError, errors.NotSetUp, errors.ItemTaken],
    example={"shop_sku": "TAO-5JIN", "sku": "PL001", "packs": 1},
)
def map_item(body: dict[str, Any], code: str) -> dict[str, Any]:
    """货号对照 · What a SKU of the shop stands for: so many packs of a product."""
    with transaction() as session:
        shop = actions.shop_by_code(session, code)
        product = product_by_sku(session, body["sku"])
        actions.map_item(
            session, shop, body["shop_sku"], product, body["packs"], actor_id=current_actor().person_id, now=now()
        )
        return body | {"name_zh": product.name_zh}


@blueprint.route("/marketplaces/<string:code>/items", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ItemFilter, location="query")
@blueprint.response(200, schemas.ItemPage)
@documented(errors=[NotFoundError, errors.NotSetUp])
def list_items(query: dict[str, Any], code: str) -> dict[str, object]:
    """货号对照表 · SKUs that are mapped. One that is not stands for our product of the same SKU."""
    session = db.session()
    rows = queries.items(
        session, actions.shop_by_code(session, code), limit=query["limit"] + 1, after_id=cursor_key(query["cursor"])
    )
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/marketplaces/<string:code>/imports", methods=["POST"])
@allow(Role.OPERATOR)
@accepts_upload(MAX_FILE)
@blueprint.arguments(schemas.ImportQuery, location="query")
@blueprint.response(200, schemas.ImportOut)
@blueprint.doc(requestBody=_BODY)
@documented(
    errors=[NotFoundError, errors.NotSetUp, errors.FileRefused],
    answer={"kind": "orders", "dry_run": False, "facts": 120, "new": 80, "changed": 25, "passed_over": 3},
)
def import_file(query: dict[str, Any], code: str) -> dict[str, object]:
    """导入平台文件 · Take a file of orders, refunds or payouts: all of it or nothing; sent again it changes nothing."""
    with transaction() as session:
        shop = actions.shop_by_code(session, code, lock=True)
        file, data = one_file()
        kind: FactKind = query["kind"]
        told, version = FileConnector(profile_of(shop.profile), file, data).tell(kind, now=now()), reference_version()
        taken = bring(
            session, shop, told, file, dry_run=query["dry_run"], data=data, goods=catalog(session, version),
            selling=selling(session, version), actor_id=current_actor().person_id, now=now(),
        )  # fmt: skip
        if taken.problems:
            raise errors.FileRefused(errors_total=len(taken.problems), rows=_listed(taken.problems))
        return _shown(kind, taken, dry_run=query["dry_run"])


@blueprint.route("/marketplaces/<string:code>/imports", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.TakenFilter, location="query")
@blueprint.response(200, schemas.TakenPage)
@documented(errors=[NotFoundError, errors.NotSetUp])
def list_imports(query: dict[str, Any], code: str) -> dict[str, object]:
    """已导入的文件 · Files that were taken, newest first, and what each brought."""
    session = db.session()
    rows = queries.imports(
        session, actions.shop_by_code(session, code), limit=query["limit"] + 1, before_id=cursor_key(query["cursor"])
    )
    return page(rows, query["limit"], lambda row: row["id"])


def _listed(problems: tuple[Problem, ...]) -> list[dict[str, object]]:
    zh = language() == "zh"
    return [
        {"file": row.file, "line": row.line, "column": row.column, "reason": row.zh if zh else row.en}
        for row in problems[:MAX_LISTED]
    ]


def _shown(kind: FactKind, taken: Taken, *, dry_run: bool) -> dict[str, object]:
    return {
        "kind": kind.value,
        "dry_run": dry_run,
        "facts": taken.facts,
        "new": taken.new,
        "changed": taken.changed,
        "passed_over": taken.passed_over,
    }


@blueprint.route("/marketplaces/<string:code>/orders", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.LineFilter, location="query")
@blueprint.response(200, schemas.LinePage)
@documented(errors=[NotFoundError, errors.NotSetUp])
def list_lines(query: dict[str, Any], code: str) -> dict[str, object]:
    """平台订单 · Lines as the shop told them, each with our order; `held_up` shows those that cannot go on."""
    session = db.session()
    rows = queries.lines(
        session, actions.shop_by_code(session, code), limit=query["limit"] + 1,
        before_id=cursor_key(query["cursor"]), number=query["number"], held_up=query["held_up"],
    )  # fmt: skip
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/marketplaces/<string:code>/reconciliation", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.AsOf, location="query")
@blueprint.response(200, schemas.ReconciliationOut)
@documented(
    errors=[NotFoundError, errors.NotSetUp],
    answer={
        "day": "2025-07-31", "lines": 3, "paid_fen": 15_920, "refunded_fen": 960, "fee_fen": 299,
        "expected_fen": 14_661, "received_fen": 14_641, "difference_fen": -20,
        "by_reason": [
            {"why": "agreed", "lines": 2, "expected_fen": 10_861, "received_fen": 10_861, "difference_fen": 0},
            {"why": "fee", "lines": 1, "expected_fen": 3_800, "received_fen": 3_780, "difference_fen": -20},
        ],
    },
)  # fmt: skip
def reconcile(query: dict[str, Any], code: str) -> dict[str, Any]:
    """平台对账 · What our ledger expects of the shop and what arrived, in sums by reason."""
    session = db.session()
    return reconciling.reconciliation(session, actions.shop_by_code(session, code), query["day"] or beijing_day(now()))


#: Differences in one exported file.
MAX_EXPORTED = 20_000
DIFFERENCE_COLUMNS = {
    "number": "订单编号", "line": "子订单编号", "order": "本系统订单", "due_on": "应结日期", "paid_fen": "实付（元）",
    "refunded_fen": "退款（元）", "fee_fen": "技术服务费（元）", "expected_fen": "应收（元）",
    "received_fen": "到账（元）", "told_fee_fen": "平台所报费用（元）", "difference_fen": "差额（元）", "why": "原因",
}  # fmt: skip


def _difference_cells(rows: list[dict[str, Any]]) -> list[list[Cell]]:
    return [
        [yuan_cell(row[name]) if name.endswith("_fen") else row[name] for name in DIFFERENCE_COLUMNS] for row in rows
    ]


@blueprint.route("/marketplaces/<string:code>/differences", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.DifferenceFilter, location="query")
@blueprint.response(200, schemas.DifferencePage)
@blueprint.doc(**AS_FILES)
@documented(errors=[NotFoundError, errors.NotSetUp])
def list_differences(query: dict[str, Any], code: str) -> dict[str, object] | Response:
    """平台对账差异 · Lines on which shop and ledger differ, to the fen, with reasons; all of them as CSV or XLSX."""
    session = db.session()
    day, wanted = query["day"] or beijing_day(now()), asks_for_file()
    rows = reconciling.differences(
        session, actions.shop_by_code(session, code), day, limit=MAX_EXPORTED if wanted else query["limit"] + 1,
        before_key=cursor_key(query["cursor"]), why=query["why"],
    )  # fmt: skip
    if wanted is not None:
        header, cells = list(DIFFERENCE_COLUMNS.values()), _difference_cells(rows)
        written = write_xlsx(Sheet("对账差异", header, cells)) if wanted == XLSX_TYPE else write_csv(header, cells)
        return file_response(written, wanted, f"对账差异-{code}-{day}")
    return page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/marketplaces/<string:code>/listing", methods=["GET"])
@allow(Role.OPERATOR)
@blueprint.arguments(schemas.ListingQuery, location="query")
@blueprint.response(200, schemas.ListingOut)
@blueprint.doc(**AS_FILES)
@documented(errors=[NotFoundError, errors.NotSetUp])
def show_listing(query: dict[str, Any], code: str) -> dict[str, object] | Response:
    """库存与价格表 · Prices and stock for upload; CSV or XLSX with the shop's own headers, by `Accept`."""
    session = db.session()
    shop = actions.shop_by_code(session, code)
    goods = catalog(session, reference_version())
    offers = offered(session, shop, goods=goods, now=now(), percent=query["percent"], only_mapped=query["only_mapped"])
    wanted = asks_for_file()
    if wanted is None:
        return {"items": offers}
    told = FileConnector(profile_of(shop.profile), workbook=wanted == XLSX_TYPE).publish(offers)
    return file_response(told.document or b"", wanted, f"库存价格-{code}-{beijing_day(now())}")
