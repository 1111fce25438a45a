"""Jobs about families."""

from shop.kit.job import Job

#: Records of a family were merged, or one counts for itself again: its costs are told by other records. Household id.
COUNT_FAMILY_COSTS = Job("income.count_family_costs")
