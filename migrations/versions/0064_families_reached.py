"""Families reached: what no firm paid reaches nobody, nor do entries that add up to nothing; files on paper.

Revision ID: 0064
Revises: 0063
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BIT

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every month and day is marked: it is counted when it is read until the job has been there."""
    op.execute("TRUNCATE income_cuts")
    op.add_column("income_cuts", sa.Column("others", BIT(varying=True), nullable=False))
    _mark()
    _files("'xlsx', 'csv', 'pdf'")


def _mark() -> None:
    op.execute("INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT 'income_cuts', month FROM income_months")
    op.execute("INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT 'income_days', day FROM income_days")


def _files(kinds: str) -> None:
    name = op.f("ck_report_exports_file_known")
    op.drop_constraint(name, "report_exports")
    op.create_check_constraint(name, "report_exports", f"file IN ({kinds})")


def downgrade() -> None:
    """The same, the other way round."""
    op.execute("TRUNCATE income_cuts")
    op.drop_column("income_cuts", "others")
    _mark()
    op.execute("DELETE FROM report_exports WHERE file = 'pdf'")
    _files("'xlsx', 'csv'")
