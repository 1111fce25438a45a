"""Parcels that were signed for, and the days after which a consumer's goods count as received.

Revision ID: 0030
Revises: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table and a column, nothing to fill in: of parcels sent before nobody noted whether they were signed for."""
    op.create_table(
        "receipt_rules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("signed_days", sa.SmallInteger(), nullable=False),
        sa.Column("days", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "1 <= signed_days AND signed_days <= days AND days <= 60", name=op.f("ck_receipt_rules_days_sensible")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_rules")),
        sa.UniqueConstraint("valid_from", name=op.f("uq_receipt_rules_valid_from")),
    )
    op.add_column("dispatches", sa.Column("signed_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_orders_to_receive", "orders", ["id"], unique=False, postgresql_where=sa.text("status = 'dispatched'")
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_index("ix_orders_to_receive", "orders", postgresql_where=sa.text("status = 'dispatched'"))
    op.drop_column("dispatches", "signed_on")
    op.drop_table("receipt_rules")
