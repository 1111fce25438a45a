"""The contract of a version, in Chinese: its clauses as text (`contract_pdf` prints them).

The same version makes the same clauses. What is signed is the document by its hash; the paper says it in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from shop.agreements.models import PriceRule, Side
from shop.agreements.pricing import QUOTE_LIFE, contract_value, deposit_of
from shop.agreements.schedule import parse
from shop.agreements.terms import LineTerms, Terms
from shop.kit.clock import BEIJING
from shop.kit.money import BP_WHOLE, kilograms, percent, yuan

_WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True)
class Signed:
    """Which side signed on which day: on paper, or here at which hour and by whom, if the reader may know."""

    side: Side
    signed_on: date
    signed_at: datetime | None = None
    person_zh: str | None = None


@dataclass(frozen=True)
class Plan:
    """What of a line is due when: `due_g` up to `until`, before the version held, `called` for later days by then, and
    the days of the rest.

    `days` is None while the first of them is not known: an amendment that waits for its signatures; `per_date_g` is
    what it asks for on each, if it says so.
    """

    days: Mapping[date, int] | None
    until: date | None = None
    due_g: int = 0
    called: Mapping[date, int] = field(default_factory=dict)
    per_date_g: int | None = None


@dataclass(frozen=True)
class Amends:
    """What an amendment takes the place of, why, and from which day; None until both have signed."""

    number: int
    document_hash: str
    note: str | None
    from_day: date | None


@dataclass(frozen=True)
class Contract:
    """All that a contract says: names of the sides and products as they are printed, terms, hash, signatures.

    `plans`: of each SKU. `amends`: None for what is no amendment.
    """

    code: str
    number: int
    partner_zh: str
    firm_zh: str
    products_zh: dict[str, str]
    terms: Terms
    document_hash: str
    proposed_at: datetime
    signatures: Sequence[Signed]
    plans: Mapping[str, Plan] = field(default_factory=dict)
    amends: Amends | None = None


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


def price_zh(price_rule: PriceRule, floor_fen_per_kg: int, margin_bp: int) -> str:
    """The price rule of a line in words."""
    floor = f"每公斤{yuan(floor_fen_per_kg)}元"
    match price_rule:
        case PriceRule.FIXED:
            return f"固定价{floor}"
        case PriceRule.FLOOR_OR_MARKET:
            return f"保底价{floor}，市场价高于保底价的随行就市"
        case PriceRule.MARKET_PLUS:
            return f"市场价上浮{percent(margin_bp)}，不低于保底价{floor}"


def _grades_zh(line: LineTerms) -> str:
    named = {"特级": line.special_bp, "一级": BP_WHOLE, "二级": line.second_bp, "等外": line.off_bp}
    taken = "，".join(f"{grade}{percent(rate)}" for grade, rate in named.items() if rate)
    refused = "、".join(grade for grade, rate in named.items() if not rate)
    return taken + (f"；{refused}不收" if refused else "")


def plan_zh(plan: Plan) -> str:
    """How much comes on which days: the weight of a day differs by a gram at most, the earlier have more."""
    if plan.days is None and plan.per_date_g is not None:
        return f"自本补充协议生效次日起，其后尚未要货的各交货日每期{kilograms(plan.per_date_g)}公斤"
    if plan.days is None:
        return "尚未到期且尚未要货的数量，自本补充协议生效次日起由其后尚未要货的各交货日平均分摊"
    fell_due = f"至{day_zh(plan.until)}已到期{kilograms(plan.due_g)}公斤，" if plan.until and plan.due_g else ""
    ahead = [(day, grams) for day, grams in sorted(plan.called.items()) if grams]
    if ahead:
        fell_due += "其后已要货" + "、".join(f"{day_zh(day)}{kilograms(grams)}公斤" for day, grams in ahead) + "，"
    if not plan.days:
        return f"{fell_due}其后不再{'按排期要货' if ahead else '交货'}"
    weights, first, last = list(plan.days.values()), min(plan.days), max(plan.days)
    rest = "其余" if fell_due else ""
    if len(weights) == 1:
        return f"{fell_due}{rest}于{day_zh(first)}一次交货{kilograms(weights[0])}公斤"
    more = weights.count(weights[0])
    each = f"每期{kilograms(weights[0])}公斤"
    if more < len(weights):
        each = f"前{more}期{each}，其后每期{kilograms(weights[-1])}公斤"
    return f"{fell_due}{rest}分{len(weights)}期交货（首期{day_zh(first)}，末期{day_zh(last)}），{each}"


def signed_zh(signed: Signed | None) -> str:
    """How a side signed: on paper on which day, or here at which minute in Beijing and by whom."""
    if signed is None:
        return "未签署"
    if signed.signed_at is None:
        return f"纸质签署，{day_zh(signed.signed_on)}"
    by = f"{signed.person_zh}，" if signed.person_zh else ""
    return f"系统内签署，{by}{day_zh(signed.signed_on)} {signed.signed_at.astimezone(BEIJING):%H:%M}"


def preamble(contract: Contract) -> list[str]:
    """What stands above the clauses of an amendment; nothing above those of another contract."""
    amends = contract.amends
    if amends is None:
        return []
    since = f"自{day_zh(amends.from_day)}（最后一方签署之日）起生效" if amends.from_day else "自双方均签署之日起生效"
    said = [
        f"本补充协议为第{contract.number}版，替代第{amends.number}版（文本校验值 {amends.document_hash}），{since}。"
        "至生效日已到期的数量、已要的货及其价格不变。"
    ]
    return said + ([f"说明：{amends.note}"] if amends.note else [])


def _product(contract: Contract, line: LineTerms) -> list[str]:
    name = f"{contract.products_zh[line.sku]}（{line.sku}）"
    said = [
        f"{name}：约定数量{kilograms(line.committed_g)}公斤，需方最低采购总量{kilograms(line.minimum_g)}公斤"
        + (f"，每期最低{kilograms(line.minimum_date_g)}公斤" if line.minimum_date_g else "")
        + f"。{price_zh(line.price_rule, line.floor_fen_per_kg, line.margin_bp)}。等级系数：{_grades_zh(line)}。"
    ]
    if line.schedule:
        said[0] += f"本商品交货排期：{schedule_zh(line.schedule)}。"
    if plan := contract.plans.get(line.sku):
        said[0] += f"{plan_zh(plan)}。"
    if line.quote_source:
        said[0] += f"市场价以“{line.quote_source}”发布的为准。"
    if line.farm_gate_floor_fen_per_kg:
        said[0] += f"供方付给农户的交售价（一级）每公斤不低于{yuan(line.farm_gate_floor_fen_per_kg)}元。"
    return said


def _pricing(rules: set[PriceRule]) -> list[str]:
    """How the price of a call-off comes about, as `quotes.price_on` does it, for the rules that are there."""
    said = []
    if PriceRule.FIXED in rules:
        said.append("固定价的商品：要货价即固定价，不随市场价变动。")
    market = {
        PriceRule.FLOOR_OR_MARKET: "与保底价比较取高者",
        PriceRule.MARKET_PLUS: "按约定上浮，低于保底价的按保底价",
    }
    if rules & market.keys():
        named = {PriceRule.FLOOR_OR_MARKET: "随行就市的商品", PriceRule.MARKET_PLUS: "市场价上浮的商品"}
        how = "；".join(f"{named[rule]}，{way}" for rule, way in market.items() if rule in rules)
        said.append(
            "按市场价的商品：要货价在要货时确定，按交货日计，交货日未到的按要货当日计；市场价取已登记的、该日当日或此前"
            f"{QUOTE_LIFE.days}日内最近一日的一级品报价（同日有几个来源的，取最先登记的来源；有更正的，取其最后一次）；{how}；没有报价的按保底价。"
            "改期的，改期时照此重新确定。价格一经确定，其后的报价和更正不影响。"
        )
    return [*said, "保底价（固定价商品即其固定价）为一级品价格，其他等级按等级系数计价。"]


def clauses(contract: Contract) -> list[tuple[str, list[str]]]:
    """Each clause with its paragraphs: every term of the version, and what the law or the trade says of it."""
    terms = contract.terms
    value_fen = contract_value((line.committed_g, line.floor_fen_per_kg) for line in terms.lines)
    own = "（第一条写明本商品交货排期的，按其排期）" if any(line.schedule for line in terms.lines) else ""
    return [
        (
            "标的、数量与价格",
            [text for line in terms.lines for text in _product(contract, line)]
            + [f"合同价款（约定数量按保底价计）合计{yuan(value_fen)}元。"],
        ),
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
                "每个交货日由系统按排期要货；需方可在协议期内自行提前、改期或减量，减量不低于每期最低数量。"
                "供方确认后不再改期或减量。待交的与已验收的合计不超过约定数量，超出须先签补充协议；"
                "被拒收、少发或取消的，可在约定数量内再次要货，先补此前供方未交足的，补足的不再计为少交。",
                "只发了一部分的，交货日过后需方或县里可将余下的按未交关闭，计为供方少交，已到的照常验收。",
                "发货前要货可以取消。交货日过后取消的，无论谁取消，都计为供方少交，认定的不可抗力除外；"
                "交货日及以前需方取消的，不计入其采购数量，其中按排期的，按每期最低数量计为需方少采购，"
                "与其至末日在总量上少采购的相比取多者；供方取消的，计为供方少交；由县里取消的，不算任何一方违约。",
                f"允差为约定数量的{percent(terms.tolerance_bp)}，差额在允差以内的不算违约。",
            ],
        ),
        ("价格的确定", _pricing({line.price_rule for line in terms.lines})),
        (
            "验收",
            [
                "需方按重量和等级验收，拒收须写明原因；货款 = 验收重量 × 要货价 × 等级系数。",
                "需方应在平台公布的验收期内验收或提出异议（全部签收的自签收日起七日，否则自最后一次发货起十日，县里另有公布的从其公布，"
                "均不早于要货日起算）；期内未提出的，视为数量和质量符合约定，由县里代为验收，付款期自验收期满之日起算（民法典第621条）。",
            ],
        ),
        ("付款", [f"需方在验收后{terms.payment_term_days}日内付款。"]),
        (
            "定金",
            [
                f"定金为合同价款（约定数量按保底价计）的{percent(terms.deposit_bp)}，"
                f"计{yuan(deposit_of(value_fen, terms.deposit_bp))}元（不足一分的舍去），自实际交付时成立，可抵作货款。"
                "需方违约的无权请求返还，供方违约的双倍返还（民法典第586条、第587条）。"
                "补充协议使定金少于已收数额的，超出部分不作定金，可即退还。"
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
        (
            "变更与解除",
            [
                "变更须双方签署新的文本；任何一方不得单方修改已签署的条款（民法典第543条）。新文本自双方签署之日起生效："
                "此前已定价的要货，其价格、等级系数、付款期、允差与违约责任仍按定价时的文本。",
                "双方协商解除的，以补充协议约定；一方依法解除的，由县里写明原因登记（民法典第562条、第563条）。解除时供方已确认的要货继续"
                "履行，未确认的取消：其中解除日前到期的计为供方少交，其余不算任何一方违约；解除后排期不再到期。"
                "解除不影响要求赔偿（民法典第566条）。",
            ],
        ),
    ]
