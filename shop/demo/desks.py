"""What is done beside ordering, by the real actions: rounds of a unit, a unit's funds, coupons of a session, claims of
consumers, an amendment, pairings, what village collectives earn. The season says when.
"""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.models import Person
from shop.agreements import signing
from shop.agreements.actions import agreement_by_code
from shop.agreements.models import Side
from shop.agreements.terms import read
from shop.catalog.models import Product
from shop.catalog.reference import Catalog
from shop.channels.actions import partner_by_code
from shop.channels.models import Campaign, CouponPayer
from shop.channels.reference import Selling
from shop.claims import actions as claims
from shop.claims.models import ClaimReason
from shop.collectives import actions as collectives
from shop.collectives.actions import Agreed, Earned
from shop.collectives.models import CollectiveIncome, CollectiveKind, VillagePairing
from shop.demo import cast
from shop.farmers import pairings
from shop.farmers.models import Household
from shop.kit.errors import DomainError
from shop.links import cadres
from shop.live.coupons import Promise, promise_coupon
from shop.orders.locks import locked_order_by_id
from shop.orders.models import Order, OrderLine, OrderStatus, PaymentTerms
from shop.payments import deposits
from shop.places.models import Village, VillageKind
from shop.rounds import actions as rounds
from shop.rounds import joining
from shop.rounds.errors import SecretNotKnown
from shop.rounds.locks import locked_round
from shop.rounds.models import Round, RoundEntry, RoundProduct, RoundStatus
from shop.units import actions as units
from shop.units.errors import PurchaseTaken
from shop.units.models import Fund

#: A round is open from one morning to the third evening after it.
ROUND_OPEN = timedelta(days=3, hours=9)
WHERE = rounds.Where("一楼大厅（示例）", "王组织（示例）", "+8613800000018")
#: An agreement with a fixed price, and the day on which its sides agree on another floor.
AMENDED, AMENDED_ON = "A016", date(2025, 9, 1)
#: A project of two villages, and where the income of collectives comes from.
JOINT = "LY-01"
COLLECTIVE_KINDS = (
    CollectiveKind.LEASING, CollectiveKind.SERVICES, CollectiveKind.OPERATING, CollectiveKind.INVESTMENT,
)  # fmt: skip


# -- the unit ----------------------------------------------------------------------------------------------------------


def open_round(
    session: Session, campaign_id: int, skus: Sequence[str], title_zh: str, opened_for: timedelta, *, goods: Catalog,
    now: datetime,
) -> Round:  # fmt: skip
    """The organiser opens a round for products of one firm: one to six packs a person."""
    return rounds.open_round(
        session, partner_by_code(session, cast.UNIT), campaign_id, title_zh, now + opened_for, WHERE,
        [rounds.Terms(sku, 1, 6) for sku in skus], goods=goods, actor_id=_organiser(session), now=now,
    )  # fmt: skip


def campaign_on(session: Session, day: date) -> int | None:
    """The campaign that is open on a day."""
    return session.scalar(select(Campaign.id).where(Campaign.starts_on <= day, Campaign.ends_on >= day).limit(1))


def _organiser(session: Session) -> int:
    return session.execute(select(Person.id).where(Person.login == cast.ORGANISER)).scalar_one()


def running_round(session: Session) -> Round | None:
    """The round that is open."""
    return session.scalar(select(Round).where(Round.status == RoundStatus.OPEN).limit(1))


def _products_of(session: Session, round_: Round) -> list[str]:
    rows = session.scalars(
        select(Product.sku)
        .join(RoundProduct, RoundProduct.product_id == Product.id)
        .where(RoundProduct.round_id == round_.id)
        .order_by(RoundProduct.position)
    )
    return list(rows)


def join(session: Session, number: int, rng: random.Random, *, now: datetime) -> None:
    """Colleague `number` joins what is open by its link; his secret is always the same, so doing it twice is once."""
    round_ = running_round(session)
    if round_ is not None:
        skus = _products_of(session, round_)[: rng.choice((1, 2))]
        who = joining.Colleague(f"同事{number:02d}（示例）", None, f"N{number:04d}")
        wanted = {sku: rng.choice((1, 1, 2, 3)) for sku in skus}
        joining.join(session, round_.join_code, who, wanted, _secret(round_, number), now=now)


def _secret(round_: Round, number: int) -> str:
    return f"demo-{round_.join_code}-{number:04d}"


def change_their_minds(session: Session, *, now: datetime) -> None:
    """The first colleague wants more; the second leaves, and no row says that he was there."""
    round_ = running_round(session)
    if round_ is not None:
        skus = _products_of(session, round_)
        joining.change(session, round_.join_code, _secret(round_, 1), dict.fromkeys(skus, 6), now=now)
        with suppress(SecretNotKnown):  # left before a season that was cut off
            joining.withdraw(session, round_.join_code, _secret(round_, 2), now=now)


