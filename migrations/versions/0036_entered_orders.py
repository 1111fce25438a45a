"""The buyer's own number on an order, and the role of who entered it for him.

Revision ID: 0036
Revises: 0035
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Both are empty on orders that were placed by their buyers without a number."""
    op.add_column("orders", sa.Column("reference", sa.String(length=40), nullable=True))
    op.add_column("orders", sa.Column("entered_as", sa.String(length=40), nullable=True))
    op.create_index(
        "uq_orders_reference", "orders", ["partner_id", "reference"], unique=True,
        postgresql_where=sa.text("reference IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    """Take them off again."""
    op.drop_index("uq_orders_reference", "orders", postgresql_where=sa.text("reference IS NOT NULL"))
    op.drop_column("orders", "entered_as")
    op.drop_column("orders", "reference")
