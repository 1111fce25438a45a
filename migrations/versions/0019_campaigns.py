"""Goals of campaigns, the products they are about, and special prices for certain days.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables and column; what a campaign is about is reference data, so it raises its version."""
    op.create_table(
        "campaign_goals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("township_id", sa.BigInteger(), nullable=True),
        sa.Column("partner_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "partner_kind",
            sa.Enum("shop", "unit", "cadre", "enterprise", "host", name="partnerkind", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("households", sa.BigInteger(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("partner_kind IN ('unit', 'enterprise')", name=op.f("ck_campaign_goals_never_of_a_cadre")),
        sa.CheckConstraint(
            "(partner_id IS NULL) = (partner_kind IS NULL)", name=op.f("ck_campaign_goals_partner_has_kind")
        ),
        sa.CheckConstraint("amount_fen > 0 AND households > 0", name=op.f("ck_campaign_goals_positive")),
        sa.CheckConstraint("num_nonnulls(amount_fen, households) >= 1", name=op.f("ck_campaign_goals_wants_something")),
        sa.CheckConstraint(
            "num_nonnulls(channel_id, township_id, partner_id) <= 1", name=op.f("ck_campaign_goals_of_one_thing")
        ),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_goals_campaign_id")),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name=op.f("fk_campaign_goals_channel_id")),
        sa.ForeignKeyConstraint(
            ["partner_id", "partner_kind"],
            ["partners.id", "partners.kind"],
            name=op.f("fk_campaign_goals_partner_id_partner_kind"),
        ),
        sa.ForeignKeyConstraint(["township_id"], ["townships.id"], name=op.f("fk_campaign_goals_township_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_goals")),
        sa.UniqueConstraint(
            "campaign_id",
            "channel_id",
            "township_id",
            "partner_id",
            name=op.f("uq_campaign_goals_campaign_id_channel_id_township_id_partner_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "campaign_products",
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_campaign_products_campaign_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_campaign_products_product_id")),
        sa.PrimaryKeyConstraint("campaign_id", "product_id", name=op.f("pk_campaign_products")),
    )
    op.create_index(op.f("ix_campaign_products_product_id"), "campaign_products", ["product_id"])
    op.execute(
        "CREATE TRIGGER campaign_products_reference AFTER INSERT OR UPDATE OR DELETE ON campaign_products "
        "FOR EACH STATEMENT EXECUTE FUNCTION raise_reference_version()"
    )
    op.create_index(op.f("ix_orders_campaign_id"), "orders", ["campaign_id"])
    op.add_column("price_tiers", sa.Column("special", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_check_constraint(
        op.f("ck_price_tiers_special_ends"), "price_tiers", "NOT special OR valid_until IS NOT NULL"
    )
    op.drop_constraint(op.f("uq_price_tiers_product_id_valid_from_min_quantity"), "price_tiers", type_="unique")
    op.create_unique_constraint(
        op.f("uq_price_tiers_product_id_special_valid_from_min_quantity"),
        "price_tiers",
        ["product_id", "special", "valid_from", "min_quantity"],
    )


def downgrade() -> None:
    """Without special lists the ordinary ones hold on all days."""
    op.execute("DELETE FROM price_tiers WHERE special")
    op.drop_constraint(op.f("uq_price_tiers_product_id_special_valid_from_min_quantity"), "price_tiers", type_="unique")
    op.create_unique_constraint(
        op.f("uq_price_tiers_product_id_valid_from_min_quantity"),
        "price_tiers",
        ["product_id", "valid_from", "min_quantity"],
    )
    op.drop_constraint(op.f("ck_price_tiers_special_ends"), "price_tiers", type_="check")
    op.drop_column("price_tiers", "special")
    op.drop_index(op.f("ix_orders_campaign_id"), table_name="orders")
    op.drop_table("campaign_products")
    op.drop_table("campaign_goals")
