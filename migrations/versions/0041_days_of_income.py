"""Parts of a month of income are found by the day that counts, and a firm's income by the firm.

Revision ID: 0041
Revises: 0040
"""

from alembic import op
from sqlalchemy import text

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Indexes alone: no figure changes."""
    op.create_index(
        "ix_income_entries_counted", "income_entries", ["month", text("greatest(earned_on, month)"), "firm_id"],
        postgresql_include=["household_id", "amount_fen", "earned_on"],
    )  # fmt: skip
    op.create_index(op.f("ix_income_rollup_firm_id_month"), "income_rollup", ["firm_id", "month"])


def downgrade() -> None:
    op.drop_index(op.f("ix_income_rollup_firm_id_month"), "income_rollup")
    op.drop_index("ix_income_entries_counted", "income_entries")