def close_rounds(session: Session, *, goods: Catalog, selling: Selling, now: datetime) -> None:
    """The clock closes what is due into one bulk order each."""
    rounds.close_due(session, goods=goods, selling=selling, now=now)


def hand_out(session: Session, *, now: datetime) -> None:
    """What arrived is handed out to everybody who asked for it."""
    arrived = session.scalars(
        select(Round.code)
        .join(Order, Order.id == Round.order_id)
        .where(Round.status == RoundStatus.ORDERED, Order.accepted_at.is_not(None))
        .order_by(Round.id)
    ).all()
    for code in arrived:
        round_ = locked_round(session, code)
        places = session.scalars(select(RoundEntry.position).where(RoundEntry.round_id == round_.id)).all()
        rounds.hand_out(session, round_, places, actor_id=_organiser(session), now=now)


def file_the_year(session: Session, *, now: datetime) -> None:
    """A rule of an authority, and what three units file under it; some of it is bought on the 832 platform."""
    terms = units.RuleTerms(1_000, 2_000, 150_000, date(2025, 3, 21), "某市 2025 年预留份额通知（示例）")
    units.set_rule(session, "CZ-DEMO", date(2025, 1, 1), terms, actor_id=None, now=now)
    for code, canteen_fen, union_fen, members in cast.FILINGS:
        units.file_year(
            session, partner_by_code(session, code), now.year, "CZ-DEMO", canteen_fen=canteen_fen, union_fen=union_fen,
            members=members, actor_id=None, now=now,
        )  # fmt: skip


def buy_outside(session: Session, day: date, *, now: datetime) -> None:
    """Each quarter the units that filed type what they bought on the 832 platform."""
    for place, (code, canteen_fen, union_fen, _) in enumerate(cast.FILINGS, 1):
        with suppress(PurchaseTaken):  # typed before a season that was cut off
            units.record_outside(
                session, partner_by_code(session, code), f"832-DEMO-{day:%y%m}-{place}", day,
                (canteen_fen or union_fen) * place // 100, "农副产品（示例）", actor_id=None, now=now,
            )  # fmt: skip


def declare(session: Session, order: Order, *, union: bool, now: datetime) -> None:
    """Say what an order is bought for: for the union where it divides among the members and stays within the cap."""
    if union:
        try:
            units.declare(session, order, Fund.UNION, actor_id=None, now=now)
        except DomainError:
            union = False  # the canteen eats it
    if not union:
        units.declare(session, order, Fund.CANTEEN, actor_id=None, now=now)


# -- cadres ------------------------------------------------------------------------------------------------------------


def pair(session: Session, *, now: datetime) -> None:
    """A village and two of its households for each cadre, a village for the unit; one cadre is of the unit."""
    villages = session.execute(
        select(Village.id, Village.code).join(Household, Household.village_id == Village.id).distinct()
        .order_by(Village.code).limit(len(cast.CADRES))
    ).all()  # fmt: skip
    day = date(now.year, 1, 1)
    for (code, _), (village_id, village) in zip(cast.CADRES, villages, strict=False):
        homes = session.scalars(
            select(Household.code).where(Household.village_id == village_id).order_by(Household.code).limit(2)
        )
        helper = pairings.locked_helper(session, code)
        whom = [pairings.helped(session, village, None), *(pairings.helped(session, None, home) for home in homes)]
        for one in whom:
            pairings.pair(session, helper, one, day, actor_id=None, now=now)
    unit = pairings.locked_helper(session, cast.UNIT)
    pairings.pair(session, unit, pairings.helped(session, villages[0].code, None), day, actor_id=None, now=now)
    cadre = cadres.helper_by_code(session, cast.CADRES[0][0])
    cadres.belong_to(session, cadre, cast.UNIT, actor_id=None, now=now)


# -- live --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CouponSeen:
    """A coupon as viewers see it, and who used it already."""

    code: str
    min_goods_fen: int
    used_by: set[int] = field(default_factory=set)

    def use(self, customer: int, goods_fen: int) -> str | None:
        """Its code, for who buys enough and has not used it."""
        if goods_fen < self.min_goods_fen or customer in self.used_by:
            return None
        self.used_by.add(customer)
        return self.code


def promise(session: Session, code: str, *, ends_at: datetime, now: datetime) -> CouponSeen:
    """The host promises five yuan off from fifty on, for twenty orders."""
    promised = Promise(f"{code}-5", CouponPayer.HOST, None, 500, 5_000, 10_000, now, ends_at)
    promise_coupon(session, code, promised, actor_id=None, now=now)
    return CouponSeen(promised.code, promised.min_goods_fen)


# -- consumers ---------------------------------------------------------------------------------------------------------


