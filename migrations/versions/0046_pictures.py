"""Pictures of products, and where a video of one is shown.

Revision ID: 0046
Revises: 0045
"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No product has a picture yet. A new one is seen by every process that keeps the catalogue."""
    op.add_column("products", sa.Column("video_url", sa.Text(), nullable=True))
    op.create_table(
        "product_pictures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("page", sa.LargeBinary(), nullable=False),
        sa.Column("thumb", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.SmallInteger(), nullable=False),
        sa.Column("height", sa.SmallInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(page) <= 60000", name=op.f("ck_product_pictures_page_bounded")),
        sa.CheckConstraint("octet_length(thumb) <= 10000", name=op.f("ck_product_pictures_thumb_bounded")),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_product_pictures_has_size")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_product_pictures_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_pictures")),
        sa.UniqueConstraint("product_id", "name", name=op.f("uq_product_pictures_product_id_name")),
    )
    op.create_index(op.f("ix_product_pictures_name"), "product_pictures", ["name"])
    op.execute(
        "CREATE TRIGGER product_pictures_reference AFTER INSERT OR UPDATE OR DELETE ON product_pictures "
        "FOR EACH STATEMENT EXECUTE FUNCTION raise_reference_version()"
    )


def downgrade() -> None:
    """Take them off again."""
    op.drop_table("product_pictures")
    op.drop_column("products", "video_url")
