"""Prices for a named buyer or a group of buyers; where the price of an order's line came from.

Revision ID: 0048
Revises: 0047
"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

REFERENCE = ("buyer_group_members", "named_price_lists", "named_price_tiers")
SOURCES = ("general", "buyer", "group", "offer", "quote", "agreement", "outside")


def upgrade() -> None:
    """Nobody has prices of his own yet. Where earlier lines had their price from was not kept, and is not invented."""
    op.create_table(
        "buyer_groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name_zh", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_buyer_groups")),
        sa.UniqueConstraint("code", name=op.f("uq_buyer_groups_code")),
    )
    op.create_table(
        "buyer_group_members",
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["buyer_groups.id"], name=op.f("fk_buyer_group_members_group_id")),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_buyer_group_members_partner_id")),
        sa.PrimaryKeyConstraint("group_id", "partner_id", name=op.f("pk_buyer_group_members")),
    )
    op.create_index(op.f("ix_buyer_group_members_partner_id"), "buyer_group_members", ["partner_id"])
    op.create_table(
        "named_price_lists",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("partner_id", sa.BigInteger(), nullable=True),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(partner_id, group_id) = 1", name=op.f("ck_named_price_lists_for_one_audience")
        ),
        sa.CheckConstraint("valid_until >= valid_from", name=op.f("ck_named_price_lists_validity_ordered")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_named_price_lists_product_id")),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_named_price_lists_partner_id")),
        sa.ForeignKeyConstraint(["group_id"], ["buyer_groups.id"], name=op.f("fk_named_price_lists_group_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_named_price_lists")),
    )
    op.create_index(op.f("ix_named_price_lists_product_id"), "named_price_lists", ["product_id"])
    op.create_table(
        "named_price_tiers",
        sa.Column("list_id", sa.BigInteger(), nullable=False),
        sa.Column("min_quantity", sa.BigInteger(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("min_quantity >= 1", name=op.f("ck_named_price_tiers_min_quantity_positive")),
        sa.CheckConstraint("price_fen > 0", name=op.f("ck_named_price_tiers_price_positive")),
        sa.ForeignKeyConstraint(["list_id"], ["named_price_lists.id"], name=op.f("fk_named_price_tiers_list_id")),
        sa.PrimaryKeyConstraint("list_id", "min_quantity", name=op.f("pk_named_price_tiers")),
    )
    op.execute(
        "CREATE TRIGGER named_price_tiers_append_only BEFORE UPDATE OR DELETE ON named_price_tiers "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    for table in REFERENCE:
        op.execute(
            f"CREATE TRIGGER {table}_reference AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION raise_reference_version()"
        )
    op.add_column("order_lines", sa.Column("price_source", sa.String(length=32), nullable=True))
    op.add_column("order_lines", sa.Column("price_list_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_order_lines_price_list_id"), "order_lines", "named_price_lists", ["price_list_id"], ["id"]
    )
    known = ", ".join(f"'{source}'" for source in SOURCES)
    op.create_check_constraint(op.f("ck_order_lines_price_source_known"), "order_lines", f"price_source IN ({known})")
    op.create_check_constraint(
        op.f("ck_order_lines_named_list_for_named_price"), "order_lines",
        "(price_list_id IS NOT NULL) = (coalesce(price_source, 'general') IN ('buyer', 'group'))",
    )  # fmt: skip


def downgrade() -> None:
    """Take them off again."""
    op.drop_constraint("ck_order_lines_named_list_for_named_price", "order_lines")
    op.drop_constraint("ck_order_lines_price_source_known", "order_lines")
    op.drop_constraint("fk_order_lines_price_list_id", "order_lines")
    op.drop_column("order_lines", "price_list_id")
    op.drop_column("order_lines", "price_source")
    for table in ("named_price_tiers", "named_price_lists", "buyer_group_members", "buyer_groups"):
        op.drop_table(table)
