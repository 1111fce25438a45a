"""Months of a county by township and one thing more, with their families as sets: what reports of a county read.

Revision ID: 0054
Revises: 0053
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

KINDS = ("sale", "patronage", "wage", "land_rent", "dividend", "subsidy")
#: Tables with their figures, those that may be NULL apart; the rollup that each belongs to; what that is counted from.
TABLES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("income_cuts", ("amount_fen", "weight_g"), tuple(f"{kind}_fen" for kind in KINDS)),
    ("income_product_cuts", ("amount_fen", "weight_g"), tuple(f"{kind}_fen" for kind in KINDS)),
    ("cost_cuts", ("covered_fen", "cost_fen"), ()),
    ("reach_cuts", ("amount_fen", "weight_g"), ()),
)
BELOW = (("income_cuts", "income_months"), ("cost_cuts", "cost_rollup"), ("reach_cuts", "reach_rollup"))
#: Facts by household, in which a record's months are found by an index.
FACTS = (("income_cuts", "income_entries"), ("cost_cuts", "cost_rollup"), ("reach_cuts", "reach_rollup"))
KNOWN = ("sales", "sales_months", "receivables", "income", "reach", "agreements", "costs")


def upgrade() -> None:
    """Every month is marked: it is counted when it is read until the job has been there."""
    for table, figures, perhaps in TABLES:
        op.create_table(
            table,
            sa.Column("month", sa.Date(), nullable=False),
            sa.Column("cut", sa.String(length=32), nullable=False),
            sa.Column("township_id", sa.BigInteger(), nullable=False),
            sa.Column("own_id", sa.BigInteger(), nullable=False),
            sa.Column("families", postgresql.BIT(varying=True), nullable=False),
            *(sa.Column(figure, sa.BigInteger(), nullable=False) for figure in figures),
            *(sa.Column(figure, sa.BigInteger(), nullable=True) for figure in perhaps),
            sa.CheckConstraint(
                "cut IN ('payer', 'village', 'firm', 'product', 'channel')", name=op.f(f"ck_{table}_cut_known")
            ),
            sa.PrimaryKeyConstraint("month", "cut", "township_id", "own_id", name=op.f(f"pk_{table}")),
        )
    op.create_index(op.f("ix_income_months_firm_id_month"), "income_months", ["firm_id", "month"])
    _rollups_known((*KNOWN, *(rollup for rollup, _ in BELOW)))
    _mark_families()
    for rollup, below in BELOW:
        op.execute(f"INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT '{rollup}', month FROM {below}")


def _rollups_known(rollups: Sequence[str]) -> None:
    listed = ", ".join(f"'{rollup}'" for rollup in rollups)
    op.drop_constraint(op.f("ck_rollup_parts_rollup_known"), "rollup_parts")
    op.create_check_constraint(op.f("ck_rollup_parts_rollup_known"), "rollup_parts", f"rollup IN ({listed})")


def _mark_families() -> None:
    """Where a record counts is read from aliases and villages: what changes there touches all months of the record."""
    marks = " ".join(
        f"INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT '{rollup}', month FROM {facts}"
        " WHERE household_id = ANY(records);"
        for rollup, facts in FACTS
    )
    op.execute(
        f"""
        CREATE FUNCTION mark_family() RETURNS trigger LANGUAGE plpgsql AS $$
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
    op.execute(
        "CREATE TRIGGER household_aliases_mark AFTER INSERT OR UPDATE OR DELETE ON household_aliases"
        " FOR EACH ROW EXECUTE FUNCTION mark_family()"
    )
    op.execute(
        "CREATE TRIGGER households_mark AFTER UPDATE OF village_id ON households"
        " FOR EACH ROW EXECUTE FUNCTION mark_family()"
    )


def downgrade() -> None:
    """Rollups only: nothing is lost that a job cannot make again."""
    op.execute("DROP TRIGGER households_mark ON households")
    op.execute("DROP TRIGGER household_aliases_mark ON household_aliases")
    op.execute("DROP FUNCTION mark_family()")
    for rollup, _ in BELOW:
        op.execute(f"DELETE FROM dirty_keys WHERE rollup = '{rollup}'")
        op.execute(f"DELETE FROM rollup_parts WHERE rollup = '{rollup}'")
    _rollups_known(KNOWN)
    op.drop_index(op.f("ix_income_months_firm_id_month"), "income_months")
    for table, _, _ in reversed(TABLES):
        op.drop_table(table)
