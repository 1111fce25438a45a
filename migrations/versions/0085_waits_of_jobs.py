"""A job that failed waits in the outbox for its next try, and its row says what kind of error it was.

Revision ID: 0085
Revises: 0084
"""

import sqlalchemy as sa
from alembic import op

revision = "0085"
down_revision = "0084"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was given up before has no kind of error."""
    op.add_column("outbox", sa.Column("due_at", sa.DateTime(timezone=True)))
    op.add_column("outbox", sa.Column("error", sa.String(40)))


def downgrade() -> None:
    """What waits leaves with the next relay."""
    op.drop_column("outbox", "error")
    op.drop_column("outbox", "due_at")
