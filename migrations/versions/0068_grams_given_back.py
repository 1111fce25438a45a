"""What a call-off takes of its promise, where what was refused or not delivered goes back to, and what it calls again.

Revision ID: 0068
Revises: 0067
"""

import sqlalchemy as sa
from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled from the orders; of calls of before this it is not known which were to make good for others: none.

    No figure of the rollups but these columns changes, so nothing is marked.
    """
    for table in ("call_offs", "call_off_rollup"):
        op.add_column(table, sa.Column("stands_g", sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column("again_g", sa.BigInteger(), server_default="0", nullable=False))
        op.alter_column(table, "again_g", server_default=None)
    op.execute("ALTER TABLE call_offs DISABLE TRIGGER USER")
    op.execute(
        """
        UPDATE call_offs SET stands_g = CASE WHEN called.status = 'cancelled' THEN 0
            ELSE coalesce(accepted_g, order_lines.weight_g - cancelled_g, called.weight_g) END
        FROM call_offs AS called
        LEFT JOIN orders ON call_off_id = called.id LEFT JOIN order_lines ON order_id = orders.id
        WHERE called.id = call_offs.id
        """
    )
    op.execute("ALTER TABLE call_offs ENABLE TRIGGER USER")
    op.execute(
        "UPDATE call_off_rollup SET stands_g = call_offs.stands_g FROM call_offs"
        " WHERE call_offs.id = call_off_rollup.id"
    )
    op.execute("UPDATE call_off_rollup SET stands_g = 0 WHERE stands_g IS NULL")
    for table in ("call_offs", "call_off_rollup"):
        op.alter_column(table, "stands_g", nullable=False)
    op.create_check_constraint(
        op.f("ck_call_offs_stands"),
        "call_offs",
        "stands_g BETWEEN 0 AND weight_g AND (stands_g = 0 OR status <> 'cancelled')",
    )
    op.create_check_constraint(op.f("ck_call_offs_again"), "call_offs", "again_g BETWEEN 0 AND weight_g")


def downgrade() -> None:
    """It can be counted again from the orders; which calls were to make good for others is lost."""
    for name in ("again", "stands"):
        op.drop_constraint(op.f(f"ck_call_offs_{name}"), "call_offs", type_="check")
    for table in ("call_off_rollup", "call_offs"):
        op.drop_column(table, "again_g")
        op.drop_column(table, "stands_g")
