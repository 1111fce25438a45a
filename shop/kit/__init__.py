"""Tools without a business word in them: database, money, weight, time, states, errors, jobs, HTTP manners.

Promises: one transaction per request with the only commit (`db.transaction`), sums that always add up (`money.split`),
one place that moves a state (`states.advance`), one shape of error (`errors.DomainError`).
Everybody may call it; it calls nobody.
"""
