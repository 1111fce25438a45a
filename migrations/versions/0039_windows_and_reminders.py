"""Days on which a product is shown and ordered; reminders before a licence or mark expires.

Revision ID: 0039
Revises: 0038
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None
DAYS = ("published_from", "published_until", "orders_from", "orders_until")


def upgrade() -> None:
    """No bound on any product yet; nobody was reminded."""
    for name in DAYS:
        op.add_column("products", sa.Column(name, sa.Date(), nullable=True))
    op.create_check_constraint(op.f("ck_products_publication_ordered"), "products", "published_until >= published_from")
    op.create_check_constraint(op.f("ck_products_order_window_ordered"), "products", "orders_until >= orders_from")
    op.create_table(
        "certificate_reminders",
        sa.Column("certificate_id", sa.BigInteger(), nullable=False),
        sa.Column("days_before", sa.SmallInteger(), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("days_before > 0", name=op.f("ck_certificate_reminders_before_the_end")),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name=op.f("fk_certificate_reminders_certificate_id")
        ),
        sa.PrimaryKeyConstraint("certificate_id", "days_before", name=op.f("pk_certificate_reminders")),
    )
    op.execute(
        "CREATE TRIGGER certificate_reminders_append_only BEFORE UPDATE OR DELETE ON certificate_reminders "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_table("certificate_reminders")
    op.drop_constraint("ck_products_order_window_ordered", "products")
    op.drop_constraint("ck_products_publication_ordered", "products")
    for name in DAYS:
        op.drop_column("products", name)
