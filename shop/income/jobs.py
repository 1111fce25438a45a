"""Jobs about what reached households."""

from shop.kit.job import Job

#: A refund of a settled order is taken out of the shares and of the sales that reached households: refund id.
TAKE_BACK = Job("income.take_back")

#: Every minute, the guarantee: accepted orders not settled yet, refunds of settled orders not taken back yet.
FIND_UNSETTLED = Job("income.find_unsettled")

#: Past sales from the day of a rate a kg that is new or void are counted by the rate of their day: rate id.
COUNT_COSTS = Job("income.count_costs")
