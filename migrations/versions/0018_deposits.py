"""Deposits of agreements: what came in, was set off, returned, lost or doubled; their account and their payments.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

PROVIDERS = "'simulated', 'bank_transfer', 'marketplace'"
NEW_PROVIDERS = "'simulated', 'bank_transfer', 'deposit', 'marketplace'"
ACCOUNTS = (
    "'clearing', 'marketplace', 'advances', 'refunds_due', 'receivable', 'firm', 'host', 'platform', 'carrier',"
    " 'firm_costs', 'household'"
)
#: The CHECKs that learn a word: table, column, before, after.
WORDS = (
    ("payments", "provider", PROVIDERS, NEW_PROVIDERS),
    ("notifications", "provider", PROVIDERS, NEW_PROVIDERS),
    ("accounts", "kind", f"{ACCOUNTS}, 'reserve'", f"{ACCOUNTS}, 'deposit', 'reserve'"),
    (
        "penalty_proposals", "status", "'proposed', 'claimed', 'waived'",
        "'proposed', 'claimed', 'deposit_taken', 'waived'",
    ),
)  # fmt: skip


def _know(place: int) -> None:
    """Put the CHECKs as they were (2) or as they become (3)."""
    for row in WORDS:
        name = op.f(f"ck_{row[0]}_{row[1]}_known")
        op.drop_constraint(name, row[0], type_="check")
        op.create_check_constraint(name, row[0], f"{row[1]} IN ({row[place]})")


def upgrade() -> None:
    """Words, then the table and what guards it."""
    _know(3)
    op.create_table(
        "deposit_moves",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "received",
                "set_off",
                "returned",
                "forfeited",
                "doubled",
                name="depositmovekind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("bank_reference", sa.String(length=40), nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("(kind = 'set_off') = (payment_id IS NOT NULL)", name=op.f("ck_deposit_moves_set_off_pays")),
        sa.CheckConstraint(
            "(kind IN ('received', 'returned')) = (bank_reference IS NOT NULL)",
            name=op.f("ck_deposit_moves_money_is_referred"),
        ),
        sa.CheckConstraint(
            "kind IN ('received', 'set_off', 'returned', 'forfeited', 'doubled')",
            name=op.f("ck_deposit_moves_kind_known"),
        ),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_deposit_moves_moves_something")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_deposit_moves_agreement_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_deposit_moves_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposit_moves")),
        sa.UniqueConstraint("kind", "bank_reference", name=op.f("uq_deposit_moves_kind_bank_reference")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_deposit_moves_payment_id")),
    )
    op.create_index(op.f("ix_deposit_moves_agreement_id"), "deposit_moves", ["agreement_id"], unique=False)
    op.execute(
        "CREATE TRIGGER deposit_moves_append_only BEFORE UPDATE OR DELETE ON deposit_moves "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """The way back, while there is no deposit."""
    op.drop_table("deposit_moves")
    _know(2)
