"""Sales by dekad, the third of a month: a report over part of a month reads a row instead of ten.

Revision ID: 0058
Revises: 0057
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

NEW = ("sales_dekads", "partner_dekads")
ROLLUPS = (
    "sales", "sales_dekads", "sales_months", "partner_days", "partner_dekads", "partner_months", "receivables",
    "income", "reach", "agreements", "costs", "income_cuts", "cost_cuts", "reach_cuts", "income_days",
)  # fmt: skip
OF_PARTNER = ("partner_id", "occasion_id", "is_own", "from_file")
BOUGHT = ("orders", "weight_g", "amount_fen", "refunded_fen", "net_fen")
#: Each with the days that it is counted from, its key after the dekad, and its figures.
MADE = (
    ("sales_dekads", "sales_rollup", ("firm_id", "channel_id"), (
        "orders", "settled_orders", "weight_g", "paid_fen", "refunded_fen", "net_fen", "firm_fen", "host_fen",
        "platform_fen", "carrier_fen", "coupon_fen", "open_fen", "held_fen", "due_fen",
    )),
    ("product_sales_dekads", "product_sales_rollup", ("firm_id", "channel_id", "product_id"), ("lines", *BOUGHT[1:])),
    ("partner_sales_dekads", "partner_sales_rollup", ("firm_id", "channel_id", *OF_PARTNER), BOUGHT),
    ("partner_dekads", "partner_days", ("channel_id", *OF_PARTNER), BOUGHT),
)  # fmt: skip
DEKAD = "date_trunc('month', day)::date + least((extract(day FROM day)::int - 1) / 10, 2) * 10"


def upgrade() -> None:
    """Four tables, filled at once from those by day: a report is as right as before."""
    for name, by_day, of, figures in MADE:
        op.create_table(
            name,
            sa.Column("dekad", sa.Date(), nullable=False),
            *(sa.Column(one, sa.BigInteger() if one.endswith("_id") else sa.Boolean(), nullable=False) for one in of),
            *(
                sa.Column(one, sa.BigInteger(), nullable=False, server_default="0" if one == "coupon_fen" else None)
                for one in figures
            ),
            sa.PrimaryKeyConstraint("dekad", *of, name=op.f(f"pk_{name}")),
        )
        # Changed again and again in place: room in each page keeps a new version beside the old one.
        op.execute(f"ALTER TABLE {name} SET (fillfactor = 70)")
        key, sums = ", ".join(of), ", ".join(f"sum({figure})" for figure in figures)
        op.execute(
            f"INSERT INTO {name} (dekad, {key}, {', '.join(figures)})"
            f" SELECT {DEKAD}, {key}, {sums} FROM {by_day} GROUP BY {DEKAD}, {key} ORDER BY {DEKAD}, {key}"
        )
    _rollups_known(ROLLUPS)


def _rollups_known(rollups: Sequence[str]) -> None:
    listed = ", ".join(f"'{rollup}'" for rollup in rollups)
    op.drop_constraint(op.f("ck_rollup_parts_rollup_known"), "rollup_parts")
    op.create_check_constraint(op.f("ck_rollup_parts_rollup_known"), "rollup_parts", f"rollup IN ({listed})")


def downgrade() -> None:
    """Rollups only: nothing is lost that a job cannot make again."""
    for name in NEW:
        op.execute(f"DELETE FROM dirty_keys WHERE rollup = '{name}'")
        op.execute(f"DELETE FROM rollup_parts WHERE rollup = '{name}'")
    _rollups_known([rollup for rollup in ROLLUPS if rollup not in NEW])
    for name, _, _, _ in MADE:
        op.drop_table(name)
