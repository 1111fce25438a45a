"""Village collectives: what they earned, their tiers, villages in pairs.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Facts are append-only. The first tiers are assumed: docs/income.md."""
    op.create_table(
        "collective_tiers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("from_year", sa.SmallInteger(), nullable=False),
        sa.Column("floor_fen", sa.BigInteger(), nullable=True),
        sa.Column("name_zh", sa.String(length=120), nullable=False),
        sa.Column("name_en", sa.String(length=120), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("from_year BETWEEN 2000 AND 2100", name=op.f("ck_collective_tiers_year_in_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collective_tiers")),
        sa.UniqueConstraint("from_year", "floor_fen", name=op.f("uq_collective_tiers_from_year_floor_fen")),
    )
    op.create_table(
        "village_pairings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("strong_id", sa.BigInteger(), nullable=False),
        sa.Column("weak_id", sa.BigInteger(), nullable=False),
        sa.Column("project_zh", sa.String(length=120), nullable=False),
        sa.Column("strong_bp", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("starts_on <= ends_on", name=op.f("ck_village_pairings_ends_after_start")),
        sa.CheckConstraint("strong_bp BETWEEN 0 AND 10000", name=op.f("ck_village_pairings_split_in_range")),
        sa.CheckConstraint("strong_id <> weak_id", name=op.f("ck_village_pairings_two_villages")),
        sa.ForeignKeyConstraint(["strong_id"], ["villages.id"], name=op.f("fk_village_pairings_strong_id")),
        sa.ForeignKeyConstraint(["weak_id"], ["villages.id"], name=op.f("fk_village_pairings_weak_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_village_pairings")),
        sa.UniqueConstraint("code", name=op.f("uq_village_pairings_code")),
    )
    op.create_index(op.f("ix_village_pairings_strong_id"), "village_pairings", ["strong_id"], unique=False)
    op.create_index(op.f("ix_village_pairings_weak_id"), "village_pairings", ["weak_id"], unique=False)

    op.create_table(
        "collective_incomes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("pairing_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "operating",
                "leasing",
                "investment",
                "services",
                "subsidy",
                name="collectivekind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("income_fen", sa.BigInteger(), nullable=False),
        sa.Column("cost_fen", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind <> 'subsidy' OR cost_fen = 0", name=op.f("ck_collective_incomes_subsidies_cost_nothing")
        ),
        sa.CheckConstraint(
            "kind IN ('operating', 'leasing', 'investment', 'services', 'subsidy')",
            name=op.f("ck_collective_incomes_kind_known"),
        ),
        sa.CheckConstraint(
            "(reverses_id IS NULL AND income_fen >= 0 AND cost_fen >= 0)"
            " OR (reverses_id IS NOT NULL AND income_fen <= 0 AND cost_fen <= 0)",
            name=op.f("ck_collective_incomes_only_reversals_take_back"),
        ),
        sa.CheckConstraint("income_fen <> 0 OR cost_fen <> 0", name=op.f("ck_collective_incomes_something_happened")),
        sa.ForeignKeyConstraint(["pairing_id"], ["village_pairings.id"], name=op.f("fk_collective_incomes_pairing_id")),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["collective_incomes.id"], name=op.f("fk_collective_incomes_reverses_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collective_incomes")),
        sa.UniqueConstraint("code", name=op.f("uq_collective_incomes_code")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_collective_incomes_reverses_id")),
    )
    op.create_table(
        "collective_parts",
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("village_id", sa.BigInteger(), nullable=False),
        sa.Column("income_fen", sa.BigInteger(), nullable=False),
        sa.Column("cost_fen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["collective_incomes.id"], name=op.f("fk_collective_parts_event_id")),
        sa.ForeignKeyConstraint(["village_id"], ["villages.id"], name=op.f("fk_collective_parts_village_id")),
        sa.PrimaryKeyConstraint("event_id", "village_id", name=op.f("pk_collective_parts")),
    )
    op.create_index(op.f("ix_collective_parts_village_id"), "collective_parts", ["village_id"], unique=False)
    op.execute(
        "INSERT INTO collective_tiers (from_year, floor_fen, name_zh, name_en, recorded_at) VALUES"
        " (2000, NULL, '5 万元以下', 'below 50,000 yuan', now()),"
        " (2000, 5000000, '5 万元以上', '50,000 yuan or more', now()),"
        " (2000, 20000000, '超二（20 万元以上）', '200,000 yuan or more', now()),"
        " (2000, 30000000, '争三（30 万元以上）', '300,000 yuan or more', now()),"
        " (2000, 50000000, '进五（50 万元以上）', '500,000 yuan or more', now())"
    )
    for table in ("collective_tiers", "village_pairings", "collective_incomes", "collective_parts"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Take them off again."""
    op.drop_index(op.f("ix_collective_parts_village_id"), "collective_parts")

    op.drop_table("collective_parts")
    op.drop_table("collective_incomes")
    op.drop_index(op.f("ix_village_pairings_weak_id"), "village_pairings")
    op.drop_index(op.f("ix_village_pairings_strong_id"), "village_pairings")

    op.drop_table("village_pairings")
    op.drop_table("collective_tiers")
