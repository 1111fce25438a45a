"""Jobs about marketplaces."""

from shop.kit.job import Job

#: A line was told of: bring our order to where the marketplace is. Id of the line.
FOLLOW = Job("marketplaces.follow")

#: Every minute: lines that are behind what was told, because a job was lost or stock lacked, are followed again.
FOLLOW_AGAIN = Job("marketplaces.follow_again")
