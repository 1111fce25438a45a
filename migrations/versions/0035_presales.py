"""Pre-sales: packs of a harvest to come, ordered against a cap, served in order of placing.

Revision ID: 0035
Revises: 0034
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A pre-sale; a hold may wait for its grams; an order may be of a pre-sale."""
    op.create_table(
        "presales",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("cap_g", sa.BigInteger(), nullable=False),
        sa.Column("taken_g", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("closes_on", sa.Date(), nullable=False),
        sa.Column("ship_by", sa.Date(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cap_g > 0 AND taken_g BETWEEN 0 AND cap_g", name=op.f("ck_presales_within_cap")),
        sa.CheckConstraint("opens_on <= closes_on AND closes_on <= ship_by", name=op.f("ck_presales_days_ordered")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_presales_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presales")),
        sa.UniqueConstraint("code", name=op.f("uq_presales_code")),
    )
    op.create_index(op.f("ix_presales_product_id_closes_on"), "presales", ["product_id", "closes_on"], unique=False)
    op.add_column("reservations", sa.Column("presale_id", sa.BigInteger(), nullable=True))
    op.add_column("reservations", sa.Column("awaited_g", sa.BigInteger(), server_default="0", nullable=False))
    op.create_foreign_key(op.f("fk_reservations_presale_id"), "reservations", "presales", ["presale_id"], ["id"])
    op.drop_constraint("ck_reservations_adds_up", "reservations")
    op.create_check_constraint(
        op.f("ck_reservations_adds_up"),
        "reservations",
        "held_g >= 0 AND awaited_g >= 0 AND sold_g >= 0 AND released_g >= 0"
        " AND held_g + awaited_g + sold_g + released_g = weight_g",
    )
    op.create_check_constraint(
        op.f("ck_reservations_only_a_presale_waits"), "reservations", "awaited_g = 0 OR presale_id IS NOT NULL"
    )
    op.create_index(
        "ix_reservations_awaited", "reservations", ["pool_id", "id"], postgresql_where=sa.text("awaited_g > 0")
    )
    op.create_index(
        "ix_reservations_presale_id", "reservations", ["presale_id"],
        postgresql_where=sa.text("presale_id IS NOT NULL"),
    )  # fmt: skip
    op.add_column("orders", sa.Column("presale_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_orders_presale_id"), "orders", "presales", ["presale_id"], ["id"])
    op.create_index(
        "ix_orders_presale_id", "orders", ["presale_id"], postgresql_where=sa.text("presale_id IS NOT NULL")
    )


def downgrade() -> None:
    """Only where nobody waits for a harvest."""
    op.drop_index("ix_orders_presale_id", "orders", postgresql_where=sa.text("presale_id IS NOT NULL"))
    op.drop_column("orders", "presale_id")
    op.drop_index("ix_reservations_presale_id", "reservations", postgresql_where=sa.text("presale_id IS NOT NULL"))
    op.drop_index("ix_reservations_awaited", "reservations", postgresql_where=sa.text("awaited_g > 0"))
    op.drop_constraint("ck_reservations_only_a_presale_waits", "reservations")
    op.drop_constraint("ck_reservations_adds_up", "reservations")
    op.create_check_constraint(
        op.f("ck_reservations_adds_up"),
        "reservations",
        "held_g >= 0 AND sold_g >= 0 AND released_g >= 0 AND held_g + sold_g + released_g = weight_g",
    )
    op.drop_column("reservations", "awaited_g")
    op.drop_column("reservations", "presale_id")
    op.drop_index(op.f("ix_presales_product_id_closes_on"), "presales")
    op.drop_table("presales")
