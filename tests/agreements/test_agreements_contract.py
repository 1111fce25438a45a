"""The contract as paper: every term stands in it in Chinese, and the same version makes the same bytes."""

from dataclasses import replace
from datetime import date

import pytest
from flask import Flask

from shop.agreements.contract import Contract, Signed, clauses, percent, schedule_zh
from shop.agreements.contract_pdf import contract_pdf
from shop.agreements.models import PriceRule, Side
from shop.kit.db import transaction
from shop.kit.money import kilograms
from tests.factories.agreements import amended, line, recorded, terms
from tests.factories.world import NOW, World, build

LINE = line(
    committed_g=1_234_500, minimum_g=60_000, minimum_date_g=4_000, price_rule=PriceRule.MARKET_PLUS, margin_bp=550,
    second_bp=8_050, off_bp=0, quote_source="农业农村部行情（示例）", farm_gate_floor_fen_per_kg=401,
)  # fmt: skip
CONTRACT = Contract(
    code="A90", number=2, partner_zh="连锁超市（示例）", firm_zh="合作社（示例）",
    products_zh={"PL001": "大桐蜜桃", "PL009": "红富士苹果"},
    terms=terms(LINE, line(sku="PL009", schedule="daily"), schedule="monthly:5,31", payment_term_days=45,
                tolerance_bp=525),
    document_hash="ab" * 32, proposed_at=NOW, signatures=[Signed(Side.BUYER, NOW, on_paper=False)],
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
        "验收后45日内付款", "定金为合同价款（约定数量按保底价计）的10%", "保底价的5%支付违约金", "保底价的8%支付违约金",
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
    assert read("?version=3")[0] == 404
    assert read(code="A02")[0] == 404
