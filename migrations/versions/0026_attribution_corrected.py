"""Orders counted anew by the county: each correction a row, the settlements that follow it, the sales of both channels.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The log of corrections; a settlement may follow one; the channel that an order leaves is recounted too."""
    op.create_table(
        "attribution_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("from_channel_id", sa.BigInteger(), nullable=False),
        sa.Column("from_partner_id", sa.BigInteger(), nullable=False),
        sa.Column("from_occasion_id", sa.BigInteger(), nullable=True),
        sa.Column("from_link_id", sa.BigInteger(), nullable=True),
        sa.Column("to_channel_id", sa.BigInteger(), nullable=False),
        sa.Column("to_partner_id", sa.BigInteger(), nullable=False),
        sa.Column("to_occasion_id", sa.BigInteger(), nullable=True),
        sa.Column("to_link_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(btrim(reason)) > 0", name=op.f("ck_attribution_changes_has_a_reason")),
        sa.ForeignKeyConstraint(["changed_by_id"], ["people.id"], name=op.f("fk_attribution_changes_changed_by_id")),
        sa.ForeignKeyConstraint(
            ["from_channel_id"], ["channels.id"], name=op.f("fk_attribution_changes_from_channel_id")
        ),
        sa.ForeignKeyConstraint(["from_link_id"], ["sale_links.id"], name=op.f("fk_attribution_changes_from_link_id")),
        sa.ForeignKeyConstraint(
            ["from_occasion_id"], ["occasions.id"], name=op.f("fk_attribution_changes_from_occasion_id")
        ),
        sa.ForeignKeyConstraint(
            ["from_partner_id"], ["partners.id"], name=op.f("fk_attribution_changes_from_partner_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_attribution_changes_order_id")),
        sa.ForeignKeyConstraint(["to_channel_id"], ["channels.id"], name=op.f("fk_attribution_changes_to_channel_id")),
        sa.ForeignKeyConstraint(
            ["to_link_id", "to_partner_id"], ["sale_links.id", "sale_links.partner_id"],
            name=op.f("fk_attribution_changes_to_link_id_to_partner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["to_occasion_id", "to_partner_id"], ["occasions.id", "occasions.partner_id"],
            name=op.f("fk_attribution_changes_to_occasion_id_to_partner_id"),
        ),
        sa.ForeignKeyConstraint(["to_partner_id"], ["partners.id"], name=op.f("fk_attribution_changes_to_partner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribution_changes")),
        sa.UniqueConstraint("order_id", "position", name=op.f("uq_attribution_changes_order_id_position")),
    )  # fmt: skip
    op.execute(
        "CREATE TRIGGER attribution_changes_append_only BEFORE UPDATE OR DELETE ON attribution_changes "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )

    op.add_column("settlements", sa.Column("correction_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_settlements_correction_id"), "settlements", "attribution_changes", ["correction_id"], ["id"]
    )
    op.add_column("settlements", sa.Column("reverses", sa.Boolean(), server_default="false", nullable=False))
    op.create_unique_constraint(
        op.f("uq_settlements_correction_id_reverses"), "settlements", ["correction_id", "reverses"]
    )
    op.drop_constraint(op.f("ck_settlements_sign"), "settlements", type_="check")
    op.create_check_constraint(
        op.f("ck_settlements_sign"),
        "settlements",
        "CASE WHEN correction_id IS NOT NULL THEN refund_id IS NULL AND (net_fen = 0 OR (net_fen < 0) = reverses)"
        " WHEN refund_id IS NOT NULL THEN net_fen < 0 AND NOT reverses ELSE net_fen >= 0 AND NOT reverses END",
    )
    op.drop_index("uq_settlements_order_first", "settlements")
    op.create_index(
        "uq_settlements_order_first", "settlements", ["order_id"], unique=True,
        postgresql_where=sa.text("refund_id IS NULL AND correction_id IS NULL"),
    )  # fmt: skip

    op.execute(
        """
        CREATE FUNCTION mark_left_channel() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, on_day, a_id, b_id)
            VALUES ('sales', OLD.placed_on, OLD.firm_id, OLD.channel_id);
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER orders_mark_left_channel AFTER UPDATE OF channel_id ON orders FOR EACH ROW "
        "WHEN (OLD.channel_id <> NEW.channel_id) EXECUTE FUNCTION mark_left_channel()"
    )


def downgrade() -> None:
    """Refused by the constraint on settlements once an order was counted anew after its settlement."""
    op.execute("DROP TRIGGER orders_mark_left_channel ON orders")
    op.execute("DROP FUNCTION mark_left_channel()")
    op.drop_index("uq_settlements_order_first", "settlements")
    op.create_index(
        "uq_settlements_order_first", "settlements", ["order_id"], unique=True,
        postgresql_where=sa.text("refund_id IS NULL"),
    )  # fmt: skip
    op.drop_constraint(op.f("ck_settlements_sign"), "settlements", type_="check")
    op.create_check_constraint(
        op.f("ck_settlements_sign"),
        "settlements",
        "(refund_id IS NULL AND net_fen >= 0) OR (refund_id IS NOT NULL AND net_fen < 0)",
    )
    op.drop_constraint(op.f("uq_settlements_correction_id_reverses"), "settlements", type_="unique")
    op.drop_column("settlements", "reverses")
    op.drop_constraint(op.f("fk_settlements_correction_id"), "settlements", type_="foreignkey")
    op.drop_column("settlements", "correction_id")
    op.drop_table("attribution_changes")
