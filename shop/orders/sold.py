"""Placing what a partner sold and was paid for elsewhere: checked line by line, written together by one statement.

The rules are those of placing on the day of the sale, but for the price, which is what was paid there. The hold does
not lapse: the buyer has paid. Pools stay locked from this statement to the end of the transaction, so it comes late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.catalog.reference import Catalog
from shop.channels.models import PartnerKind
from shop.channels.policies import ChannelPolicy, Hold, Payer, Payment, Price, channel_of_partner
from shop.channels.reference import PartnerRow, Selling
from shop.kit.clock import beijing_day
from shop.kit.errors import NotFoundError
from shop.orders.errors import CampaignClosed, OrderTooLarge, PartnerDoesNotFit
from shop.orders.models import PaymentTerms
from shop.orders.place import LARGEST_ORDER_FEN, line_columns, packed, sellable_product, supply_for
from shop.orders.pricing import PricedLine, by_the_line
from shop.stock.actions import TAKE_CTE, shortage


@dataclass(frozen=True)
class Sold:
    """`quantity` packs that were paid with `amount_fen` elsewhere, at `sold_at`."""

    sku: str
    quantity: int
    amount_fen: int
    sold_at: datetime


@dataclass(frozen=True)
class SoldOrder:
    """A sale that may become an order: its line, the campaign and the seller."""

    sold_at: datetime
    campaign_id: int
    firm_id: int
    line: PricedLine


def policy_of_seller(kind: PartnerKind) -> ChannelPolicy:
    """The policy of a partner that sells elsewhere: by list price to consumers who pay in advance, from open stock.

    Raises PartnerDoesNotFit.
    """
    policy = channel_of_partner(kind)
    sells = (policy.price, policy.payer, policy.payment, policy.hold)
    if sells != (Price.LIST, Payer.CONSUMER, Payment.IN_ADVANCE, Hold.WHEN_PLACED):
        raise PartnerDoesNotFit(partner=kind.value, channel=policy.name_zh)
    return policy


def check_sold(sold: Sold, policy: ChannelPolicy, *, goods: Catalog, selling: Selling) -> SoldOrder:
    """The order that a sale would be; no statement.

    Raises CampaignClosed, NotForSale, NotForThisChannel, PaperMissing, OutOfSeason, OrderTooLarge.
    """
    day = beijing_day(sold.sold_at)
    product = sellable_product(goods, sold.sku, policy, day)
    campaign_id = selling.campaign_on(day, frozenset({product.product_id}))
    if campaign_id is None:
        raise CampaignClosed(day=str(day))
    if sold.amount_fen > LARGEST_ORDER_FEN:
        raise OrderTooLarge(limit_fen=LARGEST_ORDER_FEN)
    return SoldOrder(
        sold.sold_at, campaign_id, product.firm_id, by_the_line(packed(product), sold.quantity, sold.amount_fen)
    )


_PLACE_SOLD = text(
    f"""
    WITH {TAKE_CTE}, sold AS MATERIALIZED (
        SELECT row.*, nextval('order_numbers') AS number, nextval(pg_get_serial_sequence('orders', 'id')) AS order_id,
            sum(weight_g) OVER (PARTITION BY product_id ORDER BY place) AS upto_g
        FROM enough, unnest(
            CAST(:sold_at AS timestamptz[]), CAST(:sold_on AS date[]), CAST(:campaigns AS bigint[]),
            CAST(:firms AS bigint[]), CAST(:line_products AS bigint[]), CAST(:line_names AS text[]),
            CAST(:line_units AS text[]), CAST(:line_unit_weights AS bigint[]), CAST(:line_quantities AS bigint[]),
            CAST(:line_weights AS bigint[]), CAST(:line_amounts AS bigint[])
        ) WITH ORDINALITY AS row (sold_at, sold_on, campaign_id, firm_id, product_id, name_zh, unit_zh, unit_weight_g,
                                  quantity, weight_g, amount_fen, place)
    ), placed AS (
        INSERT INTO orders (
            id, number, status, channel_id, channel_kind, campaign_id, partner_id, partner_kind, firm_id,
            buyer_party_id, placed_by_id, payment_terms, placed_at, placed_on, goods_fen, total_fen)
        SELECT order_id, to_char(sold_on, 'YYMMDD') || '-' || lpad(number::text, 8, '0'), 'placed', :channel_id,
            :channel_kind, campaign_id, :partner_id, :partner_kind, firm_id, :buyer_party_id, :actor_id, :terms,
            sold_at, sold_on, amount_fen, amount_fen
        FROM sold
    ), numbered AS MATERIALIZED (
        SELECT nextval(pg_get_serial_sequence('reservations', 'id')) AS id, parts.* FROM (
            SELECT place, pool_id, least(upto_g, before_g + taken.weight_g)
                - greatest(upto_g - sold.weight_g, before_g) AS weight_g
            FROM sold JOIN taken ON taken.product_id = sold.product_id
                AND upto_g > before_g AND upto_g - sold.weight_g < before_g + taken.weight_g
            ORDER BY place, before_g) AS parts
    ), holds AS (
        SELECT id, nullif(min(id) OVER (PARTITION BY place), id) AS beside_id, place, pool_id, weight_g FROM numbered
    ), held AS (
        INSERT INTO reservations (id, beside_id, pool_id, weight_g, held_g, created_at)
        SELECT id, beside_id, pool_id, weight_g, weight_g, :now FROM holds
    ), lines AS (
        INSERT INTO order_lines (
            order_id, firm_id, position, product_id, name_zh, unit_zh, unit_weight_g, quantity, weight_g, price_basis,
            price_source, price_fen, amount_fen, reservation_id)
        SELECT order_id, firm_id, 1, product_id, name_zh, unit_zh, unit_weight_g, quantity, sold.weight_g, 'line',
            'outside', amount_fen, amount_fen, holds.id
        FROM sold JOIN holds ON holds.place = sold.place AND beside_id IS NULL
    ), told AS (
        INSERT INTO history (entity_type, entity_id, at, person_id, event, to_state)
        SELECT 'orders', order_id, :now, :actor_id, 'place', 'placed' FROM sold
    )
    SELECT order_id FROM sold ORDER BY place
    """
)


def place_sold(
    session: Session, partner: PartnerRow, sold: Sequence[SoldOrder], *, buyer_party_id: int, selling: Selling,
    actor_id: int | None, now: datetime,
) -> list[int]:  # fmt: skip
    """Place all these sales of a partner; the ids of their orders, in the order given. One statement.

    Locks the pools it takes from, by rising id. Raises NotEnoughStock; then nothing is changed.
    """
    if not sold:
        return []
    policy = policy_of_seller(partner.kind)
    wanted: dict[int, int] = {}
    for sale in sold:
        wanted[sale.line.product_id] = wanted.get(sale.line.product_id, 0) + sale.line.weight_g
    lines = [sale.line for sale in sold]
    supply = supply_for(policy, None)
    ids = session.scalars(
        _PLACE_SOLD,
        {
            "product_ids": list(wanted),
            "weights": list(wanted.values()),
            **supply.values(),
            "channel_id": selling.channel_ids[policy.kind],
            "channel_kind": policy.kind.value,
            "partner_id": partner.partner_id,
            "partner_kind": partner.kind.value,
            "buyer_party_id": buyer_party_id,
            "actor_id": actor_id,
            "terms": PaymentTerms.IN_ADVANCE.value,
            "now": now,
            "sold_at": [sale.sold_at for sale in sold],
            "sold_on": [beijing_day(sale.sold_at) for sale in sold],
            "campaigns": [sale.campaign_id for sale in sold],
            "firms": [sale.firm_id for sale in sold],
            **line_columns(lines),
        },
    ).all()
    if not ids:
        raise shortage(session, wanted, supply, now=now)
    return list(ids)


def seller(selling: Selling, partner_id: int) -> PartnerRow:
    """An admitted partner. Raises NotFoundError."""
    found = selling.partners_by_id.get(partner_id)
    if found is None:
        raise NotFoundError(what=str(partner_id))
    return found
