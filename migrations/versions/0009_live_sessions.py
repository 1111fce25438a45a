"""Live sessions and their shelves; the sessions there were get a life and a shelf of their offers.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables, then what is known of the sessions there were, then the guard of recordings."""
    op.create_table(
        "shelf_items",
        sa.Column("occasion_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("slot_fee_fen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("talking_points", sa.Text(), nullable=True),
        sa.CheckConstraint("position >= 1", name=op.f("ck_shelf_items_position_from_one")),
        sa.CheckConstraint("slot_fee_fen >= 0", name=op.f("ck_shelf_items_slot_fee_not_negative")),
        sa.ForeignKeyConstraint(
            ["occasion_id", "product_id"],
            ["offers.occasion_id", "offers.product_id"],
            name=op.f("fk_shelf_items_occasion_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("occasion_id", "product_id", name=op.f("pk_shelf_items")),
        sa.UniqueConstraint("occasion_id", "position", name=op.f("uq_shelf_items_occasion_id_position")),
    )
    op.create_table(
        "live_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("occasion_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "occasion_kind",
            sa.Enum("promotion", "round", "agreement", "session", name="occasionkind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum("planned", "reviewed", "live", "ended", "settled", name="livestatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("operator_zh", sa.String(length=120), nullable=True),
        sa.Column("agency_zh", sa.String(length=120), nullable=True),
        sa.Column("platform_zh", sa.String(length=120), nullable=True),
        sa.Column("host_verified_on", sa.Date(), nullable=True),
        sa.Column("host_age", sa.SmallInteger(), nullable=True),
        sa.Column("guardian_consented", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recording_ref", sa.String(length=120), nullable=True),
        sa.Column("recording_keep_until", sa.Date(), nullable=True),
        sa.Column("pinned_product_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(status IN ('ended', 'settled')) = (ended_at IS NOT NULL)", name=op.f("ck_live_sessions_end_is_dated")
        ),
        sa.CheckConstraint("occasion_kind = 'session'", name=op.f("ck_live_sessions_is_a_session")),
        sa.CheckConstraint("status <> 'live' OR started_at IS NOT NULL", name=op.f("ck_live_sessions_start_is_dated")),
        sa.CheckConstraint(
            "status IN ('planned', 'reviewed', 'live', 'ended', 'settled')", name=op.f("ck_live_sessions_status_known")
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (recording_keep_until IS NULL)", name=op.f("ck_live_sessions_kept_from_the_end")
        ),
        sa.CheckConstraint(
            "(host_age IS NULL) = (host_verified_on IS NULL)", name=op.f("ck_live_sessions_verification_whole")
        ),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_live_sessions_times_ordered")),
        sa.CheckConstraint("host_age >= 16", name=op.f("ck_live_sessions_host_old_enough")),
        sa.CheckConstraint("host_age >= 18 OR guardian_consented", name=op.f("ck_live_sessions_minor_has_consent")),
        sa.ForeignKeyConstraint(
            ["occasion_id", "occasion_kind"],
            ["occasions.id", "occasions.kind"],
            name=op.f("fk_live_sessions_occasion_id_occasion_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["occasion_id", "pinned_product_id"],
            ["shelf_items.occasion_id", "shelf_items.product_id"],
            name=op.f("fk_live_sessions_occasion_id_pinned_product_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_sessions")),
        sa.UniqueConstraint("occasion_id", name=op.f("uq_live_sessions_occasion_id")),
    )
    op.create_index(
        "ix_live_sessions_running",
        "live_sessions",
        ["status"],
        postgresql_where=sa.text("status IN ('planned', 'reviewed', 'live')"),
    )

    op.create_table(
        "shelf_certificates",
        sa.Column("occasion_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("certificate_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name=op.f("fk_shelf_certificates_certificate_id")
        ),
        sa.ForeignKeyConstraint(
            ["occasion_id", "product_id"],
            ["shelf_items.occasion_id", "shelf_items.product_id"],
            name=op.f("fk_shelf_certificates_occasion_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("occasion_id", "product_id", "certificate_id", name=op.f("pk_shelf_certificates")),
    )
    op.add_column("occasions", sa.Column("hold_s", sa.BigInteger(), nullable=True))
    op.create_check_constraint(op.f("ck_occasions_hold_in_range"), "occasions", "hold_s BETWEEN 60 AND 3600")
    op.execute(
        """
        INSERT INTO shelf_items (occasion_id, product_id, position)
        SELECT occasion_id, product_id, row_number() OVER (PARTITION BY occasion_id ORDER BY offers.id)
        FROM offers JOIN occasions ON occasions.id = occasion_id WHERE kind = 'session'
        """
    )
    op.execute(
        """
        INSERT INTO live_sessions (occasion_id, occasion_kind, status, started_at, ended_at, recording_keep_until)
        SELECT id, kind, CASE status WHEN 'open' THEN 'live' WHEN 'closed' THEN 'ended' ELSE 'planned' END,
            CASE WHEN status <> 'planned' THEN starts_at END, CASE status WHEN 'closed' THEN ends_at END,
            CASE status WHEN 'closed' THEN ((ends_at AT TIME ZONE 'Asia/Shanghai')::date + interval '3 years')::date END
        FROM occasions WHERE kind = 'session' ORDER BY id
        """
    )
    # They were opened by the county, which was its review: the path of a life is whole.
    op.execute(
        """
        INSERT INTO history (entity_type, entity_id, at, event, from_state, to_state)
        SELECT 'live_sessions', live_sessions.id, occasions.starts_at, event, from_state, to_state
        FROM live_sessions JOIN occasions ON occasions.id = occasion_id
        JOIN (VALUES (1, 'plan', NULL, 'planned'), (2, 'review', 'planned', 'reviewed'),
                     (3, 'go_live', 'reviewed', 'live'), (4, 'end', 'live', 'ended'))
            AS steps (step, event, from_state, to_state)
            ON step <= CASE live_sessions.status WHEN 'planned' THEN 1 WHEN 'live' THEN 3 ELSE 4 END
        ORDER BY live_sessions.id, step
        """
    )
    op.execute(
        """
        CREATE FUNCTION keep_recording() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.recording_ref IS NOT NULL AND OLD.recording_keep_until >= (now() AT TIME ZONE 'Asia/Shanghai')::date
                AND (TG_OP = 'DELETE' OR NEW.recording_ref IS DISTINCT FROM OLD.recording_ref
                     OR NEW.recording_keep_until < OLD.recording_keep_until) THEN
                RAISE EXCEPTION 'the recording of session % is kept until %', OLD.id, OLD.recording_keep_until
                    USING ERRCODE = '23514';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER live_sessions_keep BEFORE UPDATE OR DELETE ON live_sessions "
        "FOR EACH ROW EXECUTE FUNCTION keep_recording()"
    )


def downgrade() -> None:
    """Take guard, history and tables away again."""
    op.execute("DROP TRIGGER live_sessions_keep ON live_sessions")
    op.execute("DROP FUNCTION keep_recording()")
    op.execute("ALTER TABLE history DISABLE TRIGGER history_append_only")
    op.execute("DELETE FROM history WHERE entity_type = 'live_sessions'")
    op.execute("ALTER TABLE history ENABLE TRIGGER history_append_only")
    op.drop_constraint(op.f("ck_occasions_hold_in_range"), "occasions", type_="check")
    op.drop_column("occasions", "hold_s")
    op.drop_table("shelf_certificates")
    op.drop_table("live_sessions")
    op.drop_table("shelf_items")
