"""Jobs about payments."""

from shop.kit.job import Job

#: The simulated provider tells us of a charge that is done: charge id.
NOTIFY = Job("payments.notify")

#: Every minute: charges that are done at the provider and of which we were not told are told again.
NOTIFY_AGAIN = Job("payments.notify_again")
