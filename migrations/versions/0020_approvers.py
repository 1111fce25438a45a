"""Who approves what a partner buys for itself.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row for each approver of a partner."""
    op.create_table(
        "partner_approvers",
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_partner_approvers_partner_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_partner_approvers_person_id")),
        sa.PrimaryKeyConstraint("partner_id", "person_id", name=op.f("pk_partner_approvers")),
    )


def downgrade() -> None:
    """Each buyer of a partner approves again."""
    op.drop_table("partner_approvers")
