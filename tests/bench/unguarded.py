"""The shop with the guard of placing taken off: with it the control of the burst sells too much."""

from shop.app import create_app
from shop.kit.direct import Direct
from shop.orders import place
from shop.stock.actions import ENOUGH

GUARD = f" AND {ENOUGH}"
GUARDED = place.PLACE.sql
assert GUARD in GUARDED, "the guard moved: the control would prove nothing"
place.PLACE = Direct(GUARDED.replace(GUARD, ""))

app = create_app()
