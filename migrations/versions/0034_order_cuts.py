"""Packs taken off a confirmed order before they are sent, by the buyer or the firm.

Revision ID: 0034
Revises: 0033
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What stands of a line is what was sold less what was taken off; each cut is a row that nobody edits."""
    op.add_column("order_lines", sa.Column("cancelled_g", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("order_lines", sa.Column("cancelled_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.drop_constraint("ck_order_lines_dispatched_within", "order_lines")
    op.create_check_constraint(
        op.f("ck_order_lines_dispatched_within"),
        "order_lines",
        "dispatched_g >= 0 AND cancelled_g >= 0 AND dispatched_g + cancelled_g <= weight_g",
    )
    op.create_check_constraint(
        op.f("ck_order_lines_cancelled_within_line"),
        "order_lines",
        "cancelled_fen BETWEEN 0 AND amount_fen - discount_fen",
    )
    op.create_table(
        "order_cuts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "side", sa.Enum("buyer", "firm", "county", name="side", native_enum=False, length=32), nullable=False
        ),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        sa.Column("packs", sa.BigInteger(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cut_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cut_by_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("side IN ('buyer', 'firm')", name=op.f("ck_order_cuts_side_known")),
        sa.CheckConstraint("weight_g > 0 AND amount_fen >= 0", name=op.f("ck_order_cuts_takes_something_off")),
        sa.CheckConstraint("length(btrim(reason)) > 0", name=op.f("ck_order_cuts_has_a_reason")),
        sa.ForeignKeyConstraint(["cut_by_id"], ["people.id"], name=op.f("fk_order_cuts_cut_by_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_cuts_order_id")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name=op.f("fk_order_cuts_order_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_cuts")),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_order_cuts_order_id_position")),
    )
    op.create_index(op.f("ix_order_cuts_order_line_id"), "order_cuts", ["order_line_id"], unique=False)
    op.execute(
        "CREATE TRIGGER order_cuts_append_only BEFORE UPDATE OR DELETE ON order_cuts "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Only where nothing was taken off: what stands would be told wrong."""
    op.drop_table("order_cuts")
    op.drop_constraint("ck_order_lines_cancelled_within_line", "order_lines")
    op.drop_constraint("ck_order_lines_dispatched_within", "order_lines")
    op.create_check_constraint(
        op.f("ck_order_lines_dispatched_within"), "order_lines", "dispatched_g BETWEEN 0 AND weight_g"
    )
    op.drop_column("order_lines", "cancelled_fen")
    op.drop_column("order_lines", "cancelled_g")
