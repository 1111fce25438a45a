"""Groups of households, and who is paired with which household.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables, nothing to fill in."""
    op.create_table(
        "household_groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name_zh", sa.String(length=120), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_groups")),
        sa.UniqueConstraint("code", name=op.f("uq_household_groups_code")),
    )
    op.create_table(
        "household_ties",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("helper_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_household_ties_ends_after_start")),
        sa.CheckConstraint("num_nonnulls(group_id, helper_id) = 1", name=op.f("ck_household_ties_group_or_helper")),
        sa.ForeignKeyConstraint(["group_id"], ["household_groups.id"], name=op.f("fk_household_ties_group_id")),
        sa.ForeignKeyConstraint(["helper_id"], ["parties.id"], name=op.f("fk_household_ties_helper_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_household_ties_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_ties")),
    )
    op.create_index(op.f("ix_household_ties_group_id"), "household_ties", ["group_id"], unique=False)
    op.create_index(op.f("ix_household_ties_helper_id"), "household_ties", ["helper_id"], unique=False)
    op.create_index(
        "uq_household_ties_standing",
        "household_ties",
        ["household_id", "group_id", "helper_id"],
        unique=True,
        postgresql_where=sa.text("ends_on IS NULL"),
        postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_index(
        "uq_household_ties_standing",
        "household_ties",
        postgresql_where=sa.text("ends_on IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(op.f("ix_household_ties_helper_id"), "household_ties")
    op.drop_index(op.f("ix_household_ties_group_id"), "household_ties")

    op.drop_table("household_ties")
    op.drop_table("household_groups")
