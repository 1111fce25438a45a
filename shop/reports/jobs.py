"""Jobs of the reports."""

from shop.kit.job import Job

#: Every few seconds: recompute the keys that were marked dirty, one job for each rollup.
REFRESH_SALES = Job("reports.refresh_sales")
REFRESH_INCOME = Job("reports.refresh_income")
REFRESH_REACH = Job("reports.refresh_reach")
REFRESH_AGREEMENTS = Job("reports.refresh_agreements")
REFRESH_COSTS = Job("reports.refresh_costs")
#: Nightly: recount every rollup from its facts; a difference is an alarm, and the rollup is made anew.
COMPARE_ROLLUPS = Job("reports.compare_rollups")
