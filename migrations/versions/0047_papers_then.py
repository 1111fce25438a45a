"""Verification of a paper and its end as facts, so that what was held at a moment is answered for ever.

Revision ID: 0047
Revises: 0046
"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

CHECKS = {
    "revoked_with_a_reason": "(revoked_at IS NULL) = (revoked_because IS NULL)",
    "revoked_after_verified": "revoked_at >= verified_at",
    "revoked_was_verified": "revoked_at IS NULL OR verified_at IS NOT NULL",
}


def upgrade() -> None:
    """No paper was revoked so far. When each was verified stands in its row already; from now on it cannot change."""
    op.add_column("certificates", sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("certificates", sa.Column("revoked_because", sa.Text(), nullable=True))
    for name, sql in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_certificates_{name}"), "certificates", sql)
    op.execute(
        """
        CREATE FUNCTION keep_paper_facts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (OLD.verified_at IS NOT NULL AND NEW.verified_at IS DISTINCT FROM OLD.verified_at)
               OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
               OR (OLD.verified_at IS NOT NULL AND (NEW.product_id, NEW.kind, NEW.number, NEW.issued_on, NEW.expires_on)
                   IS DISTINCT FROM (OLD.product_id, OLD.kind, OLD.number, OLD.issued_on, OLD.expires_on)) THEN
                RAISE EXCEPTION 'what was verified of a certificate does not change' USING ERRCODE = 'P0001';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER certificates_facts BEFORE UPDATE ON certificates "
        "FOR EACH ROW EXECUTE FUNCTION keep_paper_facts()"
    )


def downgrade() -> None:
    """Take them off again."""
    op.execute("DROP TRIGGER certificates_facts ON certificates")
    op.execute("DROP FUNCTION keep_paper_facts()")
    for name in CHECKS:
        op.drop_constraint(f"ck_certificates_{name}", "certificates")
    op.drop_column("certificates", "revoked_because")
    op.drop_column("certificates", "revoked_at")
