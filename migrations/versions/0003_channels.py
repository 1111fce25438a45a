"""The five channels (五销模式) are facts of the domain: they exist in every database.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row for each kind."""
    op.execute(
        """
        INSERT INTO channels (kind, name_zh, name_en, position) VALUES
            ('platform', '平台直销', 'Platform', 1),
            ('unit', '单位帮销', 'Unit', 2),
            ('cadre', '干部帮销', 'Cadre', 3),
            ('enterprise', '企业助销', 'Enterprise', 4),
            ('livestream', '直播网销', 'Livestream', 5)
        """
    )


def downgrade() -> None:
    """Remove them; refused by the foreign keys once anything was sold."""
    op.execute("DELETE FROM channels")
