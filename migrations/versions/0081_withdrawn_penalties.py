"""A penalty that was claimed may be withdrawn by the side that claimed it.

Revision ID: 0081
Revises: 0080
"""

from alembic import op

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None

KNOWN = op.f("ck_penalty_proposals_status_known")
BEFORE = "'proposed', 'claimed', 'deposit_taken', 'waived'"


def upgrade() -> None:
    """One more state."""
    _known(f"{BEFORE}, 'withdrawn'")


def downgrade() -> None:
    """As it was; a database that holds a withdrawn claim refuses to go back."""
    _known(BEFORE)


def _known(states: str) -> None:
    op.drop_constraint(KNOWN, "penalty_proposals", type_="check")
    op.create_check_constraint(KNOWN, "penalty_proposals", f"status IN ({states})")
