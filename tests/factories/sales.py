"""Sales on the imported county, each made by the real actions: the way of a yuan up to any point of it.

Needs the `county` fixture's data. Everything happens at `now`, in the peach season of 2025.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.actions import ensure_party
from shop.access.models import PartyKind
from shop.agreements.actions import agreement_by_code, call_off
from shop.agreements.models import Agreement, AgreementLine
from shop.catalog.actions import product_by_sku
from shop.catalog.models import Firm, Product, RequiredPaper
from shop.catalog.reference import Catalog, catalog
from shop.channels.actions import register_partner, set_fee
from shop.channels.models import Campaign, Partner, PartnerKind
from shop.channels.reference import selling
from shop.farmers.models import Delivery, Grade
from shop.income.actions import grant_refund, settle_and_reach
from shop.kit.clock import beijing_day
from shop.kit.db import db
from shop.kit.jobs import Outbox
from shop.kit.reference import current_version
from shop.live.actions import About, Item, Verification, go_live, plan_session, review
from shop.orders.actions import Verdict, accept, approve, dispatch
from shop.orders.locks import lines_of, locked_order_by_id
from shop.orders.models import Order
from shop.orders.place import Asked, Called, Placed, Request, place_call_off, place_order
from shop.payments.actions import receive_notification, start_payment
from shop.payments.models import Payment, Refund, SimulatedCharge
from shop.payments.simulated import complete, notification
from shop.stock.actions import open_lot
from shop.stock.models import Lot

#: 油桃 of the same firm, which it may make lots of by itself.
NECTARINE = "PL003"

SECRET = "the secret that the simulated provider signs with"


@dataclass
class Season:
    """The county at `now`, ready to sell peaches: a lot of delivered goods, a shop, a unit, a cadre, a host."""

    session: Session
    now: datetime
    sku: str

    @property
    def product(self) -> Product:
        return product_by_sku(self.session, self.sku)

    def sku_of(self, product_id: int) -> str:
        return self.session.get_one(Product, product_id).sku

    def _place(self, partner: str, quantity: int, buyer: int, occasion: str | None = None) -> Order:
        return self._place_lines(partner, {self.sku: quantity}, buyer, occasion)

    def _place_lines(self, partner: str, packs: Mapping[str, int], buyer: int, occasion: str | None = None) -> Order:
        placed = self.ask(partner, [Asked(*line) for line in packs.items()], buyer, occasion=occasion)
        return locked_order_by_id(self.session, placed.order_id)

    def goods(self) -> Catalog:
        """The catalogue as it is now."""
        self.session.flush()
        return catalog(self.session, current_version(self.session))

    def ask(self, partner: str, lines: Sequence[Asked], buyer: int | None = None, **more: Any) -> Placed:
        """Place an order at a partner, for `buyer` or for the partner itself."""
        if buyer is None:
            buyer = self.session.execute(select(Partner.party_id).where(Partner.code == partner)).scalar_one()
        goods = self.goods()
        return place_order(
            self.session, Request(lines, buyer, partner=partner, **more), goods=goods,
            selling=selling(self.session, goods.version), actor_id=None, now=self.now,
        )  # fmt: skip

    def customer(self) -> int:
        return ensure_party(self.session, PartyKind.CUSTOMER, "C-1", "顾客（示例）")

    def placed(self, partner: str = "SHOP", quantity: int = 2) -> Order:
        """An order of a consumer that waits for its payment."""
        return self._place(partner, quantity, self.customer(), "LIVE-1" if partner == "HOST" else None)

    def several(self, packs: Mapping[str, int], partner: str = "SHOP") -> Order:
        """An order of a consumer with several lines, by SKU, that waits for its payment."""
        return self._place_lines(partner, packs, self.customer())

    def asked(self, partner: str, quantity: int = 2) -> Order:
        """An order of a unit that waits for its approval."""
        placed = self.ask(partner, [Asked(self.sku, quantity)])
        return locked_order_by_id(self.session, placed.order_id)

    def made(self, sku: str, weight_g: int) -> Lot:
        """A lot that the season's firm made itself: no household delivered for it."""
        product = product_by_sku(self.session, sku)
        firm = self.session.get_one(Firm, product.firm_id)
        return open_lot(
            self.session, firm, product, harvested_on=beijing_day(self.now), certificate_number="HGZ-2",
            made_g=weight_g, actor_id=None, now=self.now,
        )  # fmt: skip

    def pays(self, order: Order) -> Order:
        """The customer pays, and the notice arrives."""
        payment: Payment = start_payment(self.session, order, now=self.now)
        self.tell(str(payment.pay_url).rpartition("/")[2])
        return order

    def tell(self, txn: str) -> None:
        """The provider has done it, and its notice arrives."""
        charge = complete(self.session, txn, now=self.now)
        signed = notification(charge, SECRET, now=self.now)
        receive_notification(self.session, signed.body, signed.headers, SECRET, now=self.now)

    def paid(self, partner: str = "SHOP", quantity: int = 2) -> Order:
        """A confirmed order of a consumer."""
        return self.pays(self.placed(partner, quantity))

    def approved(self, partner: str, quantity: int = 2) -> Order:
        """A confirmed order of a unit, on invoice."""
        order = self.asked(partner, quantity)
        approve(self.session, order, actor_id=None, now=self.now)
        return order

    def asked_for_by_agreement(self, weight_g: int) -> Order:
        """A call-off of the running agreement that waits for the firm."""
        return self._called(agreement_of(self), weight_g)

    def called(self, code: str, weight_g: int) -> Order:
        """A confirmed call-off of an agreement whose product is ours."""
        order = self._called(code, weight_g)
        approve(self.session, order, actor_id=None, now=self.now)
        return order

    def _called(self, code: str, weight_g: int) -> Order:
        agreement = agreement_by_code(self.session, code)
        partner = self.session.get_one(Partner, agreement.partner_id)
        call = call_off(
            self.session, code, self.product, weight_g, beijing_day(self.now), actor_id=None,
            now=self.now,
        )  # fmt: skip
        version = current_version(self.session)
        placed = place_call_off(
            self.session,
            Called(call.id, code, self.sku, call.weight_g, call.price_fen_per_kg),
            partner.party_id,
            goods=catalog(self.session, version),
            selling=selling(self.session, version),
            actor_id=None,
            now=self.now,
        )
        return locked_order_by_id(self.session, placed.order_id)

    def accepted(self, order: Order, refused_g: int = 0) -> Order:
        """Sent whole, and taken but for `refused_g`."""
        dispatch(self.session, order, None, carrier_zh="顺丰冷链", tracking_number="SF1", actor_id=None, now=self.now)
        verdicts = None
        if refused_g:
            (line,) = lines_of(self.session, order.id)
            verdicts = {self.sku: Verdict(line.dispatched_g - refused_g, "压伤")}
        accept(self.session, order, verdicts, actor_id=None, now=self.now)
        return order

    def settled(self, order: Order, refused_g: int = 0) -> Order:
        """The whole way, refunds of refused goods told by the provider."""
        self.accepted(order, refused_g)
        settle_and_reach(self.session, order.id, now=self.now)
        self.tell_refunds()
        return order

    def graded(self, order: Order, grades: Mapping[Grade, int]) -> Order:
        """A call-off sent whole, accepted by grade and settled."""
        dispatch(self.session, order, None, carrier_zh=None, tracking_number=None, actor_id=None, now=self.now)
        verdict = Verdict(sum(grades.values()), None, grades)
        accept(self.session, order, {self.sku: verdict}, actor_id=None, now=self.now)
        settle_and_reach(self.session, order.id, now=self.now)
        return order

    def tell_refunds(self) -> None:
        """Every refund under way is told of."""
        for number in self.session.scalars(select(Refund.number).where(Refund.succeeded_at.is_(None))).all():
            self.tell(
                self.session.execute(
                    select(SimulatedCharge.txn).where(SimulatedCharge.out_number == number)
                ).scalar_one()
            )

    def refunded(self, order: Order, amount_fen: int) -> Refund:
        """A refund granted by the firm; the provider has not told of it yet."""
        return grant_refund(self.session, order, amount_fen, "坏果", line_ids=None, actor_id=None, now=self.now)

    def jobs(self) -> list[str]:
        """Names of jobs asked for, in order."""
        self.session.flush()
        return list(self.session.scalars(select(Outbox.job).order_by(Outbox.id)))


