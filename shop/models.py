"""Every table, imported once: what migrations compare against and what `create_app` needs before the first query."""

from shop.access import models as access
from shop.agreements import models as agreements
from shop.campaigns import models as campaigns
from shop.catalog import models as catalog
from shop.channels import models as channels
from shop.claims import models as claims
from shop.collectives import models as collectives
from shop.farmers import models as farmers
from shop.income import models as income
from shop.inquiries import models as inquiries
from shop.kit import dirty, idempotency, jobs, states, versions
from shop.ledger import models as ledger
from shop.links import models as links
from shop.live import models as live
from shop.marketplaces import models as marketplaces
from shop.orders import models as orders
from shop.payments import models as payments
from shop.places import models as places
from shop.reports import models as reports
from shop.rounds import models as rounds
from shop.settlement import models as settlement
from shop.stock import models as stock
from shop.units import models as units

__all__ = [
    "access",
    "agreements",
    "campaigns",
    "catalog",
    "channels",
    "claims",
    "collectives",
    "dirty",
    "farmers",
    "idempotency",
    "income",
    "inquiries",
    "jobs",
    "ledger",
    "links",
    "live",
    "marketplaces",
    "orders",
    "payments",
    "places",
    "reports",
    "rounds",
    "settlement",
    "states",
    "stock",
    "units",
    "versions",
]  # fmt: skip
