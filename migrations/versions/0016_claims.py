"""Claims of consumers: what the buyer told stays as it is, and a decided claim does too.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The table, then its guard."""
    op.create_table(
        "claims",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("damaged_g", sa.BigInteger(), nullable=False),
        sa.Column("photo_reference", sa.String(length=120), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("firm_agrees", sa.Boolean(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("granted_g", sa.BigInteger(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refund_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(status = 'accepted') = (refund_id IS NOT NULL) AND (refund_id IS NULL) = (granted_g IS NULL)"
            " AND (refund_id IS NULL) = (amount_fen IS NULL)",
            name=op.f("ck_claims_accepted_is_refunded"),
        ),
        sa.CheckConstraint(
            "(status IN ('accepted', 'rejected')) = (decided_at IS NOT NULL)", name=op.f("ck_claims_decision_is_dated")
        ),
        sa.CheckConstraint(
            "reason IN ('spoiled', 'crushed', 'short', 'wrong', 'other')", name=op.f("ck_claims_reason_known")
        ),
        sa.CheckConstraint("status <> 'open' OR answered_at IS NULL", name=op.f("ck_claims_open_is_unanswered")),
        sa.CheckConstraint(
            "status IN ('open', 'answered', 'accepted', 'rejected', 'withdrawn')", name=op.f("ck_claims_status_known")
        ),
        sa.CheckConstraint("(answered_at IS NULL) = (firm_agrees IS NULL)", name=op.f("ck_claims_answer_is_dated")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_claims_amount_positive")),
        sa.CheckConstraint("answer_by > claimed_at", name=op.f("ck_claims_times_ordered")),
        sa.CheckConstraint("damaged_g > 0", name=op.f("ck_claims_claims_something")),
        sa.CheckConstraint("granted_g BETWEEN 1 AND damaged_g", name=op.f("ck_claims_granted_within_claimed")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name=op.f("fk_claims_order_line_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_claims_refund_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
        sa.UniqueConstraint("number", name=op.f("uq_claims_number")),
        sa.UniqueConstraint("refund_id", name=op.f("uq_claims_refund_id")),
    )
    op.create_index(op.f("ix_claims_order_line_id"), "claims", ["order_line_id"], unique=False)
    op.create_index(op.f("ix_claims_status_id"), "claims", ["status", "id"], unique=False)
    op.create_index(
        "uq_claims_open_for_line", "claims", ["order_line_id"], unique=True,
        postgresql_where=sa.text("status IN ('open', 'answered')"),
    )  # fmt: skip
    op.execute(
        """
        CREATE FUNCTION keep_claim() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' OR OLD.status NOT IN ('open', 'answered')
                OR (NEW.id, NEW.number, NEW.order_line_id, NEW.reason, NEW.damaged_g, NEW.photo_reference,
                    NEW.claimed_at, NEW.answer_by)
                <> (OLD.id, OLD.number, OLD.order_line_id, OLD.reason, OLD.damaged_g, OLD.photo_reference,
                    OLD.claimed_at, OLD.answer_by)
                OR NEW.told IS DISTINCT FROM OLD.told
                OR (OLD.answered_at IS NOT NULL AND (NEW.answered_at, NEW.firm_agrees, NEW.answer)
                    IS DISTINCT FROM (OLD.answered_at, OLD.firm_agrees, OLD.answer)) THEN
                RAISE EXCEPTION 'claim % stays as it was told and decided', OLD.id USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER claims_keep BEFORE UPDATE OR DELETE ON claims FOR EACH ROW EXECUTE FUNCTION keep_claim()"
    )


def downgrade() -> None:
    """Take guard, history and table away again; the refunds stay."""
    op.execute("DROP TRIGGER claims_keep ON claims")
    op.execute("DROP FUNCTION keep_claim()")
    op.execute("ALTER TABLE history DISABLE TRIGGER history_append_only")
    op.execute("DELETE FROM history WHERE entity_type = 'claims'")
    op.execute("ALTER TABLE history ENABLE TRIGGER history_append_only")
    op.drop_table("claims")
