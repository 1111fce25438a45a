"""Slips with deduction, signer and grade factor, batches of slips, subsidies out of public money.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

PAYMENTS = ("wage", "land_rent")
ACCOUNTS = (
    "clearing", "marketplace", "advances", "refunds_due", "receivable", "firm", "host", "platform", "carrier",
    "firm_costs", "household", "deposit", "reserve", "pledged",
)  # fmt: skip
CHECKS = (
    ("deliveries", "deduction_not_negative", "deduction_g >= 0"),
    ("deliveries", "worth_something", "amount_fen > 0"),
    (
        "deliveries",
        "price_by_grade",
        "(base_price_fen_per_kg IS NULL) = (factor_bp IS NULL) AND (base_price_fen_per_kg IS NULL OR"
        " price_fen_per_kg = (base_price_fen_per_kg * factor_bp * 2 + 10000) / 20000)",
    ),
    ("household_payments", "firms_pay_no_subsidy", "(kind = 'subsidy') = (firm_id IS NULL)"),
    ("household_payments", "subsidy_has_a_source", "kind <> 'subsidy' OR source IS NOT NULL"),
    ("income_entries", "firms_pay_no_subsidy", "(kind = 'subsidy') = (firm_id IS NULL)"),
)


def _kinds(table: str, kinds: tuple[str, ...]) -> None:
    """Which kinds a table knows."""
    name = op.f(f"ck_{table}_kind_known")
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, "kind IN (" + ", ".join(f"'{kind}'" for kind in kinds) + ")")


def upgrade() -> None:
    """What grades are paid in the county until somebody says otherwise: 115, 100, 85 and 60 % (assumed)."""
    op.create_table(
        "delivery_batches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("new_slips", sa.BigInteger(), nullable=False),
        sa.Column("known_slips", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("new_slips >= 0 AND known_slips >= 0", name=op.f("ck_delivery_batches_counts_not_negative")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_delivery_batches_firm_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_batches")),
    )
    op.create_table(
        "grade_factors",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "grade", sa.Enum("特级", "一级", "二级", "等外", name="grade", native_enum=False, length=32), nullable=False
        ),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("factor_bp", sa.Integer(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("grade IN ('特级', '一级', '二级', '等外')", name=op.f("ck_grade_factors_grade_known")),
        sa.CheckConstraint("factor_bp BETWEEN 1 AND 30000", name=op.f("ck_grade_factors_factor_in_range")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_grade_factors_firm_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grade_factors")),
        sa.UniqueConstraint(
            "firm_id",
            "grade",
            "valid_from",
            name=op.f("uq_grade_factors_firm_id_grade_valid_from"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.add_column("deliveries", sa.Column("deduction_g", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("deliveries", sa.Column("base_price_fen_per_kg", sa.BigInteger(), nullable=True))
    op.add_column("deliveries", sa.Column("factor_bp", sa.Integer(), nullable=True))
    op.add_column("deliveries", sa.Column("signer", sa.String(length=120), nullable=True))
    op.add_column("deliveries", sa.Column("batch_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_deliveries_batch_id"), "deliveries", "delivery_batches", ["batch_id"], ["id"])

    op.add_column("household_payments", sa.Column("source", sa.Text(), nullable=True))
    op.alter_column("household_payments", "firm_id", existing_type=sa.BIGINT(), nullable=True)

    op.alter_column("income_entries", "firm_id", existing_type=sa.BIGINT(), nullable=True)

    op.execute(
        "INSERT INTO grade_factors (grade, valid_from, factor_bp, recorded_at) VALUES"
        " ('特级', '2000-01-01', 11500, now()), ('一级', '2000-01-01', 10000, now()),"
        " ('二级', '2000-01-01', 8500, now()), ('等外', '2000-01-01', 6000, now())"
    )
    for table in ("grade_factors", "delivery_batches"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table, name, truth in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, truth)
    _kinds("household_payments", (*PAYMENTS, "subsidy"))
    _kinds("accounts", (*ACCOUNTS, "subsidies"))


def downgrade() -> None:
    """As it was; a database that holds subsidies refuses to go back."""
    _kinds("accounts", ACCOUNTS)
    _kinds("household_payments", PAYMENTS)
    for table, name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.alter_column("income_entries", "firm_id", existing_type=sa.BIGINT(), nullable=False)

    op.alter_column("household_payments", "firm_id", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("household_payments", "source")

    op.drop_constraint(op.f("fk_deliveries_batch_id"), "deliveries", type_="foreignkey")
    op.drop_column("deliveries", "batch_id")
    op.drop_column("deliveries", "signer")
    op.drop_column("deliveries", "factor_bp")
    op.drop_column("deliveries", "base_price_fen_per_kg")
    op.drop_column("deliveries", "deduction_g")

    op.drop_table("grade_factors")
    op.drop_table("delivery_batches")
