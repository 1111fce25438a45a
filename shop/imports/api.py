"""Importing over HTTP."""

from typing import Any

from flask import request
from flask_smorest import Blueprint

from shop.access.guard import Role, allow, current_actor, must_own, reference_version
from shop.catalog.actions import firm_by_code
from shop.catalog.reference import catalog
from shop.channels.reference import selling
from shop.imports import schemas
from shop.imports.errors import ArchiveRefused, ImportRefused
from shop.imports.files import ImportResult, import_files
from shop.imports.order_sheets import take_sheet
from shop.imports.slips import take_batch
from shop.imports.table import RowError
from shop.imports.upload import MAX_UPLOAD, named_files
from shop.kit.db import transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import accepts_upload, documented, language, now
from shop.orders.entered import clerk_for, partner_who_buys

blueprint = Blueprint("imports", __name__, url_prefix="/api/v1", description="导入 · Imports")

#: Errors listed in one answer; the rest is counted.
MAX_LISTED = 500

_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "additionalProperties": {"type": "string", "format": "binary"}},
            "example": {"firms": "firms.csv", "products": "products.csv"},
        }
    },
}


@blueprint.route("/imports", methods=["POST"])
@allow(Role.OPERATOR)
@accepts_upload(MAX_UPLOAD)
@blueprint.arguments(schemas.ImportQuery, location="query")
@blueprint.response(200, schemas.ImportOut)
@blueprint.doc(requestBody=_BODY)
@documented(
    errors=[ImportRefused, ArchiveRefused],
    answer={
        "dry_run": False,
        "files": [{"file": "deliveries.csv", "new": 120, "unchanged": 2000}],
        "income_entries": {"sale": 120},
    },
)
def import_upload(query: dict[str, Any]) -> dict[str, object]:
    """导入数据文件 · Import CSV files (one part each, or one zip): all or nothing; sent twice it changes nothing."""
    parts = [part for _, part in request.files.items(multi=True)]
    files = named_files((part.filename or "", part.read()) for part in parts)
    with transaction() as session:
        result = import_files(
            files, session=session, now=now(), actor_id=current_actor().person_id, dry_run=query["dry_run"]
        )
        if result.errors:
            raise ImportRefused(errors_total=len(result.errors), rows=_listed(result.errors))
    return _shown(result, dry_run=query["dry_run"])


def _listed(errors: list[RowError]) -> list[dict[str, object]]:
    zh = language() == "zh"
    return [
        {"file": row.file, "line": row.line, "column": row.column, "reason": row.zh if zh else row.en}
        for row in errors[:MAX_LISTED]
    ]


def _shown(result: ImportResult, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "files": [{"file": file, "new": c.new, "unchanged": c.unchanged} for file, c in result.counts.items()],
        "income_entries": result.booked,
    }


_SLIPS = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"slips": {"type": "string", "format": "binary"}}},
            "example": {"slips": "交售单-20250715.xlsx"},
        }
    },
}


@blueprint.route("/delivery-batches", methods=["POST"])
@allow(Role.FIRM_STAFF)
@accepts_upload(MAX_UPLOAD)
@blueprint.arguments(schemas.BatchQuery, location="query")
@blueprint.response(200, schemas.BatchOut)
@blueprint.doc(requestBody=_SLIPS)
@documented(
    errors=[NotFoundError, ImportRefused, ArchiveRefused],
    answer={
        "dry_run": False, "firm": "F01", "file": "交售单-20250715.xlsx", "new": 42, "unchanged": 3,
        "voided": ["D95001"], "weight_g": 2_150_000, "amount_fen": 1_032_000,
    },
)  # fmt: skip
def import_slips(query: dict[str, Any]) -> dict[str, object]:
    """离线交售单 · Slips written without a line, as one CSV or XLSX file: all or nothing, each slip counted once.

    Columns, in any order: 单号, 日期, 农户, 商品, 毛重kg, 扣重kg, 等级, 基价分每kg, 签字人; a column 备注 is not kept.
    Price = base price x factor of the grade.
    """
    (name, data), actor = _one_file(), current_actor()
    with transaction() as session:
        firm = firm_by_code(session, query["firm"])
        must_own(actor, {Role.FIRM_STAFF: firm.party_id}, what=query["firm"])
        result = take_batch(session, firm, name, data, actor_id=actor.person_id, now=now(), dry_run=query["dry_run"])
        if result.errors:
            raise ImportRefused(errors_total=len(result.errors), rows=_listed(result.errors))
    return {
        "dry_run": query["dry_run"], "firm": query["firm"], "file": name, "new": result.new,
        "unchanged": result.known, "voided": result.voided, "weight_g": result.weight_g,
        "amount_fen": result.amount_fen,
    }  # fmt: skip


def _one_file() -> tuple[str, bytes]:
    """Name and bytes of the one file that was sent. Raises ArchiveRefused."""
    parts = [part for _, part in request.files.items(multi=True)]
    if len(parts) != 1 or not (parts[0].filename or "").lower().endswith((".csv", ".xlsx")):
        raise ArchiveRefused(reason_zh="须为一个 CSV 或 XLSX 文件", reason_en="send one CSV or XLSX file")
    return str(parts[0].filename)[-120:], parts[0].read()


_ORDERS = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"orders": {"type": "string", "format": "binary"}}},
            "example": {"orders": "食堂七月订单.xlsx"},
        }
    },
}


@blueprint.route("/order-sheets", methods=["POST"])
@allow(Role.BUYER, Role.OPERATOR, Role.FIRM_STAFF)
@accepts_upload(MAX_UPLOAD)
@blueprint.arguments(schemas.SheetQuery, location="query")
@blueprint.response(200, schemas.SheetOut)
@blueprint.doc(requestBody=_ORDERS)
@documented(
    errors=[NotFoundError, ImportRefused, ArchiveRefused],
    answer={
        "dry_run": False, "file": "食堂七月订单.xlsx", "unchanged": [],
        "orders": [{"reference": "CG-2025-018", "number": "250715-00000007", "total_fen": 45_360}],
    },
)  # fmt: skip
def import_orders(query: dict[str, Any]) -> dict[str, object]:
    """订单表 · Orders of a unit as one CSV or XLSX file: all or nothing, each order once by its own number.

    Columns, in any order: 单号, 商品, 件数, 备注. Lines of one 单号 are one order, of one firm. The unit approves
    them as any other.
    """
    (name, data), version = _one_file(), reference_version()
    with transaction() as session:
        sales = selling(session, version)
        partner = partner_who_buys(sales, query["partner"])
        if partner is None:
            raise NotFoundError(what=query["partner"])
        result = take_sheet(
            session, partner, name, data, by=clerk_for(current_actor(), partner.party_id, what=query["partner"]),
            goods=catalog(session, version), selling=sales, now=now(), dry_run=query["dry_run"],
        )  # fmt: skip
        if result.errors:
            raise ImportRefused(errors_total=len(result.errors), rows=_listed(result.errors))
    return {
        "dry_run": query["dry_run"], "file": name, "unchanged": result.known,
        "orders": [
            {"reference": of, "number": None if query["dry_run"] else made.number, "total_fen": made.total_fen}
            for of, made in result.placed
        ],
    }  # fmt: skip
