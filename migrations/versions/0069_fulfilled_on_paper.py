"""What fell due before an agreement signed on paper was recorded here: called on paper, so it has no days here.

Revision ID: 0069
Revises: 0068
"""

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None

#: Days of a line before its paper was recorded here that nobody called here.
_BEFORE = """
    SELECT due_weights.line_id, due_weights.due_on, due_weights.weight_g
    FROM agreement_signatures AS signed
    JOIN agreement_versions ON agreement_versions.id = signed.version_id
    JOIN agreement_lines ON agreement_lines.agreement_id = agreement_versions.agreement_id
    JOIN due_weights ON due_weights.line_id = agreement_lines.id
    WHERE signed.on_paper AND signed.side = 'buyer'
        AND due_weights.due_on < (signed.signed_at AT TIME ZONE 'Asia/Shanghai')::date
        AND NOT EXISTS (SELECT FROM call_offs
            WHERE call_offs.line_id = due_weights.line_id AND schedule_day = due_weights.due_on)
        AND NOT EXISTS (SELECT FROM missed_days
            WHERE missed_days.line_id = due_weights.line_id AND missed_days.due_on = due_weights.due_on)
"""


def upgrade() -> None:
    """A sum on the line instead of days. A line of which so much was called here that less is left keeps them."""
    op.add_column("agreement_lines", sa.Column("on_paper_g", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        f"""
        CREATE TEMPORARY TABLE on_paper ON COMMIT DROP AS
        SELECT days.* FROM ({_BEFORE}) AS days JOIN agreement_lines ON agreement_lines.id = line_id
        WHERE (SELECT sum(weight_g) FROM ({_BEFORE}) AS whole WHERE whole.line_id = days.line_id)
            <= committed_g - coalesce((SELECT sum(weight_g) FROM call_offs
                WHERE call_offs.line_id = days.line_id AND status <> 'cancelled'), 0)
        """
    )
    op.execute(
        "UPDATE agreement_lines SET on_paper_g = before.weight_g"
        " FROM (SELECT line_id, sum(weight_g) AS weight_g FROM on_paper GROUP BY line_id) AS before WHERE line_id = id"
    )
    op.execute(
        "DELETE FROM due_weights USING on_paper"
        " WHERE due_weights.line_id = on_paper.line_id AND due_weights.due_on = on_paper.due_on"
    )
    op.create_check_constraint(
        op.f("ck_agreement_lines_on_paper_within"), "agreement_lines", "on_paper_g BETWEEN 0 AND committed_g"
    )
    _count_anew()


def downgrade() -> None:
    """The sum stands on the first day of the term, which lies before the record: no run of the schedule calls it."""
    _count_anew()
    op.execute(
        "INSERT INTO due_weights (line_id, due_on, weight_g)"
        " SELECT agreement_lines.id, starts_on, on_paper_g"
        " FROM agreement_lines JOIN agreements ON agreements.id = agreement_id WHERE on_paper_g > 0"
        " ON CONFLICT (line_id, due_on) DO UPDATE SET weight_g = due_weights.weight_g + excluded.weight_g"
    )
    op.drop_constraint(op.f("ck_agreement_lines_on_paper_within"), "agreement_lines", type_="check")
    op.drop_column("agreement_lines", "on_paper_g")


def _count_anew() -> None:
    """The job counts the figures of these agreements again."""
    op.execute(
        "INSERT INTO dirty_keys (rollup, a_id)"
        " SELECT DISTINCT 'agreements', agreement_id FROM agreement_lines WHERE on_paper_g > 0"
    )
