"""Costs of growing by rate or record, and the rollup of them.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Facts are append-only; a cost marks its month and household for the rollup."""
    op.create_table(
        "cost_rollup",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("cost_fen", sa.BigInteger(), nullable=False),
        sa.Column("covered_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("month", "household_id", "firm_id", "product_id", name=op.f("pk_cost_rollup")),
    )
    op.create_index(op.f("ix_cost_rollup_household_id_month"), "cost_rollup", ["household_id", "month"], unique=False)

    op.create_table(
        "cost_rates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.Enum("kg", "mu", name="costbasis", native_enum=False, length=32), nullable=False),
        sa.Column("rate_fen", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("basis IN ('kg', 'mu')", name=op.f("ck_cost_rates_basis_known")),
        sa.CheckConstraint("rate_fen > 0", name=op.f("ck_cost_rates_costs_something")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_cost_rates_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_rates")),
        sa.UniqueConstraint(
            "product_id", "basis", "valid_from", name=op.f("uq_cost_rates_product_id_basis_valid_from")
        ),
    )
    op.create_table(
        "cost_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "area",
                "materials",
                "hired_labour",
                "machinery",
                "depreciation",
                "production_tax",
                "other",
                name="costkind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("incurred_on", sa.Date(), nullable=False),
        sa.Column("mu_tenths", sa.BigInteger(), nullable=True),
        sa.Column("rate_id", sa.BigInteger(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'area') = (rate_id IS NOT NULL) AND (kind = 'area') = (mu_tenths IS NOT NULL)"
            " AND (kind <> 'area' OR product_id IS NOT NULL)",
            name=op.f("ck_cost_records_area_by_rate"),
        ),
        sa.CheckConstraint(
            "kind IN ('area', 'materials', 'hired_labour', 'machinery', 'depreciation', 'production_tax', 'other')",
            name=op.f("ck_cost_records_kind_known"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_cost_records_costs_something")),
        sa.CheckConstraint("extract(year FROM incurred_on) = year", name=op.f("ck_cost_records_in_its_year")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_cost_records_household_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_cost_records_product_id")),
        sa.ForeignKeyConstraint(["rate_id"], ["cost_rates.id"], name=op.f("fk_cost_records_rate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_records")),
        sa.UniqueConstraint("code", name=op.f("uq_cost_records_code")),
    )
    op.create_index(
        op.f("ix_cost_records_household_id_product_id_year"),
        "cost_records",
        ["household_id", "product_id", "year"],
        unique=False,
    )

    op.create_table(
        "cost_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=True),
        sa.Column("product_id", sa.BigInteger(), nullable=True),
        sa.Column("incurred_on", sa.Date(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("covers_fen", sa.BigInteger(), nullable=False),
        sa.Column("income_entry_id", sa.BigInteger(), nullable=True),
        sa.Column("rate_id", sa.BigInteger(), nullable=True),
        sa.Column("record_id", sa.BigInteger(), nullable=True),
        sa.Column("corrects_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("covers_fen = 0 OR income_entry_id IS NOT NULL", name=op.f("ck_cost_lines_covers_a_sale")),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_cost_lines_month_first_day")),
        sa.CheckConstraint(
            "num_nonnulls(income_entry_id, record_id, corrects_id) = 1", name=op.f("ck_cost_lines_one_origin")
        ),
        sa.ForeignKeyConstraint(["corrects_id"], ["cost_lines.id"], name=op.f("fk_cost_lines_corrects_id")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_cost_lines_firm_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_cost_lines_household_id")),
        sa.ForeignKeyConstraint(["income_entry_id"], ["income_entries.id"], name=op.f("fk_cost_lines_income_entry_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_cost_lines_product_id")),
        sa.ForeignKeyConstraint(["rate_id"], ["cost_rates.id"], name=op.f("fk_cost_lines_rate_id")),
        sa.ForeignKeyConstraint(["record_id"], ["cost_records.id"], name=op.f("fk_cost_lines_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_lines")),
        sa.UniqueConstraint("corrects_id", name=op.f("uq_cost_lines_corrects_id")),
        sa.UniqueConstraint("income_entry_id", name=op.f("uq_cost_lines_income_entry_id")),
        sa.UniqueConstraint("record_id", name=op.f("uq_cost_lines_record_id")),
    )
    op.create_index(
        op.f("ix_cost_lines_household_id_product_id"), "cost_lines", ["household_id", "product_id"], unique=False
    )
    op.create_index(op.f("ix_cost_lines_month_household_id"), "cost_lines", ["month", "household_id"], unique=False)
    for table in ("cost_rates", "cost_records", "cost_lines"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER cost_lines_closed AFTER INSERT ON cost_lines REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_closed_month()"
    )
    op.execute(
        """
        CREATE FUNCTION mark_costs() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, on_day, a_id)
            SELECT DISTINCT 'costs', month, household_id FROM added;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER cost_lines_mark AFTER INSERT ON cost_lines REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION mark_costs()"
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_index(op.f("ix_cost_lines_month_household_id"), "cost_lines")
    op.drop_index(op.f("ix_cost_lines_household_id_product_id"), "cost_lines")

    op.drop_table("cost_lines")
    op.drop_index(op.f("ix_cost_records_household_id_product_id_year"), "cost_records")

    op.drop_table("cost_records")
    op.drop_table("cost_rates")
    op.drop_index(op.f("ix_cost_rollup_household_id_month"), "cost_rollup")

    op.drop_table("cost_rollup")
    op.execute("DROP FUNCTION mark_costs()")
    op.execute("DELETE FROM dirty_keys WHERE rollup = 'costs'")
