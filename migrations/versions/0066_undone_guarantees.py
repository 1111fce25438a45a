"""Guarantee contracts: payments and contracts that were void, and contracts that ended early.

Revision ID: 0066
Revises: 0065
"""

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

APPEND_ONLY = ("guarantee_contracts", "guarantee_endings", "guarantee_voids")
ONCE = op.f("uq_guarantee_payments_contract_id_household_id_year_kind")
ONCE_AT_A_TIME = op.f("uq_guarantee_payments_position")
FOLLOWS = op.f("fk_guarantee_payments_contract_id_year_kind_follows")


def upgrade() -> None:
    """A year is paid once at each position; the next one needs the void of the one before."""
    op.create_table(
        "guarantee_voids",
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column(
            "kind", sa.Enum("guaranteed", "second", name="guaranteekind", native_enum=False, length=32), nullable=False
        ),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_county", sa.Boolean(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('guaranteed', 'second')", name=op.f("ck_guarantee_voids_kind_known")),
        sa.CheckConstraint("position > 0", name=op.f("ck_guarantee_voids_position_counted")),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["guarantee_contracts.id"], name=op.f("fk_guarantee_voids_contract_id")
        ),
        sa.PrimaryKeyConstraint("contract_id", "year", "kind", "position", name=op.f("pk_guarantee_voids")),
    )
    op.create_table(
        "guarantee_endings",
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("last_year", sa.SmallInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_county", sa.Boolean(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("position > 0", name=op.f("ck_guarantee_endings_position_counted")),
        sa.CheckConstraint(
            "last_year = 0 OR last_year BETWEEN 1999 AND 2100", name=op.f("ck_guarantee_endings_year_in_range")
        ),
        sa.CheckConstraint("(last_year = 0) = (document IS NULL)", name=op.f("ck_guarantee_endings_void_or_agreed")),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["guarantee_contracts.id"], name=op.f("fk_guarantee_endings_contract_id")
        ),
        sa.PrimaryKeyConstraint("contract_id", "position", name=op.f("pk_guarantee_endings")),
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.add_column("guarantee_payments", sa.Column("position", sa.SmallInteger(), server_default="1", nullable=False))
    op.add_column(
        "guarantee_payments",
        sa.Column("follows", sa.SmallInteger(), sa.Computed("nullif(position, 1) - 1", persisted=True), nullable=True),
    )
    op.create_check_constraint(op.f("ck_guarantee_payments_position_counted"), "guarantee_payments", "position > 0")
    op.drop_constraint(ONCE, "guarantee_payments", type_="unique")
    op.create_unique_constraint(
        ONCE_AT_A_TIME, "guarantee_payments", ["contract_id", "household_id", "year", "kind", "position"]
    )
    op.create_foreign_key(
        FOLLOWS, "guarantee_payments", "guarantee_voids",
        ["contract_id", "year", "kind", "follows"], ["contract_id", "year", "kind", "position"],
    )  # fmt: skip


def downgrade() -> None:
    """As it was; a database that holds a void or an ending refuses to go back."""
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM guarantee_voids) OR EXISTS (SELECT FROM guarantee_endings) THEN
                RAISE EXCEPTION 'voids and endings of guarantee contracts have no place in the tables before';
            END IF;
        END $$
        """
    )
    op.drop_constraint(FOLLOWS, "guarantee_payments", type_="foreignkey")
    op.drop_constraint(ONCE_AT_A_TIME, "guarantee_payments", type_="unique")
    op.create_unique_constraint(ONCE, "guarantee_payments", ["contract_id", "household_id", "year", "kind"])
    op.drop_constraint(op.f("ck_guarantee_payments_position_counted"), "guarantee_payments", type_="check")
    op.drop_column("guarantee_payments", "follows")
    op.drop_column("guarantee_payments", "position")
    op.execute("DROP TRIGGER guarantee_contracts_append_only ON guarantee_contracts")
    op.drop_table("guarantee_endings")
    op.drop_table("guarantee_voids")
