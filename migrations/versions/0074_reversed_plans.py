"""A booked surplus plan is reversed, and another one of its year may be drawn up.

Revision ID: 0074
Revises: 0073
"""

import sqlalchemy as sa
from alembic import op

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None

TABLE = "surplus_plans"
STANDING = "uq_surplus_plans_standing"
BEFORE = ("draft", "open", "approved", "booked", "withdrawn")


def _checked(states: tuple[str, ...], undone: str, decided: str, booked: str) -> None:
    """The states, those beside which a year has another plan, those after a meeting, those that were booked."""
    for name, truth in (
        ("status_known", f"status IN {states}"),
        ("laid_open_long_enough",
         f"historical OR status NOT IN ({decided}) OR (met_on >= laid_open_on + 15) IS TRUE"),
        ("booked_on_a_day", f"(status IN ({booked})) = (booked_on IS NOT NULL)"),
    ):  # fmt: skip
        op.drop_constraint(op.f(f"ck_surplus_plans_{name}"), TABLE, type_="check")
        op.create_check_constraint(op.f(f"ck_surplus_plans_{name}"), TABLE, truth)
    op.drop_index(STANDING, table_name=TABLE)
    op.create_index(
        STANDING, TABLE, ["firm_id", "year"], unique=True, postgresql_where=sa.text(f"status NOT IN ({undone})")
    )


def upgrade() -> None:
    """A plan that was booked may be reversed."""
    _checked(
        (*BEFORE, "reversed"), "'withdrawn', 'reversed'", "'approved', 'booked', 'reversed'", "'booked', 'reversed'"
    )


def downgrade() -> None:
    """As it was; a database that holds a reversed plan refuses to go back."""
    op.execute(
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM surplus_plans WHERE status = 'reversed') THEN
                RAISE EXCEPTION 'reversed surplus plans have no place in the table before';
            END IF;
        END $$
        """
    )
    _checked(BEFORE, "'withdrawn'", "'approved', 'booked'", "'booked'")
