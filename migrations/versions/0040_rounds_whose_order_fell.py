"""A round may be cancelled after it was ordered, when its order is.

Revision ID: 0040
Revises: 0039
"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

HELD = "(order_id IS NOT NULL) = (status IN ('ordered', 'finished'))"


def upgrade() -> None:
    """Let a cancelled round keep its order."""
    _check(f"status = 'cancelled' OR {HELD}")


def downgrade() -> None:
    """As before; a round that was cancelled with its order counts as ordered again."""
    op.execute("UPDATE rounds SET status = 'ordered' WHERE status = 'cancelled' AND order_id IS NOT NULL")
    _check(HELD)


def _check(held: str) -> None:
    op.drop_constraint(op.f("ck_rounds_ordered_has_order"), "rounds", type_="check")
    op.create_check_constraint(op.f("ck_rounds_ordered_has_order"), "rounds", held)
