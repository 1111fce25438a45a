"""Lots made of other lots, graded down or repacked; recalls.

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_GRADES = ("特级", "一级", "二级", "等外")
_PARTS = ("graded", "repacked")
_BELOW = "dispatched_g >= 0 AND withdrawn_g >= 0 AND "


def _known(table: str, column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_{table}_{column}_known"))


def _bounds(condition: str) -> None:
    op.drop_constraint(op.f("ck_lots_never_below_zero"), "lots", type_="check")
    op.create_check_constraint(op.f("ck_lots_never_below_zero"), "lots", condition)


def _movements(*kinds: str) -> None:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.drop_constraint(op.f("ck_movements_kind_known"), "movements", type_="check")
    op.create_check_constraint(op.f("ck_movements_kind_known"), "movements", f"kind IN ({listed})")


def upgrade() -> None:
    """A lot of slips of one grade is of that grade."""
    for column in ("graded_g", "repacked_g"):
        op.add_column("lots", sa.Column(column, sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "lots", sa.Column("grade", sa.Enum(*_GRADES, name="grade", native_enum=False, length=32), nullable=True)
    )
    op.execute(
        "UPDATE lots SET grade = one.grade FROM (SELECT lot_id, min(grade) AS grade FROM lot_deliveries"
        " JOIN deliveries ON deliveries.id = delivery_id GROUP BY lot_id HAVING min(grade) = max(grade)) AS one"
        " WHERE one.lot_id = lots.id"
    )
    listed = ", ".join(f"'{grade}'" for grade in _GRADES)
    op.create_check_constraint(op.f("ck_lots_grade_known"), "lots", f"grade IN ({listed})")
    _bounds(
        _BELOW + "graded_g >= 0 AND repacked_g >= 0 AND dispatched_g + withdrawn_g + graded_g + repacked_g"
        " <= received_g"
    )
    _movements("receive", "transfer", "grade", "repack", "dispatch", "withdraw")
    op.create_table(
        "lot_parts",
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Enum(*_PARTS, name="partkind", native_enum=False, length=32), nullable=False),
        sa.Column("weight_g", sa.BigInteger(), nullable=False),
        _known("lot_parts", "kind", _PARTS),
        sa.CheckConstraint("source_id < lot_id", name=op.f("ck_lot_parts_of_older_lots")),
        sa.CheckConstraint("weight_g > 0", name=op.f("ck_lot_parts_takes_something")),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.id"], name=op.f("fk_lot_parts_lot_id")),
        sa.ForeignKeyConstraint(["source_id"], ["lots.id"], name=op.f("fk_lot_parts_source_id")),
        sa.PrimaryKeyConstraint("lot_id", "source_id", name=op.f("pk_lot_parts")),
    )
    op.create_index(op.f("ix_lot_parts_source_id"), "lot_parts", ["source_id"], unique=False)
    op.create_table(
        "recalls",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_county", sa.Boolean(), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("announced_by_id", sa.BigInteger(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by_id", sa.BigInteger(), nullable=True),
        sa.Column("lifted_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(lifted_at IS NULL) = (lifted_because IS NULL)", name=op.f("ck_recalls_lifted_with_a_reason")
        ),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.id"], name=op.f("fk_recalls_lot_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recalls")),
        sa.UniqueConstraint("code", name=op.f("uq_recalls_code")),
    )
    op.create_index(op.f("ix_recalls_lot_id"), "recalls", ["lot_id"], unique=False)
    op.create_table(
        "recall_lots",
        sa.Column("recall_id", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.id"], name=op.f("fk_recall_lots_lot_id")),
        sa.ForeignKeyConstraint(["recall_id"], ["recalls.id"], name=op.f("fk_recall_lots_recall_id")),
        sa.PrimaryKeyConstraint("recall_id", "lot_id", name=op.f("pk_recall_lots")),
    )
    op.create_index(op.f("ix_recall_lots_lot_id"), "recall_lots", ["lot_id"], unique=False)
    for table in ("lot_parts", "recall_lots"):
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Take them off again; what was worked on counts as lost."""
    op.drop_table("recall_lots")
    op.drop_table("recalls")
    op.drop_table("lot_parts")
    op.execute(
        "UPDATE pools SET received_g = received_g + moved.weight_g, withdrawn_g = withdrawn_g + moved.weight_g"
        " FROM (SELECT pool_id, -sum(weight_g) AS weight_g FROM movements WHERE kind IN ('grade', 'repack')"
        " GROUP BY pool_id) AS moved WHERE moved.pool_id = pools.id"
    )
    op.execute("ALTER TABLE movements DISABLE TRIGGER USER")
    op.execute("UPDATE movements SET kind = 'withdraw' WHERE kind IN ('grade', 'repack')")
    op.execute("ALTER TABLE movements ENABLE TRIGGER USER")
    _movements("receive", "transfer", "dispatch", "withdraw")
    op.execute("UPDATE lots SET withdrawn_g = withdrawn_g + graded_g + repacked_g")
    _bounds(_BELOW + "dispatched_g + withdrawn_g <= received_g")
    op.drop_constraint(op.f("ck_lots_grade_known"), "lots", type_="check")
    for column in ("grade", "repacked_g", "graded_g"):
        op.drop_column("lots", column)
