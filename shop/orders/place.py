"""Placing an order: decided from reference data in the process, written by one statement.

The statement takes the stock and writes order, lines, holds and history together, so that the hot pools are locked for
as short a time as can be. What differs between channels is read from the policy, axis by axis.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import assert_never

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.catalog.errors import OutOfSeason
from shop.catalog.reference import PAPER_ZH, Catalog, CatalogProduct
from shop.channels.models import ChannelKind
from shop.channels.policies import POLICIES, ChannelPolicy, Goods, Hold, Payer, Payment, Price, channel_of_partner
from shop.channels.reference import OccasionRow, PartnerRow, Selling
from shop.kit.clock import beijing_day
from shop.kit.direct import Direct
from shop.kit.errors import NotFoundError
from shop.orders.coupons import Discount, discount_of, take_coupon
from shop.orders.errors import (
    CampaignClosed,
    CouponSpent,
    FirmLacksItems,
    NotForSale,
    NotForThisChannel,
    OccasionNotOpen,
    OccasionRequired,
    OneSellerPerOrder,
    OrderingClosed,
    OrderTooLarge,
    PaperMissing,
    PartnerDoesNotFit,
    PerBuyerCap,
    PresaleNotOpen,
)
from shop.orders.models import OrderStatus, PaymentTerms, PriceSource
from shop.orders.pricing import Packed, PricedLine, by_the_kg, by_the_pack, goods_total
from shop.stock.actions import HOLDS_CTE, TAKE_CTE, known_shortage, shortage
from shop.stock.models import PoolKind
from shop.stock.presales import PresaleRow, take
from shop.stock.supply import Supply

#: How long an unpaid order holds its stock.
HOLD_TIME = timedelta(minutes=15)
#: Ten million yuan: above that somebody mistyped.
LARGEST_ORDER_FEN = 1_000_000_000


@dataclass(frozen=True)
class Asked:
    """One product of a request, in packs."""

    sku: str
    quantity: int


@dataclass(frozen=True)
class Request:
    """What a buyer asks for. `link` names partner and occasion; else `partner` (and `occasion`) do.

    `link_opened_at`: when the link was opened; None = just now. `offered`: prices of a pack by SKU that the firm
    offered and the buyer accepted, instead of those of the bulk tiers.
    """

    lines: Sequence[Asked]
    buyer_party_id: int
    link: str | None = None
    channel: ChannelKind | None = None
    partner: str | None = None
    occasion: str | None = None
    recipient: dict[str, object] | None = None
    note: str | None = None
    link_opened_at: datetime | None = None
    coupon: str | None = None
    offered: Mapping[str, int] | None = None
    presale: PresaleRow | None = None
    reference: str | None = None
    entered_as: str | None = None


@dataclass(frozen=True)
class Called:
    """A confirmed price and weight of an agreement: what the kg-priced order of a call-off is made from."""

    call_off_id: int
    agreement_code: str
    sku: str
    weight_g: int
    fen_per_kg: int


@dataclass(frozen=True)
class Way:
    """By which way the order comes."""

    policy: ChannelPolicy
    channel_id: int
    campaign_id: int
    partner: PartnerRow
    occasion: OccasionRow | None
    link_id: int | None


@dataclass(frozen=True)
class Placed:
    """The order as it was placed."""

    order_id: int
    number: str
    status: OrderStatus
    expires_at: datetime | None
    way: Way
    lines: tuple[PricedLine, ...]
    total_fen: int


@dataclass(frozen=True)
class Preview:
    """What an order would be: the way it comes, its products and its lines at the server's prices."""

    way: Way
    products: tuple[CatalogProduct, ...]
    lines: tuple[PricedLine, ...]
    presale: PresaleRow | None = None

    @property
    def total_fen(self) -> int:
        """What it would cost."""
        return goods_total(self.lines)


