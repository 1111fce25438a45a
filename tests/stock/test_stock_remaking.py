"""Lots graded down and repacked: nothing is lost on the way, the certificate is new, households' shares follow."""

from typing import Any

import pytest
from sqlalchemy import func, select

from shop.catalog.models import Firm, Product
from shop.farmers.models import Grade
from shop.income.models import SalesReach
from shop.income.reach import origins_of
from shop.kit.errors import DomainError, NotFoundError
from shop.kit.money import split
from shop.orders.models import OrderLine
from shop.reports.books import CHECKS, run_checks
from shop.stock.actions import withdraw
from shop.stock.errors import (
    BatchPaperMissing,
    CertificateNotAnew,
    GradedIntoOther,
    LotIsHeld,
    LotIsRecalled,
    OtherKindOfGoods,
)
from shop.stock.models import Lot, LotPart, Pool
from shop.stock.recalls import recall
from shop.stock.remaking import Source, remake
from tests.factories.sales import NECTARINE, Season

STOCK = [check for check in CHECKS if check.code.startswith(("I0", "S"))]


def lot_of(season: Season) -> Lot:
    query = select(Lot).where(Lot.product_id == season.product.id).order_by(Lot.id).limit(1)
    return season.session.execute(query).scalar_one()


def made(season: Season, sku: str, *sources: Source, grade: Grade | None = None, paper: str | None = "HGZ-9") -> Lot:
    product = season.product if sku == season.sku else Season(season.session, season.now, sku).product
    firm = season.session.get_one(Firm, product.firm_id)
    lot = remake(
        season.session, firm, product, list(sources), grade=grade, certificate_number=paper, actor_id=None,
        now=season.now,
    )  # fmt: skip
    season.session.expire_all()
    return lot


def identity(lot: Lot) -> tuple[int, int, int, int, int]:
    return lot.dispatched_g, lot.withdrawn_g, lot.graded_g, lot.repacked_g, lot.left_g


def books(season: Season) -> list[str]:
    season.session.flush()
    return [str(wrong) for wrong in run_checks(season.session.connection(), STOCK, now=season.now)]


def open_stock(season: Season, product_id: int) -> int:
    query = select(Pool.available_g).where(Pool.product_id == product_id, Pool.occasion_id.is_(None))
    return season.session.execute(query).scalar_one()


def test_received_is_sold_and_lost_and_graded_and_repacked_and_left(season: Season) -> None:
    lot, other = lot_of(season), season.made(NECTARINE, 50_000)
    received, before = lot.received_g, open_stock(season, lot.product_id)
    others = open_stock(season, other.product_id)
    down = made(season, NECTARINE, Source(lot.code, 10_000, lost_g=700), grade=Grade.OFF)
    mixed = made(season, NECTARINE, Source(lot.code, 20_000), Source(other.code, 5_000, lost_g=5), paper="HGZ-10")
    assert (down.received_g, down.grade, mixed.received_g) == (9_300, Grade.OFF, 24_995)
    assert identity(lot) == (0, 700, 9_300, 20_000, received - 30_000)
    assert identity(other) == (0, 5, 0, 4_995, 45_000)
    assert open_stock(season, lot.product_id) == before - 30_000
    assert open_stock(season, down.product_id) == others - 5_000 + 9_300 + 24_995
    assert (mixed.harvested_on, mixed.expires_on) == (
        min(lot.harvested_on, other.harvested_on), min(lot.expires_on, other.expires_on)
    )  # fmt: skip
    assert books(season) == []


def test_what_a_remade_lot_sold_reaches_households_down_its_sources_exactly(season: Season) -> None:
    lot, own = lot_of(season), season.made(NECTARINE, 50_000)
    once = made(season, NECTARINE, Source(lot.code, 6_001), Source(own.code, 3_000))
    twice = made(season, season.sku, Source(lot.code, 1_000), Source(once.code, 2_003), paper="HGZ-11")
    growers = origins_of(season.session, [lot.id]).growers[lot.id]
    values = [value for _, value in growers]
    direct, through = split(10_007, [1_000, 2_003])
    delivered = split(through, [6_001, 3_000])[0]
    expected: dict[int, int] = dict.fromkeys((household for household, _ in growers), 0)
    for part in (direct, delivered):
        for (household, _), fen in zip(growers, split(part, values), strict=True):
            expected[household] += fen
    assert origins_of(season.session, [twice.id]).shared(10_007, twice.id) == expected
    assert sum(expected.values()) == direct + delivered


