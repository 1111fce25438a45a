"""The second word of a reopening stands though the clock was set back since the first.

Revision ID: 0056
Revises: 0055
"""

from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Which word was the first is what was written first."""
    op.drop_constraint(op.f("ck_agreement_reopenings_times_ordered"), "agreement_reopenings", type_="check")


def downgrade() -> None:
    """Not for the rows that are there: of one of them the clock may have been set back."""
    op.create_check_constraint(
        op.f("ck_agreement_reopenings_times_ordered"), "agreement_reopenings", "consented_at >= asked_at",
        postgresql_not_valid=True,
    )  # fmt: skip
