"""Surplus plans with a life, what members say against them, and what is answered.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APPEND_ONLY = ("surplus_shares", "surplus_objections", "surplus_answers")
PLAN_CHECKS = {
    "status_known": "status IN ('draft', 'open', 'approved', 'booked', 'withdrawn')",
    "accounts_not_negative": "share_value_fen >= 0 AND aid_fen >= 0",
    "laid_open_long_enough": "historical OR status NOT IN ('approved', 'booked')"
    " OR (met_on >= laid_open_on + 15) IS TRUE",
    "open_since_a_day": "status <> 'open' OR laid_open_on IS NOT NULL",
    "booked_on_a_day": "(status = 'booked') = (booked_on IS NOT NULL)",
}


def upgrade() -> None:
    """Plans that are there came with the county's files and are booked; their reserve is credited to no account."""
    op.create_table(
        "surplus_objections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_surplus_objections_household_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["surplus_plans.id"], name=op.f("fk_surplus_objections_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_surplus_objections")),
        sa.UniqueConstraint("plan_id", "position", name=op.f("uq_surplus_objections_plan_id_position")),
    )
    op.create_table(
        "surplus_answers",
        sa.Column("objection_id", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["objection_id"], ["surplus_objections.id"], name=op.f("fk_surplus_answers_objection_id")
        ),
        sa.PrimaryKeyConstraint("objection_id", name=op.f("pk_surplus_answers")),
    )
    for column in (
        sa.Column("code", sa.String(40)),
        sa.Column("status", sa.String(32), nullable=False, server_default="booked"),
        sa.Column("historical", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("share_value_fen", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("aid_fen", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("laid_open_on", sa.Date()),
        sa.Column("met_on", sa.Date()),
        sa.Column("minutes", sa.Text()),
    ):
        op.add_column("surplus_plans", column)
    op.execute("UPDATE surplus_plans SET code = firms.code || '-' || year || '-1' FROM firms WHERE firms.id = firm_id")
    op.execute(
        "INSERT INTO history (entity_type, entity_id, at, event, to_state)"
        " SELECT 'surplus_plans', id, recorded_at, 'import', 'booked' FROM surplus_plans ORDER BY id"
    )
    for column in ("delivered_fen", "account_fen", "reserve_fen"):
        op.add_column("surplus_shares", sa.Column(column, sa.BigInteger(), nullable=False, server_default="0"))
        op.alter_column("surplus_shares", column, server_default=None)
    op.execute(
        """
        UPDATE surplus_shares SET account_fen = share_units, delivered_fen = coalesce((
            SELECT sum(amount_fen) FROM deliveries
            WHERE deliveries.household_id = surplus_shares.household_id AND deliveries.firm_id = surplus_plans.firm_id
              AND extract(year FROM delivered_on) = surplus_plans.year), 0)
        FROM surplus_plans JOIN memberships ON memberships.firm_id = surplus_plans.firm_id
        WHERE surplus_plans.id = plan_id AND memberships.household_id = surplus_shares.household_id
        """
    )
    op.alter_column("surplus_plans", "code", nullable=False)
    for name in ("status", "historical", "share_value_fen", "aid_fen"):
        op.alter_column("surplus_plans", name, server_default=None)
    op.alter_column("surplus_plans", "booked_on", nullable=True)
    op.drop_constraint("uq_surplus_plans_firm_id_year", "surplus_plans")
    op.create_unique_constraint("uq_surplus_plans_code", "surplus_plans", ["code"])
    op.create_index(
        "uq_surplus_plans_standing", "surplus_plans", ["firm_id", "year"], unique=True,
        postgresql_where=sa.text("status <> 'withdrawn'"),
    )  # fmt: skip
    for name, truth in PLAN_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_surplus_plans_{name}"), "surplus_plans", truth)
    op.drop_constraint("ck_surplus_shares_not_negative", "surplus_shares")
    op.create_check_constraint(
        op.f("ck_surplus_shares_not_negative"), "surplus_shares",
        "patronage_fen >= 0 AND dividend_fen >= 0 AND reserve_fen >= 0",
    )  # fmt: skip
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Plans that are not booked have no place there: they go, with what was said about them."""
    op.execute("DROP TRIGGER surplus_shares_append_only ON surplus_shares")
    op.drop_table("surplus_answers")
    op.drop_table("surplus_objections")
    op.execute("DELETE FROM surplus_shares USING surplus_plans WHERE surplus_plans.id = plan_id AND status <> 'booked'")
    op.execute("DELETE FROM surplus_plans WHERE status <> 'booked'")
    op.drop_constraint("ck_surplus_shares_not_negative", "surplus_shares")
    for column in ("delivered_fen", "account_fen", "reserve_fen"):
        op.drop_column("surplus_shares", column)
    op.create_check_constraint(
        op.f("ck_surplus_shares_not_negative"), "surplus_shares", "patronage_fen >= 0 AND dividend_fen >= 0"
    )
    for name in PLAN_CHECKS:
        op.drop_constraint(op.f(f"ck_surplus_plans_{name}"), "surplus_plans")
    op.drop_index("uq_surplus_plans_standing", "surplus_plans")
    op.drop_constraint("uq_surplus_plans_code", "surplus_plans")
    op.create_unique_constraint("uq_surplus_plans_firm_id_year", "surplus_plans", ["firm_id", "year"])
    op.alter_column("surplus_plans", "booked_on", nullable=False)
    for column in (
        "code", "status", "historical", "share_value_fen", "aid_fen", "laid_open_on", "met_on", "minutes"
    ):  # fmt: skip
        op.drop_column("surplus_plans", column)
