"""One table of pairings: a cadre or unit with a village or household, by dates; groups of households apart.

Revision ID: 0037
Revises: 0036
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

PARTY_KIND = sa.Enum(
    "county", "township", "firm", "buyer", "shop", "cadre", "host", "household", "customer", name="partykind",
    native_enum=False, length=32,
)  # fmt: skip
PARTNER_KIND = sa.Enum(
    "shop", "unit", "cadre", "enterprise", "host", name="partnerkind", native_enum=False, length=32
)  # fmt: skip
RUNNING = {"unique": True, "postgresql_where": sa.text("ends_on IS NULL"), "postgresql_nulls_not_distinct": True}

#: What both tables knew; spells of one pair that overlap are one spell. A pairing of the first table was recorded when
#: history says so, else on its first day.
MERGED = """
    CREATE TEMPORARY TABLE merged_pairings ON COMMIT DROP AS
    WITH known AS (
        SELECT partners.party_id AS helper_id, parties.kind AS helper_kind,
            CASE WHEN pairings.household_id IS NULL THEN pairings.village_id END AS village_id, pairings.household_id,
            starts_on, ends_on, wrote.person_id AS recorded_by_id,
            coalesce(wrote.at, starts_on::timestamp AT TIME ZONE 'Asia/Shanghai') AS recorded_at
        FROM pairings JOIN partners ON partners.id = partner_id JOIN parties ON parties.id = partners.party_id
        JOIN villages ON villages.id = pairings.village_id
        LEFT JOIN households ON households.id = pairings.household_id
        LEFT JOIN LATERAL (
            SELECT at, person_id FROM history
            WHERE entity_type = 'partners' AND entity_id = partner_id AND event = 'pair'
              AND facts->>'village' = villages.code AND facts->>'household' IS NOT DISTINCT FROM households.code
            ORDER BY history.id LIMIT 1) AS wrote ON true
        UNION ALL
        SELECT helper_id, parties.kind, NULL, household_id, starts_on, ends_on, recorded_by_id, recorded_at
        FROM household_ties JOIN parties ON parties.id = helper_id
    ), numbered AS (
        SELECT *, row_number() OVER (ORDER BY helper_id, starts_on, recorded_at) AS place FROM known
    ), marked AS (
        SELECT *, coalesce(starts_on <= max(coalesce(ends_on, 'infinity')) OVER before, false) AS goes_on FROM numbered
        WINDOW before AS (PARTITION BY helper_id, village_id, household_id ORDER BY starts_on, place
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), spells AS (
        SELECT *, count(*) FILTER (WHERE NOT goes_on) OVER so_far AS spell FROM marked
        WINDOW so_far AS (PARTITION BY helper_id, village_id, household_id ORDER BY starts_on, place
                          ROWS UNBOUNDED PRECEDING)
    )
    SELECT helper_id, helper_kind, village_id, household_id, min(starts_on) AS starts_on,
        nullif(max(coalesce(ends_on, 'infinity')), 'infinity') AS ends_on,
        (array_agg(recorded_by_id ORDER BY recorded_at))[1] AS recorded_by_id, min(recorded_at) AS recorded_at
    FROM spells GROUP BY helper_id, helper_kind, village_id, household_id, spell
"""


def upgrade() -> None:
    """Both tables' pairings go into one; a household's ties are groups alone."""
    op.execute(MERGED)
    op.drop_table("pairings")
    op.create_table(
        "pairings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("helper_id", sa.BigInteger(), nullable=False),
        sa.Column("helper_kind", PARTY_KIND, nullable=False),
        sa.Column("village_id", sa.BigInteger(), nullable=True),
        sa.Column("household_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("helper_kind IN ('cadre', 'buyer')", name=op.f("ck_pairings_only_helpers")),
        sa.CheckConstraint("num_nonnulls(village_id, household_id) = 1", name=op.f("ck_pairings_village_or_household")),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_pairings_days_ordered")),
        sa.ForeignKeyConstraint(
            ["helper_id", "helper_kind"], ["parties.id", "parties.kind"], name=op.f("fk_pairings_helper_id_helper_kind")
        ),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_pairings_household_id")),
        sa.ForeignKeyConstraint(["village_id"], ["villages.id"], name=op.f("fk_pairings_village_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairings")),
    )
    op.create_index(op.f("ix_pairings_village_id"), "pairings", ["village_id"])
    op.create_index(op.f("ix_pairings_household_id"), "pairings", ["household_id"])
    op.create_index("uq_pairings_running", "pairings", ["helper_id", "village_id", "household_id"], **RUNNING)
    op.execute(
        "INSERT INTO pairings (helper_id, helper_kind, village_id, household_id, starts_on, ends_on, recorded_by_id,"
        " recorded_at) SELECT helper_id, helper_kind, village_id, household_id, starts_on, ends_on, recorded_by_id,"
        " recorded_at FROM merged_pairings ORDER BY recorded_at, helper_id, starts_on"
    )
    op.execute("DELETE FROM household_ties WHERE helper_id IS NOT NULL")
    op.drop_index("uq_household_ties_standing", "household_ties")
    op.drop_constraint(op.f("ck_household_ties_group_or_helper"), "household_ties", type_="check")
    op.drop_column("household_ties", "helper_id")
    op.alter_column("household_ties", "group_id", nullable=False)
    op.create_index(
        "uq_household_ties_standing", "household_ties", ["household_id", "group_id"], unique=True,
        postgresql_where=sa.text("ends_on IS NULL"),
    )  # fmt: skip


def downgrade() -> None:
    """Cadres' pairings go back to the first table, others' with households to the second. Refused rather than lost:
    a village that a unit is paired with has no place in either.
    """
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM pairings WHERE village_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM partners WHERE party_id = helper_id AND kind = 'cadre')) THEN
                RAISE EXCEPTION 'pairings with villages of who is no admitted cadre have no place in the tables before';
            END IF;
        END $$
        """
    )
    op.execute("CREATE TEMPORARY TABLE merged_pairings ON COMMIT DROP AS SELECT * FROM pairings")
    op.drop_table("pairings")
    op.create_table(
        "pairings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("partner_kind", PARTNER_KIND, nullable=False),
        sa.Column("village_id", sa.BigInteger(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.CheckConstraint("partner_kind IN ('cadre')", name=op.f("ck_pairings_only_unpaid_helpers")),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_pairings_days_ordered")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_pairings_household_id")),
        sa.ForeignKeyConstraint(
            ["partner_id", "partner_kind"], ["partners.id", "partners.kind"],
            name=op.f("fk_pairings_partner_id_partner_kind"),
        ),
        sa.ForeignKeyConstraint(["village_id"], ["villages.id"], name=op.f("fk_pairings_village_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairings")),
    )  # fmt: skip
    op.create_index(op.f("ix_pairings_village_id"), "pairings", ["village_id"])
    op.create_index("uq_pairings_running", "pairings", ["partner_id", "village_id", "household_id"], **RUNNING)
    op.execute(
        """
        INSERT INTO pairings (partner_id, partner_kind, village_id, household_id, starts_on, ends_on)
        SELECT partners.id, partners.kind, coalesce(merged.village_id, households.village_id), household_id, starts_on,
            ends_on
        FROM merged_pairings AS merged JOIN partners ON partners.party_id = helper_id AND partners.kind = 'cadre'
        LEFT JOIN households ON households.id = household_id
        ORDER BY merged.id
        """
    )
    op.drop_index("uq_household_ties_standing", "household_ties")
    op.alter_column("household_ties", "group_id", nullable=True)
    op.add_column("household_ties", sa.Column("helper_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_household_ties_helper_id"), "household_ties", "parties", ["helper_id"], ["id"])
    op.create_index(op.f("ix_household_ties_helper_id"), "household_ties", ["helper_id"])
    op.create_check_constraint(
        op.f("ck_household_ties_group_or_helper"), "household_ties", "num_nonnulls(group_id, helper_id) = 1"
    )
    op.create_index(
        "uq_household_ties_standing", "household_ties", ["household_id", "group_id", "helper_id"], **RUNNING
    )
    op.execute(
        """
        INSERT INTO household_ties (household_id, helper_id, starts_on, ends_on, recorded_by_id, recorded_at)
        SELECT household_id, helper_id, starts_on, ends_on, recorded_by_id, recorded_at FROM merged_pairings AS merged
        WHERE NOT EXISTS (SELECT FROM partners WHERE party_id = helper_id AND kind = 'cadre')
        ORDER BY merged.id
        """
    )
