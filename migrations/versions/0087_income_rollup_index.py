"""The rollup of income loses an index that no report reads since cuts are kept for each firm.

Revision ID: 0087
Revises: 0086
"""

from alembic import op

revision = "0087"
down_revision = "0086"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """It was a sixth of what it takes to make the rollup from nothing."""
    op.drop_index("ix_income_rollup_firm_id_month", table_name="income_rollup")


def downgrade() -> None:
    """As it was."""
    op.create_index("ix_income_rollup_firm_id_month", "income_rollup", ["firm_id", "month"])
