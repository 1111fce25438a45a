"""Days of a county by payer and firm, with their families as sets: what periodic reports read of parts of months.

Revision ID: 0055
Revises: 0054
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

KNOWN = (
    "sales", "sales_months", "receivables", "income", "reach", "agreements", "costs", "income_cuts", "cost_cuts",
    "reach_cuts",
)  # fmt: skip
MONTHS = (("income_cuts", "income_entries"), ("cost_cuts", "cost_rollup"), ("reach_cuts", "reach_rollup"))
DAY = "greatest(earned_on, month)"


def upgrade() -> None:
    """Every day is marked: it is counted when it is read until the job has been there."""
    op.create_table(
        "income_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cut", sa.String(length=32), nullable=False),
        sa.Column("township_id", sa.BigInteger(), nullable=False),
        sa.Column("own_id", sa.BigInteger(), nullable=False),
        sa.Column("families", postgresql.BIT(varying=True), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "cut IN ('payer', 'village', 'firm', 'product', 'channel')", name=op.f("ck_income_days_cut_known")
        ),
        sa.PrimaryKeyConstraint("day", "cut", "township_id", "own_id", name=op.f("pk_income_days")),
    )
    op.drop_index("ix_income_entries_counted", "income_entries")
    op.create_index(
        "ix_income_entries_counted", "income_entries", [sa.text(DAY), "firm_id"],
        postgresql_include=["month", "household_id", "amount_fen", "earned_on"],
    )  # fmt: skip
    _rollups_known((*KNOWN, "income_days"))
    _mark_income(days=True)
    _mark_family(days=True)
    op.execute(f"INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT 'income_days', {DAY} FROM income_entries")


def _rollups_known(rollups: Sequence[str]) -> None:
    listed = ", ".join(f"'{rollup}'" for rollup in rollups)
    op.drop_constraint(op.f("ck_rollup_parts_rollup_known"), "rollup_parts")
    op.create_check_constraint(op.f("ck_rollup_parts_rollup_known"), "rollup_parts", f"rollup IN ({listed})")


def _mark_income(*, days: bool) -> None:
    each_day = f"INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT 'income_days', {DAY} FROM added;"
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION mark_income() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, on_day, a_id)
            SELECT DISTINCT 'income', month, household_id FROM added;
            {each_day if days else ""}
            RETURN NULL;
        END $$
        """
    )


def _mark_family(*, days: bool) -> None:
    """Where a record counts is read from aliases and villages: what changes there touches all it ever received."""
    touched = [(rollup, "month", facts) for rollup, facts in MONTHS]
    touched += [("income_days", DAY, "income_entries")] if days else []
    marks = " ".join(
        f"INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT '{rollup}', {day} FROM {facts}"
        " WHERE household_id = ANY(records);"
        for rollup, day, facts in touched
    )
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION mark_family() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE records bigint[];
        BEGIN
            IF TG_TABLE_NAME = 'household_aliases' THEN
                records := ARRAY[CASE TG_OP WHEN 'DELETE' THEN OLD.household_id ELSE NEW.household_id END];
            ELSE
                records := NEW.id || ARRAY(SELECT household_id FROM household_aliases WHERE counts_for_id = NEW.id);
            END IF;
            {marks}
            RETURN NULL;
        END $$
        """
    )


def downgrade() -> None:
    """A rollup only: nothing is lost that a job cannot make again."""
    _mark_family(days=False)
    _mark_income(days=False)
    op.execute("DELETE FROM dirty_keys WHERE rollup = 'income_days'")
    op.execute("DELETE FROM rollup_parts WHERE rollup = 'income_days'")
    _rollups_known(KNOWN)
    op.drop_index("ix_income_entries_counted", "income_entries")
    op.create_index(
        "ix_income_entries_counted", "income_entries", ["month", sa.text(DAY), "firm_id"],
        postgresql_include=["household_id", "amount_fen", "earned_on"],
    )  # fmt: skip
    op.drop_table("income_days")
