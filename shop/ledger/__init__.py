"""Double entry: accounts, journals, postings.

Promises: every journal sums to zero and has at least two postings; nothing is ever edited or deleted (the database
refuses); one journal per source event and kind, so that posting twice posts once. A debit is positive, a credit
negative: what we owe a party stands as a negative balance. Rooms above post through `actions.post()`.
"""
