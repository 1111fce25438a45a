"""Lots made of deliveries, pools of stock in grams, holds on them, and the log of what physically moved.

Promises: stock is never below zero, and a race for the last box is decided by one guarded statement; expired lots leave
by a sweep; lots are picked at dispatch, oldest first. One pool per product is open to all; a session may have a pool of
its own, filled by moving stock out of the open one.
"""
