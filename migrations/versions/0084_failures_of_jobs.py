"""When a job is due again, and how often it failed since it last did its work.

Revision ID: 0084
Revises: 0083
"""

import sqlalchemy as sa
from alembic import op

revision = "0084"
down_revision = "0083"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs until now have no day by which the next is late: the next run gives them one."""
    op.add_column("job_runs", sa.Column("due_by", sa.DateTime(timezone=True)))
    op.create_table(
        "job_failures",
        sa.Column("job", sa.String(40), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(40), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_failures")),
        sa.CheckConstraint("times > 0", name=op.f("ck_job_failures_times_counted")),
    )


def downgrade() -> None:
    """What failed is known from the log alone."""
    op.drop_table("job_failures")
    op.drop_column("job_runs", "due_by")
