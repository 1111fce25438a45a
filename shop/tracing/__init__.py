"""Where a lot went, and where a sale came from: down to buyers, up to slips and villages. Reads only.

Promises: everybody sees what his role needs and no more (docs/lots.md): buyers are masked, households are codes, and
who bought sees villages and no household.
"""
