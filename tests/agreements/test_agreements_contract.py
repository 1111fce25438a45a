"""The contract as paper: every term stands in it in Chinese, and the same version makes the same bytes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from shop.access.guard import Actor, Grant, Role
from shop.access.models import PartyKind
from shop.agreements import queries, signing
from shop.agreements.actions import agreement_by_code
from shop.agreements.contract import (
    Amends,
    Contract,
    Plan,
    Signed,
    clauses,
    percent,
    plan_zh,
    preamble,
    schedule_zh,
    signed_zh,
)
from shop.agreements.contract_pdf import contract_pdf
from shop.agreements.models import Agreement, AgreementLine, DueWeight, PriceRule, Side
from shop.kit.db import db, transaction
from shop.kit.money import kilograms
from tests.factories.agreements import BUYER, FIRM, amended, line, recorded, sign_by, terms
from tests.factories.world import NOW, TODAY, World, build

OPERATOR = Actor(1, (Grant(Role.OPERATOR, 1, PartyKind.COUNTY),))
LINE = line(
    committed_g=1_234_500, minimum_g=60_000, minimum_date_g=4_000, price_rule=PriceRule.MARKET_PLUS, margin_bp=550,
    second_bp=8_050, off_bp=0, quote_source="农业农村部行情（示例）", farm_gate_floor_fen_per_kg=401,
)  # fmt: skip
CONTRACT = Contract(
    code="A90", number=2, partner_zh="连锁超市（示例）", firm_zh="合作社（示例）",
    products_zh={"PL001": "大桐蜜桃", "PL009": "红富士苹果"},
    terms=terms(LINE, line(sku="PL009", schedule="daily"), schedule="monthly:5,31", payment_term_days=45,
                tolerance_bp=525),
    document_hash="ab" * 32, proposed_at=NOW, signatures=[Signed(Side.BUYER, TODAY, NOW, "王某（示例）")],
    plans={"PL001": Plan({TODAY: 3, date(2025, 8, 5): 2})},
)  # fmt: skip


def written(contract: Contract) -> str:
    return "\n".join(text for _, paragraphs in clauses(contract) for text in paragraphs)


@pytest.mark.parametrize(
    "term",
    [
        "1,234.5公斤", "最低采购总量60公斤", "每期最低4公斤", "市场价上浮5.5%，不低于保底价每公斤5.00元",
        "特级115%，一级100%，二级80.5%；等外不收", "“农业农村部行情（示例）”", "每公斤不低于4.01元",
        "2025年7月15日至2025年9月16日",
        "交货排期：每月5日、31日（当月没有该日的，为当月最后一日）（第一条写明本商品交货排期的，按其排期）；",
        "等外60%。本商品交货排期：每日。", "允差为约定数量的5.25%",
        "一方依法解除的，由县里写明原因登记（民法典第562条、第563条）", "未确认的取消：其中解除日前到期的计为供方少交",
        "验收后45日内付款", "定金为合同价款（约定数量按保底价计）的10%，计667.25元", "保底价的5%支付违约金",
        "保底价的8%支付违约金",
        "分2期交货（首期2025年7月15日，末期2025年8月5日），前1期每期0.003公斤，其后每期0.002公斤。", "合计6,672.50元",
        "固定价的商品：要货价即固定价", "取已登记的、该日当日或此前7日内最近一日的一级品报价",
        "供方确认后不再改期或减量", "需方取消的，不计入其采购数量", "可在约定数量内再次要货，先补此前供方未交足的",
        "交货日过后需方或县里可将余下的按未交关闭", "交货日过后取消的，无论谁取消，都计为供方少交",
    ],
)  # fmt: skip
def test_every_term_stands_in_the_contract(term: str) -> None:
    assert term in written(CONTRACT)


def test_other_terms_make_another_contract() -> None:
    for changed in (
        replace(CONTRACT, terms=replace(CONTRACT.terms, deposit_bp=0)),
        replace(CONTRACT, terms=terms(replace(LINE, price_rule=PriceRule.FIXED))),
        replace(CONTRACT, terms=terms(replace(LINE, price_rule=PriceRule.FLOOR_OR_MARKET))),
    ):
        assert written(changed) != written(CONTRACT)
    assert "本商品" not in written(replace(CONTRACT, terms=terms(LINE)))


def test_a_contract_of_fixed_prices_speaks_of_no_market() -> None:
    assert "市场价的商品" not in written(replace(CONTRACT, terms=terms()))
    assert "随行就市的商品，" not in written(CONTRACT)
    market = terms(replace(LINE, price_rule=PriceRule.FLOOR_OR_MARKET))
    assert "随行就市的商品，与保底价比较取高者；没有报价的按保底价" in written(replace(CONTRACT, terms=market))
    assert "固定价的商品" not in written(replace(CONTRACT, terms=market))


def test_a_plan_says_what_comes_when() -> None:
    day, later = date(2025, 7, 16), date(2025, 7, 23)
    assert [plan_zh(plan) for plan in (
        Plan({day: 5_000}), Plan({day: 5_000, later: 5_000}), Plan(None), Plan({}, TODAY, 7_000),
        Plan({day: 2_000, later: 2_000}, TODAY, 7_000), Plan({day: 2_000}, TODAY),
    )] == [
        "于2025年7月16日一次交货5公斤", "分2期交货（首期2025年7月16日，末期2025年7月23日），每期5公斤",
        "尚未到期且尚未要货的数量，自本补充协议生效次日起由其后尚未要货的各交货日平均分摊",
        "至2025年7月15日已到期7公斤，其后不再交货",
        "至2025年7月15日已到期7公斤，其余分2期交货（首期2025年7月16日，末期2025年7月23日），每期2公斤",
        "于2025年7月16日一次交货2公斤",
    ]  # fmt: skip


def test_an_amendment_says_what_it_replaces_since_when_and_why_and_signatures_who_and_when() -> None:
    amends = Amends(1, "cd" * 32, "数量增加（示例）", TODAY)
    said = preamble(replace(CONTRACT, amends=amends))
    assert (said[0][:16], said[1]) == ("本补充协议为第2版，替代第1版（", "说明：数量增加（示例）")
    assert "自2025年7月15日（最后一方签署之日）起生效" in said[0]
    assert "自双方均签署之日起生效" in preamble(replace(CONTRACT, amends=replace(amends, from_day=None)))[0]
    assert preamble(CONTRACT) == []
    assert contract_pdf(replace(CONTRACT, amends=amends)) != contract_pdf(CONTRACT)
    assert [signed_zh(one) for one in (*CONTRACT.signatures, Signed(Side.FIRM, TODAY), None)] == [
        "系统内签署，王某（示例），2025年7月15日 10:00", "纸质签署，2025年7月15日", "未签署",
    ]  # fmt: skip


def test_schedules_weights_and_rates_are_told_in_words() -> None:
    assert [schedule_zh(text) for text in ("daily", "weekly:4,1", "monthly:5,20", "once:2026-01-20")] == [
        "每日", "每周一、四", "每月5日、20日", "2026年1月20日一次",
    ]  # fmt: skip
    assert [kilograms(grams) for grams in (0, 1, 1_000, 1_050, 12_345_678)] == [
        "0", "0.001", "1", "1.05", "12,345.678",
    ]  # fmt: skip
    assert [percent(rate) for rate in (0, 5, 50, 1_000, 1_055)] == ["0%", "0.05%", "0.5%", "10%", "10.55%"]


def test_the_same_contract_is_the_same_bytes_and_a_signature_shows() -> None:
    paper = contract_pdf(CONTRACT)
    assert paper[:5] == b"%PDF-"
    assert contract_pdf(CONTRACT) == paper
    assert contract_pdf(replace(CONTRACT, signatures=[])) != paper
    assert len(paper) < 200_000


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


def test_the_contract_in_force_is_read_and_each_version_by_its_number(world: World) -> None:
    with transaction() as session:
        recorded(session)
        amended(session, "A50", terms(ends_on=date(2025, 9, 30)))
    client = world.app.test_client()

    def read(query: str = "", actor: str = "buyer", code: str = "A50") -> tuple[int, bytes]:
        answer = client.get(f"/api/v1/agreements/{code}/contract{query}", headers=world.headers[actor])
        return answer.status_code, answer.data

    status, paper = read()
    assert (status, paper[:5], paper == read("?version=2")[1]) == (200, b"%PDF-", True)
    assert read("?version=1", "firm_staff")[1] != paper
    status, said = read("?version=3")
    assert (status, "协议 A50 没有第 3 版文本。" in said.decode()) == (404, True)
    assert read(code="A02")[0] == 404


def test_what_a_version_plans_is_what_falls_due_and_stays_when_another_follows(world: World) -> None:
    def of(number: int) -> Contract:
        return queries.contract(db.session(), OPERATOR, "A50", number)

    with transaction() as session:
        recorded(session)
    first = of(1)
    assert (first.amends, first.plans["PL001"].days) == (None, {TODAY + timedelta(7 * n): 10_000 for n in range(10)})
    assert [signed_zh(one) for one in first.signatures] == ["纸质签署，2025年7月15日"] * 2
    with transaction() as session:
        later = [replace(hand, now=NOW + timedelta(days=8)) for hand in (BUYER, FIRM)]
        more = terms(line(committed_g=100_008), ends_on=date(2025, 9, 30))
        signing.propose(session, agreement_by_code(session, "A50", lock=True), more, by=later[0], note="延长")
        assert of(2).plans["PL001"] == Plan(None)
        sign_by(session, "A50", *later)
    second = of(2)
    assert second.amends == Amends(1, first.document_hash, "延长", TODAY + timedelta(days=8))
    plan = second.plans["PL001"]
    assert (plan.due_g, plan.until, len(plan.days or {})) == (20_000, TODAY + timedelta(days=8), 10)
    due = select(DueWeight.due_on, DueWeight.weight_g).where(DueWeight.due_on > plan.until, DueWeight.weight_g > 0)
    ours = due.join(AgreementLine, AgreementLine.id == DueWeight.line_id).join(Agreement).where(Agreement.code == "A50")
    assert plan.days == dict(db.session.execute(ours).all())
    with transaction() as session:
        last = [replace(hand, now=NOW + timedelta(days=15)) for hand in (BUYER, FIRM)]
        signing.propose(session, agreement_by_code(session, "A50", lock=True), terms(), by=last[0])
        sign_by(session, "A50", *last)
    assert (of(1), of(2), of(3).amends) == (
        first, second, Amends(2, second.document_hash, None, TODAY + timedelta(days=15)),
    )  # fmt: skip
