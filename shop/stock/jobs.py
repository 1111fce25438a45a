"""Jobs of stock."""

from shop.kit.job import Job

#: Daily, half an hour after midnight: lots that expired leave open stock.
RETIRE_EXPIRED = Job("stock.retire_expired")
#: Every minute: what orders gave back of recalled lots leaves stock.
TAKE_RECALLED = Job("stock.take_recalled")
#: Every minute: what was set aside until an hour that is past goes back to open stock.
RETURN_ASIDES = Job("stock.return_asides")
#: Every minute: stock that came free goes to pre-sale orders, in order of placing.
SERVE_PRESALES = Job("stock.serve_presales")
