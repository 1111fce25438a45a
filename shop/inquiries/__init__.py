"""Inquiries (询价): a buyer asks a firm for its price, the firm offers until a day, the buyer accepts once.

Promises: an accepted offer becomes exactly one thing, a draft agreement or a bulk order at the offered prices, whoever
accepts it at the same time; after its last day it becomes nothing. Rules: docs/inquiries.md. Calls orders and
agreements, never the other way.
"""
