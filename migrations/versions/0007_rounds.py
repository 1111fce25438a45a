"""Buying rounds (团购): the round, its products, who joined and asked for what, who was handed his goods.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables; what was handed out stands for ever."""
    op.create_table(
        "rounds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("join_code", sa.String(length=40), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open", "closed", "ordered", "finished", "cancelled", name="roundstatus", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column("occasion_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "occasion_kind",
            sa.Enum("promotion", "round", "agreement", "session", name="occasionkind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=False),
        sa.Column("title_zh", sa.String(length=120), nullable=False),
        sa.Column("delivery_point_zh", sa.String(length=120), nullable=False),
        sa.Column("contact_name_zh", sa.String(length=120), nullable=False),
        sa.Column("contact_phone_e164", sa.String(length=40), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("refusal", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "(order_id IS NOT NULL) = (status IN ('ordered', 'finished'))", name=op.f("ck_rounds_ordered_has_order")
        ),
        sa.CheckConstraint("contact_phone_e164 ~ '^\\+861[3-9][0-9]{9}$'", name=op.f("ck_rounds_phone_normal")),
        sa.CheckConstraint("occasion_kind = 'round'", name=op.f("ck_rounds_is_a_round")),
        sa.CheckConstraint(
            "status IN ('open', 'closed', 'ordered', 'finished', 'cancelled')", name=op.f("ck_rounds_status_known")
        ),
        sa.CheckConstraint("closes_at > opened_at", name=op.f("ck_rounds_times_ordered")),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_rounds_firm_id")),
        sa.ForeignKeyConstraint(
            ["occasion_id", "occasion_kind"],
            ["occasions.id", "occasions.kind"],
            name=op.f("fk_rounds_occasion_id_occasion_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["occasion_id", "partner_id"],
            ["occasions.id", "occasions.partner_id"],
            name=op.f("fk_rounds_occasion_id_partner_id"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_rounds_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
        sa.UniqueConstraint("code", name=op.f("uq_rounds_code")),
        sa.UniqueConstraint("id", "firm_id", name=op.f("uq_rounds_id_firm_id")),
        sa.UniqueConstraint("join_code", name=op.f("uq_rounds_join_code")),
        sa.UniqueConstraint("occasion_id", name=op.f("uq_rounds_occasion_id")),
        sa.UniqueConstraint("order_id", name=op.f("uq_rounds_order_id")),
    )
    op.create_index(op.f("ix_rounds_partner_id_id"), "rounds", ["partner_id", "id"])
    op.create_index("ix_rounds_to_close", "rounds", ["closes_at"], postgresql_where=sa.text("status = 'open'"))

    op.create_table(
        "round_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("name_zh", sa.String(length=120), nullable=False),
        sa.Column("phone_e164", sa.String(length=40), nullable=True),
        sa.Column("staff_number", sa.String(length=40), nullable=True),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("phone_e164 ~ '^\\+861[3-9][0-9]{9}$'", name=op.f("ck_round_entries_phone_normal")),
        sa.CheckConstraint(
            "phone_e164 IS NOT NULL OR staff_number IS NOT NULL", name=op.f("ck_round_entries_known_by_something")
        ),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_round_entries_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_entries")),
        sa.UniqueConstraint("id", "round_id", name=op.f("uq_round_entries_id_round_id")),
        sa.UniqueConstraint("round_id", "phone_e164", name=op.f("uq_round_entries_round_id_phone_e164")),
        sa.UniqueConstraint("round_id", "position", name=op.f("uq_round_entries_round_id_position")),
        sa.UniqueConstraint("round_id", "secret_hash", name=op.f("uq_round_entries_round_id_secret_hash")),
        sa.UniqueConstraint("round_id", "staff_number", name=op.f("uq_round_entries_round_id_staff_number")),
    )
    op.create_table(
        "round_products",
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("least_packs", sa.SmallInteger(), nullable=False),
        sa.Column("most_packs", sa.SmallInteger(), nullable=False),
        sa.Column("total_packs", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "least_packs >= 1 AND most_packs >= least_packs", name=op.f("ck_round_products_bounds_ordered")
        ),
        sa.CheckConstraint("total_packs >= least_packs", name=op.f("ck_round_products_total_positive")),
        sa.ForeignKeyConstraint(
            ["product_id", "firm_id"],
            ["products.id", "products.firm_id"],
            name=op.f("fk_round_products_product_id_firm_id"),
        ),
        sa.ForeignKeyConstraint(
            ["round_id", "firm_id"], ["rounds.id", "rounds.firm_id"], name=op.f("fk_round_products_round_id_firm_id")
        ),
        sa.PrimaryKeyConstraint("round_id", "product_id", name=op.f("pk_round_products")),
        sa.UniqueConstraint("round_id", "position", name=op.f("uq_round_products_round_id_position")),
    )
    op.create_table(
        "round_entry_lines",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_round_entry_lines_asks_for_something")),
        sa.ForeignKeyConstraint(
            ["entry_id", "round_id"],
            ["round_entries.id", "round_entries.round_id"],
            name=op.f("fk_round_entry_lines_entry_id_round_id"),
        ),
        sa.ForeignKeyConstraint(
            ["round_id", "product_id"],
            ["round_products.round_id", "round_products.product_id"],
            name=op.f("fk_round_entry_lines_round_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("entry_id", "product_id", name=op.f("pk_round_entry_lines")),
    )
    op.create_index(op.f("ix_round_entry_lines_round_id_product_id"), "round_entry_lines", ["round_id", "product_id"])

    op.create_table(
        "round_hand_outs",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("handed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handed_by_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id", "round_id"],
            ["round_entries.id", "round_entries.round_id"],
            name=op.f("fk_round_hand_outs_entry_id_round_id"),
        ),
        sa.ForeignKeyConstraint(["handed_by_id"], ["people.id"], name=op.f("fk_round_hand_outs_handed_by_id")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_round_hand_outs")),
    )
    op.execute(
        "CREATE TRIGGER round_hand_outs_append_only BEFORE UPDATE OR DELETE ON round_hand_outs "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_table("round_hand_outs")
    op.drop_index(op.f("ix_round_entry_lines_round_id_product_id"), table_name="round_entry_lines")

    op.drop_table("round_entry_lines")
    op.drop_table("round_products")
    op.drop_table("round_entries")
    op.drop_index("ix_rounds_to_close", table_name="rounds")
    op.drop_index(op.f("ix_rounds_partner_id_id"), table_name="rounds")

    op.drop_table("rounds")