def claimable(session: Session, *, now: datetime) -> list[tuple[int, str, int]]:
    """Orders that consumers received since yesterday, with their first product and its weight in grams."""
    rows = session.execute(
        select(Order.id, Product.sku, OrderLine.accepted_g)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .join(Product, Product.id == OrderLine.product_id)
        .where(
            Order.payment_terms == PaymentTerms.IN_ADVANCE, Order.status == OrderStatus.SETTLED,
            Order.accepted_at > now - timedelta(hours=25), Order.accepted_at < now, OrderLine.position == 1,
            OrderLine.accepted_g > 0, Product.is_fresh, Order.refunded_fen == 0,
        )
        .order_by(Order.id)
    )  # fmt: skip
    return [(order_id, sku, int(grams or 0)) for order_id, sku, grams in rows]


def claim(session: Session, order_id: int, sku: str, received_g: int, rng: random.Random, *, now: datetime) -> None:
    """A consumer claims spoiled fruit, the firm answers, the county decides: mostly all, sometimes half or none."""
    told = claims.Told(
        sku,
        ClaimReason.SPOILED,
        f"IMG-{order_id}（示例）",
        weight_g=max(received_g * rng.choice((5, 10, 20, 40)) // 100, 1),
    )
    order = locked_order_by_id(session, order_id)
    raised = claims.raise_claim(session, order, told, actor_id=None, now=now)
    answered = now + timedelta(hours=3)
    agrees = rng.random() < 0.8
    words = "情况属实（示例）" if agrees else "发货时完好（示例）"
    claims.answer(session, raised.number, agrees=agrees, words=words, actor_id=None, now=answered)
    decided = answered + timedelta(hours=2)
    if not agrees and rng.random() < 0.5:
        claims.reject(session, raised.number, words="照片看不出损坏（示例）", actor_id=None, now=decided)
        return
    granted_g = None if agrees else max(raised.damaged_g // 2, 1)
    claims.accept(session, raised.number, granted_g=granted_g, words="按比例赔付（示例）", actor_id=None, now=decided)


# -- village collectives -----------------------------------------------------------------------------------------------


def _project(session: Session, *, now: datetime) -> VillagePairing:
    """A strong and a weak village build a cold store together and split what it brings sixty to forty."""
    agreed_on = session.scalar(select(VillagePairing).where(VillagePairing.code == JOINT))
    if agreed_on is not None:
        return agreed_on
    strong, weak, *_ = _collectives(session)
    agreed = Agreed("冷库联营（示例）", 6_000, date(now.year, 1, 1), date(now.year, 12, 31), "联营协议（示例）")
    return collectives.pair_villages(session, JOINT, strong, weak, agreed, actor_id=None, now=now)


def collect(session: Session, day: date, *, now: datetime) -> None:
    """What every third village's collective earned in the quarter; one rent is booked twice and taken back."""
    if session.scalar(select(CollectiveIncome.id).where(CollectiveIncome.received_on == day).limit(1)):
        return

    def earn(of: Village | VillagePairing, code: str, kind: CollectiveKind, yuan: int, cost_yuan: int = 0) -> None:
        earned = Earned(f"{code}-{day:%y%m}", kind, day, yuan * 100, cost_yuan * 100, "村集体台账（示例）")
        collectives.record_income(session, of, earned, actor_id=None, now=now)

    villages = _collectives(session)[::3]
    for number, village in enumerate(villages):
        rng = random.Random(village.code)
        yuan = rng.choice((6_000, 9_000, 18_000, 36_000, 62_000, 95_000, 150_000)) * rng.randrange(90, 111) // 100
        earn(village, f"JT{village.code}", COLLECTIVE_KINDS[number % len(COLLECTIVE_KINDS)], yuan, yuan // 6)
    earn(_project(session, now=now), JOINT, CollectiveKind.OPERATING, 120_000, 35_000)
    if day.month == 6:
        earn(villages[0], "BZ", CollectiveKind.SUBSIDY, 50_000)
    if day.month == 9:
        earn(villages[1], "CF", CollectiveKind.LEASING, 12_000)
        collectives.reverse_income(session, f"CF-{day:%y%m}", "重复登记（示例）", actor_id=None, now=now)


def _collectives(session: Session) -> list[Village]:
    return list(session.scalars(select(Village).where(Village.kind == VillageKind.VILLAGE).order_by(Village.code)))


# -- agreements --------------------------------------------------------------------------------------------------------


def amend(session: Session, *, now: datetime) -> None:
    """Both sides of an agreement sign a floor that is three percent higher; what was called keeps its price."""
    agreement = agreement_by_code(session, AMENDED, lock=True)
    signed = signing.youngest(session, agreement)
    if signed.number > 1:
        return
    terms = read(signed.terms)
    lines = tuple(replace(line, floor_fen_per_kg=line.floor_fen_per_kg * 103 // 100) for line in terms.lines)
    buyer, firm = (signing.Hand(side, None, now) for side in (Side.BUYER, Side.FIRM))
    signing.propose(session, agreement, replace(terms, lines=lines), by=firm, note="成本上涨（示例）")
    version = signing.youngest(session, agreement)
    for hand in (buyer, firm):
        deposits.sign(session, agreement, version.number, version.document_hash, by=hand)
