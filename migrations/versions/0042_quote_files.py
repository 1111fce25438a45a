"""Files of market quotes that a job took in from a folder.

Revision ID: 0042
Revises: 0041
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table, nothing to fill in. What was taken in stays as it was."""
    op.create_table(
        "quote_files",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("new_quotes", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("corrected", sa.BigInteger(), nullable=False),
        sa.Column("bad_rows", sa.BigInteger(), nullable=False),
        sa.Column("bad", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("size_bytes >= 0 AND bad_rows >= 0", name=op.f("ck_quote_files_counted")),
        sa.CheckConstraint(
            "new_quotes >= 0 AND unchanged >= 0 AND corrected >= 0", name=op.f("ck_quote_files_quotes_counted")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote_files")),
        sa.UniqueConstraint("sha256", name=op.f("uq_quote_files_sha256")),
    )
    op.create_index(op.f("ix_quote_files_name"), "quote_files", ["name"])
    op.execute(
        "CREATE TRIGGER quote_files_append_only BEFORE UPDATE OR DELETE ON quote_files "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Take it off again."""
    op.drop_table("quote_files")
