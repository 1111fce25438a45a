"""Inquiries of buyers, offers of firms.

Revision ID: 0032
Revises: 0031
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables, nothing to fill in."""
    op.create_table(
        "inquiries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "asked",
                "offered",
                "accepted",
                "declined",
                "withdrawn",
                name="inquirystatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "partner_kind",
            sa.Enum("shop", "unit", "cadre", "enterprise", "host", name="partnerkind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("firm_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("schedule", sa.String(length=120), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("agreement_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(status = 'accepted') = (num_nonnulls(order_id, agreement_id) = 1)",
            name=op.f("ck_inquiries_accepted_once"),
        ),
        sa.CheckConstraint(
            "status IN ('asked', 'offered', 'accepted', 'declined', 'withdrawn')",
            name=op.f("ck_inquiries_status_known"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('offered', 'accepted') OR valid_until IS NOT NULL", name=op.f("ck_inquiries_offers_expire")
        ),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_inquiries_days_ordered")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_inquiries_agreement_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["people.id"], name=op.f("fk_inquiries_asked_by_id")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_inquiries_firm_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_inquiries_order_id")),
        sa.ForeignKeyConstraint(
            ["partner_id", "partner_kind"],
            ["partners.id", "partners.kind"],
            name=op.f("fk_inquiries_partner_id_partner_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inquiries")),
        sa.UniqueConstraint("agreement_id", name=op.f("uq_inquiries_agreement_id")),
        sa.UniqueConstraint("code", name=op.f("uq_inquiries_code")),
        sa.UniqueConstraint("order_id", name=op.f("uq_inquiries_order_id")),
    )
    op.create_index(op.f("ix_inquiries_firm_id"), "inquiries", ["firm_id"], unique=False)
    op.create_index(op.f("ix_inquiries_partner_id"), "inquiries", ["partner_id"], unique=False)

    op.create_table(
        "inquiry_lines",
        sa.Column("inquiry_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("weight_g", sa.BigInteger(), nullable=True),
        sa.Column("price_fen", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("num_nonnulls(quantity, weight_g) = 1", name=op.f("ck_inquiry_lines_packs_or_grams")),
        sa.CheckConstraint("price_fen > 0", name=op.f("ck_inquiry_lines_price_positive")),
        sa.CheckConstraint("quantity > 0 OR weight_g > 0", name=op.f("ck_inquiry_lines_asks_for_something")),
        sa.ForeignKeyConstraint(["inquiry_id"], ["inquiries.id"], name=op.f("fk_inquiry_lines_inquiry_id")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_inquiry_lines_product_id")),
        sa.PrimaryKeyConstraint("inquiry_id", "position", name=op.f("pk_inquiry_lines")),
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_table("inquiry_lines")
    op.drop_index(op.f("ix_inquiries_partner_id"), table_name="inquiries")
    op.drop_index(op.f("ix_inquiries_firm_id"), table_name="inquiries")

    op.drop_table("inquiries")
