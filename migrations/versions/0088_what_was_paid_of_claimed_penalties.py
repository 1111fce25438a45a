"""What was paid of claimed penalties: on which day, by which number of the bank, and what of it is void.

Revision ID: 0088
Revises: 0087
"""

import sqlalchemy as sa
from alembic import op

revision = "0088"
down_revision = "0087"
branch_labels = None
depends_on = None

SIDES = "side IN ('buyer', 'firm', 'county')"
TABLES = ("penalty_payments", "penalty_payment_voids")


def upgrade() -> None:
    """Two tables of facts and what guards them."""
    op.create_table(
        "penalty_payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("proposal_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("bank_reference", sa.String(length=40), nullable=False),
        sa.Column("take", sa.SmallInteger(), nullable=False),
        sa.Column(
            "side", sa.Enum("buyer", "firm", "county", name="side", native_enum=False, length=32), nullable=False
        ),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(SIDES, name=op.f("ck_penalty_payments_side_known")),
        sa.CheckConstraint("amount_fen > 0 AND take > 0", name=op.f("ck_penalty_payments_pays_something")),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["penalty_proposals.id"], name=op.f("fk_penalty_payments_proposal_id")
        ),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["people.id"], name=op.f("fk_penalty_payments_recorded_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_penalty_payments")),
        sa.UniqueConstraint("bank_reference", "take", name=op.f("uq_penalty_payments_bank_reference_take")),
    )
    op.create_index(op.f("ix_penalty_payments_proposal_id"), "penalty_payments", ["proposal_id"], unique=False)
    op.create_table(
        "penalty_payment_voids",
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "side", sa.Enum("buyer", "firm", "county", name="side", native_enum=False, length=32), nullable=False
        ),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(SIDES, name=op.f("ck_penalty_payment_voids_side_known")),
        sa.CheckConstraint("length(btrim(reason)) > 0", name=op.f("ck_penalty_payment_voids_has_a_reason")),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["penalty_payments.id"], name=op.f("fk_penalty_payment_voids_payment_id")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"], ["people.id"], name=op.f("fk_penalty_payment_voids_recorded_by_id")
        ),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_penalty_payment_voids")),
    )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """As it was; a database in which a penalty was paid refuses to go back: its journals would stand alone."""
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM penalty_payments)
            THEN RAISE EXCEPTION 'what was paid of penalties has no place in the tables before';
            END IF;
        END $$
        """
    )
    for table in reversed(TABLES):
        op.drop_table(table)