def preview_order(request: Request, *, goods: Catalog, selling: Selling, now: datetime) -> Preview:
    """What `place_order` would write, from reference data alone: no statement, no stock taken.

    Raises what `place_order` raises, but for NotEnoughStock, coupons, and a cap that earlier orders use up.
    """
    day, asked = beijing_day(now), _together(request.lines)
    wanted = frozenset(goods.by_sku[sku].product_id for sku in asked if sku in goods.by_sku)
    way = _way(request, selling, wanted, day, now)
    ahead, offered = request.presale is not None, request.offered or {}
    products = [sellable_product(goods, sku, way.policy, day, ahead=ahead) for sku in asked]
    if request.presale is not None:
        _fits_presale(request.presale, way.policy, products, day)
    priced = [_price(product, asked[product.sku], way, day, offered.get(product.sku), selling) for product in products]
    _one_firm(products)
    _not_too_large(priced)
    return Preview(way, tuple(products), tuple(priced), request.presale)


def _fits_presale(presale: PresaleRow, policy: ChannelPolicy, products: Sequence[CatalogProduct], day: date) -> None:
    """A pre-sale takes orders of its product alone, in channels that sell from open stock. Raises PresaleNotOpen."""
    from_open_stock = policy.hold in (Hold.WHEN_PLACED, Hold.WHEN_APPROVED)
    if [p.product_id for p in products] != [presale.product_id] or not from_open_stock or not presale.open_on(day):
        raise PresaleNotOpen(presale=presale.code)


def preview_discount(session: Session, asked: Preview, code: str, *, now: datetime) -> int:
    """Fen that a coupon would take off the order, if this buyer did not use it before. One statement.

    Raises CouponNotForThis, CouponSpent.
    """
    discount = _discount(session, asked, code, now)
    if discount.left_fen < discount.fen:
        raise CouponSpent(coupon=code)
    return discount.fen


def _discount(session: Session, asked: Preview, code: str, now: datetime) -> Discount:
    """What a coupon takes off the order. Raises CouponNotForThis."""
    occasion = asked.way.occasion
    return discount_of(
        session, code, occasion_id=occasion.occasion_id if occasion else None, firm_id=_one_firm(asked.products),
        amounts=[line.amount_fen for line in asked.lines], now=now,
    )  # fmt: skip


def place_order(
    session: Session, request: Request, *, goods: Catalog, selling: Selling, actor_id: int | None, now: datetime
) -> Placed:
    """Place an order of packs. One statement; locks the pools it takes from, by rising id; then the coupon, if any.

    Of what was sold out a tenth of a second ago it says so again without asking, before caps and coupon are looked at.

    Raises CampaignClosed, PartnerDoesNotFit, OccasionRequired, OccasionNotOpen, NotForSale, OutOfSeason, PaperMissing,
    NotForThisChannel, OneSellerPerOrder, PerBuyerCap, OrderTooLarge, CouponNotForThis, CouponUsed, CouponSpent,
    NotEnoughStock; then nothing is changed.
    """
    asked = preview_order(request, goods=goods, selling=selling, now=now)
    taking = _taking(asked.way)
    if short := known_shortage(session.get_bind(), _wanted(taking, asked.lines, asked.presale), taking.supply):
        raise short
    _keep_caps(session, asked, request.buyer_party_id)
    return _write(session, asked.way, asked.products, asked.lines, request, None, actor_id, now)


def _together(lines: Sequence[Asked]) -> dict[str, int]:
    """Packs by SKU, in the order first named: lines of one product are one line."""
    packs: dict[str, int] = {}
    for line in lines:
        packs[line.sku] = packs.get(line.sku, 0) + line.quantity
    return packs


def place_call_off(
    session: Session, called: Called, buyer_party_id: int, *, goods: Catalog, selling: Selling, actor_id: int | None,
    now: datetime,
) -> Placed:  # fmt: skip
    """Place the order of a call-off (room agreements has drawn it from the promise). Raises as `place_order`."""
    day = beijing_day(now)
    occasion = selling.occasions_by_code.get(called.agreement_code)
    partner = selling.partners_by_id[occasion.partner_id] if occasion else None
    if occasion is None or partner is None:
        raise NotFoundError(what=called.agreement_code)
    policy = channel_of_partner(partner.kind)
    way = Way(policy, selling.channel_ids[policy.kind], occasion.campaign_id, partner, occasion, None)
    product = sellable_product(goods, called.sku, policy, day, ahead=True)
    line = by_the_kg(packed(product), called.weight_g, called.fen_per_kg)
    request = Request(lines=(), buyer_party_id=buyer_party_id)
    return _write(session, way, [product], [line], request, called.call_off_id, actor_id, now)


