"""Cost rates that were keyed wrong are void, and their day may have the right one.

Revision ID: 0075
Revises: 0074
"""

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None

ONCE = op.f("uq_cost_rates_product_id_basis_valid_from")
ONE_AT_A_TIME = op.f("uq_cost_rates_product_id_basis_valid_from_replaces_id")
REPLACES = op.f("fk_cost_rates_replaces_id")


def upgrade() -> None:
    """A day has one rate at first, and another one in the place of each that is void."""
    op.create_table(
        "cost_rate_voids",
        sa.Column("rate_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rate_id"], ["cost_rates.id"], name=op.f("fk_cost_rate_voids_rate_id")),
        sa.PrimaryKeyConstraint("rate_id", name=op.f("pk_cost_rate_voids")),
    )
    op.execute(
        "CREATE TRIGGER cost_rate_voids_append_only BEFORE UPDATE OR DELETE ON cost_rate_voids "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.add_column("cost_rates", sa.Column("replaces_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(REPLACES, "cost_rates", "cost_rate_voids", ["replaces_id"], ["rate_id"])
    op.drop_constraint(ONCE, "cost_rates", type_="unique")
    op.create_unique_constraint(
        ONE_AT_A_TIME, "cost_rates", ["product_id", "basis", "valid_from", "replaces_id"],
        postgresql_nulls_not_distinct=True,
    )  # fmt: skip


def downgrade() -> None:
    """As it was; a database that holds a void rate refuses to go back."""
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM cost_rate_voids) THEN
                RAISE EXCEPTION 'void cost rates have no place in the tables before';
            END IF;
        END $$
        """
    )
    op.drop_constraint(ONE_AT_A_TIME, "cost_rates", type_="unique")
    op.create_unique_constraint(ONCE, "cost_rates", ["product_id", "basis", "valid_from"])
    op.drop_constraint(REPLACES, "cost_rates", type_="foreignkey")
    op.drop_column("cost_rates", "replaces_id")
    op.drop_table("cost_rate_voids")
