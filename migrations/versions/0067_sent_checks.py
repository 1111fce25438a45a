"""What the books say today of each report that was sent; and what of it a later one named.

Revision ID: 0067
Revises: 0066
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None

#: Latest versions, by office, kind and period.
_LATEST = (
    "SELECT DISTINCT ON (party_id, every, first_on) * FROM sent_reports"
    " ORDER BY party_id, every, first_on, version DESC"
)


def upgrade() -> None:
    """A row for the latest version of each period, to be checked by the job.

    What the report of the next period named of it by now, of its head, is told: the frozen bytes say it.
    """
    op.create_table(
        "sent_checks",
        sa.Column("sent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("told", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("changes", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("named_in_id", sa.BigInteger(), nullable=True),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "waiting_since IS NOT NULL OR checked_at IS NOT NULL", name=op.f("ck_sent_checks_waits_or_was_checked")
        ),
        sa.CheckConstraint(
            "jsonb_typeof(told) = 'object' AND jsonb_typeof(changes) = 'array'", name=op.f("ck_sent_checks_as_kept")
        ),
        sa.ForeignKeyConstraint(["sent_id"], ["sent_reports.id"], name=op.f("fk_sent_checks_sent_id")),
        sa.ForeignKeyConstraint(["named_in_id"], ["sent_reports.id"], name=op.f("fk_sent_checks_named_in_id")),
        sa.PrimaryKeyConstraint("sent_id", name=op.f("pk_sent_checks")),
    )
    op.create_index(
        "ix_sent_checks_waiting", "sent_checks", ["waiting_since"], unique=False,
        postgresql_where=sa.text("waiting_since IS NOT NULL"),
    )  # fmt: skip
    op.execute(
        f"""
        WITH latest AS ({_LATEST}),
        named AS (
            SELECT latest.id AS named_in_id, told ->> 'report' AS report,
                coalesce(told ->> 'figure', 'summary:' || (told ->> 'key') || '\\:period_value') AS path,
                told -> 'now_value' AS holds
            FROM latest CROSS JOIN LATERAL jsonb_path_query(
                convert_from(body, 'UTF8')::jsonb, '$.sections[*] ? (@.code == "adjustments").rows[*]') AS told
        )
        INSERT INTO sent_checks (sent_id, told, named_in_id, waiting_since)
        SELECT latest.id, coalesce(jsonb_object_agg(path, holds) FILTER (WHERE path IS NOT NULL), '{{}}'),
            max(named.named_in_id), now()
        FROM latest LEFT JOIN named ON named.report = latest.code GROUP BY latest.id
        """
    )


def downgrade() -> None:
    """As it was: what was told stands in the frozen bytes."""
    op.execute("DELETE FROM dirty_keys WHERE rollup = 'sent_reports'")
    op.drop_table("sent_checks")
