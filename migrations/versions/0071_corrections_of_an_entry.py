"""The corrections of an entry of income are found by an index: a slip's costs ask for them.

Revision ID: 0071
Revises: 0070
"""

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None

NAME = "ix_income_entries_corrects_id"


def upgrade() -> None:
    """Only entries that correct another stand in it."""
    op.create_index(op.f(NAME), "income_entries", ["corrects_id"], postgresql_where=sa.text("corrects_id IS NOT NULL"))


def downgrade() -> None:
    """Without it."""
    op.drop_index(op.f(NAME), table_name="income_entries")
