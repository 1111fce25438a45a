"""Ended agreements that run again by the consent of both sides, and the days that were missed meanwhile.

Revision ID: 0045
Revises: 0044
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

STATUSES = (
    "draft", "withdrawn", "signed", "deposit_paid", "executing", "fulfilled", "short", "terminated", "renewed",
)  # fmt: skip


def upgrade() -> None:
    """New tables, nothing to fill in: no agreement was reopened before."""
    known = ", ".join(f"'{status}'" for status in STATUSES)
    op.create_table(
        "agreement_reopenings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_as", sa.Enum(*STATUSES, name="agreementstatus", native_enum=False, length=32), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column(
            "asked_by", sa.Enum("buyer", "firm", "county", name="side", native_enum=False, length=32), nullable=False
        ),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("consented_by_id", sa.BigInteger(), nullable=True),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"ended_as IN ({known})", name=op.f("ck_agreement_reopenings_ended_as_known")),
        sa.CheckConstraint("asked_by IN ('buyer', 'firm')", name=op.f("ck_agreement_reopenings_side_known")),
        sa.CheckConstraint("length(btrim(reason)) > 0", name=op.f("ck_agreement_reopenings_has_a_reason")),
        sa.CheckConstraint("consented_at >= asked_at", name=op.f("ck_agreement_reopenings_times_ordered")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_agreement_reopenings_agreement_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["people.id"], name=op.f("fk_agreement_reopenings_asked_by_id")),
        sa.ForeignKeyConstraint(
            ["consented_by_id"], ["people.id"], name=op.f("fk_agreement_reopenings_consented_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_reopenings")),
        sa.UniqueConstraint("agreement_id", "number", name=op.f("uq_agreement_reopenings_agreement_id_number")),
        sa.UniqueConstraint("agreement_id", "ended_at", name=op.f("uq_agreement_reopenings_agreement_id_ended_at")),
    )
    op.create_table(
        "missed_days",
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("reopening_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id", "due_on"], ["due_weights.line_id", "due_weights.due_on"],
            name=op.f("fk_missed_days_line_id_due_on"),
        ),
        sa.ForeignKeyConstraint(
            ["reopening_id"], ["agreement_reopenings.id"], name=op.f("fk_missed_days_reopening_id")
        ),
        sa.PrimaryKeyConstraint("line_id", "due_on", name=op.f("pk_missed_days")),
    )  # fmt: skip
    op.execute(
        "CREATE TRIGGER missed_days_append_only BEFORE UPDATE OR DELETE ON missed_days "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_table("missed_days")
    op.drop_table("agreement_reopenings")
