"""Long tables as files, made by a job and kept for a while.

Revision ID: 0049
Revises: 0048
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table alone."""
    op.create_table(
        "report_exports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.String(length=32), nullable=False),
        sa.Column("file", sa.String(length=32), nullable=False),
        sa.Column("wanted", postgresql.JSONB(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scope", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("rows_done", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("rows_total", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("report IN ('income', 'agreements')", name=op.f("ck_report_exports_report_known")),
        sa.CheckConstraint("file IN ('xlsx', 'csv')", name=op.f("ck_report_exports_file_known")),
        sa.CheckConstraint(
            "num_nulls(done_at, expires_at, body) IN (0, 3)", name=op.f("ck_report_exports_done_with_its_body")
        ),
        sa.CheckConstraint(
            "done_at IS NULL OR num_nulls(scope, rows_total) = 0", name=op.f("ck_report_exports_done_with_its_scope")
        ),
        sa.CheckConstraint(
            "rows_done BETWEEN 0 AND coalesce(rows_total, 0)", name=op.f("ck_report_exports_rows_done_of_all")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_report_exports_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_exports")),
        sa.UniqueConstraint("code", name=op.f("uq_report_exports_code")),
    )
    op.create_index(op.f("ix_report_exports_person_id_id"), "report_exports", ["person_id", "id"])


def downgrade() -> None:
    """Files that can be made again."""
    op.drop_table("report_exports")
    op.execute("DELETE FROM outbox WHERE job = 'reports.make_export'")
