"""The demo season: a seeded year of sales through all five channels, made by the real actions with a walking clock.

Promises: it plays only on a database without orders of its own; it can be stopped at any moment and goes on where it
was; nothing is written past the actions. Names carry （示例）. Passwords stand here only; the command prints them.
"""
