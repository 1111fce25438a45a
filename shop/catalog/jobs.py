"""Jobs of the catalogue."""

from shop.kit.job import Job

#: Daily: firm and county are reminded of papers that expire soon.
FIND_EXPIRING = Job("catalog.find_expiring")
