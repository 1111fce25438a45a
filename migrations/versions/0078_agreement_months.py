"""Promises by month, and what call-offs add up to by line: reports over hundreds of agreements added up every day.

Revision ID: 0078
Revises: 0077
"""

import sqlalchemy as sa
from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None

MONTHS, LINES = "agreement_months", "call_off_lines"
PROMISED = ("due_g", "called_g", "dispatched_g", "accepted_g", "refused_g", "executed_fen")
CALLED = ("recalled_g", "taken_g", "beside_g")


def upgrade() -> None:
    """Two tables, filled at once from the rollups that they add up: a report is as right as before."""
    op.create_table(
        MONTHS,
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in PROMISED),
        sa.PrimaryKeyConstraint("line_id", "month", name=op.f(f"pk_{MONTHS}")),
    )
    op.create_table(
        LINES,
        sa.Column("line_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in CALLED),
        sa.PrimaryKeyConstraint("line_id", name=op.f(f"pk_{LINES}")),
    )
    sums = ", ".join(f"sum({name})" for name in PROMISED)
    op.execute(
        f"""
        INSERT INTO {MONTHS} (line_id, month, agreement_id, {", ".join(PROMISED)})
        SELECT line_id, date_trunc('month', due_on)::date, agreement_id, {sums}
        FROM agreement_rollup GROUP BY 1, 2, 3
        """
    )
    op.execute(
        f"""
        INSERT INTO {LINES} (line_id, agreement_id, {", ".join(CALLED)})
        SELECT line_id, agreement_id,
            coalesce(sum(again_g) FILTER (WHERE status <> 'cancelled' OR cancelled_by = 'firm'), 0),
            coalesce(sum(weight_g - again_g) FILTER (WHERE cancelled_by IS DISTINCT FROM 'buyer'), 0),
            coalesce(sum(weight_g - again_g) FILTER (WHERE cancelled_by = 'buyer' AND schedule_day IS NULL), 0)
        FROM call_off_rollup GROUP BY 1, 2
        """
    )
    for table in (MONTHS, LINES):
        # Changed again and again in place: room in each page keeps a new version beside the old one.
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 70)")
        op.create_index(op.f(f"ix_{table}_agreement_id"), table, ["agreement_id"])


def downgrade() -> None:
    """Rollups only: nothing is lost that a job cannot make again."""
    op.drop_table(LINES)
    op.drop_table(MONTHS)
