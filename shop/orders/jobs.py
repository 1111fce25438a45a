"""Jobs about orders."""

from shop.kit.jobs import Job

#: An accepted order is to be settled: order id.
SETTLE_ORDER = Job("settlement.settle_order")

#: What was paid beyond what is owed goes back (cancelled, expired, refused at acceptance, paid too late): order id.
REFUND_EXCESS = Job("payments.refund_excess")
