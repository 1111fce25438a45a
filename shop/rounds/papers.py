"""The distribution list as a workbook: one sheet by person, one by box."""

from collections.abc import Iterator

from shop.kit.clock import BEIJING
from shop.kit.tables import Cell, Sheet, write_xlsx, yuan_cell
from shop.rounds.queries import Distribution, Loose, boxes

BY_PERSON = (
    "序号",
    "姓名",
    "手机号",
    "工号",
    "商品",
    "单位",
    "已订",
    "到货",
    "单价（元）",
    "金额（元）",
    "领取时间",
    "签名",
)
BY_BOX = ("箱号", "商品编号", "商品", "序号", "姓名")
LEFT_OVER = ("商品编号", "不足整箱的重量（克）", "金额（元）")


def workbook(found: Distribution) -> bytes:
    """Three sheets: who gets what with a column to sign, whose each pack is, and what is left over."""
    return write_xlsx(
        Sheet("按人", BY_PERSON, _people(found)),
        Sheet("按箱", BY_BOX, _boxes(found)),
        Sheet("余量", LEFT_OVER, _loose(found.loose)),
    )


def _people(found: Distribution) -> Iterator[tuple[Cell, ...]]:
    for person in found.people:
        handed = f"{person.handed_at.astimezone(BEIJING):%Y-%m-%d %H:%M}" if person.handed_at else ""
        for item in person.items:
            yield (
                person.position, person.name_zh, person.phone or "", person.staff_number or "", item.name_zh,
                item.unit_zh, item.asked, item.received, yuan_cell(item.price_fen), yuan_cell(item.amount_fen), handed,
                "",
            )  # fmt: skip


def _boxes(found: Distribution) -> Iterator[tuple[Cell, ...]]:
    for box in boxes(found.people):
        yield box["box"], box["sku"], box["name_zh"], box["position"], box["person_zh"]


def _loose(rows: list[Loose]) -> Iterator[tuple[Cell, ...]]:
    for row in rows:
        yield row.sku, row.weight_g, yuan_cell(row.amount_fen)
