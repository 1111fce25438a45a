"""Files as marketplaces export them, and somebody at the county office who takes them."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select, text

from shop.catalog.reference import catalog
from shop.channels.actions import partner_by_code
from shop.channels.reference import selling
from shop.income.actions import settle_and_reach
from shop.kit.jobs import Outbox
from shop.kit.reference import current_version
from shop.kit.tables import Sheet, write_xlsx
from shop.marketplaces.actions import set_up, template
from shop.marketplaces.connectors import FileConnector
from shop.marketplaces.follow import follow
from shop.marketplaces.jobs import FOLLOW
from shop.marketplaces.models import FactKind, Marketplace
from shop.marketplaces.profiles import profile_of
from shop.marketplaces.taking import Taken, take
from shop.orders.jobs import REFUND_EXCESS, SETTLE_ORDER
from shop.payments.actions import refund_excess
from tests.factories.sales import Season

ORDERS = (
    "主订单编号", "子订单编号", "选购商品", "商品数量", "商家编码", "订单应付金额", "平台优惠", "达人优惠", "支付优惠",
    "收件人", "收件人手机号", "订单状态", "支付完成时间", "发货时间", "订单完成时间",
)  # fmt: skip
REFUNDS = ("售后单号", "订单号", "商品单号", "退款金额（元）", "退款完成时间", "售后状态")
PAYOUTS = ("动账时间", "动账流水号", "动账方向", "动账金额", "子订单号", "订单号", "平台服务费", "佣金")


def sheet(header: Sequence[str], rows: Iterable[Sequence[str]], encoding: str = "utf-8-sig") -> bytes:
    """A CSV file."""
    written = io.StringIO()
    csv.writer(written).writerows([header, *rows])
    return written.getvalue().encode(encoding)


#: The shapes in which marketplaces export a file.
SHAPES = ("utf-8", "utf-8-sig", "gbk", "xlsx")


def in_shape(header: Sequence[str], rows: Iterable[Sequence[str]], shape: str) -> bytes:
    """The same rows as text in an encoding, or as a workbook."""
    if shape == "xlsx":
        return write_xlsx(Sheet("导出", list(header), [list(row) for row in rows]))
    return sheet(header, rows, shape)


def sold(
    number: str, sku: str, *, packs: int = 1, yuan: str = "39.80", line: str = "", state: str = "待发货",
    paid: str = "2025-07-14 09:00:00", shipped: str = "", received: str = "", subsidy: str = "",
) -> tuple[str, ...]:  # fmt: skip
    """A row of a Douyin shop's order export."""
    return (
        f"{number}\t", f"'{line or number}", "鲜桃 5 斤装", str(packs), sku, yuan, subsidy, "", "", "张*", "138****",
        state, paid, shipped, received,
    )  # fmt: skip


def done(number: str, sku: str, **how: str | int) -> tuple[str, ...]:
    """The same for a line that was received."""
    times = {"shipped": "2025-07-14 15:00:00", "received": "2025-07-15 08:30:00"}
    return sold(number, sku, state="已完成", **times, **how)  # type: ignore[arg-type]


def refunded(reference: str, number: str, yuan: str, *, line: str = "", state: str = "退款成功") -> tuple[str, ...]:
    """A row of its refund export."""
    return (reference, number, line or number, yuan, "2025-07-15 09:00:00", state)


def paid_out(
    reference: str, number: str, yuan: str, *, fee: str = "", line: str = "", way: str = "入账"
) -> tuple[str, ...]:
    """A row of its settlement export."""
    return ("2025-07-15 09:30:00", reference, way, yuan, line or number, number, fee, "")


HEADERS = {FactKind.ORDERS: ORDERS, FactKind.REFUNDS: REFUNDS, FactKind.PAYOUTS: PAYOUTS}


@dataclass
class Desk:
    """A Douyin shop of the season, whose files somebody takes."""

    season: Season
    shop: Marketplace

    def told(self, kind: FactKind, data: bytes, file: str = "导出.csv") -> Taken:
        """Take a file as it is."""
        session = self.season.session
        version = current_version(session)
        reading = FileConnector(profile_of(self.shop.profile), file, data).tell(kind, now=self.season.now)
        return take(
            session, self.shop, reading, goods=catalog(session, version), selling=selling(session, version),
            actor_id=None, now=self.season.now,
        )  # fmt: skip

    def rows(self, kind: FactKind, *rows: Sequence[str], shape: str = "utf-8-sig") -> Taken:
        """Take a file of these rows, which must be in order, and do the jobs that follow."""
        taken = self.told(kind, in_shape(HEADERS[kind], rows, shape))
        assert taken.problems == ()
        self.work()
        return taken

    def orders(self, *rows: Sequence[str]) -> Taken:
        """An order export."""
        return self.rows(FactKind.ORDERS, *rows)

    def refunds(self, *rows: Sequence[str]) -> Taken:
        """A refund export."""
        return self.rows(FactKind.REFUNDS, *rows)

    def payouts(self, *rows: Sequence[str]) -> Taken:
        """A settlement export."""
        return self.rows(FactKind.PAYOUTS, *rows)

    def work(self) -> None:
        """Do what the outbox asks for."""
        session, now = self.season.session, self.season.now
        session.flush()
        while True:
            rows = session.execute(
                select(Outbox.id, Outbox.job, Outbox.ids).where(Outbox.done_at.is_(None)).order_by(Outbox.id)
            ).all()
            if not rows:
                return
            for row in rows:
                match row.job:
                    case FOLLOW.name:
                        follow(session, row.ids[0], now=now)
                    case SETTLE_ORDER.name:
                        settle_and_reach(session, row.ids[0], now=now)
                    case REFUND_EXCESS.name:
                        refund_excess(session, row.ids[0], now=now)
                session.execute(text("UPDATE outbox SET done_at = :now WHERE id = :id"), {"now": now, "id": row.id})


def desk(season: Season) -> Desk:
    """The season's online shop as a Douyin shop."""
    partner = partner_by_code(season.session, "SHOP")
    shop = set_up(season.session, partner, template("douyin"), actor_id=None, now=season.now)
    return Desk(season, shop)
