"""People, parties, roles, tokens: who speaks, and for whom.

A *party* is anybody who can own something here: the county, a township, a firm, a buyer, a shop, a cadre, a host, a
household, a customer. A *grant* lets a person act for a party in a role. `guard.py` is the one place that decides
what an actor may do and which rows he may see. Every room above may call it.
"""
