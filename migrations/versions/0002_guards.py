"""What must be true for ever, whoever writes: append-only tables, balanced journals, dirty marks, reference version.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "history",
    "journals",
    "postings",
    "movements",
    "income_entries",
    "settlement_shares",
    "sales_reach",
    "picks",
)

REFERENCE = (
    "firms",
    "products",
    "price_tiers",
    "required_papers",
    "certificates",
    "campaigns",
    "channels",
    "partners",
    "fee_rates",
    "occasions",
    "offers",
    "sale_links",
)


def upgrade() -> None:
    """Functions first, then a trigger for each table that needs one."""
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = '23514';
        END $$
        """
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )

    # Checked at commit: a journal has at least two legs and they sum to zero, also after a leg is added to an old one.
    op.execute(
        """
        CREATE FUNCTION journal_balances() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE journal bigint; total numeric; legs bigint;
        BEGIN
            IF TG_TABLE_NAME = 'journals' THEN journal := NEW.id; ELSE journal := NEW.journal_id; END IF;
            SELECT coalesce(sum(amount_fen), 0), count(*) INTO total, legs FROM postings WHERE journal_id = journal;
            IF total <> 0 OR legs < 2 THEN
                RAISE EXCEPTION 'journal % does not balance: % legs, sum %', journal, legs, total
                    USING ERRCODE = '23514';
            END IF;
            RETURN NULL;
        END $$
        """
    )
    for table in ("journals", "postings"):
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_balance AFTER INSERT ON {table} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_balances()"
        )

    # Dirty marks: one statement-level trigger per fact table, so that bulk writes mark their keys once.
    op.execute(
        """
        CREATE FUNCTION mark_income() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, on_day, a_id)
            SELECT DISTINCT 'income', month, household_id FROM added;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER income_entries_mark AFTER INSERT ON income_entries REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION mark_income()"
    )
    op.execute(
        """
        CREATE FUNCTION mark_reach() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, on_day, a_id)
            SELECT DISTINCT 'reach', month, household_id FROM added;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER sales_reach_mark AFTER INSERT ON sales_reach REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION mark_reach()"
    )
    # Orders count from their confirmation on: placing one marks nothing, so the hot path stays free of it.
    op.execute(
        """
        CREATE FUNCTION mark_orders() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, on_day, a_id, b_id)
            SELECT DISTINCT 'sales', placed_on, firm_id, channel_id FROM changed WHERE confirmed_at IS NOT NULL;
            INSERT INTO dirty_keys (rollup, a_id)
            SELECT DISTINCT 'agreements', call_offs.agreement_id
            FROM changed JOIN call_offs ON call_offs.id = changed.call_off_id;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER orders_mark AFTER UPDATE ON orders REFERENCING NEW TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION mark_orders()"
    )
    op.execute(
        """
        CREATE FUNCTION mark_order_lines() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, on_day, a_id, b_id)
            SELECT DISTINCT 'sales', orders.placed_on, orders.firm_id, orders.channel_id
            FROM changed JOIN orders ON orders.id = changed.order_id WHERE orders.confirmed_at IS NOT NULL;
            INSERT INTO dirty_keys (rollup, a_id)
            SELECT DISTINCT 'agreements', call_offs.agreement_id
            FROM changed JOIN orders ON orders.id = changed.order_id
            JOIN call_offs ON call_offs.id = orders.call_off_id;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER order_lines_mark AFTER UPDATE ON order_lines REFERENCING NEW TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION mark_order_lines()"
    )
    op.execute(
        """
        CREATE FUNCTION mark_settlements() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO dirty_keys (rollup, on_day, a_id, b_id)
            SELECT DISTINCT 'sales', orders.placed_on, orders.firm_id, orders.channel_id
            FROM added JOIN orders ON orders.id = added.order_id;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER settlements_mark AFTER INSERT ON settlements REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION mark_settlements()"
    )
    op.execute(
        """
        CREATE FUNCTION mark_agreements() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_TABLE_NAME = 'due_weights' THEN
                INSERT INTO dirty_keys (rollup, a_id)
                SELECT DISTINCT 'agreements', agreement_lines.agreement_id
                FROM added JOIN agreement_lines ON agreement_lines.id = added.line_id;
            ELSE
                INSERT INTO dirty_keys (rollup, a_id) SELECT DISTINCT 'agreements', agreement_id FROM added;
            END IF;
            RETURN NULL;
        END $$
        """
    )
    for table, event in (("due_weights", "INSERT"), ("call_offs", "INSERT"), ("call_offs", "UPDATE")):
        op.execute(
            f"CREATE TRIGGER {table}_mark_{event.lower()} AFTER {event} ON {table} REFERENCING NEW TABLE AS added "
            "FOR EACH STATEMENT EXECUTE FUNCTION mark_agreements()"
        )

    # Order numbers: a sequence of their own, so that a number never tells an internal key.
    op.execute("CREATE SEQUENCE order_numbers")

    op.execute("INSERT INTO reference_version (id, version) VALUES (1, 1)")
    op.execute(
        """
        CREATE FUNCTION raise_reference_version() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE reference_version SET version = version + 1;
            RETURN NULL;
        END $$
        """
    )
    for table in REFERENCE:
        op.execute(
            f"CREATE TRIGGER {table}_reference AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION raise_reference_version()"
        )


def downgrade() -> None:
    """Take the guards off again."""
    for table in REFERENCE:
        op.execute(f"DROP TRIGGER {table}_reference ON {table}")
    op.execute("DROP FUNCTION raise_reference_version()")
    op.execute("DELETE FROM reference_version")
    op.execute("DROP SEQUENCE order_numbers")
    for table, event in (("due_weights", "insert"), ("call_offs", "insert"), ("call_offs", "update")):
        op.execute(f"DROP TRIGGER {table}_mark_{event} ON {table}")
    for table in ("income_entries", "sales_reach", "orders", "order_lines", "settlements"):
        op.execute(f"DROP TRIGGER {table}_mark ON {table}")
    for function in ("income", "reach", "orders", "order_lines", "settlements", "agreements"):
        op.execute(f"DROP FUNCTION mark_{function}()")
    for table in ("journals", "postings"):
        op.execute(f"DROP TRIGGER {table}_balance ON {table}")
    op.execute("DROP FUNCTION journal_balances()")
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    op.execute("DROP FUNCTION refuse_change()")
