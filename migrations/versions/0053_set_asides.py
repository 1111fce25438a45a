"""Stock set aside for a channel or a buying round until an hour; a line may be held in several pools.

Revision ID: 0053
Revises: 0052
"""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

OWN_UNTIL = (
    "(code IS NULL) = (until IS NULL) AND (kind = 'set_aside' OR code IS NULL)"
    " AND (channel_kind IS NULL OR code IS NOT NULL) AND (ended_at IS NULL OR code IS NOT NULL)"
)


def upgrade() -> None:
    """New columns, empty: nothing was set aside but for sessions."""
    op.add_column("pools", sa.Column("channel_kind", sa.String(length=32), nullable=True))
    op.add_column("pools", sa.Column("code", sa.String(length=40), nullable=True))
    op.add_column("pools", sa.Column("until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("pools", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(op.f("fk_pools_channel_kind"), "pools", "channels", ["channel_kind"], ["kind"])
    op.create_unique_constraint(op.f("uq_pools_code"), "pools", ["code"])
    op.drop_constraint(op.f("ck_pools_set_aside_for_an_occasion"), "pools", type_="check")
    op.drop_constraint(op.f("uq_pools_product_id_occasion_id"), "pools", type_="unique")
    op.create_check_constraint(
        op.f("ck_pools_set_aside_for_somebody"), "pools",
        "num_nonnulls(occasion_id, channel_kind) = CASE kind WHEN 'open' THEN 0 ELSE 1 END",
    )  # fmt: skip
    op.create_check_constraint(op.f("ck_pools_set_aside_until"), "pools", OWN_UNTIL)
    op.create_index(
        "ix_pools_standing", "pools", ["product_id", "occasion_id", "channel_kind"], unique=True,
        postgresql_nulls_not_distinct=True, postgresql_where=sa.text("ended_at IS NULL"),
    )  # fmt: skip
    op.create_index("ix_pools_until", "pools", ["until"], postgresql_where=sa.text("until IS NOT NULL"))
    op.add_column("reservations", sa.Column("beside_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_reservations_beside_id"), "reservations", "reservations", ["beside_id"], ["id"])
    op.create_check_constraint(op.f("ck_reservations_beside_an_older"), "reservations", "beside_id < id")
    op.create_index(
        "ix_reservations_beside_id", "reservations", ["beside_id"], postgresql_where=sa.text("beside_id IS NOT NULL")
    )


def downgrade() -> None:
    """Set-asides of channels and rounds are open stock again, with their holds and log; one hold for a line."""
    op.execute("ALTER TABLE movements DISABLE TRIGGER USER")
    op.execute(
        """
        CREATE TEMPORARY TABLE opened ON COMMIT DROP AS
        SELECT aside.id, common.id AS open_id, aside.received_g, aside.available_g, aside.reserved_g, aside.sold_g,
            aside.withdrawn_g
        FROM pools AS aside JOIN pools AS common ON common.product_id = aside.product_id AND common.kind = 'open'
        WHERE aside.code IS NOT NULL
        """
    )
    op.execute(
        """
        UPDATE pools SET received_g = pools.received_g + sums.received_g,
            available_g = pools.available_g + sums.available_g, reserved_g = pools.reserved_g + sums.reserved_g,
            sold_g = pools.sold_g + sums.sold_g, withdrawn_g = pools.withdrawn_g + sums.withdrawn_g
        FROM (
            SELECT open_id, sum(received_g) AS received_g, sum(available_g) AS available_g,
                sum(reserved_g) AS reserved_g, sum(sold_g) AS sold_g, sum(withdrawn_g) AS withdrawn_g
            FROM opened GROUP BY open_id
        ) AS sums WHERE pools.id = open_id
        """
    )
    for table in ("movements", "reservations"):
        op.execute(f"UPDATE {table} SET pool_id = open_id FROM opened WHERE pool_id = opened.id")
    op.execute("DELETE FROM pools USING opened WHERE pools.id = opened.id")
    op.execute("ALTER TABLE movements ENABLE TRIGGER USER")
    op.execute(
        """
        UPDATE reservations SET weight_g = reservations.weight_g + sums.weight_g,
            held_g = reservations.held_g + sums.held_g, awaited_g = reservations.awaited_g + sums.awaited_g,
            sold_g = reservations.sold_g + sums.sold_g, released_g = reservations.released_g + sums.released_g
        FROM (
            SELECT beside_id, sum(weight_g) AS weight_g, sum(held_g) AS held_g, sum(awaited_g) AS awaited_g,
                sum(sold_g) AS sold_g, sum(released_g) AS released_g
            FROM reservations WHERE beside_id IS NOT NULL GROUP BY beside_id
        ) AS sums WHERE reservations.id = sums.beside_id
        """
    )
    op.execute("DELETE FROM reservations WHERE beside_id IS NOT NULL")
    op.drop_column("reservations", "beside_id")
    op.drop_constraint(op.f("ck_pools_set_aside_for_somebody"), "pools", type_="check")
    for column in ("channel_kind", "code", "until", "ended_at"):
        op.drop_column("pools", column)
    op.create_unique_constraint(
        op.f("uq_pools_product_id_occasion_id"), "pools", ["product_id", "occasion_id"],
        postgresql_nulls_not_distinct=True,
    )  # fmt: skip
    op.create_check_constraint(
        op.f("ck_pools_set_aside_for_an_occasion"), "pools", "(kind = 'open') = (occasion_id IS NULL)"
    )
