"""Shops on marketplaces: how their files are read and what they told us.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: What was told of money is never edited.
APPEND_ONLY = ("marketplace_refunds", "marketplace_payouts", "marketplace_imports")
#: The CHECKs that learn a word: a line paid elsewhere, the provider and the account of a marketplace.
PACK_OR_KG = (
    "(price_basis = 'pack' AND quantity > 0 AND amount_fen = quantity * price_fen"
    " AND weight_g = quantity * unit_weight_g) OR "
    "(price_basis = 'kg' AND quantity IS NULL AND amount_fen = (weight_g * price_fen * 2 + 1000) / 2000)"
)
LINE = "(price_basis = 'line' AND quantity > 0 AND amount_fen = price_fen AND weight_g = quantity * unit_weight_g)"
BEFORE = "'clearing', 'advances', 'refunds_due'"
AFTER = "'clearing', 'marketplace', 'advances', 'refunds_due'"
ACCOUNTS = "'receivable', 'firm', 'host', 'platform', 'carrier', 'firm_costs', 'household', 'reserve'"
WORDS: tuple[tuple[str, str, str, str], ...] = (
    ("order_lines", "price_basis_known", "price_basis IN ('pack', 'kg')", "price_basis IN ('pack', 'kg', 'line')"),
    ("order_lines", "amount_exact", PACK_OR_KG, f"{PACK_OR_KG} OR {LINE}"),
    (
        "payments", "provider_known", "provider IN ('simulated', 'bank_transfer')",
        "provider IN ('simulated', 'bank_transfer', 'marketplace')",
    ),
    (
        "notifications", "provider_known", "provider IN ('simulated', 'bank_transfer')",
        "provider IN ('simulated', 'bank_transfer', 'marketplace')",
    ),
    ("accounts", "kind_known", f"kind IN ({BEFORE}, {ACCOUNTS})", f"kind IN ({AFTER}, {ACCOUNTS})"),
)  # fmt: skip


def _checks(place: int) -> None:
    """Put the CHECKs as they were (2) or as they become (3)."""
    for row in WORDS:
        op.drop_constraint(op.f(f"ck_{row[0]}_{row[1]}"), row[0], type_="check")
        op.create_check_constraint(op.f(f"ck_{row[0]}_{row[1]}"), row[0], row[place])


def upgrade() -> None:
    """The tables with their guards, then the words."""
    op.create_table(
        "marketplaces",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "partner_kind",
            sa.String(length=32),
            nullable=False,
        ),
        sa.Column("profile", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("receipt_days", sa.SmallInteger(), nullable=False),
        sa.Column("settle_days", sa.SmallInteger(), nullable=False),
        sa.Column("set_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("partner_kind = 'shop'", name=op.f("ck_marketplaces_only_shops")),
        sa.CheckConstraint(
            "receipt_days BETWEEN 0 AND 60 AND settle_days BETWEEN 0 AND 90", name=op.f("ck_marketplaces_days_in_range")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id", "partner_kind"],
            ["partners.id", "partners.kind"],
            name=op.f("fk_marketplaces_partner_id_partner_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marketplaces")),
        sa.UniqueConstraint("partner_id", name=op.f("uq_marketplaces_partner_id")),
    )
    op.create_table(
        "marketplace_imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("marketplace_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.String(length=32),
            nullable=False,
        ),
        sa.Column("file", sa.String(length=120), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("new", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('orders', 'refunds', 'payouts')", name=op.f("ck_marketplace_imports_kind_known")),
        sa.ForeignKeyConstraint(
            ["marketplace_id"], ["marketplaces.id"], name=op.f("fk_marketplace_imports_marketplace_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_marketplace_imports_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marketplace_imports")),
    )
    op.create_index(
        op.f("ix_marketplace_imports_marketplace_id_id"), "marketplace_imports", ["marketplace_id", "id"], unique=False
    )
    op.create_table(
        "marketplace_payouts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("marketplace_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("number", sa.String(length=120), nullable=False),
        sa.Column("line", sa.String(length=120), nullable=False),
        sa.Column("received_fen", sa.BigInteger(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["marketplace_id"], ["marketplaces.id"], name=op.f("fk_marketplace_payouts_marketplace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marketplace_payouts")),
        sa.UniqueConstraint(
            "marketplace_id", "reference", name=op.f("uq_marketplace_payouts_marketplace_id_reference")
        ),
    )
    op.create_index(
        op.f("ix_marketplace_payouts_marketplace_id_number_line"),
        "marketplace_payouts",
        ["marketplace_id", "number", "line"],
        unique=False,
    )
    op.create_table(
        "marketplace_refunds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("marketplace_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("number", sa.String(length=120), nullable=False),
        sa.Column("line", sa.String(length=120), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_marketplace_refunds_refunds_something")),
        sa.ForeignKeyConstraint(
            ["marketplace_id"], ["marketplaces.id"], name=op.f("fk_marketplace_refunds_marketplace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marketplace_refunds")),
        sa.UniqueConstraint(
            "marketplace_id", "reference", name=op.f("uq_marketplace_refunds_marketplace_id_reference")
        ),
    )
    op.create_index(
        op.f("ix_marketplace_refunds_marketplace_id_number_line"),
        "marketplace_refunds",
        ["marketplace_id", "number", "line"],
        unique=False,
    )
    op.create_table(
        "marketplace_items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("marketplace_id", sa.BigInteger(), nullable=False),
        sa.Column("sku", sa.String(length=120), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("packs", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("packs BETWEEN 1 AND 1000", name=op.f("ck_marketplace_items_packs_in_range")),
        sa.ForeignKeyConstraint(
            ["marketplace_id"], ["marketplaces.id"], name=op.f("fk_marketplace_items_marketplace_id")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_marketplace_items_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marketplace_items")),
        sa.UniqueConstraint("marketplace_id", "sku", name=op.f("uq_marketplace_items_marketplace_id_sku")),
    )
    op.create_table(
        "marketplace_orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("marketplace_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=120), nullable=False),
        sa.Column("line", sa.String(length=120), nullable=False),
        sa.Column("sku", sa.String(length=120), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("packs", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("sold_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("followed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_up", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "(due_on IS NULL) = (received_at IS NULL)", name=op.f("ck_marketplace_orders_received_is_due")
        ),
        sa.CheckConstraint(
            "order_id IS NOT NULL OR (cancelled_at IS NOT NULL AND shipped_at IS NULL)",
            name=op.f("ck_marketplace_orders_sold_is_an_order"),
        ),
        sa.CheckConstraint("packs > 0 AND amount_fen > 0", name=op.f("ck_marketplace_orders_sells_something")),
        sa.CheckConstraint(
            "received_at IS NULL OR shipped_at IS NOT NULL", name=op.f("ck_marketplace_orders_received_was_shipped")
        ),
        sa.ForeignKeyConstraint(
            ["marketplace_id"], ["marketplaces.id"], name=op.f("fk_marketplace_orders_marketplace_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_marketplace_orders_order_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_marketplace_orders_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marketplace_orders")),
        sa.UniqueConstraint(
            "marketplace_id", "number", "line", name=op.f("uq_marketplace_orders_marketplace_id_number_line")
        ),
        sa.UniqueConstraint("order_id", name=op.f("uq_marketplace_orders_order_id")),
    )
    op.create_index(
        op.f("ix_marketplace_orders_marketplace_id_due_on"),
        "marketplace_orders",
        ["marketplace_id", "due_on"],
        unique=False,
    )
    op.create_index(
        "ix_marketplace_orders_to_follow",
        "marketplace_orders",
        ["id"],
        unique=False,
        postgresql_where=sa.text("followed_at IS NULL"),
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    _checks(3)


def downgrade() -> None:
    """Refused by the CHECKs once anything was sold at a marketplace."""
    _checks(2)
    op.drop_table("marketplace_orders")
    op.drop_table("marketplace_items")
    op.drop_table("marketplace_refunds")
    op.drop_table("marketplace_payouts")
    op.drop_table("marketplace_imports")
    op.drop_table("marketplaces")
