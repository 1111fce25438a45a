"""Quotes by market and grade with logged corrections; a call-off serves a day of the schedule, whenever it is due.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PROMISED = (
    "committed_g", "floor_fen_per_kg", "price_rule", "margin_bp", "minimum_g", "minimum_date_g",
    "farm_gate_floor_fen_per_kg", "special_bp", "second_bp", "off_bp",
)  # fmt: skip
GRADES = ("特级", "一级", "二级", "等外")


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
    """Columns, then what guards them."""
    op.add_column("agreement_lines", sa.Column("quote_source", sa.String(120), server_default="", nullable=False))
    _guard_promises((*PROMISED, "quote_source"))

    op.add_column("call_offs", sa.Column("schedule_day", sa.Date(), nullable=True))
    op.execute("UPDATE call_offs SET schedule_day = due_on WHERE scheduled")
    op.drop_index("uq_call_offs_scheduled", table_name="call_offs")
    op.create_unique_constraint(op.f("uq_call_offs_line_id_schedule_day"), "call_offs", ["line_id", "schedule_day"])
    op.drop_column("call_offs", "scheduled")

    op.add_column("market_quotes", sa.Column("market", sa.String(120), server_default="", nullable=False))
    grade = sa.Enum(*GRADES, name="grade", native_enum=False, length=32)
    op.add_column("market_quotes", sa.Column("grade", grade, server_default="一级", nullable=False))
    op.add_column("market_quotes", sa.Column("position", sa.SmallInteger(), server_default="1", nullable=False))
    op.add_column("market_quotes", sa.Column("recorded_by_id", sa.BigInteger(), nullable=True))
    op.add_column("market_quotes", sa.Column("reason", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_market_quotes_recorded_by_id"), "market_quotes", "people", ["recorded_by_id"], ["id"]
    )
    op.drop_constraint(op.f("uq_market_quotes_product_id_quoted_on_source"), "market_quotes", type_="unique")
    op.create_unique_constraint(
        op.f("uq_market_quotes_said"),
        "market_quotes",
        ["product_id", "quoted_on", "source", "market", "grade", "position"],
    )
    listed = ", ".join(f"'{grade}'" for grade in GRADES)
    op.create_check_constraint(op.f("ck_market_quotes_grade_known"), "market_quotes", f"grade IN ({listed})")
    op.create_check_constraint(
        op.f("ck_market_quotes_corrected_with_reason"),
        "market_quotes",
        "position > 0 AND (position > 1) = (reason IS NOT NULL)",
    )
    op.execute(
        "CREATE TRIGGER market_quotes_append_only BEFORE UPDATE OR DELETE ON market_quotes "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """The way back, while there is one quote for a source and day."""
    op.execute("DROP TRIGGER market_quotes_append_only ON market_quotes")
    for name in ("corrected_with_reason", "grade_known"):
        op.drop_constraint(op.f(f"ck_market_quotes_{name}"), "market_quotes", type_="check")
    op.drop_constraint(op.f("uq_market_quotes_said"), "market_quotes", type_="unique")
    op.create_unique_constraint(
        op.f("uq_market_quotes_product_id_quoted_on_source"), "market_quotes", ["product_id", "quoted_on", "source"]
    )
    op.drop_constraint(op.f("fk_market_quotes_recorded_by_id"), "market_quotes", type_="foreignkey")
    for column in ("reason", "recorded_by_id", "position", "grade", "market"):
        op.drop_column("market_quotes", column)

    op.add_column("call_offs", sa.Column("scheduled", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE call_offs SET scheduled = true, due_on = schedule_day WHERE schedule_day IS NOT NULL")
    op.alter_column("call_offs", "scheduled", server_default=None)
    op.drop_constraint(op.f("uq_call_offs_line_id_schedule_day"), "call_offs", type_="unique")
    op.create_index(
        "uq_call_offs_scheduled", "call_offs", ["line_id", "due_on"], unique=True, postgresql_where=sa.text("scheduled")
    )
    op.drop_column("call_offs", "schedule_day")

    _guard_promises(PROMISED)
    op.drop_column("agreement_lines", "quote_source")
