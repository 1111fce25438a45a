"""Campaign, the five channels, partners, occasions, sale links.

Promises: a channel's nature is one row of `policies.py`, pure data, and nobody outside this room names a channel; a
partner's kind fits its channel; a cadre cannot be paid (the database refuses a rate).
"""
