"""Headers as marketplaces write them, read by the profiles that ship. Their sources: docs/marketplaces.md."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import pytest

from shop.kit.clock import BEIJING
from shop.marketplaces.actions import template
from shop.marketplaces.connectors import FileConnector
from shop.marketplaces.facts import PaidOut, RefundedLine, SoldLine, Told
from shop.marketplaces.models import FactKind
from shop.marketplaces.profiles import profile_of
from tests.factories.shopfiles import SHAPES, in_shape

NOW = datetime(2026, 7, 1, 12, tzinfo=BEIJING)

DOUYIN_ORDERS = (
    "主订单编号", "子订单编号", "选购商品", "商品规格", "商品数量", "商品ID", "商家编码", "商品单价",
    "订单应付金额", "运费",
    "优惠总金额", "平台优惠", "商家优惠", "达人优惠", "商家改价", "支付优惠", "红包抵扣", "支付方式", "手续费",
    "收件人",
    "收件人手机号", "省", "市", "区", "街道", "详细地址", "买家留言", "订单提交时间", "订单完成时间", "支付完成时间",
    "订单状态", "承诺发货时间", "订单类型", "售后状态", "取消原因", "发货时间",
)  # fmt: skip
DOUYIN_PAYOUTS = (
    "动账时间", "动帐流水号", "动账方向", "动账金额", "动账账户", "动账场景", "计费类型", "子订单号", "订单号",
    "售后编号",
    "下单时间", "商品ID", "商品名称", "订单实付应结", "运费实付", "订单退款", "平台服务费", "佣金", "备注",
)  # fmt: skip
#: The ledger that a shop may export instead.
DOUYIN_LEDGER = (
    "动账流水号", "关联订单号", "关联子订单号", "动账时间", "账户方向", "动账金额(元)", "动账场景",
    "账户余额(元)", "备注",
)  # fmt: skip
PDD_ORDERS = (
    "商品", "订单号", "订单状态", "商品总价(元)", "邮费(元)", "店铺优惠折扣(元)", "平台优惠折扣(元)",
    "用户实付金额(元)",
    "商家实收金额(元)", "商品数量(件)", "发货时间", "确认收货时间", "商品id", "商品规格", "样式ID", "商家编码-规格维度",
    "商家编码-商品维度", "商家备注", "售后状态", "订单成交时间",
)  # fmt: skip
PDD_LEDGER = ("商户订单号", "发生时间", "收入金额（+元）", "支出金额（-元）", "账务类型", "备注", "业务描述")
TAOBAO_ITEMS = (
    "子订单编号", "主订单编号", "商品标题", "商品价格", "购买数量", "外部系统编号", "商品属性", "订单状态", "商家编码",
    "买家应付货款", "买家实付金额", "退款状态", "退款金额", "订单创建时间", "订单付款时间", "发货时间",
)  # fmt: skip
TAOBAO_REFUNDS = (
    "订单编号", "退款编号", "支付宝交易号", "订单付款时间", "退款申请时间", "退款完结时间", "退款状态",
    "退款总额", "售后类型",
    "货物状态", "退给买家金额", "退给平台金额",
)  # fmt: skip
ALIPAY_LEDGER = (
    "账务流水号", "业务流水号", "商户订单号", "商品名称", "发生时间", "对方账号", "收入金额（+元）", "支出金额（-元）",
    "账户余额（元）", "交易渠道", "业务类型", "备注",
)  # fmt: skip


def row(header: Sequence[str], **cells: str) -> list[str]:
    """A row with these cells, all others empty; names that no keyword can be are given as `at`."""
    return [cells.get(name, "") for name in header]


def read(code: str, kind: FactKind, data: bytes) -> Told:
    return FileConnector(profile_of(template(code)), "导出", data).tell(kind, now=NOW)


def facts(code: str, kind: FactKind, header: Sequence[str], cells: dict[str, str], shape: str = "utf-8-sig") -> Any:
    told = read(code, kind, in_shape(header, [row(header, **cells)], shape))
    assert told.problems == []
    (fact,) = told.facts
    return fact


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=BEIJING)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_douyin_order_export(shape: str) -> None:
    cells = {
        "主订单编号": "6920001\t", "子订单编号": "6920001\t", "商品数量": "2", "商家编码": "PL001",
        "订单应付金额": "75.00", "平台优惠": "4.60", "支付完成时间": "2026-06-20 09:00:00", "订单状态": "已完成",
        "发货时间": "2026-06-20 15:00:00", "订单完成时间": "2026-06-24 08:30:00",
    }  # fmt: skip
    fact = facts("douyin", FactKind.ORDERS, DOUYIN_ORDERS, cells, shape)
    assert isinstance(fact, SoldLine)
    assert (fact.number, fact.line, fact.sku, fact.quantity, fact.amount_fen) == (
        "6920001",
        "6920001",
        "PL001",
        2,
        7960,
    )
    assert (fact.sold_at, fact.shipped_at, fact.received_at) == (at(20, 9), at(20, 15), at(24, 8, 30))


def test_a_douyin_settlement_export_writes_its_flow_number_with_another_character() -> None:
    cells = {
        "动账时间": "2026-06-28 09:30:00", "动帐流水号": "D1", "动账方向": "入账", "动账金额": "78.01",
        "子订单号": "6920001", "订单号": "6920001", "平台服务费": "-1.59",
    }  # fmt: skip
    fact = facts("douyin", FactKind.PAYOUTS, DOUYIN_PAYOUTS, cells)
    assert isinstance(fact, PaidOut)
    assert (fact.reference, fact.line, fact.received_fen, fact.fee_fen) == ("D1", "6920001", 7801, 159)
    assert fact.paid_on == date(2026, 6, 28)


def test_a_douyin_ledger_has_other_headers_no_fees_and_other_words_for_the_direction() -> None:
    cells = {
        "动账流水号": "T0", "关联订单号": "6920001", "关联子订单号": "6920001", "动账时间": "2026-06-28 09:30:00",
        "账户方向": "支出", "动账金额(元)": "0.40",
    }  # fmt: skip
    fact = facts("douyin", FactKind.PAYOUTS, DOUYIN_LEDGER, cells)
    assert (fact.reference, fact.received_fen, fact.fee_fen) == ("T0", -40, 0)


def test_a_pinduoduo_order_export_numbers_orders_only() -> None:
    cells = {
        "订单号": "260620-1", "订单状态": "已收货", "商家实收金额(元)": "61.80", "商品数量(件)": "1",
        "商家编码-规格维度": "PL001", "订单成交时间": "2026-06-20 09:00:00", "发货时间": "2026-06-20 15:00:00",
        "确认收货时间": "2026-06-24 08:30:00",
    }  # fmt: skip
    fact = facts("pinduoduo", FactKind.ORDERS, PDD_ORDERS, cells)
    assert (fact.number, fact.line, fact.amount_fen, fact.received_at) == ("260620-1", "-", 6180, at(24, 8, 30))


def ledger_of_pinduoduo(rows: Iterable[Sequence[str]]) -> bytes:
    """As the shop exports it: a title, the period, a rule, the headers, the rows, totals, in GB18030."""
    said = [
        "拼多多店铺账务明细查询", "", "起始时间：2026-06-01 00:00:00  终止时间：2026-06-30 23:59:59",
        "----------交易记录明细列表---------", ",".join(PDD_LEDGER), *(",".join(cells) for cells in rows),
        "#支出合计：1笔，共-0.37元", "#收入合计：1笔，共61.80元", "#导出时间：[2026-07-01 09:00:00]",
    ]  # fmt: skip
    return "\r\n".join(said).encode("gb18030")


LEDGER_ROWS = (
    ("260620-1", "2026-06-30 23:30:43", "61.80", "0", "交易收入", "-", "0010002|交易收入-订单收入"),
    ("260620-1", "2026-06-30 23:30:43", "0", "-0.37", "技术服务费", "-", "0040001|技术服务费"),
)  # fmt: skip


def test_a_pinduoduo_ledger_has_rows_above_its_headers_totals_below_and_numbers_no_row() -> None:
    told = read("pinduoduo", FactKind.PAYOUTS, ledger_of_pinduoduo(LEDGER_ROWS))
    assert told.problems == []
    paid, fee = told.facts
    assert isinstance(paid, PaidOut)
    assert isinstance(fee, PaidOut)
    assert (paid.number, paid.received_fen, fee.received_fen) == ("260620-1", 6180, -37)
    assert paid.reference != fee.reference
    assert paid.at.line == 6


def test_a_row_without_a_number_is_the_same_row_in_every_shape() -> None:
    def references(data: bytes) -> list[str]:
        told = read("pinduoduo", FactKind.PAYOUTS, data)
        return [fact.reference for fact in told.facts if isinstance(fact, PaidOut)]

    text = references(ledger_of_pinduoduo(LEDGER_ROWS))
    as_numbers = [(*cells[:2], cells[2].removesuffix("0"), *cells[3:]) for cells in LEDGER_ROWS]
    for shape in SHAPES:
        assert references(in_shape(PDD_LEDGER, as_numbers, shape)) == text
    other = [(*LEDGER_ROWS[0][:2], "61.81", *LEDGER_ROWS[0][3:])]
    assert references(in_shape(PDD_LEDGER, other, "utf-8"))[0] not in text


@pytest.mark.parametrize("state", ["买家已付款,等待卖家发货", "买家已付款，等待卖家发货"])
def test_a_taobao_export_of_items_with_either_comma_and_without_a_time_of_receipt(state: str) -> None:
    cells = {
        "主订单编号": "\'1930679858170647", "子订单编号": "1930679858170647", "购买数量": "1", "商家编码": "PL001",
        "买家实付金额": "39.80", "订单付款时间": "2026-06-20 09:00:00", "订单状态": state,
    }  # fmt: skip
    fact = facts("taobao", FactKind.ORDERS, TAOBAO_ITEMS, cells)
    assert (fact.number, fact.amount_fen, fact.shipped_at, fact.received_at) == ("1930679858170647", 3980, None, None)


def test_an_older_taobao_export_calls_the_amount_otherwise() -> None:
    header = [name.replace("买家实付金额", "买家实际支付金额") for name in TAOBAO_ITEMS if name != "发货时间"]
    cells = {
        "主订单编号": "1", "子订单编号": "2", "购买数量": "1", "商家编码": "PL001", "买家实际支付金额": "39.80",
        "订单付款时间": "2026-06-20 09:00:00", "订单状态": "交易成功",
    }  # fmt: skip
    fact = facts("taobao", FactKind.ORDERS, header, cells)
    assert (fact.amount_fen, fact.received_at) == (3980, at(20, 9))


def test_a_taobao_refund_without_an_item_is_one_of_an_order_with_one_item() -> None:
    cells = {
        "订单编号": "1930679858170647", "退款编号": "R1", "退款完结时间": "2026-06-25 10:00:00", "退款状态": "退款成功",
        "退款总额": "9.80",
    }  # fmt: skip
    fact = facts("taobao", FactKind.REFUNDS, TAOBAO_REFUNDS, cells)
    assert isinstance(fact, RefundedLine)
    assert (fact.number, fact.line, fact.amount_fen) == ("1930679858170647", "1930679858170647", 980)


def test_alipay_writes_letters_before_the_number_of_a_taobao_order() -> None:
    cells = {
        "账务流水号": "9001", "商户订单号": "T200P1930679858170647", "发生时间": "2026-06-28 10:00:00",
        "收入金额（+元）": "39.80",
    }  # fmt: skip
    fact = facts("taobao", FactKind.PAYOUTS, ALIPAY_LEDGER, cells)
    assert (fact.number, fact.line, fact.received_fen) == ("1930679858170647", "1930679858170647", 3980)


@pytest.mark.parametrize(
    ("lacks", "named"), [("动帐流水号", "动帐流水号|动账流水号"), ("动账时间", "动账时间"), ("平台服务费", None)]
)
def test_a_header_that_must_be_there_is_named_and_one_that_need_not_be_is_not_missed(
    lacks: str, named: str | None
) -> None:
    header = [name for name in DOUYIN_PAYOUTS if name != lacks]
    told = read("douyin", FactKind.PAYOUTS, in_shape(header, [], "utf-8"))
    assert [(problem.line, problem.column) for problem in told.problems] == ([(1, named)] if named else [])


def test_a_header_that_comes_twice_is_refused() -> None:
    told = read("douyin", FactKind.PAYOUTS, in_shape([*DOUYIN_PAYOUTS, "动账金额"], [], "utf-8"))
    assert [(problem.column, problem.zh) for problem in told.problems] == [("动账金额", "此列出现两次")]
