"""The orders of a lot as a file, for whoever has to call the buyers."""

from decimal import Decimal

from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.kit.clock import BEIJING
from shop.kit.tables import XLSX_TYPE, Cell, Sheet, write_csv, write_xlsx
from shop.tracing.queries import ROWS_OF_A_FILE, Whether, lot_orders

HEADER = [
    "状态", "订单", "渠道", "买方", "电话", "商品", "批次", "重量（kg）", "缺口（kg）", "发货时间", "运单号",
]  # fmt: skip
STATE_ZH = {"waiting": "待发货", "on_the_way": "在途", "received": "已收货"}


def orders_of_lot(session: Session, actor: Actor, code: str, kind: str) -> bytes:
    """All orders of a lot: those that wait, then those that left; CSV or XLSX. Raises NotFoundError."""
    rows: list[list[Cell]] = [
        [
            STATE_ZH[row["state"]], row["order"], row["channel_zh"], row["buyer"], row["phone"], row["sku"],
            row["lot"], _kg(row["weight_g"]), _kg(row["short_g"]),
            f"{row['dispatched_at'].astimezone(BEIJING):%Y-%m-%d %H:%M}" if row["dispatched_at"] else None,
            row.get("tracking_number"),
        ]
        for whether in (Whether.WAITING, Whether.SENT)
        for row in lot_orders(session, actor, code, whether, limit=ROWS_OF_A_FILE, before_id=None)
    ]  # fmt: skip
    return write_xlsx(Sheet("批次去向", HEADER, rows)) if kind == XLSX_TYPE else write_csv(HEADER, rows)


def _kg(grams: int) -> Decimal:
    return Decimal(grams).scaleb(-3)
