"""Buying rounds (团购) of a unit: colleagues join by a link, the organiser closes the round into one bulk order.

Promises: joining is voluntary and needs no account; whoever joins holds a secret of his own to change or withdraw until
the closing time; what a round orders is the sum of what its members asked for, at the tier of that sum; nobody is
ranked, nobody has a quota, and who did not buy stands nowhere: who withdraws leaves no row. Rules and sources:
docs/rounds.md. Called by web and reports; calls orders to place, never the other way.
"""
