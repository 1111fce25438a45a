"""An online shop may be a storefront of our own: its shelf is our pages.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
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
