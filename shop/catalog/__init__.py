"""Firms, products, packs, dated price lists with tiers, certificates, listing approval.

Promises: every price carries its unit (per pack, with per 斤 and per kg beside it); a certificate is shown as held
only while it is verified and valid; papers gate the sale. `reference.py` keeps the whole catalogue in the process with
a version, so that a hot read costs one statement.
"""
