"""Jobs about orders."""

from shop.kit.job import Job

#: An accepted order is to be settled: order id.
SETTLE_ORDER = Job("settlement.settle_order")

#: What was paid beyond what is owed goes back (cancelled, expired, refused at acceptance, paid too late): order id.
REFUND_EXCESS = Job("payments.refund_excess")

#: Every ten seconds: unpaid orders whose hold lapsed give their stock back.
EXPIRE_UNPAID = Job("orders.expire_unpaid")

#: Daily: sent goods that nobody said to have received are to be received by the clock.
FIND_UNRECEIVED = Job("orders.find_unreceived")

#: A consumer's order is to be received by the clock, if its time is over: order id.
RECEIVE_OVERDUE = Job("orders.receive_overdue")

#: Daily: what the schedules of agreements ask for on this day is called off and ordered.
CALL_OFF_DUE = Job("orders.call_off_due")

#: Daily: pre-sale orders that were not sent by their day are cancelled, as far as they were not.
END_PRESALES = Job("orders.end_presales")

#: Daily: agreements whose term is over are fulfilled or fell short.
CLOSE_AGREEMENTS = Job("orders.close_agreements")
