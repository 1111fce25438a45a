"""A delivery slip: weight times price, of the household's own firm, in the harvest months, once."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.catalog.actions import firm_by_code, product_by_sku
from shop.farmers.actions import Slip, household_by_code, normal_slip, record_delivery
from shop.farmers.errors import (
    DeliveredInTheFuture,
    DeliveryCodeTaken,
    NotADeliveredProduct,
    NotFoundError,
    NotOfThisFirm,
    SlipTooLarge,
    SlipWorthNothing,
)
from shop.farmers.models import Delivery, Grade
from shop.imports.files import import_files
from shop.kit.errors import DomainError

PINGLU = Path(__file__).resolve().parents[2] / "data" / "pinglu"
FILES = ("townships.csv", "villages.csv", "firms.csv", "products.csv", "households.csv")
NOW = datetime(2025, 7, 15, 2, 0, tzinfo=UTC)
IN_JULY = date(2025, 7, 14)


@pytest.fixture
def county(session: Session) -> Session:
    files = {name: (PINGLU / name).read_bytes() for name in FILES}
    assert import_files(files, session=session, now=NOW).errors == []
    return session


def deliver(
    session: Session, *, firm: str = "F01", household: str = "农户-0001", sku: str = "PL001", code: str = "D90001",
    on: date = IN_JULY, weight_g: int = 12_500, price: int = 481,
) -> Delivery:  # fmt: skip
    return record_delivery(
        session, firm_by_code(session, firm), household_by_code(session, household), product_by_sku(session, sku),
        Slip(code, on, weight_g, Grade.FIRST, price), actor_id=None, now=NOW,
    )  # fmt: skip


def test_a_slip_is_worth_weight_times_price_half_up(county: Session) -> None:
    delivery = deliver(county)
    assert delivery.amount_fen == 6013  # 12.5 kg x 4.81 = 60.125
    assert (delivery.code, delivery.weight_g, delivery.grade) == ("D90001", 12_500, Grade.FIRST)


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        pytest.param({"household": "农户-0002"}, NotOfThisFirm, id="another firm's household"),
        pytest.param({"sku": "PL004"}, NotADeliveredProduct, id="another firm's product"),
        pytest.param({"on": date(2025, 6, 30)}, NotADeliveredProduct, id="before the harvest"),
        pytest.param({"on": date(2025, 7, 16)}, DeliveredInTheFuture, id="tomorrow"),
        pytest.param({"household": "农户-9999"}, NotFoundError, id="no such household"),
    ],
)
def test_a_slip_that_cannot_be_is_refused(
    county: Session, given: dict[str, object], refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        deliver(county, **given)  # type: ignore[arg-type]
    assert county.scalar(select(func.count(Delivery.id))) == 0


def test_a_product_that_the_firm_makes_itself_is_not_delivered(county: Session) -> None:
    firm, household = "F09", "农户-0001"
    with pytest.raises(NotOfThisFirm):
        deliver(county, firm=firm, household=household, sku="PL075")
    assert county.scalar(select(func.count(Delivery.id))) == 0


@pytest.mark.parametrize("code", ["D90001", "d90001", "Ｄ９０００１", " D 90001 "])
def test_a_slip_counts_once_however_its_number_is_written(county: Session, code: str) -> None:
    deliver(county)
    with pytest.raises(DeliveryCodeTaken):
        deliver(county, code=code, weight_g=10_000)
    assert county.scalar(select(func.sum(Delivery.weight_g))) == 12_500


def test_a_slip_number_has_one_form() -> None:
    assert normal_slip("ｄ－９０ ００１") == "D-90001"


def test_a_slip_that_is_worth_less_than_half_a_fen_is_refused(county: Session) -> None:
    with pytest.raises(SlipWorthNothing):
        deliver(county, weight_g=1, price=499)
    assert county.scalar(select(func.count(Delivery.id))) == 0
    assert deliver(county, weight_g=1, price=500).amount_fen == 1


def test_a_slip_that_is_worth_more_than_is_ever_paid_at_once_is_refused(county: Session) -> None:
    with pytest.raises(SlipTooLarge) as refused:
        deliver(county, weight_g=10_000_000_000, price=10_000_000)
    assert refused.value.facts["amount_fen"] == 10**14
    assert county.scalar(select(func.count(Delivery.id))) == 0
