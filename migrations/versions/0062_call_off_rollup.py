"""What became of each call-off, kept by the job: reports over hundreds of agreements looked up every order.

Revision ID: 0062
Revises: 0061
"""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table, filled at once from the facts: a report is as right as before."""
    op.create_table(
        "call_off_rollup",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("cancelled_by", sa.String(32)),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("schedule_day", sa.Date()),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("order_status", sa.String(32)),
        sa.Column("owed_on", sa.Date()),
        sa.Column("paid_fen", sa.BigInteger()),
        sa.Column("accepted_g", sa.BigInteger(), nullable=False),
        sa.Column("accepted_fen", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_off_rollup")),
    )
    # Changed again and again in place: room in each page keeps a new version beside the old one.
    op.execute("ALTER TABLE call_off_rollup SET (fillfactor = 70)")
    op.execute(
        """
        INSERT INTO call_off_rollup
        SELECT call_offs.id, agreement_id, line_id, call_offs.status, cancelled_by, call_offs.due_on, schedule_day,
            weight_g, order_status, owed_on, paid_fen, coalesce(accepted_g, 0), accepted_fen
        FROM call_offs LEFT JOIN (
            SELECT call_off_id, orders.status AS order_status, orders.due_on AS owed_on, paid_fen,
                sum(accepted_g) AS accepted_g, sum(accepted_fen) AS accepted_fen
            FROM orders JOIN order_lines ON order_id = orders.id WHERE call_off_id IS NOT NULL GROUP BY orders.id
        ) AS taken ON call_off_id = call_offs.id
        """
    )
    op.create_index(op.f("ix_call_off_rollup_agreement_id"), "call_off_rollup", ["agreement_id"])


def downgrade() -> None:
    """A rollup only: nothing is lost that a job cannot make again."""
    op.drop_table("call_off_rollup")
