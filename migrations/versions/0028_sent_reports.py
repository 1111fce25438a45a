"""Reports that were sent are frozen; sales by product net of refunds and refusals, so that every cut adds up.

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Sent reports are append-only. Rows of the rollup get the new figure when the jobs answer for the marks."""
    op.create_table(
        "sent_reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("party_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "every",
            sa.Enum("day", "ten_days", "week", "month", name="every", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("every IN ('day', 'ten_days', 'week', 'month')", name=op.f("ck_sent_reports_every_known")),
        sa.CheckConstraint("body_sha256 = sha256(body)", name=op.f("ck_sent_reports_body_as_sent")),
        sa.CheckConstraint("last_on >= first_on", name=op.f("ck_sent_reports_days_ordered")),
        sa.CheckConstraint("version = 1 OR note IS NOT NULL", name=op.f("ck_sent_reports_later_version_says_why")),
        sa.CheckConstraint("version > 0", name=op.f("ck_sent_reports_version_counted")),
        sa.ForeignKeyConstraint(["confirmed_by_id"], ["people.id"], name=op.f("fk_sent_reports_confirmed_by_id")),
        sa.ForeignKeyConstraint(["party_id"], ["parties.id"], name=op.f("fk_sent_reports_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sent_reports")),
        sa.UniqueConstraint("code", name=op.f("uq_sent_reports_code")),
        sa.UniqueConstraint(
            "party_id", "every", "first_on", "version", name=op.f("uq_sent_reports_party_id_every_first_on_version")
        ),
    )
    op.execute(
        "CREATE TRIGGER sent_reports_append_only BEFORE UPDATE OR DELETE ON sent_reports "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.add_column("product_sales_rollup", sa.Column("net_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.alter_column("product_sales_rollup", "net_fen", server_default=None)
    op.execute(
        """
        INSERT INTO dirty_keys (rollup, on_day, a_id, b_id)
        SELECT DISTINCT 'sales', day, firm_id, channel_id FROM product_sales_rollup
        """
    )


def downgrade() -> None:
    """Sent reports are lost."""
    op.drop_column("product_sales_rollup", "net_fen")
    op.drop_table("sent_reports")
