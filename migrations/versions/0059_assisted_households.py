"""An index of assisted households: every report that counts families asks who of them is assisted.

Revision ID: 0059
Revises: 0058
"""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A fifth of the households or fewer, read without reading all."""
    op.create_index("ix_households_assisted", "households", ["id"], postgresql_where=sa.text("is_assisted"))


def downgrade() -> None:
    """Reports read all households again."""
    op.drop_index("ix_households_assisted", "households")
