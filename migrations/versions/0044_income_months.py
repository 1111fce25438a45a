"""Months of a household and firm, a column for each kind of income: what reports over many households read.

Revision ID: 0044
Revises: 0043
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

KINDS = ("sale", "patronage", "wage", "land_rent", "dividend", "subsidy")


def upgrade() -> None:
    """Filled from the rollup as it stands; a mark that waits answers for both."""
    op.create_table(
        "income_months",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        *(sa.Column(f"{kind}_fen", sa.BigInteger(), nullable=True) for kind in KINDS),
        sa.PrimaryKeyConstraint("month", "household_id", "firm_id", name=op.f("pk_income_months")),
    )
    # Changed again and again in place: room in each page keeps a new version beside the old one.
    op.execute("ALTER TABLE income_months SET (fillfactor = 70)")
    sums = ", ".join(f"sum(amount_fen) FILTER (WHERE kind = '{kind}')::bigint" for kind in KINDS)
    op.execute(
        f"INSERT INTO income_months SELECT month, household_id, firm_id, sum(amount_fen)::bigint,"
        f" sum(weight_g)::bigint, {sums} FROM income_rollup GROUP BY month, household_id, firm_id"
    )
    # Nobody looks for a household's rows in the finer rollup any more.
    op.drop_index(op.f("ix_income_rollup_household_id_month"), "income_rollup")


def downgrade() -> None:
    """A rollup only: nothing is lost that a job cannot make again."""
    op.create_index(op.f("ix_income_rollup_household_id_month"), "income_rollup", ["household_id", "month"])
    op.drop_table("income_months")
