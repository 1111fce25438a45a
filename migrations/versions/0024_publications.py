"""Income figures as they were published, version by version.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A version never changes."""
    op.create_table(
        "publications",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("first_month", sa.Date(), nullable=False),
        sa.Column("last_month", sa.Date(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("published_by_id", sa.BigInteger(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "extract(day FROM first_month) = 1 AND extract(day FROM last_month) = 1",
            name=op.f("ck_publications_whole_months"),
        ),
        sa.CheckConstraint("first_month <= last_month", name=op.f("ck_publications_months_in_order")),
        sa.CheckConstraint(
            "version > 0 AND (version = 1) = (reason IS NULL)", name=op.f("ck_publications_restated_with_a_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publications")),
        sa.UniqueConstraint(
            "first_month", "last_month", "version", name=op.f("uq_publications_first_month_last_month_version")
        ),
    )
    op.execute(
        "CREATE TRIGGER publications_append_only BEFORE UPDATE OR DELETE ON publications "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_table("publications")
