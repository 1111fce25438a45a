"""Plays 2025 day by day. What a day holds follows from the seed and the day; what is left to do follows from the states
in the database, so a season that was cut off goes on where it was.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from flask import Flask
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from shop.access.models import PartyKind
from shop.agreements.models import Agreement, AgreementLine, MarketQuote
from shop.agreements.quotes import Quoted, record_quote
from shop.catalog.models import Firm, Product
from shop.catalog.reference import Catalog, CatalogProduct, catalog
from shop.catalog.season import in_harvest
from shop.channels.actions import create_link, open_link, partner_by_code
from shop.channels.models import Occasion, Partner, PartnerKind
from shop.channels.reference import Selling, selling
from shop.demo import cast, desks
from shop.farmers.models import Delivery
from shop.farmers.slips import STANDING_G
from shop.income.actions import settle_and_reach
from shop.kit import outbox
from shop.kit.clock import Clock, at_beijing, beijing_day
from shop.kit.db import db, release, transaction
from shop.kit.errors import DomainError
from shop.kit.jobs import Outbox
from shop.kit.pause import playing_time
from shop.kit.reference import current_version
from shop.live import actions as live
from shop.live.settle import settle_ended
from shop.orders import actions as orders
from shop.orders.jobs import REFUND_EXCESS, SETTLE_ORDER
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order, OrderLine, OrderStatus, PaymentTerms
from shop.orders.place import Asked, Request, place_order
from shop.orders.scheduled import place_due
from shop.payments import simulated
from shop.payments.actions import owed_fen, receive_notification, record_bank_transfer, refund_excess, start_payment
from shop.payments.jobs import NOTIFY
from shop.payments.models import SimulatedCharge
from shop.reports import runs
from shop.stock import actions as stock
from shop.stock.models import Lot, LotDelivery, Pool, PoolKind

SEED = "平陆-2025"
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
#: Lots gather the deliveries of so many days.
LOT_DAYS = 3
#: Of units, live sessions and agreements, in a year, whatever number of orders is asked for.
OTHER_ORDERS = 960
MARKER = "demo.season"

Step = Callable[[Session, Order], None]


def ensure_played(app: Flask, *, orders: int) -> bool:
    """Play the season once. False when this database has orders that are not the demo's: then nothing is touched."""
    session = db.session()
    played = session.scalar(text("SELECT finished_at IS NOT NULL FROM job_runs WHERE job = :job"), {"job": MARKER})
    has_orders = session.scalar(select(func.count()).select_from(Order))
    release()
    if played:
        return True
    if played is None and has_orders:
        return False
    with playing_time(db.engine), _unhurried_disk():
        _Season(app, orders).play()
    return True


@contextmanager
def _unhurried_disk() -> Iterator[None]:
    """Commit without waiting for the disk: a lost tail is played again, and thousands of small steps need not wait."""

    def connect(dialect: Any, _: Any, args: Any, named: dict[str, Any]) -> Any:
        return dialect.connect(*args, **{**named, "options": f"{named['options']} -c synchronous_commit=off"})

    release()
    event.listen(db.engine, "do_connect", connect)
    db.engine.dispose()
    try:
        yield
    finally:
        release()
        event.remove(db.engine, "do_connect", connect)
        db.engine.dispose()


