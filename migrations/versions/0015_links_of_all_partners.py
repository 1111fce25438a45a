"""Links of all partners: one row for a visitor's day, when an order's link was opened, own orders, dated windows.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Openings of one visitor on one day become one row; orders that came by a link opened it when they were placed."""
    op.create_table(
        "link_rules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("window_days", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("window_days BETWEEN 1 AND 90", name=op.f("ck_link_rules_window_sensible")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_rules")),
        sa.UniqueConstraint("valid_from", name=op.f("uq_link_rules_valid_from")),
    )
    op.execute(
        "CREATE TRIGGER link_rules_reference AFTER INSERT OR UPDATE OR DELETE ON link_rules "
        "FOR EACH STATEMENT EXECUTE FUNCTION raise_reference_version()"
    )

    op.add_column("link_clicks", sa.Column("is_bot", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("link_clicks", sa.Column("times", sa.BigInteger(), server_default="1", nullable=False))
    op.execute(
        """
        UPDATE link_clicks SET times = (
            SELECT count(*) FROM link_clicks AS same
            WHERE same.link_id = link_clicks.link_id AND same.visitor_hash = link_clicks.visitor_hash)
        """
    )
    op.execute(
        """
        DELETE FROM link_clicks USING link_clicks AS first
        WHERE first.link_id = link_clicks.link_id AND first.visitor_hash = link_clicks.visitor_hash
          AND first.id < link_clicks.id
        """
    )
    op.drop_index(op.f("ix_link_clicks_link_id_at"), "link_clicks")
    op.create_unique_constraint(
        op.f("uq_link_clicks_link_id_visitor_hash_is_bot"), "link_clicks", ["link_id", "visitor_hash", "is_bot"]
    )
    op.create_check_constraint(op.f("ck_link_clicks_opened_at_least_once"), "link_clicks", "times > 0")

    op.create_index(op.f("ix_sale_links_partner_id"), "sale_links", ["partner_id"], unique=False)
    op.create_unique_constraint(op.f("uq_sale_links_id_partner_id"), "sale_links", ["id", "partner_id"])
    op.drop_constraint(op.f("fk_sale_links_occasion_id"), "sale_links", type_="foreignkey")
    op.create_foreign_key(
        op.f("fk_sale_links_occasion_id_partner_id"), "sale_links", "occasions", ["occasion_id", "partner_id"],
        ["id", "partner_id"],
    )  # fmt: skip

    op.add_column("orders", sa.Column("link_opened_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("is_own", sa.Boolean(), server_default="false", nullable=False))
    op.execute("UPDATE orders SET link_opened_at = placed_at WHERE sale_link_id IS NOT NULL")
    op.create_check_constraint(
        op.f("ck_orders_link_has_its_time"), "orders", "(sale_link_id IS NULL) = (link_opened_at IS NULL)"
    )
    op.create_index(
        "ix_orders_sale_link_id", "orders", ["sale_link_id"], unique=False,
        postgresql_where=sa.text("sale_link_id IS NOT NULL"),
    )  # fmt: skip
    op.drop_constraint(op.f("fk_orders_sale_link_id"), "orders", type_="foreignkey")
    op.create_foreign_key(
        op.f("fk_orders_sale_link_id_partner_id"), "orders", "sale_links", ["sale_link_id", "partner_id"],
        ["id", "partner_id"],
    )  # fmt: skip


def downgrade() -> None:
    """One row for each opening again; which were programs is forgotten with them."""
    op.drop_constraint(op.f("fk_orders_sale_link_id_partner_id"), "orders", type_="foreignkey")
    op.create_foreign_key(op.f("fk_orders_sale_link_id"), "orders", "sale_links", ["sale_link_id"], ["id"])
    op.drop_index("ix_orders_sale_link_id", "orders")
    op.drop_constraint(op.f("ck_orders_link_has_its_time"), "orders", type_="check")
    op.drop_column("orders", "is_own")
    op.drop_column("orders", "link_opened_at")

    op.drop_constraint(op.f("fk_sale_links_occasion_id_partner_id"), "sale_links", type_="foreignkey")
    op.create_foreign_key(op.f("fk_sale_links_occasion_id"), "sale_links", "occasions", ["occasion_id"], ["id"])
    op.drop_constraint(op.f("uq_sale_links_id_partner_id"), "sale_links", type_="unique")
    op.drop_index(op.f("ix_sale_links_partner_id"), "sale_links")

    op.drop_constraint(op.f("ck_link_clicks_opened_at_least_once"), "link_clicks", type_="check")
    op.drop_constraint(op.f("uq_link_clicks_link_id_visitor_hash_is_bot"), "link_clicks", type_="unique")
    op.execute("DELETE FROM link_clicks WHERE is_bot")
    op.execute(
        """
        INSERT INTO link_clicks (link_id, at, visitor_hash)
        SELECT link_id, at, visitor_hash FROM link_clicks, generate_series(2, times)
        """
    )
    op.create_index(op.f("ix_link_clicks_link_id_at"), "link_clicks", ["link_id", "at"], unique=False)
    op.drop_column("link_clicks", "times")
    op.drop_column("link_clicks", "is_bot")

    op.drop_table("link_rules")
