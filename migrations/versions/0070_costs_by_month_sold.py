"""Costs by the month of the sales that they cover: what is covered late is told apart from what is covered in time.

Revision ID: 0070
Revises: 0069
"""

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

KEY = ("month", "household_id", "firm_id", "product_id")
FIGURES = ("lines", "cost_fen", "covered_fen")
CUT = ("month", "cut", "firm_id", "township_id", "own_id")


def upgrade() -> None:
    """The rollup is filled at once; every month of its cuts is counted when it is read until the job has been there."""
    for table, key in (("cost_rollup", KEY), ("cost_cuts", CUT)):
        op.execute(f"TRUNCATE {table}")
        op.drop_constraint(op.f(f"pk_{table}"), table)
        op.add_column(table, sa.Column("sold", sa.Date(), nullable=False))
        op.create_primary_key(op.f(f"pk_{table}"), table, [*key, "sold"])
    key = (
        "cost_lines.month, cost_lines.household_id, coalesce(cost_lines.firm_id, 0), coalesce(cost_lines.product_id, 0)"
    )
    sold = "coalesce(sale.month, cost_lines.month)"
    op.execute(
        f"INSERT INTO cost_rollup ({', '.join((*KEY, 'sold', *FIGURES))})"
        f" SELECT {key}, {sold}, count(*), sum(cost_lines.amount_fen), sum(covers_fen)"
        " FROM cost_lines LEFT JOIN income_entries AS sale ON sale.id = income_entry_id"
        f" GROUP BY {key}, {sold} ORDER BY 1, 2, 3, 4, 5"
    )
    _mark()


def _mark() -> None:
    op.execute("INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT 'cost_cuts', month FROM cost_rollup")


def downgrade() -> None:
    """The same, the other way round."""
    op.execute(
        f"CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT {', '.join(KEY)},"
        f" {', '.join(f'sum({figure})::bigint AS {figure}' for figure in FIGURES)}"
        f" FROM cost_rollup GROUP BY {', '.join(KEY)}"
    )
    for table, key in (("cost_rollup", KEY), ("cost_cuts", CUT)):
        op.execute(f"TRUNCATE {table}")
        op.drop_constraint(op.f(f"pk_{table}"), table)
        op.drop_column(table, "sold")
        op.create_primary_key(op.f(f"pk_{table}"), table, list(key))
    columns = ", ".join((*KEY, *FIGURES))
    op.execute(f"INSERT INTO cost_rollup ({columns}) SELECT {columns} FROM kept ORDER BY {', '.join(KEY)}")
    _mark()
