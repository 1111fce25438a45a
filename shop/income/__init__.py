"""What a household earned: entries from deliveries, wages, rents and surplus; and which sales its produce reached.

Promises: one entry per source event; every entry has its journal; cash received and sales reached are two measures and
are never added; gross sales are never called net income; a closed month is corrected in the open one.
"""
