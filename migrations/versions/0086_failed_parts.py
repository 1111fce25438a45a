"""A part of a rollup that failed says how often and by what kind of error, and waits for its next try.

Revision ID: 0086
Revises: 0085
"""

import sqlalchemy as sa
from alembic import op

revision = "0086"
down_revision = "0085"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is known of failures before."""
    op.add_column("rollup_parts", sa.Column("attempts", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("rollup_parts", sa.Column("due_at", sa.DateTime(timezone=True)))
    op.add_column("rollup_parts", sa.Column("error", sa.String(40)))


def downgrade() -> None:
    """The first part is tried at each look, as before."""
    for column in ("error", "due_at", "attempts"):
        op.drop_column("rollup_parts", column)