class _Season:
    """The player: a clock that walks the year, and what it does each day."""

    def __init__(self, app: Flask, wanted: int) -> None:
        self.clock: Clock = app.extensions["clock"]
        self.secret: str = app.extensions["settings"].payment_secret
        self.shop_orders_a_day = max(wanted - OTHER_ORDERS, 0) / 365
        self.now = at_beijing(FIRST, 8)

    def play(self) -> None:
        """From the first day that was not finished to the last, then mark the season played."""
        with transaction() as session:
            runs.claim(session, MARKER, "2025", now=self.clock.now())
            if cast.sign_up(session, now=self.now):
                desks.file_the_year(session, now=self.now)
                desks.pair(session, now=self.now)
        with transaction() as session:
            self.customers = list(cast.parties(session, PartyKind.CUSTOMER).values())
            self.shops = self._links(session, PartnerKind.SHOP)
            self.cadres = self._links(session, PartnerKind.CADRE)
            self.hosts = [code for code, _ in cast.HOSTS]
            self.units = list(
                session.execute(
                    select(Partner.code, Partner.party_id)
                    .where(Partner.kind == PartnerKind.UNIT)
                    .order_by(Partner.code)
                ).all()
            )
            self.filed = {code for code, *_ in cast.FILINGS}
            first = session.scalar(select(func.max(Order.placed_on))) or FIRST
        with _Shown((first - FIRST).days) as shown:
            for day in _days(first, LAST):
                self.day(day)
                shown.day_done(day)
            self.wind_up()
        self.stock_today(self.clock.now())
        with transaction() as session:
            session.execute(
                text("UPDATE job_runs SET finished_at = :now, outcome = 'played' WHERE job = :job"),
                {"now": self.clock.now(), "job": MARKER},
            )

    def _links(self, session: Session, kind: PartnerKind) -> list[str]:
        rows = session.execute(
            text(
                "SELECT sale_links.code FROM sale_links JOIN partners ON partners.id = partner_id"
                " WHERE partners.kind = :kind AND occasion_id IS NULL ORDER BY partners.code"
            ),
            {"kind": kind.value},
        )
        return [code for (code,) in rows]

    # -- a day -----------------------------------------------------------------------------------------------

    def day(self, day: date) -> None:
        """Morning: lots and quotes. Day: orders. Evening: a live session. Night: what was left is moved on."""
        rng = random.Random(f"{SEED} {day}")
        self.now = at_beijing(day, 7)
        self._retire(day)
        self._lots(day)
        self._made_goods(day)
        self._quotes(day, rng)
        self.now = at_beijing(day, 8)
        self._move_on(day, rng)
        with transaction() as session:
            place_due(session, day, now=self.now)
        done = self._placed_today(day)
        wanted = int(self.shop_orders_a_day) + (rng.random() < self.shop_orders_a_day % 1)
        for n in range(done, wanted):
            self.now = at_beijing(day, 9 + n % 9, rng.randrange(60))
            self._consumer_order(day, random.Random(f"{SEED} {day} {n}"))
        if day.isoweekday() in (2, 4):
            self.now = at_beijing(day, 15)
            self._unit_order(day, rng)
        self._round(day, random.Random(f"{SEED} {day} round"))
        self._at_desks(day)
        if day.isoweekday() == 6 and day.month >= 3:
            self._live_session(day, rng)
        self._drain()

    def _placed_today(self, day: date) -> int:
        with transaction() as session:
            count = session.scalar(
                select(func.count()).where(
                    Order.placed_on == day, Order.occasion_id.is_(None), Order.payment_terms == PaymentTerms.IN_ADVANCE
                )
            )
        return int(count or 0)

    def _retire(self, day: date) -> None:
        with transaction() as session:
            stock.retire_lots(session, day=day, now=self.now)

    def _lots(self, day: date) -> None:
        """Firms open lots of what was handed in, every third day (and on the last)."""
        if (day - FIRST).days % LOT_DAYS != LOT_DAYS - 1 and day != LAST:
            return
        with transaction() as session:
            slips = session.execute(
                select(Firm, Product, Delivery.code)
                .join(Firm, Firm.id == Delivery.firm_id)
                .join(Product, Product.id == Delivery.product_id)
                .outerjoin(LotDelivery, LotDelivery.delivery_id == Delivery.id)
                .where(Delivery.delivered_on <= day, LotDelivery.delivery_id.is_(None), STANDING_G > 0)
                .order_by(Product.sku, Delivery.code)
            ).all()
            by_product: dict[str, tuple[Firm, Product, list[str]]] = {}
            for firm, product, code in slips:
                by_product.setdefault(product.sku, (firm, product, []))[2].append(code)
            for sku, (firm, product, codes) in by_product.items():
                stock.open_lot(
                    session, firm, product, harvested_on=day, certificate_number=f"示例-{sku}-{day:%y%m%d}",
                    delivery_codes=codes, actor_id=None, now=self.now,
                )  # fmt: skip

    def _made_goods(self, day: date) -> None:
        """On the first of each month firms pack what they make themselves, in its making season."""
        if day.day == 1:
            self._pack(day, all_kinds=day == FIRST)

    def _pack(self, day: date, *, all_kinds: bool) -> None:
        with transaction() as session:
            made = session.execute(
                select(Firm, Product)
                .join(Firm, Firm.id == Product.firm_id)
                .where(Product.farm_gate_fen_per_kg.is_(None))
                .order_by(Product.sku)
            ).all()
            for firm, product in made:
                known = session.scalar(select(Lot.id).where(Lot.product_id == product.id, Lot.harvested_on == day))
                making = in_harvest(product.harvest_start_month, product.harvest_end_month, day)
                if known or not (making or all_kinds):
                    continue
                weight = 150 * product.net_weight_g if product.net_weight_g < 3_000 else 1_200_000
                if _called_for(session, product.id):
                    weight = 6_000_000
                stock.open_lot(
                    session, firm, product, harvested_on=day, certificate_number=None, made_g=weight, actor_id=None,
                    now=self.now,
                )  # fmt: skip

    def _quotes(self, day: date, rng: random.Random) -> None:
        """Every fifth day a wholesale market is noted for what agreements follow."""
        if day.toordinal() % 5:
            return
        with transaction() as session:
            lines = session.execute(
                select(AgreementLine.product_id, AgreementLine.floor_fen_per_kg)
                .join(Agreement, Agreement.id == AgreementLine.agreement_id)
                .order_by(AgreementLine.product_id)
            ).all()
            for product_id, floor in dict(lines).items():
                swing = rng.randrange(88, 122)
                known = select(MarketQuote.id).where(MarketQuote.product_id == product_id, MarketQuote.quoted_on == day)
                if session.scalar(known) is None:
                    said = Quoted(product_id, day, "批发市场行情（示例）", "运城（示例）", floor * swing // 100)
                    record_quote(session, said, actor_id=None, now=self.now)

    # -- orders ----------------------------------------------------------------------------------------------

    def _reference(self) -> tuple[Catalog, Selling]:
        session = db.session()
        version = current_version(session)
        found = catalog(session, version), selling(session, version)
        release()
        return found

    def _on_shelf(self, day: date, least_packs: int, *, food_only: bool = False) -> list[tuple[CatalogProduct, int]]:
        """Products that can be sold today with at least so many packs in open stock."""
        goods, _ = self._reference()
        with transaction() as session:
            left = session.execute(select(Pool.product_id, Pool.available_g).where(Pool.kind == PoolKind.OPEN))
            packs = {product_id: grams // goods.by_id[product_id].net_weight_g for product_id, grams in left}
        return [
            (product, packs[product.product_id])
            for product in goods.listed()
            if packs.get(product.product_id, 0) >= least_packs
            and product.missing_paper(day) is None
            and product.sellable_on(day)
            and (product.is_food or not food_only)
        ]

    def _consumer_order(self, day: date, rng: random.Random) -> None:
        """Somebody opens a link of a shop or a cadre, orders, and mostly pays."""
        shelf = self._on_shelf(day, 30)
        if not shelf:
            return
        links = self.shops if rng.random() < 0.58 else self.cadres
        link, customer = rng.choice(links), rng.choice(self.customers)
        first = rng.choice(shelf)[0]
        same_firm = [product for product, _ in shelf if product.firm_id == first.firm_id and product is not first]
        basket = [first, *rng.sample(same_firm, k=min(len(same_firm), rng.choice((0, 0, 1, 2))))]
        lines = [Asked(product.sku, rng.choice((1, 1, 2, 2, 3, 5))) for product in basket]
        with transaction() as session:
            open_link(session, link, f"visitor {customer}", self.secret, now=self.now)
        self._buy(Request(lines=lines, buyer_party_id=customer, link=link), pays=rng.random() > 0.05)

    def _buy(self, request: Request, *, pays: bool) -> None:
        goods, channels = self._reference()
        try:
            with transaction() as session:
                placed = place_order(session, request, goods=goods, selling=channels, actor_id=None, now=self.now)
        except DomainError:
            return  # sold out meanwhile: the visitor goes away
        if not pays:
            return
        self.now += timedelta(minutes=2)
        with transaction() as session:
            payment = start_payment(session, locked_order_by_id(session, placed.order_id), now=self.now)
            txn = str(payment.pay_url).rsplit("/", 1)[-1]
        with transaction() as session:
            simulated.complete(session, txn, now=self.now)
        self._drain()

    def _unit_order(self, day: date, rng: random.Random) -> None:
        """A canteen or a union orders in bulk; its organiser approves."""
        shelf = self._on_shelf(day, 60, food_only=True)
        if not shelf:
            return
        code, party = rng.choice(self.units)
        product, packs = rng.choice(shelf)
        quantity = min(packs - 30, rng.choice((20, 40, 60, 100, 200)))
        request = Request(lines=[Asked(product.sku, quantity)], buyer_party_id=party, partner=code)
        goods, channels = self._reference()
        with transaction() as session:
            placed = place_order(session, request, goods=goods, selling=channels, actor_id=None, now=self.now)
        with transaction() as session:
            order = locked_order_by_id(session, placed.order_id)
            if code in self.filed:
                desks.declare(session, order, union=rng.random() < 0.4, now=self.now)
            orders.approve(session, order, actor_id=None, now=self.now)

    def _round(self, day: date, rng: random.Random) -> None:
        """On the sixth of a month colleagues of the unit may join for three days; then one bulk order comes of it."""
        if day.day == 6:
            self.now = at_beijing(day, 8, 30)
            self._open_round(day, rng, packs=150, open_for=desks.ROUND_OPEN)
        if not 6 <= day.day <= 9:
            return
        for place in range(5 if day.day < 9 else 0):
            self.now = at_beijing(day, 10 + place, rng.randrange(60))
            with transaction() as session:
                desks.join(session, 5 * (day.day - 6) + place + 1, rng, now=self.now)
        if day.day == 8:
            with transaction() as session:
                desks.change_their_minds(session, now=self.now)
        self.now = at_beijing(day, 18, 5)
        goods, channels = self._reference()
        with transaction() as session:
            desks.close_rounds(session, goods=goods, selling=channels, now=self.now)

    def _open_round(self, day: date, rng: random.Random, *, packs: int, open_for: timedelta) -> None:
        """A round of two products of one firm that can still be sold on the closing day, unless one is open."""
        closing = beijing_day(self.now + open_for)
        skus = [
            product.sku for product, _ in self._on_shelf(day, packs, food_only=True) if product.sellable_on(closing)
        ]
        goods, _ = self._reference()
        if not skus:
            return
        first = goods.by_sku[rng.choice(skus)]
        same_firm = [sku for sku in skus if goods.by_sku[sku].firm_id == first.firm_id and sku != first.sku]
        with transaction() as session:
            campaign_id = desks.campaign_on(session, day)
            if campaign_id is not None and desks.running_round(session) is None:
                title = f"{day.month}月{first.name_zh}团购（示例）"
                chosen = [first.sku, *same_firm[:1]]
                desks.open_round(session, campaign_id, chosen, title, open_for, goods=goods, now=self.now)

    def _at_desks(self, day: date) -> None:
        """What falls due: goods of a round are handed out, the 832 platform's orders are typed, terms are amended."""
        self.now = at_beijing(day, 18, 30)
        with transaction() as session:
            desks.hand_out(session, now=self.now)
            if (day.month % 3, day.day) == (0, 20):
                desks.buy_outside(session, day, now=self.now)
                desks.collect(session, day, now=self.now)
            if day == desks.AMENDED_ON:
                desks.amend(session, now=self.now)

    def _live_session(self, day: date, rng: random.Random) -> None:
        """Saturday night: a host sells three products at the session's price from stock set aside."""
        code = f"LIVE-{day:%y%m%d}"
        shelf = self._on_shelf(day, 40)
        if len(shelf) < 3:
            return
        chosen = rng.sample(shelf, 3)
        self.now = at_beijing(day, 18)
        host = rng.choice(self.hosts)
        with transaction() as session:
            link = self._open_session(session, code, host, chosen, day, rng.choice((300, 500, 800)))
        if link is not None:
            coupon = None
            if day.day % 2:
                with transaction() as session:
                    coupon = desks.promise(session, code, ends_at=at_beijing(day, 21, 30), now=self.now)
            for n in range(rng.randrange(9, 16)):
                self.now = at_beijing(day, 19, 2 + 3 * n)
                product = rng.choice(chosen)[0]
                with transaction() as session:
                    open_link(session, link, f"viewer {n}", self.secret, now=self.now)
                asked, customer = Asked(product.sku, rng.choice((1, 1, 2, 3))), rng.choice(self.customers)
                worth_fen = asked.quantity * _live_price(product, day)
                used = coupon.use(customer, worth_fen) if coupon else None
                request = Request(lines=[asked], buyer_party_id=customer, link=link, coupon=used)
                self._buy(request, pays=rng.random() > 0.08)
        self.now = at_beijing(day, 21, 30)
        with transaction() as session:
            orders.expire_unpaid(session, now=self.now)
            live.end_overdue(session, now=self.now)

    def _open_session(
        self, session: Session, code: str, host: str, chosen: Iterable[tuple[CatalogProduct, int]], day: date, rate: int
    ) -> str | None:
        """Plan and open a session, set its stock aside; its link, or None when it was held already."""
        if session.scalar(select(Occasion.id).where(Occasion.code == code)):
            return None
        campaign_id = desks.campaign_on(session, day)
        if campaign_id is None:
            return None
        shelf = [
            live.Item(
                product.product_id, product.sku, _live_price(product, day),
                min(packs // 2, 60) * product.net_weight_g, per_buyer_cap=5,
            )
            for product, packs in chosen
        ]  # fmt: skip
        partner = partner_by_code(session, host)
        planned = live.plan_session(
            session, code, campaign_id, partner, f"{day:%m月%d日}助农直播（示例）", at_beijing(day, 19),
            at_beijing(day, 21, 30), shelf, live.About("平陆助农直播间（示例）"), commission_bp=rate, actor_id=None,
            now=self.now,
        )  # fmt: skip
        live.review(session, code, live.Verification(day, 28), actor_id=None, now=self.now)
        live.go_live(session, code, actor_id=None, now=self.now)
        return create_link(session, partner, campaign_id, occasion_id=planned.occasion_id, now=self.now).code

    # -- what is left of the days before ---------------------------------------------------------------------

    def _move_on(self, day: date, rng: random.Random) -> None:
        """Every order goes one step on: expire, approve, dispatch, accept; now and then a claim, a cancellation."""
        with transaction() as session:
            orders.expire_unpaid(session, now=self.now)
        for order_id, status, terms, placed_on in self._open_orders(day):
            age = (day - placed_on).days
            if status is OrderStatus.PLACED and terms is PaymentTerms.ON_INVOICE and age >= 0:
                self._try(order_id, self._approve)
            elif status is OrderStatus.CONFIRMED and age >= 1:
                self._try(order_id, self._cancel if rng.random() < 0.02 else self._dispatch)
            elif status is OrderStatus.DISPATCHED and age >= 3:
                self._accept(order_id, rng)
        self._claims(rng)
        self._transfers(day)
        self._drain()
        with transaction() as session:
            settle_ended(session, now=self.now)

    def _open_orders(self, day: date) -> list[tuple[int, OrderStatus, PaymentTerms, date]]:
        with transaction() as session:
            rows = session.execute(
                select(Order.id, Order.status, Order.payment_terms, Order.placed_on)
                .where(
                    Order.status.in_([OrderStatus.PLACED, OrderStatus.CONFIRMED, OrderStatus.DISPATCHED]),
                    Order.placed_on <= day,
                )
                .order_by(Order.id)
            )
            return list(rows.all())

    def _try(self, order_id: int, step: Step) -> None:
        """Do a step; when the goods are not there (spoiled, or promised too early), the order is called off instead."""
        try:
            with transaction() as session:
                step(session, locked_order_by_id(session, order_id))
        except DomainError:
            with transaction() as session:
                self._cancel(session, locked_order_by_id(session, order_id))

    def _approve(self, session: Session, order: Order) -> None:
        orders.approve(session, order, actor_id=None, now=self.now)

    def _cancel(self, session: Session, order: Order) -> None:
        orders.cancel(session, order, actor_id=None, now=self.now, reason="货源不足或买家取消（示例）")

    def _dispatch(self, session: Session, order: Order) -> None:
        orders.dispatch(
            session, order, None, carrier_zh="冷链快递（示例）", tracking_number=f"YS{order.id:010d}", actor_id=None,
            now=self.now,
        )  # fmt: skip

    def _accept(self, order_id: int, rng: random.Random) -> None:
        with transaction() as session:
            order = locked_order_by_id(session, order_id)
            verdicts = None
            if rng.random() < 0.06:
                sku, sent = session.execute(
                    select(Product.sku, OrderLine.dispatched_g)
                    .join(Product, Product.id == OrderLine.product_id)
                    .where(OrderLine.order_id == order.id, OrderLine.position == 1)
                ).one()
                verdicts = {sku: orders.Verdict(sent - sent // 10, "运输压伤（示例）")}
            orders.accept(session, order, verdicts, actor_id=None, now=self.now)

    def _claims(self, rng: random.Random) -> None:
        """A few consumers claim spoiled fruit on the day after they received it."""
        with transaction() as session:
            received = desks.claimable(session, now=self.now)
        for order_id, sku, grams in received:
            if rng.random() < 0.06:
                with transaction() as session:
                    desks.claim(session, order_id, sku, grams, rng, now=self.now)

    def _transfers(self, day: date) -> None:
        """Invoices are paid twenty days after acceptance; some buyers are late."""
        with transaction() as session:
            due = session.scalars(
                select(Order.id).where(
                    Order.status == OrderStatus.SETTLED, Order.payment_terms == PaymentTerms.ON_INVOICE,
                    Order.paid_fen == 0, Order.accepted_at < at_beijing(day - timedelta(days=20)),
                ).order_by(Order.id)
            ).all()  # fmt: skip
        for order_id in due:
            if order_id % 11 == 0:
                continue  # a late payer, for the overdue list
            with transaction() as session:
                order = locked_order_by_id(session, order_id)
                owed = owed_fen(session, order)
                if owed:
                    record_bank_transfer(session, order, owed, f"示例-{order.number}", actor_id=None, now=self.now)

    def wind_up(self) -> None:
        """After New Year's Eve: what is on its way arrives; what was never paid lapses; invoices are paid."""
        for day in _days(LAST + timedelta(days=1), LAST + timedelta(days=5)):
            self.now = at_beijing(day, 8)
            self._move_on(day, random.Random(f"{SEED} {day}"))

    def stock_today(self, now: datetime) -> None:
        """What firms make themselves is on the shelf today, and colleagues may join a round of it: for a visitor."""
        self.now = now
        self._pack(beijing_day(now), all_kinds=True)
        rng = random.Random(f"{SEED} today")
        self._open_round(beijing_day(now), rng, packs=60, open_for=timedelta(days=14))

    # -- the worker's part, by this clock --------------------------------------------------------------------

    def _drain(self) -> None:
        """Do what the outbox asks for, as a worker would, with the clock of the season."""
        while True:
            with transaction() as session:
                waiting = session.execute(
                    select(Outbox.id, Outbox.job, Outbox.ids)
                    .where(Outbox.done_at.is_(None), Outbox.dead_at.is_(None))
                    .order_by(Outbox.id)
                ).all()
            if not waiting:
                return
            for row in waiting:
                with transaction() as session:
                    if outbox.finish(session, row.id, now=self.now):
                        self._act(session, row.job, row.ids[0])

    def _act(self, session: Session, job: str, about: int) -> None:
        if job == SETTLE_ORDER.name:
            settle_and_reach(session, about, now=self.now)
        elif job == REFUND_EXCESS.name:
            refund_excess(session, about, now=self.now)
        elif job == NOTIFY.name:
            charge = session.get_one(SimulatedCharge, about)
            signed = simulated.notification(charge, self.secret, now=self.now)
            charge.notified_at = self.now
            receive_notification(session, signed.body, signed.headers, self.secret, now=self.now)
        else:
            raise LookupError(f"the season does not know the job {job}")


class _Shown(Progress):
    """How far the season is: a bar on a terminal, a line each month elsewhere."""

    def __init__(self, done: int) -> None:
        super().__init__(
            TextColumn("  演示季 2025 · demo season"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
        )
        self.disable = not self.console.is_terminal
        self.bar = self.add_task("", total=365, completed=done)

    def day_done(self, day: date) -> None:
        """One day more."""
        self.update(self.bar, advance=1, description=f"{day:%m-%d}")
        if self.disable and (day + timedelta(days=1)).day == 1:
            self.console.print(f"  演示季 · demo season  {day:%Y-%m}", highlight=False)


def _live_price(product: CatalogProduct, day: date) -> int:
    """Eight percent off the list."""
    return (product.price_for(1, day) or 0) * 92 // 100


def _called_for(session: Session, product_id: int) -> bool:
    return session.scalar(select(AgreementLine.id).where(AgreementLine.product_id == product_id)) is not None


def _days(first: date, last: date) -> Iterable[date]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)