def _way(request: Request, selling: Selling, wanted: frozenset[int], day: date, now: datetime) -> Way:
    """Channel, partner and occasion of a request; a link speaks for all of them. `wanted`: ids of its products."""
    partner: PartnerRow | None
    occasion: OccasionRow | None = None
    campaign_id = selling.campaign_on(day, wanted)
    link = selling.links.get(request.link) if request.link else None
    if request.link and link is None:
        raise NotFoundError(what=request.link)
    if link is not None:
        partner = selling.partners_by_id.get(link.partner_id)
        occasion = selling.occasions_by_id.get(link.occasion_id) if link.occasion_id else None
    else:
        partner = selling.partners_by_code.get(request.partner or "")
        if request.occasion:
            occasion = selling.occasions_by_code.get(request.occasion)
            if occasion is None:
                raise NotFoundError(what=request.occasion)
    if partner is None:
        raise NotFoundError(what=request.partner or "partner")
    policy = channel_of_partner(partner.kind)
    if request.channel is not None and POLICIES[request.channel] is not policy:
        raise PartnerDoesNotFit(partner=partner.code, channel=POLICIES[request.channel].name_zh)
    if policy.price is Price.AGREEMENT:
        # Agreements are called off by weight under their promise, never ordered past it.
        raise OccasionRequired(channel=policy.name_zh)
    if policy.payer is Payer.PARTNER and partner.party_id != request.buyer_party_id:
        raise PartnerDoesNotFit(partner=partner.code, channel=policy.name_zh)
    _check_occasion(policy, partner, occasion, now)
    if campaign_id is None:
        raise CampaignClosed(day=str(day))
    return Way(
        policy=policy,
        channel_id=selling.channel_ids[policy.kind],
        campaign_id=occasion.campaign_id if occasion else selling.campaign_of(link, day) or campaign_id,
        partner=partner,
        occasion=occasion,
        link_id=link.link_id if link else None,
    )


def _check_occasion(policy: ChannelPolicy, partner: PartnerRow, occasion: OccasionRow | None, now: datetime) -> None:
    if occasion is None:
        if policy.occasion_required:
            raise OccasionRequired(channel=policy.name_zh)
        return
    fits = occasion.kind is policy.occasion and occasion.partner_id == partner.partner_id
    if not fits or not occasion.selling(now):
        raise OccasionNotOpen(occasion=occasion.code)


def sellable_product(
    goods: Catalog, sku: str, policy: ChannelPolicy, day: date, *, ahead: bool = False
) -> CatalogProduct:
    """The product, if this channel may sell it on `day`. `ahead`: for a season to come.

    Raises NotForSale, NotForThisChannel, FirmLacksItems, PaperMissing, OrderingClosed, OutOfSeason.
    """
    product = goods.by_sku.get(sku)
    if product is None or not product.for_sale:
        raise NotForSale(sku=sku)
    if policy.goods is Goods.FOOD and not product.is_food:
        raise NotForThisChannel(sku=sku, channel=policy.name_zh)
    lacking = product.missing_items(policy.kind.value, day)
    if lacking:
        raise FirmLacksItems(sku=sku, items_zh="、".join(lacking))
    missing = product.missing_paper(day)
    if missing is not None:
        raise PaperMissing(sku=sku, paper=missing.value, paper_zh=PAPER_ZH[missing])
    if not ahead and not product.published(day):
        raise NotForSale(sku=sku)
    if not ahead and not product.takes_orders(day):
        raise OrderingClosed(sku=sku, day=str(day))
    # An agreement or a pre-sale sells the season to come; its own days already keep to the harvest.
    if not ahead and not product.sellable_on(day):
        raise OutOfSeason(sku=sku, day=str(day))
    return product


_ONE_ORDER_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:buyer, 0))")
_ORDERED = text(
    "SELECT product_id, sum(quantity - cancelled_g / unit_weight_g)"
    " FROM order_lines JOIN orders ON orders.id = order_id"
    " WHERE buyer_party_id = :buyer AND occasion_id = :occasion AND product_id = ANY(:products)"
    " AND status NOT IN ('cancelled', 'expired') GROUP BY product_id"
)


