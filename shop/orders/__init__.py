"""Orders: pricing, placing, approving, dispatching, accepting, cancelling, expiring.

Promises: one order has one channel, one partner, one seller; its price is the server's; placing costs three
statements; a repeat of the same request gets the same answer; only `advance()` moves a status. What differs between
channels is read from `channels.policies` axis by axis.
"""
