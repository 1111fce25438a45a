"""A missed day keeps what it had asked for: an amendment spreads it anew.

Revision ID: 0080
Revises: 0079
"""

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0079"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The weight, as the schedule has it."""
    op.add_column("missed_days", sa.Column("weight_g", sa.BigInteger(), nullable=True))
    op.execute("ALTER TABLE missed_days DISABLE TRIGGER missed_days_append_only")
    op.execute(
        "UPDATE missed_days SET weight_g = due_weights.weight_g FROM due_weights"
        " WHERE due_weights.line_id = missed_days.line_id AND due_weights.due_on = missed_days.due_on"
    )
    op.execute("ALTER TABLE missed_days ENABLE TRIGGER missed_days_append_only")
    op.alter_column("missed_days", "weight_g", nullable=False)


def downgrade() -> None:
    """As it was."""
    op.drop_column("missed_days", "weight_g")
