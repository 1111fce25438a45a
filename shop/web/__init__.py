"""Pages for people: the campaign's front page, and the simulated provider's payment page.

Calls the same queries and actions as the API; templates hold no rule.
"""
