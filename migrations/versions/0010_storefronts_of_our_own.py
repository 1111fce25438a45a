"""An online shop may be a storefront of our own: its shelf is our pages.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody is one until the county says so."""
    op.add_column("partners", sa.Column("storefront", sa.Boolean(), server_default="false", nullable=False))
    op.create_check_constraint(
        op.f("ck_partners_only_shops_have_a_storefront"), "partners", "NOT storefront OR kind = 'shop'"
    )


def downgrade() -> None:
    """The way back."""
    op.drop_constraint(op.f("ck_partners_only_shops_have_a_storefront"), "partners", type_="check")
    op.drop_column("partners", "storefront")
