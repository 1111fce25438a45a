"""A line of an agreement may have a schedule of its own, signed and frozen as its other terms; so may one asked for.

Revision ID: 0052
Revises: 0051
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

PROMISED = (
    "committed_g", "floor_fen_per_kg", "price_rule", "margin_bp", "minimum_g", "minimum_date_g",
    "farm_gate_floor_fen_per_kg", "special_bp", "second_bp", "off_bp", "quote_source",
)  # fmt: skip
CHECKS = {
    "agreement_lines": ("schedule_written", "schedule <> ''"),
    "inquiry_lines": ("schedule_of_grams", "schedule IS NULL OR (schedule <> '' AND quantity IS NULL)"),
}


def _guard_promises(names: tuple[str, ...]) -> None:
    """A signed promise changes in these columns only by a version that both signed."""
    new, old = (", ".join(f"{row}.{name}" for name in names) for row in ("NEW", "OLD"))
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION refuse_unsigned_promise() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                RAISE EXCEPTION 'a promise is not deleted' USING ERRCODE = '23514';
            END IF;
            IF (NEW.agreement_id, NEW.product_id) IS DISTINCT FROM (OLD.agreement_id, OLD.product_id)
                OR (({new}) IS DISTINCT FROM ({old}) AND NEW.version_id IS NOT DISTINCT FROM OLD.version_id)
                OR (NEW.version_id IS DISTINCT FROM OLD.version_id AND NOT (
                    signed_by_both(NEW.version_id)
                    AND NEW.version_id = (SELECT version_id FROM agreements WHERE id = NEW.agreement_id))) THEN
                RAISE EXCEPTION 'a signed promise is changed by an amendment only' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        END $$
        """
    )


def upgrade() -> None:
    """The columns, empty in every line: all follow the schedule of the whole. Then what guards them."""
    for table, (name, rule) in CHECKS.items():
        op.add_column(table, sa.Column("schedule", sa.String(120), nullable=True))
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
    _guard_promises((*PROMISED, "schedule"))


def downgrade() -> None:
    """The way back; what fell due by a line's own schedule stays."""
    _guard_promises(PROMISED)
    for table, (name, _) in CHECKS.items():
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
        op.drop_column(table, "schedule")
