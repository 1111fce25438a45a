"""Sales by partner of all firms together: what the county reads, as many rows as partners instead of pairs.

Revision ID: 0057
Revises: 0056
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

SALES = ("sales", "sales_months")
OTHERS = (
    "receivables", "income", "reach", "agreements", "costs", "income_cuts", "cost_cuts", "reach_cuts", "income_days",
)  # fmt: skip
MADE = (("partner_days", "day", "partner_sales_rollup"), ("partner_months", "month", "partner_sales_months"))
OF = ("channel_id", "partner_id", "occasion_id")
FLAGS = ("is_own", "from_file")
FIGURES = ("orders", "weight_g", "amount_fen", "refunded_fen", "net_fen")


def upgrade() -> None:
    """Two tables, filled at once from those by firm: a report is as right as before."""
    for name, when, by_firm in MADE:
        key = (when, *OF, *FLAGS)
        op.create_table(
            name,
            sa.Column(when, sa.Date(), nullable=False),
            *(sa.Column(column, sa.BigInteger(), nullable=False) for column in OF),
            *(sa.Column(column, sa.Boolean(), nullable=False) for column in FLAGS),
            *(sa.Column(figure, sa.BigInteger(), nullable=False) for figure in FIGURES),
            sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")),
        )
        # Changed again and again in place: room in each page keeps a new version beside the old one.
        op.execute(f"ALTER TABLE {name} SET (fillfactor = 70)")
        columns, sums = ", ".join(key), ", ".join(f"sum({figure})" for figure in FIGURES)
        op.execute(
            f"INSERT INTO {name} ({columns}, {', '.join(FIGURES)})"
            f" SELECT {columns}, {sums} FROM {by_firm} GROUP BY {columns} ORDER BY {columns}"
        )
    _rollups_known((*SALES, *(name for name, _, _ in MADE), *OTHERS))


def _rollups_known(rollups: Sequence[str]) -> None:
    listed = ", ".join(f"'{rollup}'" for rollup in rollups)
    op.drop_constraint(op.f("ck_rollup_parts_rollup_known"), "rollup_parts")
    op.create_check_constraint(op.f("ck_rollup_parts_rollup_known"), "rollup_parts", f"rollup IN ({listed})")


def downgrade() -> None:
    """Rollups only: nothing is lost that a job cannot make again."""
    for name, _, _ in MADE:
        op.execute(f"DELETE FROM dirty_keys WHERE rollup = '{name}'")
        op.execute(f"DELETE FROM rollup_parts WHERE rollup = '{name}'")
    _rollups_known((*SALES, *OTHERS))
    for name, _, _ in MADE:
        op.drop_table(name)
