"""Who gets how much of an accepted order: exact shares, one balanced journal, statements of firms and hosts.

Promises: firm + host + platform + carrier is exactly paid - refunded (or the accepted invoice), to the fen; settling
twice settles once; a refund after settlement is a negative line of its own, never an edit.
"""
