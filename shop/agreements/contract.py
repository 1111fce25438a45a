"""The contract of a version, in Chinese: its clauses as text (`contract_pdf` prints them).

The same version makes the same clauses. What is signed is the document by its hash; the paper says it in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from shop.agreements.models import PriceRule, Side
from shop.agreements.schedule import parse
from shop.agreements.terms import LineTerms, Terms
from shop.kit.money import BP_WHOLE, kilograms, percent, yuan

_WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True)
class Signed:
    """Which side signed, when, and whether on paper."""

    side: Side
    signed_at: datetime
    on_paper: bool


@dataclass(frozen=True)
class Contract:
    """All that a contract says: names of the sides and products as they are printed, terms, hash, signatures."""

    code: str
    number: int
    partner_zh: str
    firm_zh: str
    products_zh: dict[str, str]
    terms: Terms
    document_hash: str
    proposed_at: datetime
    signatures: Sequence[Signed]


def day_zh(day: date) -> str:
    """`2025年7月16日`."""
    return f"{day.year}年{day.month}月{day.day}日"


def schedule_zh(written: str) -> str:
    """A schedule in words."""
    schedule = parse(written)
    match schedule.kind:
        case "daily":
            return "每日"
        case "weekly":
            return "每周" + "、".join(_WEEKDAYS[day - 1] for day in sorted(schedule.days))
        case "monthly":
            days = "每月" + "、".join(f"{day}日" for day in sorted(schedule.days))
            return days + ("（当月没有该日的，为当月最后一日）" if max(schedule.days) > 28 else "")
    assert schedule.on is not None, "once has a day"  # noqa: S101
    return f"{day_zh(schedule.on)}一次"


def price_zh(line: LineTerms) -> str:
    """The price rule of a line in words."""
    floor = f"每公斤{yuan(line.floor_fen_per_kg)}元"
    match line.price_rule:
        case PriceRule.FIXED:
            return f"固定价{floor}"
        case PriceRule.FLOOR_OR_MARKET:
            return f"保底价{floor}，市场价高于保底价的随行就市"
        case PriceRule.MARKET_PLUS:
            return f"市场价上浮{percent(line.margin_bp)}，不低于保底价{floor}"


def _grades_zh(line: LineTerms) -> str:
    named = {"特级": line.special_bp, "一级": BP_WHOLE, "二级": line.second_bp, "等外": line.off_bp}
    taken = "，".join(f"{grade}{percent(rate)}" for grade, rate in named.items() if rate)
    refused = "、".join(grade for grade, rate in named.items() if not rate)
    return taken + (f"；{refused}不收" if refused else "")


def _product(contract: Contract, line: LineTerms) -> list[str]:
    name = f"{contract.products_zh[line.sku]}（{line.sku}）"
    said = [
        f"{name}：约定数量{kilograms(line.committed_g)}公斤，需方最低采购总量{kilograms(line.minimum_g)}公斤"
        + (f"，每期最低{kilograms(line.minimum_date_g)}公斤" if line.minimum_date_g else "")
        + f"。{price_zh(line)}。等级系数：{_grades_zh(line)}。"
    ]
    if line.schedule:
        said[0] += f"本商品交货排期：{schedule_zh(line.schedule)}。"
    if line.quote_source:
        said[0] += f"市场价以“{line.quote_source}”发布的为准。"
    if line.farm_gate_floor_fen_per_kg:
        said[0] += f"供方付给农户的交售价（一级）每公斤不低于{yuan(line.farm_gate_floor_fen_per_kg)}元。"
    return said


def clauses(contract: Contract) -> list[tuple[str, list[str]]]:
    """Each clause with its paragraphs: every term of the version, and what the law or the trade says of it."""
    terms = contract.terms
    own = "（第一条写明本商品交货排期的，按其排期）" if any(line.schedule for line in terms.lines) else ""
    return [
        ("标的、数量与价格", [text for line in terms.lines for text in _product(contract, line)]),
        (
            "期限与交货排期",
            [
                f"协议期自{day_zh(terms.starts_on)}至{day_zh(terms.ends_on)}，首尾两日在内。"
                f"交货排期：{schedule_zh(terms.schedule)}{own}；产季（含保质期）以外不交货，约定数量由其余各期分摊。"
            ],
        ),
        (
            "要货",
            [
                "需方按排期要货，可在协议期内提前、改期或减量，减量不低于每期最低数量；供方确认后不再变更。"
                "要货总量不超过约定数量，超出须先签补充协议。",
                f"允差为约定数量的{percent(terms.tolerance_bp)}，差额在允差以内的不算违约。",
            ],
        ),
        (
            "价格的确定",
            [
                "要货价按交货日的市场价确定；当日没有报价的，用此前七日内最近一次，再没有的按保底价。"
                "价格一经确定，其后的报价更正不影响已定价格。保底价为一级品价格，其他等级按等级系数计价。"
            ],
        ),
        ("验收", ["需方按重量和等级验收，拒收须写明原因；货款 = 验收重量 × 要货价 × 等级系数。"]),
        ("付款", [f"需方在验收后{terms.payment_term_days}日内付款。"]),
        (
            "定金",
            [
                f"定金为合同价款（约定数量按保底价计）的{percent(terms.deposit_bp)}，自实际交付时成立，可抵作货款。"
                "需方违约的无权请求返还，供方违约的双倍返还（民法典第586条、第587条）。"
                if terms.deposit_bp
                else "双方不约定定金。"
            ],
        ),
        (
            "违约责任",
            [
                f"供方少交的，按少交数量乘以保底价的{percent(terms.penalty_bp)}支付违约金；"
                f"需方少采购的，按少采购数量乘以保底价的{percent(terms.buyer_penalty_bp)}支付违约金。"
                "同时约定定金的，守约方择一主张（民法典第585条、第588条）。"
            ],
        ),
        ("不可抗力", ["因不可抗力不能履行的，应及时通知对方并提供证明，影响期内到期的数量不算违约（民法典第590条）。"]),
        ("变更与解除", ["变更须双方签署新的文本；任何一方不得单方修改已签署的条款（民法典第543条）。"]),
    ]
