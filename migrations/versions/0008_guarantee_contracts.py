"""Contracts that guarantee an income for land, and what they paid.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was put in and what was paid never changes."""
    op.create_table(
        "guarantee_contracts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=False),
        sa.Column("guaranteed_fen_per_mu", sa.BigInteger(), nullable=False),
        sa.Column("second_bp", sa.Integer(), nullable=False),
        sa.Column("from_year", sa.SmallInteger(), nullable=False),
        sa.Column("to_year", sa.SmallInteger(), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "from_year BETWEEN 2000 AND to_year AND to_year <= 2100", name=op.f("ck_guarantee_contracts_years_in_range")
        ),
        sa.CheckConstraint("guaranteed_fen_per_mu > 0", name=op.f("ck_guarantee_contracts_guarantees_something")),
        sa.CheckConstraint("second_bp BETWEEN 0 AND 10000", name=op.f("ck_guarantee_contracts_second_in_range")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_guarantee_contracts_firm_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guarantee_contracts")),
        sa.UniqueConstraint("code", name=op.f("uq_guarantee_contracts_code")),
    )
    op.create_index(op.f("ix_guarantee_contracts_firm_id"), "guarantee_contracts", ["firm_id"], unique=False)

    op.create_table(
        "guarantee_lands",
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("mu_tenths", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("mu_tenths > 0", name=op.f("ck_guarantee_lands_has_land")),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["guarantee_contracts.id"], name=op.f("fk_guarantee_lands_contract_id")
        ),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_guarantee_lands_household_id")),
        sa.PrimaryKeyConstraint("contract_id", "household_id", name=op.f("pk_guarantee_lands")),
    )
    op.create_index(op.f("ix_guarantee_lands_household_id"), "guarantee_lands", ["household_id"], unique=False)

    op.create_table(
        "guarantee_payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column(
            "kind", sa.Enum("guaranteed", "second", name="guaranteekind", native_enum=False, length=32), nullable=False
        ),
        sa.Column("distributable_fen", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('guaranteed', 'second')", name=op.f("ck_guarantee_payments_kind_known")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_guarantee_payments_pays_something")),
        sa.ForeignKeyConstraint(
            ["contract_id", "household_id"],
            ["guarantee_lands.contract_id", "guarantee_lands.household_id"],
            name=op.f("fk_guarantee_payments_contract_id_household_id"),
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["guarantee_contracts.id"], name=op.f("fk_guarantee_payments_contract_id")
        ),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_guarantee_payments_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guarantee_payments")),
        sa.UniqueConstraint(
            "contract_id",
            "household_id",
            "year",
            "kind",
            name=op.f("uq_guarantee_payments_contract_id_household_id_year_kind"),
        ),
    )
    for table in ("guarantee_lands", "guarantee_payments"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Take them off again."""
    op.drop_table("guarantee_payments")
    op.drop_index(op.f("ix_guarantee_lands_household_id"), "guarantee_lands")

    op.drop_table("guarantee_lands")
    op.drop_index(op.f("ix_guarantee_contracts_firm_id"), "guarantee_contracts")

    op.drop_table("guarantee_contracts")
