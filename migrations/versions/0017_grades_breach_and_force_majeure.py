"""Acceptance by grade; who cancelled a call-off; notices of force majeure; penalties that are proposed, not booked.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables, then what a call-off keeps of its end."""
    op.create_table(
        "force_majeures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column(
            "side", sa.Enum("buyer", "firm", "county", name="side", native_enum=False, length=32), nullable=False
        ),
        sa.Column(
            "status",
            sa.Enum("told", "recognised", "rejected", name="majeurestatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proof", sa.String(length=120), nullable=False),
        sa.Column("proof_hash", sa.String(length=64), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("side IN ('buyer', 'firm')", name=op.f("ck_force_majeures_side_known")),
        sa.CheckConstraint("status IN ('told', 'recognised', 'rejected')", name=op.f("ck_force_majeures_status_known")),
        sa.CheckConstraint("number > 0", name=op.f("ck_force_majeures_number_counted")),
        sa.CheckConstraint("to_day >= from_day", name=op.f("ck_force_majeures_days_ordered")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_force_majeures_agreement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_force_majeures")),
        sa.UniqueConstraint("agreement_id", "number", name=op.f("uq_force_majeures_agreement_id_number")),
    )
    op.create_table(
        "penalty_proposals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column(
            "side", sa.Enum("buyer", "firm", "county", name="side", native_enum=False, length=32), nullable=False
        ),
        sa.Column(
            "status",
            sa.Enum("proposed", "claimed", "waived", name="penaltystatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("shortfall_g", sa.BigInteger(), nullable=False),
        sa.Column("penalty_fen", sa.BigInteger(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("side IN ('buyer', 'firm')", name=op.f("ck_penalty_proposals_side_known")),
        sa.CheckConstraint(
            "status IN ('proposed', 'claimed', 'waived')", name=op.f("ck_penalty_proposals_status_known")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_penalty_proposals_number_counted")),
        sa.CheckConstraint("shortfall_g > 0 AND penalty_fen >= 0", name=op.f("ck_penalty_proposals_falls_short")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_penalty_proposals_agreement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_penalty_proposals")),
        sa.UniqueConstraint("agreement_id", "number", name=op.f("uq_penalty_proposals_agreement_id_number")),
    )
    op.create_table(
        "graded_acceptances",
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "grade", sa.Enum("特级", "一级", "二级", "等外", name="grade", native_enum=False, length=32), nullable=False
        ),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("fen_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("factor_bp", sa.Integer(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grade IN ('特级', '一级', '二级', '等外')", name=op.f("ck_graded_acceptances_grade_known")),
        sa.CheckConstraint(
            "amount_fen = (weight_g * fen_per_kg * factor_bp * 2 + 10000000) / 20000000",
            name=op.f("ck_graded_acceptances_amount_exact"),
        ),
        sa.CheckConstraint("weight_g > 0 AND factor_bp > 0", name=op.f("ck_graded_acceptances_accepts_something")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_lines.id"], name=op.f("fk_graded_acceptances_order_line_id")
        ),
        sa.PrimaryKeyConstraint("order_line_id", "grade", name=op.f("pk_graded_acceptances")),
    )
    op.add_column(
        "call_offs",
        sa.Column(
            "cancelled_by", sa.Enum("buyer", "firm", "county", name="side", native_enum=False, length=32), nullable=True
        ),
    )
    op.create_check_constraint(
        op.f("ck_call_offs_cancelled_by_known"), "call_offs", "cancelled_by IN ('buyer', 'firm', 'county')"
    )
    op.create_check_constraint(
        op.f("ck_call_offs_cancelled_by_somebody"), "call_offs", "cancelled_by IS NULL OR status = 'cancelled'"
    )
    op.execute(
        "CREATE TRIGGER graded_acceptances_append_only BEFORE UPDATE OR DELETE ON graded_acceptances "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """The way back."""
    for name in ("somebody", "known"):
        op.drop_constraint(op.f(f"ck_call_offs_cancelled_by_{name}"), "call_offs", type_="check")
    op.drop_column("call_offs", "cancelled_by")

    op.drop_table("graded_acceptances")
    op.drop_table("penalty_proposals")
    op.drop_table("force_majeures")
