"""What links brought, and whom cadres help.

Promises: figures of a link are counted from orders, settlements and sales that reached households, never added up by
hand; a partner sees his own, the county all; own orders stand apart. Rules and sources: docs/links.md. Called by web;
a stranger to live, marketplaces and rounds. Links themselves, and which of them an order is counted for, are channels'.
"""
