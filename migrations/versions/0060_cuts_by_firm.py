"""Cuts of a county's months for each firm too: its villages, products and channels, which it read from its households.

Revision ID: 0060
Revises: 0059
"""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

TABLES = ("income_cuts", "income_product_cuts", "cost_cuts", "reach_cuts")
BELOW = (("income_cuts", "income_months"), ("cost_cuts", "cost_rollup"), ("reach_cuts", "reach_rollup"))
KEY = ("month", "cut", "township_id", "own_id")


def upgrade() -> None:
    """Every month is marked: it is counted when it is read until the job has been there."""
    for table in TABLES:
        op.execute(f"TRUNCATE {table}")
        op.drop_constraint(op.f(f"pk_{table}"), table)
        op.add_column(table, sa.Column("firm_id", sa.BigInteger(), nullable=False))
        op.create_primary_key(op.f(f"pk_{table}"), table, ["month", "cut", "firm_id", *KEY[2:]])
    _mark()


def _mark() -> None:
    for rollup, below in BELOW:
        op.execute(f"INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT '{rollup}', month FROM {below}")


def downgrade() -> None:
    """The same, the other way round."""
    for table in TABLES:
        op.execute(f"TRUNCATE {table}")
        op.drop_constraint(op.f(f"pk_{table}"), table)
        op.drop_column(table, "firm_id")
        op.create_primary_key(op.f(f"pk_{table}"), table, list(KEY))
    _mark()
