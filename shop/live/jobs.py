"""Names of the jobs of live sessions."""

from shop.kit.job import Job

#: Every minute: sessions that should have ended are ended, what they set aside goes back.
END_OVERDUE = Job("live.end_overdue")

#: Daily: where recordings lie is forgotten when nobody need keep them any more.
FORGET_RECORDINGS = Job("live.forget_recordings")

#: Every minute: ended sessions without an open order are settled, their slot fees booked.
SETTLE_ENDED = Job("live.settle_ended")
