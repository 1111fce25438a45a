"""The photo of a claim.

Revision ID: 0038
Revises: 0037
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table, nothing to fill in: photos of earlier claims were kept elsewhere."""
    op.create_table(
        "claim_photos",
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(jpeg) <= 8388608", name=op.f("ck_claim_photos_bounded")),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_claim_photos_claim_id")),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_claim_photos")),
    )
    op.execute(
        "CREATE TRIGGER claim_photos_append_only BEFORE UPDATE OR DELETE ON claim_photos "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Take it off again."""
    op.drop_table("claim_photos")