def _keep_caps(session: Session, asked: Preview, buyer_party_id: int) -> None:
    """What the occasion sells to one buyer at most, counted over his orders that stand. Raises PerBuyerCap.

    Orders of one buyer on one occasion with a cap wait for each other (an advisory lock, before any row), so that two
    at once cannot both be the last: two statements more, where there is a cap.
    """
    way = asked.way
    offers = way.occasion.offers if way.occasion and way.policy.price is Price.OFFER else {}
    capped = [
        (product, line.quantity or 0, cap)
        for product, line in zip(asked.products, asked.lines, strict=True)
        if product.product_id in offers and (cap := offers[product.product_id].per_buyer_cap)
    ]
    if not capped or way.occasion is None:
        return
    of = {"buyer": buyer_party_id, "occasion": way.occasion.occasion_id}
    session.execute(_ONE_ORDER_AT_A_TIME, {"buyer": f"cap {of['occasion']} {of['buyer']}"})
    had: dict[int, int] = dict(
        session.execute(_ORDERED, of | {"products": [product.product_id for product, *_ in capped]}).all()
    )
    for product, quantity, cap in capped:
        before = int(had.get(product.product_id, 0))
        if before + quantity > cap:
            raise PerBuyerCap(sku=product.sku, cap=cap, had=before, unit=product.unit_zh)


def packed(product: CatalogProduct) -> Packed:
    """What pricing needs of a product."""
    return Packed(product.product_id, product.sku, product.name_zh, product.unit_zh, product.net_weight_g)


def _price(
    product: CatalogProduct, quantity: int, way: Way, day: date, offered_fen: int | None, selling: Selling
) -> PricedLine:
    """A line at the server's price, by the policy's price axis; an accepted offer stands for bulk tiers only.

    Tiers are those of the buyer's own list, else of a group of his, else the general ones (docs/rules.md).
    """
    price: int | None
    source, list_id = PriceSource.GENERAL, None
    match way.policy.price:
        case Price.LIST:
            price = product.price_for(1, day)
        case Price.TIERS if offered_fen:
            price, source = offered_fen, PriceSource.QUOTE
        case Price.TIERS:
            named = selling.named_for(product.product_id, way.partner.partner_id, quantity, day)
            price = named.price_for(quantity) if named else product.price_for(quantity, day)
            if named:
                source, list_id = PriceSource.GROUP if named.group_id else PriceSource.BUYER, named.list_id
        case Price.OFFER:
            offer = way.occasion.offers.get(product.product_id) if way.occasion else None
            if offer and offer.per_buyer_cap and quantity > offer.per_buyer_cap:
                raise PerBuyerCap(sku=product.sku, cap=offer.per_buyer_cap, had=0, unit=product.unit_zh)
            price, source = offer.price_fen if offer else None, PriceSource.OFFER
        case Price.AGREEMENT:
            price = None
        case _:
            assert_never(way.policy.price)
    if price is None:
        raise NotForSale(sku=product.sku)
    return by_the_pack(packed(product), quantity, price, source, list_id)


@dataclass(frozen=True)
class _Taking:
    """Whether placing takes from stock at once, and from which pools an order is taken, now or when it is approved."""

    now: bool
    supply: Supply


def _taking(way: Way) -> _Taking:
    supply = supply_for(way.policy, way.occasion.occasion_id if way.occasion else None)
    return _Taking(way.policy.hold in (Hold.WHEN_PLACED, Hold.FROM_SET_ASIDE), supply)


def supply_for(policy: ChannelPolicy, occasion_id: int | None) -> Supply:
    """From which pools an order of a channel is taken, by the policy's hold axis."""
    match policy.hold:
        case Hold.WHEN_PLACED | Hold.WHEN_APPROVED | Hold.FROM_PROMISE:
            return Supply(occasion_id, policy.kind)
        case Hold.FROM_SET_ASIDE:
            return Supply(occasion_id, last=PoolKind.SET_ASIDE)
        case _:
            assert_never(policy.hold)


def _wanted(taking: _Taking, lines: Sequence[PricedLine], presale: PresaleRow | None) -> dict[int, int]:
    """Grams to take by product id; nothing of what is there for a harvest to come."""
    return {line.product_id: line.weight_g for line in lines} if taking.now and presale is None else {}