def test_a_sale_from_a_repacked_lot_of_delivered_goods_reaches_households_to_the_fen(season: Season) -> None:
    for own in season.session.scalars(
        select(Lot).join(Product, Product.id == Lot.product_id).where(Product.sku == NECTARINE)
    ):
        withdraw(season.session, own.id, own.product_id, own.left_g, reason="腐损", now=season.now)
    packed = made(season, NECTARINE, Source(lot_of(season).code, 10_000))
    order = season.settled(season.pays(season.several({NECTARINE: 2})))
    line = season.session.execute(select(OrderLine).where(OrderLine.order_id == order.id)).scalar_one()
    rows = season.session.execute(
        select(SalesReach.lot_id, func.sum(SalesReach.amount_fen), func.sum(SalesReach.weight_g))
        .where(SalesReach.order_line_id == line.id)
        .group_by(SalesReach.lot_id)
    ).all()
    assert [tuple(row) for row in rows] == [(packed.id, order.total_fen, line.weight_g)]
    assert books(season) == []


def grain_of(season: Season) -> str:
    """A product of another category of the same firm; made for the test where it has none."""
    product = season.product
    other = type(product)(
        **{c.key: getattr(product, c.key) for c in product.__table__.columns if c.key not in ("id", "sku", "category")},
        sku="PX001", category=next(kind for kind in type(product.category) if kind is not product.category),
    )  # fmt: skip
    season.session.add(other)
    season.session.flush()
    return other.sku


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grade": Grade.OFF, "same": True}, GradedIntoOther),
        ({"paper": None}, BatchPaperMissing),
        ({"paper": "HGZ-1"}, CertificateNotAnew),
        ({"weight_g": 10**9}, LotIsHeld),
        ({"lot": "LOT-OF-NOBODY"}, NotFoundError),
        ({"grain": True}, OtherKindOfGoods),
        ({"recalled": True}, LotIsRecalled),
    ],
)
def test_what_may_not_be_made_of_a_lot_is_refused_and_nothing_is_changed(
    season: Season, change: dict[str, Any], error: type[DomainError]
) -> None:
    lot = lot_of(season)
    season.made(NECTARINE, 1_000)
    sku = grain_of(season) if change.get("grain") else season.sku if change.get("same") else NECTARINE
    if change.get("recalled"):
        recall(season.session, lot.code, "抽检", by_county=False, actor_id=None, now=season.now)
    season.session.flush()
    season.session.expire_all()
    before = (identity(lot), open_stock(season, lot.product_id))
    with pytest.raises(error), season.session.begin_nested():
        made(
            season, sku, Source(change.get("lot", lot.code), change.get("weight_g", 1_000)),
            grade=change.get("grade"), paper=change.get("paper", "HGZ-9"),
        )  # fmt: skip
    season.session.expire_all()
    assert (identity(lot), open_stock(season, lot.product_id)) == before
    assert season.session.scalar(select(func.count()).select_from(LotPart)) == 0


def test_nothing_is_graded_up(season: Season) -> None:
    down = made(season, NECTARINE, Source(lot_of(season).code, 5_000), grade=Grade.SECOND)
    with pytest.raises(GradedIntoOther), season.session.begin_nested():
        made(season, season.sku, Source(down.code, 1_000), grade=Grade.FIRST, paper="HGZ-12")
    with pytest.raises(GradedIntoOther), season.session.begin_nested():
        made(season, season.sku, Source(down.code, 1_000), grade=Grade.SECOND, paper="HGZ-12")
    season.session.expire_all()
    assert (down.left_g, down.graded_g) == (5_000, 0)
