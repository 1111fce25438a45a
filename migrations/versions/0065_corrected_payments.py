"""Corrections of payments to households and of cost records; for whom a record counted when a month was closed.

Revision ID: 0065
Revises: 0064
"""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None

#: Table of corrections, what it corrects, and the column that names it.
CORRECTIONS = (
    ("payment_corrections", "household_payments", "payment_id"),
    ("cost_corrections", "cost_records", "record_id"),
)
APPEND_ONLY = ("payment_corrections", "cost_corrections", "closed_families")


def upgrade() -> None:
    """Append-only tables. Records merged before a month was closed were told as one: the merging keeps its time."""
    for table, corrected, column in CORRECTIONS:
        op.create_table(
            table,
            sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
            sa.Column(column, sa.BigInteger(), nullable=False),
            sa.Column("position", sa.SmallInteger(), nullable=False),
            sa.Column("amount_fen", sa.BigInteger(), nullable=False),
            sa.Column("change_fen", sa.BigInteger(), nullable=False),
            sa.Column("reason", sa.Text(), nullable=False),
            sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
            sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
            sa.CheckConstraint("position > 0", name=op.f(f"ck_{table}_position_counted")),
            sa.CheckConstraint("amount_fen >= 0", name=op.f(f"ck_{table}_not_negative")),
            sa.CheckConstraint("change_fen <> 0", name=op.f(f"ck_{table}_changes_something")),
            sa.ForeignKeyConstraint([column], [f"{corrected}.id"], name=op.f(f"fk_{table}_{column}")),
            sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
            sa.UniqueConstraint(column, "position", name=op.f(f"uq_{table}_{column}_position")),
        )
    op.create_table(
        "closed_families",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("counts_for_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("household_id <> counts_for_id", name=op.f("ck_closed_families_two_records")),
        sa.ForeignKeyConstraint(["month"], ["closed_months.month"], name=op.f("fk_closed_families_month")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_closed_families_household_id")),
        sa.ForeignKeyConstraint(["counts_for_id"], ["households.id"], name=op.f("fk_closed_families_counts_for_id")),
        sa.PrimaryKeyConstraint("month", "household_id", name=op.f("pk_closed_families")),
    )
    op.create_index(op.f("ix_closed_families_counts_for_id"), "closed_families", ["counts_for_id"], unique=False)
    op.execute(
        "INSERT INTO closed_families SELECT month, household_id, counts_for_id FROM closed_months"
        " JOIN household_aliases ON merged_at <= closed_at"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.add_column("cost_lines", sa.Column("position", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("cost_lines", sa.Column("correction_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_cost_lines_correction_id"), "cost_lines", "cost_corrections", ["correction_id"], ["id"]
    )
    op.create_unique_constraint(op.f("uq_cost_lines_correction_id"), "cost_lines", ["correction_id"])
    op.drop_constraint(op.f("uq_cost_lines_income_entry_id"), "cost_lines", type_="unique")
    op.create_unique_constraint(
        op.f("uq_cost_lines_income_entry_id_position"), "cost_lines", ["income_entry_id", "position"]
    )
    _one_origin("income_entry_id, record_id, correction_id, corrects_id")


def downgrade() -> None:
    """As it was; a database that holds lines of corrections refuses to go back."""
    _one_origin("income_entry_id, record_id, corrects_id")
    op.drop_constraint(op.f("uq_cost_lines_income_entry_id_position"), "cost_lines", type_="unique")
    op.create_unique_constraint(op.f("uq_cost_lines_income_entry_id"), "cost_lines", ["income_entry_id"])
    op.drop_constraint(op.f("uq_cost_lines_correction_id"), "cost_lines", type_="unique")
    op.drop_constraint(op.f("fk_cost_lines_correction_id"), "cost_lines", type_="foreignkey")
    op.drop_column("cost_lines", "correction_id")
    op.drop_column("cost_lines", "position")
    op.drop_table("closed_families")
    for table, _, _ in CORRECTIONS:
        op.drop_table(table)


def _one_origin(origins: str) -> None:
    name = op.f("ck_cost_lines_one_origin")
    op.drop_constraint(name, "cost_lines")
    op.create_check_constraint(name, "cost_lines", f"num_nonnulls({origins}) = 1")