def hold_time(way: Way) -> timedelta:
    """How long an unpaid order holds its stock: as its occasion says, else `HOLD_TIME`."""
    hold_s = way.occasion.hold_s if way.occasion else None
    return HOLD_TIME if hold_s is None else timedelta(seconds=hold_s)


def supply_of(way: Way) -> Supply:
    """From which pools an order that comes this way is taken."""
    return _taking(way).supply


#: Whether somebody who acts for the partner ordered, or has it sent to his own phone.
IS_OWN = """EXISTS (
                SELECT FROM grants JOIN people ON people.id = grants.person_id
                WHERE grants.party_id = CAST(:earner_party_id AS bigint)
                  AND (people.id = CAST(:actor_id AS bigint) OR people.phone_e164 = CAST(:phone AS text)))"""

PLACE = Direct(
    f"""
    WITH {TAKE_CTE}, {HOLDS_CTE}, placed AS (
        INSERT INTO orders (
            number, status, channel_id, channel_kind, campaign_id, partner_id, partner_kind, occasion_id, occasion_kind,
            sale_link_id, link_opened_at, is_own,
            call_off_id, presale_id, firm_id, buyer_party_id, placed_by_id, payment_terms, placed_at, placed_on,
            expires_at, goods_fen, discount_fen, total_fen, recipient, note, reference,
            entered_as)
        SELECT to_char(CAST(:placed_on AS date), 'YYMMDD') || '-' || lpad(id::text, 8, '0'), 'placed', :channel_id,
            :channel_kind, :campaign_id, :partner_id, :partner_kind, :occasion_id, :occasion_kind, :link_id,
            :link_opened_at, {IS_OWN},
            :call_off_id, :presale_id, :firm_id, :buyer_party_id, :actor_id, :terms, :now, :placed_on, :expires_at,
            :goods_fen, :discount_fen, :total_fen, CAST(:recipient AS jsonb), :note, :reference,
            :entered_as
        FROM enough, nextval('order_numbers') AS id
        RETURNING id, number
    ), lines AS (
        INSERT INTO order_lines (
            order_id, firm_id, position, product_id, name_zh, unit_zh, unit_weight_g, quantity, weight_g, price_basis,
            price_fen, amount_fen, discount_fen, price_source, price_list_id, reservation_id)
        SELECT placed.id, :firm_id, line.position, line.product_id, line.name_zh, line.unit_zh, line.unit_weight_g,
            line.quantity, line.weight_g, line.price_basis, line.price_fen, line.amount_fen,
            line.discount_fen, line.price_source, line.price_list_id, holds.id
        FROM placed, unnest(
            CAST(:line_products AS bigint[]), CAST(:line_names AS text[]), CAST(:line_units AS text[]),
            CAST(:line_unit_weights AS bigint[]), CAST(:line_quantities AS bigint[]), CAST(:line_weights AS bigint[]),
            CAST(:line_bases AS text[]), CAST(:line_prices AS bigint[]), CAST(:line_amounts AS bigint[]),
            CAST(:line_discounts AS bigint[]), CAST(:line_sources AS text[]), CAST(:line_lists AS bigint[])
        ) WITH ORDINALITY AS line (product_id, name_zh, unit_zh, unit_weight_g, quantity, weight_g, price_basis,
                                   price_fen, amount_fen, discount_fen, price_source, price_list_id,
                                   position)
        LEFT JOIN holds ON holds.product_id = line.product_id AND holds.beside_id IS NULL
    ), told AS (
        INSERT INTO history (entity_type, entity_id, at, person_id, event, to_state)
        SELECT 'orders', id, :now, :actor_id, 'place', 'placed' FROM placed
    )
    SELECT id, number FROM placed
    """
)


def _one_firm(products: Sequence[CatalogProduct]) -> int:
    firms = {product.firm_id: product.firm_code for product in products}
    if len(firms) != 1:
        raise OneSellerPerOrder(firms=", ".join(sorted(firms.values())))
    return next(iter(firms))


