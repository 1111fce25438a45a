"""A joining that never was: its time at the firm is void, and says no more that the household was there.

Revision ID: 0073
Revises: 0072
"""

import sqlalchemy as sa
from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None

STANDING = "uq_membership_spells_standing"
OF = ["household_id", "firm_id"]


def upgrade() -> None:
    """Every time at a firm stands as it was; which they are at a firm is found by an index."""
    op.add_column("membership_spells", sa.Column("void", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.drop_index(STANDING, table_name="membership_spells")
    op.create_index(
        STANDING, "membership_spells", OF, unique=True, postgresql_where=sa.text("left_on IS NULL AND NOT void")
    )
    op.create_index(op.f("ix_membership_spells_household_id_firm_id"), "membership_spells", OF)


def downgrade() -> None:
    """As it was; a database that holds a void time at a firm refuses to go back."""
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM membership_spells WHERE void) THEN
                RAISE EXCEPTION 'joinings that never were have no place in the table before';
            END IF;
        END $$
        """
    )
    op.drop_index(op.f("ix_membership_spells_household_id_firm_id"), table_name="membership_spells")
    op.drop_index(STANDING, table_name="membership_spells")
    op.create_index(STANDING, "membership_spells", OF, unique=True, postgresql_where=sa.text("left_on IS NULL"))
    op.drop_column("membership_spells", "void")
