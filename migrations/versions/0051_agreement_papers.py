"""Papers of agreements, and which of them proves what a side could not help.

Revision ID: 0051
Revises: 0050
"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

KINDS = ("signed_scan", "power_of_attorney", "licence", "inspection", "majeure_proof", "other")
SIDES = ("buyer", "firm", "county")


def _one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    known = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({known})", name=op.f(f"ck_agreement_papers_{column}_known"))


def upgrade() -> None:
    """A new table; notices of force majeure told before keep the hash that they were told with."""
    op.create_table(
        "agreement_papers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.Enum(*KINDS, name="paperkind", native_enum=False, length=32), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sent_sha256", sa.String(length=64), nullable=False),
        sa.Column("side", sa.Enum(*SIDES, name="side", native_enum=False, length=32), nullable=False),
        sa.Column("uploaded_by_id", sa.BigInteger(), nullable=True),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        _one_of("kind", KINDS),
        _one_of("side", SIDES),
        sa.CheckConstraint(
            "media_type IN ('application/pdf', 'image/jpeg', 'image/png')",
            name=op.f("ck_agreement_papers_media_type_known"),
        ),
        sa.CheckConstraint(
            "octet_length(content) = size_bytes AND size_bytes BETWEEN 1 AND 8388608",
            name=op.f("ck_agreement_papers_bounded"),
        ),
        sa.CheckConstraint("encode(sha256(content), 'hex') = sha256", name=op.f("ck_agreement_papers_hash_fits")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_agreement_papers_agreement_id")),
        sa.ForeignKeyConstraint(["uploaded_by_id"], ["people.id"], name=op.f("fk_agreement_papers_uploaded_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_papers")),
        sa.UniqueConstraint("code", name=op.f("uq_agreement_papers_code")),
        sa.UniqueConstraint("agreement_id", "sha256", "kind", "side", name="uq_agreement_papers_once"),
    )
    op.execute(
        "CREATE TRIGGER agreement_papers_append_only BEFORE UPDATE OR DELETE ON agreement_papers "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.add_column("force_majeures", sa.Column("paper_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_force_majeures_paper_id"), "force_majeures", "agreement_papers", ["paper_id"], ["id"]
    )


def downgrade() -> None:
    """Take them off again; a notice keeps the hash of its proof."""
    op.drop_constraint(op.f("fk_force_majeures_paper_id"), "force_majeures", type_="foreignkey")
    op.drop_column("force_majeures", "paper_id")
    op.drop_table("agreement_papers")
