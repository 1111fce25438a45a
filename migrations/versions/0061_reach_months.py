"""Sales reached by household and firm, without product and channel: what most reports read of them.

Revision ID: 0061
Revises: 0060
"""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

KEY = ("month", "household_id", "firm_id")
FIGURES = ("weight_g", "amount_fen")


def upgrade() -> None:
    """A table, filled at once from the rollup: a report is as right as before."""
    op.create_table(
        "reach_months",
        sa.Column("month", sa.Date(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in (*KEY[1:], *FIGURES)),
        sa.PrimaryKeyConstraint(*KEY, name=op.f("pk_reach_months")),
    )
    # Changed again and again in place: room in each page keeps a new version beside the old one.
    op.execute("ALTER TABLE reach_months SET (fillfactor = 70)")
    key, sums = ", ".join(KEY), ", ".join(f"sum({figure})" for figure in FIGURES)
    op.execute(
        f"INSERT INTO reach_months ({key}, {', '.join(FIGURES)})"
        f" SELECT {key}, {sums} FROM reach_rollup GROUP BY {key} ORDER BY {key}"
    )
    op.create_index(op.f("ix_reach_months_firm_id_month"), "reach_months", ["firm_id", "month"])


def downgrade() -> None:
    """A rollup only: nothing is lost that a job cannot make again."""
    op.drop_table("reach_months")
