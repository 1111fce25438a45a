"""What a firm is told by place stands where the record lives that it dealt with, not where the family's first one does.

Revision ID: 0082
Revises: 0081
"""

from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None

CUTS = (("income_cuts", "income_months"), ("cost_cuts", "cost_rollup"), ("reach_cuts", "reach_months"))


def upgrade() -> None:
    """Months of records that count for another one are marked: counted when they are read, until the job was there."""
    _mark()


def downgrade() -> None:
    """The same months are counted anew, as they were before."""
    _mark()


def _mark() -> None:
    for rollup, facts in CUTS:
        op.execute(
            f"INSERT INTO dirty_keys (rollup, on_day) SELECT DISTINCT '{rollup}', month FROM {facts}"
            " WHERE household_id IN (SELECT household_id FROM household_aliases)"
        )
