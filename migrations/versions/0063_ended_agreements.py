"""The day on which an agreement ended: nothing of its schedule falls due after it.

Revision ID: 0063
Revises: 0062
"""

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

RUNNING = "'draft', 'signed', 'deposit_paid', 'executing'"


def upgrade() -> None:
    """Told of those that ended before by their history; the job counts them anew."""
    op.add_column("agreements", sa.Column("ended_on", sa.Date()))
    op.execute(
        f"""
        UPDATE agreements SET ended_on = (ended.at AT TIME ZONE 'Asia/Shanghai')::date
        FROM (
            SELECT DISTINCT ON (entity_id) entity_id, at FROM history
            WHERE entity_type = 'agreements' AND to_state IN ('withdrawn', 'fulfilled', 'short', 'terminated')
                AND from_state <> to_state
            ORDER BY entity_id, id DESC
        ) AS ended
        WHERE ended.entity_id = agreements.id AND status NOT IN ({RUNNING})
        """
    )
    op.create_check_constraint(
        op.f("ck_agreements_what_runs_has_not_ended"), "agreements", f"ended_on IS NULL OR status NOT IN ({RUNNING})"
    )
    op.execute(
        """
        CREATE FUNCTION mark_ended_agreements() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, a_id)
            SELECT 'agreements', changed.id FROM changed JOIN before USING (id)
            WHERE changed.ended_on IS DISTINCT FROM before.ended_on;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER agreements_mark AFTER UPDATE ON agreements REFERENCING OLD TABLE AS before NEW TABLE AS changed"
        " FOR EACH STATEMENT EXECUTE FUNCTION mark_ended_agreements()"
    )
    op.execute("INSERT INTO dirty_keys (rollup, a_id) SELECT 'agreements', id FROM agreements WHERE ended_on NOTNULL")


def downgrade() -> None:
    """What fell due is counted to the end of the term again, by the job."""
    op.execute("INSERT INTO dirty_keys (rollup, a_id) SELECT 'agreements', id FROM agreements WHERE ended_on NOTNULL")
    op.execute("DROP TRIGGER agreements_mark ON agreements")
    op.execute("DROP FUNCTION mark_ended_agreements()")
    op.drop_constraint(op.f("ck_agreements_what_runs_has_not_ended"), "agreements", type_="check")
    op.drop_column("agreements", "ended_on")
