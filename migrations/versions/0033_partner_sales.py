"""Sales by partner and session, by month, and what is owed, kept by jobs; rollups rebuilt and proved in parts.

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

SALES = (
    "orders", "settled_orders", "weight_g", "paid_fen", "refunded_fen", "net_fen", "firm_fen", "host_fen",
    "platform_fen", "carrier_fen", "coupon_fen", "open_fen", "held_fen", "due_fen",
)  # fmt: skip
PRODUCTS = ("lines", "weight_g", "amount_fen", "refunded_fen", "net_fen")
PARTNERS = ("orders", "weight_g", "amount_fen", "refunded_fen", "net_fen")
PARTNER_KEY = ("firm_id", "channel_id", "partner_id", "occasion_id")
#: Changed again and again in place: room in each page keeps a new version beside the old one.
ROOM = "fillfactor = 70"
KEPT = ("sales_rollup", "product_sales_rollup", "income_rollup", "reach_rollup", "cost_rollup", "agreement_rollup")
MADE = ("partner_sales_rollup", "sales_months", "product_sales_months", "partner_sales_months", "receivable_rollup")


def _table(name: str, day: str, key: tuple[str, ...], figures: tuple[str, ...], *, flags: bool = False) -> None:
    names = [day, *key, *(("is_own", "from_file") if flags else ())]
    op.create_table(
        name,
        sa.Column(day, sa.Date(), nullable=False),
        *(sa.Column(column, sa.BigInteger(), nullable=False) for column in key),
        *(sa.Column(column, sa.Boolean(), nullable=False) for column in names[len(key) + 1 :]),
        *(
            sa.Column(figure, sa.BigInteger(), nullable=False, server_default="0" if figure == "coupon_fen" else None)
            for figure in figures
        ),
        sa.PrimaryKeyConstraint(*names, name=op.f(f"pk_{name}")),
    )


def upgrade() -> None:
    """The new tables fill when the jobs answer for the marks that are left here."""
    _table("partner_sales_rollup", "day", PARTNER_KEY, PARTNERS, flags=True)
    op.create_index(
        op.f("ix_partner_sales_rollup_firm_id_channel_id_day"), "partner_sales_rollup",
        ["firm_id", "channel_id", "day"],
    )  # fmt: skip
    _table("sales_months", "month", ("firm_id", "channel_id"), SALES)
    _table("product_sales_months", "month", ("firm_id", "channel_id", "product_id"), PRODUCTS)
    _table("partner_sales_months", "month", PARTNER_KEY, PARTNERS, flags=True)
    _table("receivable_rollup", "due_on", ("firm_id", "partner_id"), ("orders", "due_fen"))
    op.create_index(op.f("ix_receivable_rollup_partner_id"), "receivable_rollup", ["partner_id"])
    op.create_index(
        op.f("ix_product_sales_rollup_firm_id_channel_id_day"), "product_sales_rollup",
        ["firm_id", "channel_id", "day"],
    )  # fmt: skip
    op.create_index(
        "ix_orders_invoiced", "orders", ["due_on", "firm_id", "partner_id"],
        postgresql_where=sa.text("due_on IS NOT NULL"),
    )  # fmt: skip
    for table in (*KEPT, *MADE):
        op.execute(f"ALTER TABLE {table} SET ({ROOM})")
    op.drop_index(op.f("ix_income_entries_month_household_id"), "income_entries")
    op.create_index(
        op.f("ix_income_entries_month_household_id"), "income_entries", ["month", "household_id"],
        postgresql_include=["firm_id", "product_id", "kind", "weight_g", "amount_fen"],
    )  # fmt: skip
    _parts()
    _mark_receivables()
    op.execute(
        """
        INSERT INTO dirty_keys (rollup, on_day, a_id, b_id)
        SELECT DISTINCT 'sales', day, firm_id, channel_id FROM sales_rollup
        UNION ALL
        SELECT DISTINCT 'receivables', due_on, firm_id, partner_id FROM orders WHERE due_on IS NOT NULL
        """
    )


def _parts() -> None:
    op.create_table(
        "rollup_parts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("rollup", sa.String(length=32), nullable=False),
        sa.Column("work", sa.String(length=32), nullable=False),
        sa.Column("month", sa.Date(), nullable=True),
        sa.Column("firm_id", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("took_ms", sa.BigInteger(), nullable=True),
        sa.Column("differences", sa.BigInteger(), nullable=True),
        sa.Column("found", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "rollup IN ('sales', 'sales_months', 'receivables', 'income', 'reach', 'agreements', 'costs')",
            name=op.f("ck_rollup_parts_rollup_known"),
        ),
        sa.CheckConstraint("work IN ('rebuild', 'prove')", name=op.f("ck_rollup_parts_work_known")),
        sa.CheckConstraint("(done_at IS NULL) = (rows IS NULL)", name=op.f("ck_rollup_parts_done_with_its_rows")),
        sa.CheckConstraint(
            "(coalesce(differences, 0) > 0) = (found IS NOT NULL)", name=op.f("ck_rollup_parts_difference_named")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollup_parts")),
        sa.UniqueConstraint(
            "rollup", "work", "month", "firm_id", name=op.f("uq_rollup_parts_rollup_work_month_firm_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )  # fmt: skip
    op.create_index("ix_rollup_parts_open", "rollup_parts", ["id"], postgresql_where=sa.text("done_at IS NULL"))


def _mark_receivables() -> None:
    op.execute(
        """
        CREATE FUNCTION mark_receivables() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_TABLE_NAME = 'order_lines' THEN
                INSERT INTO dirty_keys (rollup, on_day, a_id, b_id)
                SELECT DISTINCT 'receivables', orders.due_on, orders.firm_id, orders.partner_id
                FROM changed JOIN orders ON orders.id = changed.order_id WHERE orders.due_on IS NOT NULL;
            ELSE
                INSERT INTO dirty_keys (rollup, on_day, a_id, b_id)
                SELECT DISTINCT 'receivables', due_on, firm_id, partner_id FROM changed WHERE due_on IS NOT NULL;
            END IF;
            RETURN NULL;
        END $$
        """
    )
    for table in ("orders", "order_lines"):
        op.execute(
            f"CREATE TRIGGER {table}_mark_receivables AFTER UPDATE ON {table} REFERENCING NEW TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION mark_receivables()"
        )
    # What an order leaves behind: the partner it is no longer counted for, another day.
    op.execute(
        """
        CREATE FUNCTION mark_left_receivables() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, on_day, a_id, b_id)
            VALUES ('receivables', OLD.due_on, OLD.firm_id, OLD.partner_id);
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER orders_mark_left_receivables AFTER UPDATE OF partner_id, due_on ON orders FOR EACH ROW "
        "WHEN (OLD.due_on IS NOT NULL AND (OLD.partner_id <> NEW.partner_id OR OLD.due_on IS DISTINCT FROM NEW.due_on))"
        " EXECUTE FUNCTION mark_left_receivables()"
    )


def downgrade() -> None:
    """Rollups only: nothing is lost that a job cannot make again."""
    op.execute("DROP TRIGGER orders_mark_left_receivables ON orders")
    for table in ("orders", "order_lines"):
        op.execute(f"DROP TRIGGER {table}_mark_receivables ON {table}")
    op.execute("DROP FUNCTION mark_left_receivables()")
    op.execute("DROP FUNCTION mark_receivables()")
    op.execute("DELETE FROM dirty_keys WHERE rollup IN ('sales_months', 'receivables')")
    op.drop_table("rollup_parts")
    op.drop_index(op.f("ix_income_entries_month_household_id"), "income_entries")
    op.create_index(op.f("ix_income_entries_month_household_id"), "income_entries", ["month", "household_id"])
    for table in KEPT:
        op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
    op.drop_index("ix_orders_invoiced", "orders")
    op.drop_index(op.f("ix_product_sales_rollup_firm_id_channel_id_day"), "product_sales_rollup")
    for table in MADE:
        op.drop_table(table)
