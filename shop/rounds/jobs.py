"""Jobs about buying rounds."""

from shop.kit.job import Job

#: Every minute: rounds whose closing time has come are closed and ordered, those whose order was cancelled cancelled,
#: and what was set aside for rounds that are over goes back to open stock.
CLOSE_DUE = Job("rounds.close_due")

#: Daily: who joined rounds that were over half a year ago is forgotten.
FORGET_PEOPLE = Job("rounds.forget_people")
