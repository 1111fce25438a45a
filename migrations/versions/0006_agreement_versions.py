"""Terms of agreements in versions that both sides sign; reminders; no other way to change a signed term.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APPEND_ONLY = ("agreement_versions", "agreement_signatures", "agreement_reminders")
BEFORE = ("draft", "signed", "executing", "fulfilled", "short", "terminated")
NOW = (
    "draft", "withdrawn", "signed", "deposit_paid", "executing", "fulfilled", "short", "terminated", "renewed",
)  # fmt: skip

#: Terms of an agreement that an amendment may change, and what nobody may.
AMENDED = (
    "ends_on", "schedule", "deposit_bp", "penalty_bp", "buyer_penalty_bp", "tolerance_bp", "payment_term_days",
)  # fmt: skip
FIXED = ("partner_id", "firm_id", "starts_on", "signed_on", "occasion_id")
PROMISED = (
    "committed_g", "floor_fen_per_kg", "price_rule", "margin_bp", "minimum_g", "minimum_date_g",
    "farm_gate_floor_fen_per_kg", "special_bp", "second_bp", "off_bp",
)  # fmt: skip


def _changed(names: tuple[str, ...]) -> str:
    """SQL: whether any of these columns gets another value."""
    new, old = (", ".join(f"{row}.{name}" for name in names) for row in ("NEW", "OLD"))
    return f"({new}) IS DISTINCT FROM ({old})"


def _known(states: tuple[str, ...]) -> None:
    """Let an agreement be in these states only."""
    op.drop_constraint(op.f("ck_agreements_status_known"), "agreements", type_="check")
    listed = ", ".join(f"'{state}'" for state in states)
    op.create_check_constraint(op.f("ck_agreements_status_known"), "agreements", f"status IN ({listed})")


def upgrade() -> None:
    """Tables and columns, then what guards them."""
    op.create_table(
        "agreement_reminders",
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("days_before", sa.SmallInteger(), nullable=False),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("days_before > 0", name=op.f("ck_agreement_reminders_before_the_end")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_agreement_reminders_agreement_id")),
        sa.PrimaryKeyConstraint("agreement_id", "ends_on", "days_before", name=op.f("pk_agreement_reminders")),
    )
    op.create_table(
        "agreement_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("document_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "proposed_by", sa.Enum("buyer", "firm", "county", name="side", native_enum=False, length=32), nullable=False
        ),
        sa.Column("proposed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "proposed_by IN ('buyer', 'firm', 'county')", name=op.f("ck_agreement_versions_proposed_by_known")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_agreement_versions_number_counted")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("fk_agreement_versions_agreement_id")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["people.id"], name=op.f("fk_agreement_versions_proposed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_versions")),
        sa.UniqueConstraint("agreement_id", "number", name=op.f("uq_agreement_versions_agreement_id_number")),
        sa.UniqueConstraint("id", "agreement_id", name=op.f("uq_agreement_versions_id_agreement_id")),
        sa.UniqueConstraint("id", "document_hash", name=op.f("uq_agreement_versions_id_document_hash")),
    )
    op.create_table(
        "agreement_signatures",
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "side", sa.Enum("buyer", "firm", "county", name="side", native_enum=False, length=32), nullable=False
        ),
        sa.Column("document_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("on_paper", sa.Boolean(), nullable=False),
        sa.CheckConstraint("side IN ('buyer', 'firm')", name=op.f("ck_agreement_signatures_side_known")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_agreement_signatures_person_id")),
        sa.ForeignKeyConstraint(
            ["version_id", "document_hash"],
            ["agreement_versions.id", "agreement_versions.document_hash"],
            name=op.f("fk_agreement_signatures_version_id_document_hash"),
        ),
        sa.PrimaryKeyConstraint("version_id", "side", name=op.f("pk_agreement_signatures")),
    )
    for column in ("minimum_g", "minimum_date_g", "farm_gate_floor_fen_per_kg"):
        op.add_column("agreement_lines", sa.Column(column, sa.BigInteger(), server_default="0", nullable=False))
    for column, usual in (("special_bp", "11500"), ("second_bp", "8500"), ("off_bp", "6000")):
        op.add_column("agreement_lines", sa.Column(column, sa.Integer(), server_default=usual, nullable=False))
    op.add_column("agreement_lines", sa.Column("version_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_agreement_lines_version_id"), "agreement_lines", "agreement_versions", ["version_id"], ["id"]
    )
    for column in ("buyer_penalty_bp", "tolerance_bp"):
        op.add_column("agreements", sa.Column(column, sa.Integer(), server_default="0", nullable=False))
    for column in ("version_id", "renews_id"):
        op.add_column("agreements", sa.Column(column, sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_agreements_renews_id"), "agreements", ["renews_id"], unique=False)
    op.create_foreign_key(op.f("fk_agreements_renews_id"), "agreements", "agreements", ["renews_id"], ["id"])
    op.create_foreign_key(
        op.f("fk_agreements_version_id_id"), "agreements", "agreement_versions", ["version_id", "id"],
        ["id", "agreement_id"], use_alter=True,
    )  # fmt: skip

    # What was agreed before had one rate for both sides, and the buyer committed to the whole.
    op.execute("UPDATE agreements SET buyer_penalty_bp = penalty_bp")
    op.execute("UPDATE agreement_lines SET minimum_g = committed_g")

    _known(NOW)
    checks = {
        "buyer_penalty_in_range": "buyer_penalty_bp BETWEEN 0 AND 3000",
        "tolerance_in_range": "tolerance_bp BETWEEN 0 AND 2000",
        "drafts_unsigned": "status NOT IN ('draft', 'withdrawn') OR signed_on IS NULL",
    }
    for name, rule in checks.items():
        op.create_check_constraint(op.f(f"ck_agreements_{name}"), "agreements", rule)
    op.drop_constraint(op.f("ck_agreement_lines_promises_something"), "agreement_lines", type_="check")
    checks = {
        "promises_something": "committed_g >= 0 AND floor_fen_per_kg > 0",
        "minimum_within": "minimum_g BETWEEN 0 AND committed_g AND minimum_date_g BETWEEN 0 AND committed_g",
        "farm_gate_not_negative": "farm_gate_floor_fen_per_kg >= 0",
        "grades_in_range": "special_bp BETWEEN 10000 AND 20000 AND second_bp BETWEEN 0 AND 10000"
        " AND off_bp BETWEEN 0 AND 10000",
    }
    for name, rule in checks.items():
        op.create_check_constraint(op.f(f"ck_agreement_lines_{name}"), "agreement_lines", rule)

    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        """
        CREATE FUNCTION signed_by_both(version bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
            SELECT count(*) = 2 FROM agreement_signatures WHERE version_id = version
        $$
        """
    )
    op.execute(
        f"""
        CREATE FUNCTION refuse_unsigned_terms() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                RAISE EXCEPTION 'a signed agreement is not deleted' USING ERRCODE = '23514';
            END IF;
            IF OLD.status = 'draft' THEN
                IF NEW.status NOT IN ('draft', 'withdrawn') AND NOT signed_by_both(NEW.version_id) THEN
                    RAISE EXCEPTION 'agreement % is not signed by both sides', OLD.code USING ERRCODE = '23514';
                END IF;
            ELSIF {_changed(FIXED)} OR ({_changed(AMENDED)} AND NEW.version_id IS NOT DISTINCT FROM OLD.version_id)
                OR (NEW.version_id IS DISTINCT FROM OLD.version_id AND NOT signed_by_both(NEW.version_id)) THEN
                RAISE EXCEPTION 'a signed term of agreement % is changed by an amendment only', OLD.code
                    USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER agreements_terms BEFORE UPDATE OR DELETE ON agreements "
        "FOR EACH ROW EXECUTE FUNCTION refuse_unsigned_terms()"
    )
    op.execute(
        f"""
        CREATE FUNCTION refuse_unsigned_promise() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                RAISE EXCEPTION 'a promise is not deleted' USING ERRCODE = '23514';
            END IF;
            IF {_changed(("agreement_id", "product_id"))}
                OR ({_changed(PROMISED)} AND NEW.version_id IS NOT DISTINCT FROM OLD.version_id)
                OR (NEW.version_id IS DISTINCT FROM OLD.version_id AND NOT (
                    signed_by_both(NEW.version_id)
                    AND NEW.version_id = (SELECT version_id FROM agreements WHERE id = NEW.agreement_id))) THEN
                RAISE EXCEPTION 'a signed promise is changed by an amendment only' USING ERRCODE = '23514';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER agreement_lines_terms BEFORE UPDATE OR DELETE ON agreement_lines "
        "FOR EACH ROW EXECUTE FUNCTION refuse_unsigned_promise()"
    )
    # An amendment spreads what is left over later days.
    op.execute(
        "CREATE TRIGGER due_weights_mark_update AFTER UPDATE ON due_weights REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION mark_agreements()"
    )


def downgrade() -> None:
    """The way back, while no agreement is in a state that was not known before."""
    op.execute("DROP TRIGGER due_weights_mark_update ON due_weights")
    op.execute("DROP TRIGGER agreement_lines_terms ON agreement_lines")
    op.execute("DROP TRIGGER agreements_terms ON agreements")
    for function in ("refuse_unsigned_promise()", "refuse_unsigned_terms()", "signed_by_both(bigint)"):
        op.execute(f"DROP FUNCTION {function}")
    for name in ("grades_in_range", "farm_gate_not_negative", "minimum_within", "promises_something"):
        op.drop_constraint(op.f(f"ck_agreement_lines_{name}"), "agreement_lines", type_="check")
    op.create_check_constraint(
        op.f("ck_agreement_lines_promises_something"), "agreement_lines", "committed_g > 0 AND floor_fen_per_kg > 0"
    )
    for name in ("drafts_unsigned", "tolerance_in_range", "buyer_penalty_in_range"):
        op.drop_constraint(op.f(f"ck_agreements_{name}"), "agreements", type_="check")
    _known(BEFORE)
    for name in ("version_id_id", "renews_id"):
        op.drop_constraint(op.f(f"fk_agreements_{name}"), "agreements", type_="foreignkey")
    op.drop_index(op.f("ix_agreements_renews_id"), table_name="agreements")
    for column in ("renews_id", "version_id", "tolerance_bp", "buyer_penalty_bp"):
        op.drop_column("agreements", column)
    op.drop_constraint(op.f("fk_agreement_lines_version_id"), "agreement_lines", type_="foreignkey")
    lines = ("version_id", "off_bp", "second_bp", "special_bp", "farm_gate_floor_fen_per_kg", "minimum_date_g",
             "minimum_g")  # fmt: skip
    for column in lines:
        op.drop_column("agreement_lines", column)
    for table in ("agreement_signatures", "agreement_versions", "agreement_reminders"):
        op.drop_table(table)
