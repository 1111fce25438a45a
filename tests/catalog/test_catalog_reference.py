"""What the process keeps of a product: dated prices with tiers, and only such marks as are held on the day."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shop.catalog.models import Category, PaperKind, ProductStatus
from shop.catalog.reference import MOST_ANSWERS, Catalog, CatalogProduct, Paper, Tier

JULY = date(2025, 7, 15)
#: When papers were verified.
SEEN = datetime(2025, 1, 1, 2, tzinfo=UTC)
LICENCE = PaperKind.FOOD_PRODUCTION_LICENCE


def product(**given: object) -> CatalogProduct:
    values: dict[str, object] = {
        "product_id": 1, "sku": "PL001", "firm_id": 1, "firm_code": "F01", "firm_name_zh": "某社（示例）",
        "firm_party_id": 1, "township_id": 1, "name_zh": "蜜桃", "name_en": "peach", "category": Category.FRUIT,
        "spec_zh": "2.5kg/箱", "net_weight_g": 2500, "unit_zh": "箱", "origin_zh": "部官镇西太村",
        "harvest_start_month": 7, "harvest_end_month": 8, "shelf_life_days": 7, "storage_zh": "冷藏",
        "is_fresh": True, "is_food": True, "status": ProductStatus.LISTED, "for_sale": True,
        "tiers": tuple(Tier(date(2025, 1, 1), None, packs, fen) for packs, fen in ((1, 3980), (10, 3780), (50, 3580))),
        "required": frozenset(), "papers": (),
    }  # fmt: skip
    return CatalogProduct(**(values | given))  # type: ignore[arg-type]


@pytest.mark.parametrize(("packs", "fen"), [(1, 3980), (9, 3980), (10, 3780), (49, 3780), (50, 3580), (9999, 3580)])
def test_the_deepest_tier_that_is_reached_gives_the_price(packs: int, fen: int) -> None:
    assert product().price_for(packs, JULY) == fen


def test_a_price_list_holds_from_its_first_day_until_the_day_before_the_next() -> None:
    tiers = (Tier(date(2025, 1, 1), date(2025, 8, 1), 1, 3980), Tier(date(2025, 8, 1), None, 1, 3000))
    dated = product(tiers=tiers)
    assert [dated.price_for(1, day) for day in (date(2025, 7, 31), date(2025, 8, 1))] == [3980, 3000]
    assert dated.price_for(1, date(2024, 12, 31)) is None


def test_the_youngest_of_two_lists_that_hold_is_the_price_list() -> None:
    tiers = (Tier(date(2025, 1, 1), None, 1, 3980), Tier(date(2025, 1, 1), None, 10, 3500),
             Tier(date(2025, 7, 1), None, 1, 3000))  # fmt: skip
    assert product(tiers=tiers).price_for(20, JULY) == 3000


def test_every_price_on_a_card_carries_its_price_per_jin_and_per_kg() -> None:
    card = product().card(JULY)
    assert (card["price_fen"], card["price_per_jin_fen"], card["price_per_kg_fen"]) == (3980, 796, 1592)
    assert card["tiers"][1] == {  # type: ignore[index]
        "min_quantity": 10, "price_fen": 3780, "price_per_jin_fen": 756, "price_per_kg_fen": 1512,
    }  # fmt: skip


def test_without_a_price_list_there_is_no_price() -> None:
    card = product(tiers=()).card(JULY)
    assert (card["price_fen"], card["price_per_jin_fen"], card["price_per_kg_fen"], card["tiers"]) == (
        None,
        None,
        None,
        [],
    )


@pytest.mark.parametrize(
    ("paper", "shown"),
    [
        pytest.param(Paper(PaperKind.GI_MARK, "GI1", date(2024, 1, 1), date(2025, 7, 15), SEEN), True, id="last day"),
        pytest.param(Paper(PaperKind.GI_MARK, "GI1", date(2024, 1, 1), date(2025, 7, 14), SEEN), False, id="expired"),
        pytest.param(Paper(PaperKind.GI_MARK, "GI1", date(2024, 1, 1), date(2030, 1, 1), None), False, id="claimed"),
        pytest.param(Paper(PaperKind.GI_MARK, "GI1", date(2025, 7, 16), date(2030, 1, 1), SEEN), False, id="not yet"),
        pytest.param(
            Paper(PaperKind.GI_MARK, "GI1", date(2024, 1, 1), date(2030, 1, 1), SEEN + timedelta(days=365)),
            False,
            id="seen later",
        ),
        pytest.param(
            Paper(PaperKind.GI_MARK, "GI1", date(2024, 1, 1), date(2030, 1, 1), SEEN, SEEN + timedelta(days=9)),
            False,
            id="revoked",
        ),
    ],
)
def test_a_mark_is_shown_only_while_it_is_verified_and_valid(paper: Paper, shown: bool) -> None:
    certificates = product(papers=(paper,)).card(JULY)["certificates"]
    assert certificates == (
        [{"kind": "gi_mark", "name_zh": "地理标志", "number": "GI1", "expires_on": str(paper.expires_on)}]
        if shown
        else []
    )


@pytest.mark.parametrize(
    ("papers", "missing"),
    [
        pytest.param((), LICENCE, id="none"),
        pytest.param((Paper(LICENCE, "SC1", date(2024, 1, 1), date(2030, 1, 1), SEEN),), None, id="held"),
        pytest.param((Paper(LICENCE, "SC1", date(2024, 1, 1), date(2025, 7, 14), SEEN),), LICENCE, id="expired"),
        pytest.param((Paper(LICENCE, "SC1", date(2024, 1, 1), date(2030, 1, 1), None),), LICENCE, id="claimed"),
        pytest.param((Paper(PaperKind.GI_MARK, "G", date(2024, 1, 1), date(2030, 1, 1), SEEN),), LICENCE, id="another"),
    ],
)
def test_a_licence_gates_the_sale_while_it_is_not_held(papers: tuple[Paper, ...], missing: PaperKind | None) -> None:
    made = product(required=frozenset({LICENCE, PaperKind.CONFORMITY_CERTIFICATE}), papers=papers)
    assert made.missing_paper(JULY) is missing


def test_papers_of_a_batch_do_not_gate_the_listing() -> None:
    assert product(required=frozenset({PaperKind.CONFORMITY_CERTIFICATE})).missing_paper(JULY) is None


def test_fresh_produce_cannot_be_returned_and_made_goods_can() -> None:
    assert product(is_fresh=True).card(JULY)["returns_zh"] == "鲜活易腐，不适用七日无理由退货"
    assert product(is_fresh=False).card(JULY)["returns_zh"] == "支持七日无理由退货"


def test_answers_kept_never_grow_without_end() -> None:
    catalog = Catalog(1, (), (), {}, {})
    for number in range(MOST_ANSWERS + 1):
        catalog.keep((number,), b"answer")
    assert len(catalog.answers) == 1
