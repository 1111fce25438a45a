"""Figures across rooms, kept as rollups by jobs, and the command that proves the books.

Reads facts, writes only rollups. Promises: a rollup row equals a recount of its facts (the nightly job proves it); cost
follows the keys that changed; a report answers from rollups, inside the reader's own area, and says what it counts.
"""
