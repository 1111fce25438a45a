"""Campaigns (年货节, 桃花节…): goals, products and prices of each, how far it has come, and the last one beside it.

Promises: a goal stands on a campaign, a channel, a township or a unit, never on a cadre (the database refuses it);
money is what was settled, households are those whose produce was sold, each counted once; a campaign opens and closes
by its days, so no job can be late. Rules and sources: docs/campaigns.md.
"""
