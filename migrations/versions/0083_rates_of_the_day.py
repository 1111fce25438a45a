"""Sales that an older version counted by another rate than that of their day are counted anew.

Revision ID: 0083
Revises: 0082
"""

from alembic import op

revision = "0083"
down_revision = "0082"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The job of the first rate a kg of each product is asked for: it counts all sales since by their day."""
    op.execute(
        "INSERT INTO outbox (job, ids, created_at) SELECT 'income.count_costs', jsonb_build_array(id), now()"
        " FROM (SELECT DISTINCT ON (product_id) id FROM cost_rates WHERE basis = 'kg'"
        " ORDER BY product_id, valid_from, id) AS first"
    )


def downgrade() -> None:
    """Nothing: what was counted stands, by lines of its own."""
