"""Tiers of village collectives are set again with a reason, and pairings of villages that were keyed wrong are void.

Revision ID: 0076
Revises: 0075
"""

import sqlalchemy as sa
from alembic import op

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None

BEFORE = op.f("uq_collective_tiers_from_year_floor_fen")
AFTER = op.f("uq_collective_tiers_from_year_version_floor_fen")
WITH_A_REASON = op.f("ck_collective_tiers_replaced_with_a_reason")


def upgrade() -> None:
    """What was set is the first version of its year."""
    op.add_column("collective_tiers", sa.Column("version", sa.SmallInteger(), server_default="1", nullable=False))
    op.add_column("collective_tiers", sa.Column("reason", sa.Text(), nullable=True))
    op.create_check_constraint(WITH_A_REASON, "collective_tiers", "version > 0 AND (version = 1) = (reason IS NULL)")
    op.drop_constraint(BEFORE, "collective_tiers", type_="unique")
    op.create_unique_constraint(
        AFTER, "collective_tiers", ["from_year", "version", "floor_fen"], postgresql_nulls_not_distinct=True
    )
    op.create_table(
        "village_pairing_voids",
        sa.Column("pairing_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["pairing_id"], ["village_pairings.id"], name=op.f("fk_village_pairing_voids_pairing_id")
        ),
        sa.PrimaryKeyConstraint("pairing_id", name=op.f("pk_village_pairing_voids")),
    )
    op.execute(
        "CREATE TRIGGER village_pairing_voids_append_only BEFORE UPDATE OR DELETE ON village_pairing_voids "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """As it was; a database that holds a second version or a void pairing refuses to go back."""
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM village_pairing_voids) OR EXISTS (SELECT FROM collective_tiers WHERE version > 1)
            THEN RAISE EXCEPTION 'void pairings and replaced tiers have no place in the tables before';
            END IF;
        END $$
        """
    )
    op.drop_table("village_pairing_voids")
    op.drop_constraint(AFTER, "collective_tiers", type_="unique")
    op.create_unique_constraint(BEFORE, "collective_tiers", ["from_year", "floor_fen"])
    op.drop_constraint(WITH_A_REASON, "collective_tiers", type_="check")
    op.drop_column("collective_tiers", "reason")
    op.drop_column("collective_tiers", "version")
