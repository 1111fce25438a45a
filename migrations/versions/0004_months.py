"""Closed months, the statements made of them, and corrections of slips.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APPEND_ONLY = ("closed_months", "monthly_statements", "delivery_corrections")


def upgrade() -> None:
    """The tables, then the guards: nothing of a closed month is added, changed or taken away."""
    op.create_table(
        "closed_months",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("households", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_closed_months_month_first_day")),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_closed_months")),
    )
    op.create_table(
        "monthly_statements",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("wage_fen", sa.BigInteger(), nullable=False),
        sa.Column("business_gross_fen", sa.BigInteger(), nullable=False),
        sa.Column("property_fen", sa.BigInteger(), nullable=False),
        sa.Column("transfer_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_monthly_statements_household_id")),
        sa.ForeignKeyConstraint(["month"], ["closed_months.month"], name=op.f("fk_monthly_statements_month")),
        sa.PrimaryKeyConstraint("month", "household_id", name=op.f("pk_monthly_statements")),
    )
    op.create_table(
        "delivery_corrections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("price_fen_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("change_g", sa.BigInteger(), nullable=False),
        sa.Column("change_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "amount_fen = (weight_g * price_fen_per_kg * 2 + 1000) / 2000",
            name=op.f("ck_delivery_corrections_amount_exact"),
        ),
        sa.CheckConstraint("change_fen <> 0", name=op.f("ck_delivery_corrections_changes_something")),
        sa.CheckConstraint("position > 0", name=op.f("ck_delivery_corrections_position_counted")),
        sa.CheckConstraint(
            "weight_g >= 0 AND price_fen_per_kg > 0", name=op.f("ck_delivery_corrections_weighed_and_priced")
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_corrections_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_corrections")),
        sa.UniqueConstraint("delivery_id", "position", name=op.f("uq_delivery_corrections_delivery_id_position")),
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    # The lock is the one of shop.income.months: whoever closes a month waits for us, or we for him, and then we see it.
    op.execute(
        """
        CREATE FUNCTION refuse_closed_month() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE closed date;
        BEGIN
            PERFORM pg_advisory_xact_lock_shared(114910);
            SELECT max(month) INTO closed FROM closed_months;
            IF EXISTS (SELECT FROM added WHERE month <= closed) THEN
                RAISE EXCEPTION 'months up to % are closed', closed USING ERRCODE = '23514';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER income_entries_closed AFTER INSERT ON income_entries REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_closed_month()"
    )


def downgrade() -> None:
    """Take guards and tables off again."""
    op.execute("DROP TRIGGER income_entries_closed ON income_entries")
    op.execute("DROP FUNCTION refuse_closed_month()")
    op.drop_table("delivery_corrections")
    op.drop_table("monthly_statements")
    op.drop_table("closed_months")
