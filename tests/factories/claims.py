"""Claims on the season's orders, each made by the real actions at the season's hour."""

from shop.claims.actions import Told, accept, answer, raise_claim
from shop.claims.models import Claim, ClaimReason
from shop.orders.models import Order
from tests.factories.sales import Season


def claimed(season: Season, order: Order, weight_g: int) -> Claim:
    """A claim that waits for the firm."""
    told = Told(season.sku, ClaimReason.SPOILED, "IMG_0001", weight_g=weight_g)
    return raise_claim(season.session, order, told, actor_id=None, now=season.now)


def answered(season: Season, order: Order, weight_g: int, *, agrees: bool = True) -> Claim:
    """A claim that waits for the county."""
    claim = claimed(season, order, weight_g)
    return answer(season.session, claim.number, agrees=agrees, words="照片属实", actor_id=None, now=season.now)


def granted(season: Season, order: Order, weight_g: int, granted_g: int | None = None) -> Claim:
    """A claim that was accepted; the provider has not told of its refund yet."""
    claim = answered(season, order, weight_g)
    return accept(
        season.session, claim.number, granted_g=granted_g, words="按坏果比例赔付", actor_id=None, now=season.now
    )
