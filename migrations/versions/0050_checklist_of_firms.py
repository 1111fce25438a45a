"""The checklist by which firms are admitted: items, where each is needed, what firms showed and offices found.

Revision ID: 0050
Revises: 0049
"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

ITEMS = (
    ("business_licence", "营业执照", "business licence", False),
    ("contact", "联系人与电话", "contact", False),
    ("bank_account", "对公账户核验", "bank account verified", True),
    ("food_licence", "食品经营或生产许可", "food or production licence", False),
    ("origin_proof", "产地证明", "proof of origin", False),
    ("recommendation_agriculture", "县农业农村部门推荐", "recommended by the county's agricultural office", False),
    ("recommendation_rural", "县乡村振兴部门推荐", "recommended by the county's rural office", False),
    ("review_832", "832 平台审核", "reviewed by the 832 platform", False),
)
#: What nobody is admitted without: of a firm that was, it is implied, and marked so.
IMPLIED = ("business_licence", "contact")
REFERENCE = ("requirements", "requirement_scopes", "firm_items")


def upgrade() -> None:
    """Nothing is needed anywhere until the county says so; firms that were admitted are taken to have the first two."""
    items = op.create_table(
        "requirements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name_zh", sa.String(length=120), nullable=False),
        sa.Column("name_en", sa.String(length=120), nullable=False),
        sa.Column("masked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requirements")),
        sa.UniqueConstraint("code", name=op.f("uq_requirements_code")),
    )
    op.create_table(
        "requirement_scopes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("requirement_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_kind", sa.String(length=32), nullable=True),
        sa.Column("required_from", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["requirement_id"], ["requirements.id"], name=op.f("fk_requirement_scopes_requirement_id")
        ),
        sa.ForeignKeyConstraint(["channel_kind"], ["channels.kind"], name=op.f("fk_requirement_scopes_channel_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requirement_scopes")),
        sa.UniqueConstraint(
            "requirement_id", "channel_kind", name=op.f("uq_requirement_scopes_requirement_id_channel_kind"),
            postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip
    op.create_table(
        "firm_items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=False),
        sa.Column("requirement_id", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("office_zh", sa.String(length=120), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("implied", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("(checked_at IS NULL) = (accepted IS NULL)", name=op.f("ck_firm_items_finding_is_dated")),
        sa.CheckConstraint(
            "accepted IS NOT FALSE OR reason IS NOT NULL", name=op.f("ck_firm_items_rejected_with_a_reason")
        ),
        sa.CheckConstraint(
            "implied OR checked_at IS NULL OR office_zh IS NOT NULL", name=op.f("ck_firm_items_checked_by_an_office")
        ),
        sa.ForeignKeyConstraint(["firm_id"], ["firms.id"], name=op.f("fk_firm_items_firm_id")),
        sa.ForeignKeyConstraint(["requirement_id"], ["requirements.id"], name=op.f("fk_firm_items_requirement_id")),
        sa.ForeignKeyConstraint(["checked_by_id"], ["people.id"], name=op.f("fk_firm_items_checked_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_firm_items")),
    )
    op.create_index(op.f("ix_firm_items_firm_id_requirement_id"), "firm_items", ["firm_id", "requirement_id"])
    op.bulk_insert(
        items,
        [{"code": code, "name_zh": zh, "name_en": en, "masked": masked} for code, zh, en, masked in ITEMS],
    )
    op.execute(
        sa.text(
            "INSERT INTO firm_items (firm_id, requirement_id, told, submitted_at, checked_at, accepted, implied) "
            "SELECT firms.id, requirements.id, '由此前的准入推定，未逐项核验', now(), now(), true, true "
            "FROM firms, requirements "
            "WHERE firms.status IN ('admitted', 'suspended') AND requirements.code = ANY(:codes)"
        ).bindparams(codes=list(IMPLIED))
    )
    for table in REFERENCE:
        op.execute(
            f"CREATE TRIGGER {table}_reference AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION raise_reference_version()"
        )


def downgrade() -> None:
    """Take it off again."""
    for table in reversed(REFERENCE):
        op.drop_table(table)
