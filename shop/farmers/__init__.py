"""Households, their relation to firms, and the produce they hand in.

Promises: a household is known by a code, its assisted status is seen on need only; a delivery slip counts once and is
never edited after it is booked. Called by stock (lots are made of deliveries) and income.
"""
