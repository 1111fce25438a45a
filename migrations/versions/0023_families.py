"""Records of one family, and from when to when a household belongs to a firm.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A relation without spells has always stood, so nothing is filled in."""
    op.create_table(
        "household_aliases",
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("counts_for_id", sa.BigInteger(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("household_id <> counts_for_id", name=op.f("ck_household_aliases_two_records")),
        sa.ForeignKeyConstraint(["counts_for_id"], ["households.id"], name=op.f("fk_household_aliases_counts_for_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_household_aliases_household_id")),
        sa.PrimaryKeyConstraint("household_id", name=op.f("pk_household_aliases")),
    )
    op.create_index(op.f("ix_household_aliases_counts_for_id"), "household_aliases", ["counts_for_id"], unique=False)

    op.create_table(
        "membership_spells",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("firm_id", sa.BigInteger(), nullable=False),
        sa.Column("joined_on", sa.Date(), nullable=True),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("returned_units", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("left_on >= joined_on", name=op.f("ck_membership_spells_leaves_after_joining")),
        sa.CheckConstraint("returned_units >= 0", name=op.f("ck_membership_spells_units_not_negative")),
        sa.ForeignKeyConstraint(
            ["household_id", "firm_id"],
            ["memberships.household_id", "memberships.firm_id"],
            name=op.f("fk_membership_spells_household_id_firm_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership_spells")),
    )
    op.create_index(
        "uq_membership_spells_standing",
        "membership_spells",
        ["household_id", "firm_id"],
        unique=True,
        postgresql_where=sa.text("left_on IS NULL"),
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_index("uq_membership_spells_standing", "membership_spells", postgresql_where=sa.text("left_on IS NULL"))

    op.drop_table("membership_spells")
    op.drop_index(op.f("ix_household_aliases_counts_for_id"), "household_aliases")

    op.drop_table("household_aliases")
