"""A household that was put into a group by mistake never was in it.

Revision ID: 0077
Revises: 0076
"""

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None

NAME = "uq_household_ties_standing"


def upgrade() -> None:
    """A tie that is void stands no more."""
    op.add_column("household_ties", sa.Column("void_reason", sa.Text(), nullable=True))
    _standing("ends_on IS NULL AND void_reason IS NULL")


def downgrade() -> None:
    """As it was; a database that holds a void tie refuses to go back."""
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM household_ties WHERE void_reason IS NOT NULL) THEN
                RAISE EXCEPTION 'void ties have no place in the table before';
            END IF;
        END $$
        """
    )
    _standing("ends_on IS NULL")
    op.drop_column("household_ties", "void_reason")


def _standing(which: str) -> None:
    op.drop_index(NAME, table_name="household_ties")
    op.create_index(NAME, "household_ties", ["household_id", "group_id"], unique=True, postgresql_where=sa.text(which))
