"""Jobs about payments."""

from shop.kit.jobs import Job

#: The simulated provider tells us of a charge that is done: charge id.
NOTIFY = Job("payments.notify")
