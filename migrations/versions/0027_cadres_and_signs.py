"""Cadres and whom they help, never paid by any account; signs that the county should look at; ranking off by default.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

PARTNER_KIND = sa.Enum(
    "shop", "unit", "cadre", "enterprise", "host", name="partnerkind", native_enum=False, length=32
)  # fmt: skip
SIGNS = ("one_buyer", "refunded_later", "same_amount", "above_list", "own_orders", "one_visitor")


def upgrade() -> None:
    """Pairings hold no amount and no proof; an account of a cadre is refused whoever opens it."""
    op.add_column("link_rules", sa.Column("ranking", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "helper_units",
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("partner_kind", PARTNER_KIND, nullable=False),
        sa.Column("unit_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("partner_kind IN ('cadre')", name=op.f("ck_helper_units_only_unpaid_helpers")),
        sa.ForeignKeyConstraint(
            ["partner_id", "partner_kind"], ["partners.id", "partners.kind"],
            name=op.f("fk_helper_units_partner_id_partner_kind"),
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["partners.id"], name=op.f("fk_helper_units_unit_id")),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_helper_units")),
    )  # fmt: skip
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
    op.create_index(op.f("ix_pairings_village_id"), "pairings", ["village_id"], unique=False)
    op.create_index(
        "uq_pairings_running", "pairings", ["partner_id", "village_id", "household_id"], unique=True,
        postgresql_nulls_not_distinct=True, postgresql_where=sa.text("ends_on IS NULL"),
    )  # fmt: skip
    op.create_table(
        "link_signs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("partner_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Enum(*SIGNS, name="sign", native_enum=False, length=32), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"kind IN {SIGNS}", name=op.f("ck_link_signs_kind_known")),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_link_signs_month_first_day")),
        sa.CheckConstraint("found > 0 AND base >= found", name=op.f("ck_link_signs_found_of_base")),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_link_signs_partner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_signs")),
        sa.UniqueConstraint("month", "partner_id", "kind", name=op.f("uq_link_signs_month_partner_id_kind")),
    )
    op.create_index(op.f("ix_link_signs_partner_id"), "link_signs", ["partner_id"], unique=False)
    op.execute(
        """
        CREATE FUNCTION refuse_unpayable() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM parties WHERE id = NEW.party_id AND kind = 'cadre') THEN
                RAISE EXCEPTION 'a cadre is never paid' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER accounts_unpayable BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW "
        "EXECUTE FUNCTION refuse_unpayable()"
    )


def downgrade() -> None:
    """Whom cadres help is forgotten with its tables."""
    op.execute("DROP TRIGGER accounts_unpayable ON accounts")
    op.execute("DROP FUNCTION refuse_unpayable()")
    op.drop_table("link_signs")
    op.drop_table("pairings")
    op.drop_table("helper_units")
    op.drop_column("link_rules", "ranking")
