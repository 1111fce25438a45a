"""A lot keeps with each slip the weight that it was filled with: a slip counts as it was corrected by then.

Revision ID: 0072
Revises: 0071
"""

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

CHECK = "ck_lot_deliveries_weighs_something"


def upgrade() -> None:
    """Lots of before this were filled with what was written on the slips."""
    op.add_column("lot_deliveries", sa.Column("weight_g", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE lot_deliveries SET weight_g = deliveries.weight_g FROM deliveries WHERE deliveries.id = delivery_id"
    )
    op.alter_column("lot_deliveries", "weight_g", nullable=False)
    op.create_check_constraint(op.f(CHECK), "lot_deliveries", "weight_g > 0")


def downgrade() -> None:
    """What corrected slips filled their lots with is lost."""
    op.drop_constraint(op.f(CHECK), "lot_deliveries", type_="check")
    op.drop_column("lot_deliveries", "weight_g")
