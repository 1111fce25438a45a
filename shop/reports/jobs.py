"""Jobs of the reports."""

from shop.kit.job import Job

#: Every few seconds: recompute the keys that were marked dirty, one job for each rollup.
REFRESH_SALES = Job("reports.refresh_sales")
REFRESH_RECEIVABLES = Job("reports.refresh_receivables")
REFRESH_INCOME = Job("reports.refresh_income")
REFRESH_REACH = Job("reports.refresh_reach")
REFRESH_AGREEMENTS = Job("reports.refresh_agreements")
REFRESH_COSTS = Job("reports.refresh_costs")
#: Every minute: count the months of the county that changed; until then reports count them.
REFRESH_CUTS = Job("reports.refresh_cuts")
#: Every minute: reports that were sent and whose days changed since are held against the books.
CHECK_SENT = Job("reports.check_sent")
#: Every few seconds, by as many workers as there are: parts of rollups that wait to be made from zero or proved.
WORK_ON_PARTS = Job("reports.work_on_parts")
#: Nightly: ask for every rollup to be recounted from its facts; a difference is an alarm, and its part is made anew.
COMPARE_ROLLUPS = Job("reports.compare_rollups")
#: Nightly: have the sent reports of a year checked again, whether or not their days were marked.
LOOK_AT_SENT = Job("reports.look_at_sent")
#: A long table is made as a file: id of the export.
MAKE_EXPORT = Job("reports.make_export")
#: Nightly: files whose time is over are deleted.
FORGET_EXPORTS = Job("reports.forget_exports")