def _not_too_large(lines: Sequence[PricedLine]) -> int:
    total = goods_total(lines)
    if total > LARGEST_ORDER_FEN:
        raise OrderTooLarge(limit_fen=LARGEST_ORDER_FEN)
    return total


def _write(
    session: Session, way: Way, products: Sequence[CatalogProduct], lines: Sequence[PricedLine], request: Request,
    call_off_id: int | None, actor_id: int | None, now: datetime,
) -> Placed:  # fmt: skip
    firm_id = _one_firm(products)
    goods_fen = _not_too_large(lines)
    asked = Preview(way, tuple(products), tuple(lines))
    discount = _discount(session, asked, request.coupon, now) if request.coupon else None
    total = goods_fen - (discount.fen if discount else 0)
    terms = PaymentTerms(way.policy.payment.value)
    expires_at = now + hold_time(way) if way.policy.payment is Payment.IN_ADVANCE else None
    taking = _taking(way)
    presale = request.presale
    wanted = _wanted(taking, lines, presale)
    occasion = way.occasion
    rows = PLACE.run(
        session,
        {
            "product_ids": list(wanted),
            "weights": list(wanted.values()),
            **taking.supply.values(),
            "channel_id": way.channel_id,
            "channel_kind": way.policy.kind.value,
            "campaign_id": way.campaign_id,
            "partner_id": way.partner.partner_id,
            "partner_kind": way.partner.kind.value,
            "occasion_id": occasion.occasion_id if occasion else None,
            "occasion_kind": occasion.kind.value if occasion else None,
            "link_id": way.link_id,
            "link_opened_at": (request.link_opened_at or now) if way.link_id else None,
            "earner_party_id": way.partner.party_id if way.policy.payer is Payer.CONSUMER else None,
            "phone": (request.recipient or {}).get("phone"),
            "call_off_id": call_off_id,
            "presale_id": presale.presale_id if presale else None,
            "firm_id": firm_id,
            "buyer_party_id": request.buyer_party_id,
            "actor_id": actor_id,
            "terms": terms.value,
            "now": now,
            "placed_on": beijing_day(now),
            "expires_at": expires_at,
            "goods_fen": goods_fen,
            "discount_fen": goods_fen - total,
            "total_fen": total,
            "recipient": _json(request.recipient),
            "note": request.note,
            "reference": request.reference,
            "entered_as": request.entered_as,
            **line_columns(lines),
            "line_bases": [line.price_basis.value for line in lines],
            "line_prices": [line.price_fen for line in lines],
            "line_sources": [line.source.value for line in lines],
            "line_lists": [line.price_list_id for line in lines],
            "line_discounts": list(discount.by_line) if discount else [0] * len(lines),
        },
    )
    if not rows:
        raise shortage(session, wanted, taking.supply, now=now)
    ((order_id, number),) = rows
    if presale is not None and taking.now:
        hold_ahead(session, order_id, presale, lines[0].weight_g, expires_at=expires_at, now=now)
    if discount is not None:
        take_coupon(session, discount, order_id, request.buyer_party_id, now=now)
    return Placed(order_id, number, OrderStatus.PLACED, expires_at, way, tuple(lines), total)


_HELD_AHEAD = text("UPDATE order_lines SET reservation_id = :hold WHERE order_id = :order_id")


def hold_ahead(
    session: Session, order_id: int, presale: PresaleRow, weight_g: int, *, expires_at: datetime | None, now: datetime
) -> None:
    """Order grams of a pre-sale for the line of an order. Locks the pre-sale. Raises PresaleFull."""
    hold = take(session, presale, weight_g, expires_at=expires_at, now=now)
    session.execute(_HELD_AHEAD, {"hold": hold, "order_id": order_id})


def line_columns(lines: Sequence[PricedLine]) -> dict[str, object]:
    """What the statements that write order lines take of each, column by column."""
    return {
        "line_products": [line.product_id for line in lines],
        "line_names": [line.name_zh for line in lines],
        "line_units": [line.unit_zh for line in lines],
        "line_unit_weights": [line.unit_weight_g for line in lines],
        "line_quantities": [line.quantity for line in lines],
        "line_weights": [line.weight_g for line in lines],
        "line_amounts": [line.amount_fen for line in lines],
    }


def _json(value: dict[str, object] | None) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
