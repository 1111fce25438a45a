"""Coupons of a session, their uses, their part of each line, and who owes what was promised.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

#: Kinds there were, and the one that comes with coupons.
ACCOUNTS = (
    "clearing",
    "marketplace",
    "advances",
    "refunds_due",
    "receivable",
    "firm",
    "host",
    "platform",
    "carrier",
    "firm_costs",
    "household",
    "deposit",
    "reserve",
)
SHARES = ("firm", "host", "platform", "carrier")
KINDS = {"accounts": "pledged", "settlement_shares": "coupon"}


def upgrade() -> None:
    """Tables and columns, then the kinds that accounts and shares now have, then the guards."""
    op.create_table(
        "coupons",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("occasion_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "payer",
            sa.Enum("host", "firm", "platform", name="couponpayer", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("payer_party_id", sa.BigInteger(), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=True),
        sa.Column("discount_fen", sa.BigInteger(), nullable=False),
        sa.Column("min_goods_fen", sa.BigInteger(), nullable=False),
        sa.Column("budget_fen", sa.BigInteger(), nullable=False),
        sa.Column("spent_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(payer = 'firm') = (firm_id IS NOT NULL)", name=op.f("ck_coupons_firm_pays_for_its_own")),
        sa.CheckConstraint("payer IN ('host', 'firm', 'platform')", name=op.f("ck_coupons_payer_known")),
        sa.CheckConstraint("discount_fen > 0", name=op.f("ck_coupons_discounts_something")),
        sa.CheckConstraint("min_goods_fen > discount_fen", name=op.f("ck_coupons_never_for_nothing")),
        sa.CheckConstraint("spent_fen BETWEEN 0 AND budget_fen", name=op.f("ck_coupons_within_budget")),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_coupons_validity_ordered")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_coupons_firm_id")),
        sa.ForeignKeyConstraint(["occasion_id"], ["occasions.id"], name=op.f("fk_coupons_occasion_id")),
        sa.ForeignKeyConstraint(["payer_party_id"], ["parties.id"], name=op.f("fk_coupons_payer_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("code", name=op.f("uq_coupons_code")),
    )
    op.create_index(op.f("ix_coupons_occasion_id"), "coupons", ["occasion_id"])

    op.create_table(
        "coupon_uses",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False),
        sa.Column("buyer_party_id", sa.BigInteger(), nullable=False),
        sa.Column("discount_fen", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("discount_fen > 0", name=op.f("ck_coupon_uses_discounts_something")),
        sa.ForeignKeyConstraint(["buyer_party_id"], ["parties.id"], name=op.f("fk_coupon_uses_buyer_party_id")),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupons.id"], name=op.f("fk_coupon_uses_coupon_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_coupon_uses_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_coupon_uses")),
    )
    op.create_index(
        "uq_coupon_uses_once",
        "coupon_uses",
        ["coupon_id", "buyer_party_id"],
        unique=True,
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.add_column("order_lines", sa.Column("discount_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_order_lines_discount_within_line"), "order_lines", "discount_fen BETWEEN 0 AND amount_fen"
    )
    op.add_column("sales_rollup", sa.Column("coupon_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_live_sessions_settlement_is_dated"), "live_sessions", "(status = 'settled') = (settled_at IS NOT NULL)"
    )
    for table, kinds in (("accounts", ACCOUNTS), ("settlement_shares", SHARES)):
        _kinds(table, (*kinds, KINDS[table]))
    op.execute(
        """
        CREATE FUNCTION keep_coupon_terms() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'spent_fen' - 'released_at'
                                   <> to_jsonb(OLD) - 'spent_fen' - 'released_at' THEN
                RAISE EXCEPTION 'what % promises is never edited: % refused', TG_TABLE_NAME, TG_OP
                    USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    for table in ("coupons", "coupon_uses"):
        op.execute(
            f"CREATE TRIGGER {table}_keep BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION keep_coupon_terms()"
        )


def _kinds(table: str, kinds: tuple[str, ...]) -> None:
    op.drop_constraint(op.f(f"ck_{table}_kind_known"), table, type_="check")
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint(op.f(f"ck_{table}_kind_known"), table, f"kind IN ({listed})")


def downgrade() -> None:
    """Take it all away again; refused once a coupon was settled."""
    for table in ("coupons", "coupon_uses"):
        op.execute(f"DROP TRIGGER {table}_keep ON {table}")
    op.execute("DROP FUNCTION keep_coupon_terms()")
    for table, kinds in (("accounts", ACCOUNTS), ("settlement_shares", SHARES)):
        _kinds(table, kinds)
    op.drop_constraint(op.f("ck_live_sessions_settlement_is_dated"), "live_sessions", type_="check")
    op.drop_column("sales_rollup", "coupon_fen")
    op.drop_constraint(op.f("ck_order_lines_discount_within_line"), "order_lines", type_="check")
    op.drop_column("order_lines", "discount_fen")
    op.drop_table("coupon_uses")
    op.drop_table("coupons")