@contextmanager
def undone(sku: str, now: datetime) -> Iterator[Season]:
    """A season on the app's committed county, in which whatever is done is undone at the end: one for each example."""
    with db.engine.connect() as connection:
        outer = connection.begin()
        with Session(bind=connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield Season(session, now, sku)
        outer.rollback()


def ready(session: Session, now: datetime) -> Season:
    """Open lots of a product that households delivered before `now`, and admit one partner of each kind."""
    day = beijing_day(now)
    sku = _agreed_product(session, day)
    season = Season(session, now, sku)
    product = season.product
    firm = session.get_one(Firm, product.firm_id)
    codes = session.scalars(
        select(Delivery.code)
        .where(Delivery.product_id == product.id, Delivery.delivered_on <= day)
        .order_by(Delivery.id)
    ).all()
    paper = session.scalar(select(RequiredPaper.kind).where(RequiredPaper.product_id == product.id))
    open_lot(
        session, firm, product, harvested_on=day, certificate_number="HGZ-1" if paper else None, delivery_codes=codes,
        actor_id=None, now=now,
    )  # fmt: skip
    campaign = session.execute(select(Campaign)).scalars().first()
    assert campaign is not None
    shop = _partner(session, PartnerKind.SHOP, PartyKind.SHOP, "SHOP", now, storefront=True)
    set_fee(session, shop, 200, day.replace(month=1, day=1), actor_id=None, now=now)
    _partner(session, PartnerKind.UNIT, PartyKind.BUYER, "UNIT", now)
    _partner(session, PartnerKind.CADRE, PartyKind.CADRE, "CADRE", now)
    host = _partner(session, PartnerKind.HOST, PartyKind.HOST, "HOST", now)
    weight = product.net_weight_g * 20
    plan_session(
        session, "LIVE-1", campaign.id, host, "鲜桃专场（示例）", now, now.replace(hour=now.hour + 3),
        [Item(product.id, product.sku, 3_000, weight)], About("助农直播间（示例）"), commission_bp=800, actor_id=None,
        now=now,
    )  # fmt: skip
    review(session, "LIVE-1", Verification(beijing_day(now), 30), actor_id=None, now=now)
    go_live(session, "LIVE-1", actor_id=None, now=now)
    session.flush()
    return season


def _agreed_product(session: Session, day: object) -> str:
    """A delivered product that a running agreement promises."""
    return str(
        session.execute(
            select(Product.sku)
            .join(AgreementLine, AgreementLine.product_id == Product.id)
            .join(Agreement, Agreement.id == AgreementLine.agreement_id)
            .join(Delivery, Delivery.product_id == Product.id)
            .where(Agreement.starts_on <= day, Agreement.ends_on >= day, Delivery.delivered_on <= day)
            .group_by(Product.sku)
            .order_by(Product.sku)
            .limit(1)
        ).scalar_one()
    )


def agreement_of(season: Season) -> str:
    """The running agreement about the season's product."""
    day = beijing_day(season.now)
    return str(
        season.session.execute(
            select(Agreement.code)
            .join(AgreementLine, AgreementLine.agreement_id == Agreement.id)
            .where(AgreementLine.product_id == season.product.id, Agreement.starts_on <= day, Agreement.ends_on >= day)
            .order_by(Agreement.code)
            .limit(1)
        ).scalar_one()
    )


def _partner(
    session: Session, kind: PartnerKind, party: PartyKind, code: str, now: datetime, *, storefront: bool = False
) -> Partner:
    party_id = ensure_party(session, party, code, f"{code}（示例）")
    return register_partner(
        session, kind, code, party_id, f"{code}（示例）", actor_id=None, now=now, storefront=storefront
    )
