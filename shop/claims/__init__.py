"""Claims, 坏果包赔: a consumer reports spoiled goods, the firm answers, the county decides, money goes back.

Promises: only who received the goods claims, within the claim period and for no more than he accepted; what a claim is
worth is a formula and nobody's choice; an accepted claim is a refund of the payment, made by the same action as any
other. See docs/claims.md.
"""
