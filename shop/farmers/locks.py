"""Locks by name that this room and those above it take (`kit.db.hold`)."""

#: Files of the county and batches of slips wait for one another: two at once could each find the other's rows missing.
#: Who records a single family shares it: files read all households before they write theirs.
IMPORTS = "shop.imports"
