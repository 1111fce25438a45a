"""The desk of a unit: dated rules, yearly filings, purchases on the 832 platform, what an order was bought for.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

APPEND_ONLY = ("unit_filings", "unit_outside_purchases", "unit_purchases")


def upgrade() -> None:
    """The tables; filings, purchases and declarations stand for ever."""
    op.create_table(
        "reserve_rules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("authority", sa.String(length=40), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("canteen_bp", sa.Integer(), nullable=False),
        sa.Column("union_bp", sa.Integer(), nullable=False),
        sa.Column("union_cap_fen", sa.BigInteger(), nullable=False),
        sa.Column("file_by", sa.Date(), nullable=False),
        sa.Column("source_zh", sa.String(length=120), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "canteen_bp BETWEEN 0 AND 10000 AND union_bp BETWEEN 0 AND 10000",
            name=op.f("ck_reserve_rules_rates_in_range"),
        ),
        sa.CheckConstraint("union_cap_fen >= 0", name=op.f("ck_reserve_rules_cap_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reserve_rules")),
        sa.UniqueConstraint("authority", "valid_from", name=op.f("uq_reserve_rules_authority_valid_from")),
    )
    op.create_table(
        "unit_filings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("rule_id", sa.BigInteger(), nullable=False),
        sa.Column("canteen_fen", sa.BigInteger(), nullable=False),
        sa.Column("union_fen", sa.BigInteger(), nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.Column("reserve_fen", sa.BigInteger(), nullable=False),
        sa.Column("union_cap_fen", sa.BigInteger(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filed_by_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "canteen_fen >= 0 AND union_fen >= 0 AND reserve_fen >= 0",
            name=op.f("ck_unit_filings_amounts_not_negative"),
        ),
        sa.CheckConstraint("members >= 1", name=op.f("ck_unit_filings_somebody_works_there")),
        sa.CheckConstraint("year BETWEEN 2000 AND 2100 AND position >= 1", name=op.f("ck_unit_filings_numbered")),
        sa.ForeignKeyConstraint(["filed_by_id"], ["people.id"], name=op.f("fk_unit_filings_filed_by_id")),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_unit_filings_partner_id")),
        sa.ForeignKeyConstraint(["rule_id"], ["reserve_rules.id"], name=op.f("fk_unit_filings_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_filings")),
        sa.UniqueConstraint("partner_id", "year", "position", name=op.f("uq_unit_filings_partner_id_year_position")),
    )
    op.create_table(
        "unit_outside_purchases",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("bought_on", sa.Date(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("goods_zh", sa.String(length=120), nullable=False),
        sa.Column("voids_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "amount_fen <> 0 AND (amount_fen > 0) = (voids_id IS NULL)",
            name=op.f("ck_unit_outside_purchases_void_is_negative"),
        ),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_unit_outside_purchases_partner_id")),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"], ["people.id"], name=op.f("fk_unit_outside_purchases_recorded_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["voids_id"], ["unit_outside_purchases.id"], name=op.f("fk_unit_outside_purchases_voids_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_outside_purchases")),
        sa.UniqueConstraint("voids_id", name=op.f("uq_unit_outside_purchases_voids_id")),
    )
    op.create_index(
        op.f("ix_unit_outside_purchases_partner_id_bought_on"), "unit_outside_purchases", ["partner_id", "bought_on"]
    )
    op.create_index(
        "uq_unit_outside_purchases_number",
        "unit_outside_purchases",
        ["partner_id", "number", "position"],
        unique=True,
        postgresql_where=sa.text("voids_id IS NULL"),
    )

    op.create_table(
        "unit_purchases",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("fund", sa.Enum("canteen", "union", name="fund", native_enum=False, length=32), nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=True),
        sa.Column("per_member_fen", sa.BigInteger(), nullable=True),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declared_by_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(fund = 'union') = (members IS NOT NULL) AND (members IS NULL) = (per_member_fen IS NULL)",
            name=op.f("ck_unit_purchases_union_is_shared"),
        ),
        sa.CheckConstraint("fund IN ('canteen', 'union')", name=op.f("ck_unit_purchases_fund_known")),
        sa.CheckConstraint("members >= 1 AND per_member_fen >= 1", name=op.f("ck_unit_purchases_shared_with_somebody")),
        sa.ForeignKeyConstraint(["declared_by_id"], ["people.id"], name=op.f("fk_unit_purchases_declared_by_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_unit_purchases_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_unit_purchases")),
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Take them off again."""
    op.drop_table("unit_purchases")
    op.drop_index("uq_unit_outside_purchases_number", table_name="unit_outside_purchases")
    op.drop_index(op.f("ix_unit_outside_purchases_partner_id_bought_on"), table_name="unit_outside_purchases")

    op.drop_table("unit_outside_purchases")
    op.drop_table("unit_filings")
    op.drop_table("reserve_rules")
