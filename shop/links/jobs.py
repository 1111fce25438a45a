"""Jobs about links."""

from shop.kit.job import Job

#: Daily: signs that the county should look at are counted anew.
FIND_SIGNS = Job("links.find_signs")
