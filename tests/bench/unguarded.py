"""The shop with the guard of placing taken off: with it the control of the burst sells too much."""

from sqlalchemy import text

from shop.app import create_app
from shop.orders import place

GUARD = " AND pools.available_g >= asked.weight_g"
GUARDED = str(place.PLACE)
assert GUARD in GUARDED, "the guard moved: the control would prove nothing"
place.PLACE = text(GUARDED.replace(GUARD, ""))

app = create_app()
