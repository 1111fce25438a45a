"""Jobs about agreements."""

from shop.kit.job import Job

#: Daily: agreements whose end is near are to be reminded of.
FIND_ENDING = Job("agreements.find_ending")

#: Every five minutes: files of market quotes that lie in the inbox are taken in, each once.
FETCH_QUOTES = Job("agreements.fetch_quotes")

#: Both sides are to be reminded that an agreement ends: agreement id, days before, its last day (ordinal).
REMIND_END = Job("agreements.remind_end")
