"""Jobs about what reached households."""

from shop.kit.jobs import Job

#: Every minute, the guarantee: accepted orders not settled yet, refunds of settled orders not taken back yet.
FIND_UNSETTLED = Job("income.find_unsettled")
