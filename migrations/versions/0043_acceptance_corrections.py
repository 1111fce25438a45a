"""Acceptances of call-offs reversed by the county: each correction a row, counter-entries by grade, settlements anew.

Revision ID: 0043
Revises: 0042
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_SIGN = (
    "CASE WHEN {cause} THEN refund_id IS NULL AND (net_fen = 0 OR (net_fen < 0) = reverses)"
    " WHEN refund_id IS NOT NULL THEN net_fen < 0 AND NOT reverses ELSE net_fen >= 0 AND NOT reverses END"
)


def upgrade() -> None:
    """The log of corrections; graded rows may be written off and said anew; a settlement may follow a correction."""
    op.create_table(
        "acceptance_corrections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("was_g", sa.BigInteger(), nullable=False),
        sa.Column("was_fen", sa.BigInteger(), nullable=False),
        sa.Column("was_refused_reason", sa.Text(), nullable=True),
        sa.Column("accepted_g", sa.BigInteger(), nullable=False),
        sa.Column("accepted_fen", sa.BigInteger(), nullable=False),
        sa.Column("refused_reason", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("corrected_by_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(btrim(reason)) > 0", name=op.f("ck_acceptance_corrections_has_a_reason")),
        sa.CheckConstraint(
            "least(was_g, was_fen, accepted_g, accepted_fen) >= 0", name=op.f("ck_acceptance_corrections_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["corrected_by_id"], ["people.id"], name=op.f("fk_acceptance_corrections_corrected_by_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_acceptance_corrections_order_id")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_lines.id"], name=op.f("fk_acceptance_corrections_order_line_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance_corrections")),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_acceptance_corrections_order_id_position")),
    )
    op.create_index(op.f("ix_acceptance_corrections_order_line_id"), "acceptance_corrections", ["order_line_id"])
    op.execute(
        "CREATE TRIGGER acceptance_corrections_append_only BEFORE UPDATE OR DELETE ON acceptance_corrections "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    _grades()
    op.add_column("settlements", sa.Column("acceptance_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_settlements_acceptance_id"), "settlements", "acceptance_corrections", ["acceptance_id"], ["id"]
    )
    op.create_unique_constraint(
        op.f("uq_settlements_acceptance_id_reverses"), "settlements", ["acceptance_id", "reverses"]
    )
    op.create_check_constraint(
        op.f("ck_settlements_one_cause"), "settlements", "num_nonnulls(refund_id, correction_id, acceptance_id) <= 1"
    )
    _settlements(
        "num_nonnulls(correction_id, acceptance_id) = 1",
        "refund_id IS NULL AND correction_id IS NULL AND acceptance_id IS NULL",
    )


def _grades() -> None:
    table = "graded_acceptances"
    op.drop_constraint(op.f("pk_graded_acceptances"), table, type_="primary")
    op.add_column(table, sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False))
    op.create_primary_key(op.f("pk_graded_acceptances"), table, ["id"])
    op.add_column(table, sa.Column("correction_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_graded_acceptances_correction_id"), table, "acceptance_corrections", ["correction_id"], ["id"]
    )
    op.add_column(table, sa.Column("reverses", sa.Boolean(), server_default="false", nullable=False))
    op.create_unique_constraint(
        "uq_graded_acceptances_said", table, ["order_line_id", "grade", "correction_id", "reverses"],
        postgresql_nulls_not_distinct=True,
    )  # fmt: skip
    for name, rule in (
        ("accepts_something", "(weight_g < 0) = reverses AND weight_g <> 0 AND factor_bp > 0"),
        (
            "amount_exact",
            "abs(amount_fen) = (abs(weight_g) * fen_per_kg * factor_bp * 2 + 10000000) / 20000000"
            " AND amount_fen * weight_g >= 0",
        ),
    ):
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
    op.create_check_constraint(
        op.f(f"ck_{table}_reversed_by_correction"), table, "NOT reverses OR correction_id IS NOT NULL"
    )


def _settlements(cause: str, first: str) -> None:
    """What the sign of a settlement follows from, and which one is an order's first."""
    op.drop_constraint(op.f("ck_settlements_sign"), "settlements", type_="check")
    op.create_check_constraint(op.f("ck_settlements_sign"), "settlements", _SIGN.format(cause=cause))
    op.drop_index("uq_settlements_order_first", "settlements")
    op.create_index(
        "uq_settlements_order_first", "settlements", ["order_id"], unique=True, postgresql_where=sa.text(first)
    )


def downgrade() -> None:
    """Refused by the constraints on settlements and grades once an acceptance was reversed."""
    _settlements("correction_id IS NOT NULL", "refund_id IS NULL AND correction_id IS NULL")
    op.drop_constraint(op.f("ck_settlements_one_cause"), "settlements", type_="check")
    op.drop_constraint(op.f("uq_settlements_acceptance_id_reverses"), "settlements", type_="unique")
    op.drop_column("settlements", "acceptance_id")
    table = "graded_acceptances"
    op.drop_constraint(op.f(f"ck_{table}_reversed_by_correction"), table, type_="check")
    for name, rule in (
        ("accepts_something", "weight_g > 0 AND factor_bp > 0"),
        ("amount_exact", "amount_fen = (weight_g * fen_per_kg * factor_bp * 2 + 10000000) / 20000000"),
    ):
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
    op.drop_constraint("uq_graded_acceptances_said", table, type_="unique")
    op.drop_column(table, "reverses")
    op.drop_column(table, "correction_id")
    op.drop_constraint(op.f("pk_graded_acceptances"), table, type_="primary")
    op.create_primary_key(op.f("pk_graded_acceptances"), table, ["order_line_id", "grade"])
    op.drop_column(table, "id")
    op.drop_table("acceptance_corrections")
