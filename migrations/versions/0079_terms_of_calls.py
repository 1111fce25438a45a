"""A call-off stands under the version of the terms that was in force when its price was fixed.

Revision ID: 0079
Revises: 0078
"""

import sqlalchemy as sa
from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None

OF_ITS_AGREEMENT = "fk_call_offs_version_id_agreement_id"

#: The last word that fixed a price, when it was asked for or moved to another day, and what had been signed by then:
#: told by the order of writing. `due_on` of a change is the day before it.
FILL = """
    UPDATE call_offs SET version_id = agreement_versions.id
    FROM (
        SELECT entity_id, max(id) AS fixed_id FROM (
            SELECT history.entity_id, history.id, event, (facts->>'due_on')::date AS was_on,
                coalesce(lead((facts->>'due_on')::date) OVER (PARTITION BY history.entity_id ORDER BY history.id),
                    due_on) AS is_on
            FROM history JOIN call_offs ON call_offs.id = history.entity_id
            WHERE entity_type = 'call_offs' AND event IN ('request', 'change')
        ) AS words WHERE event = 'request' OR was_on <> is_on GROUP BY entity_id
    ) AS fixed
    CROSS JOIN LATERAL (
        SELECT (signed.facts->>'version')::int AS number FROM history AS signed
        JOIN call_offs AS called ON called.id = fixed.entity_id AND signed.entity_id = called.agreement_id
        WHERE signed.entity_type = 'agreements' AND signed.event IN ('sign', 'amend') AND signed.id < fixed_id
        ORDER BY signed.id DESC LIMIT 1
    ) AS in_force
    JOIN agreement_versions ON agreement_versions.number = in_force.number
    WHERE call_offs.id = fixed.entity_id AND agreement_versions.agreement_id = call_offs.agreement_id
"""
#: What covers a breach: of parts in their order each is covered as far as its own tolerance was not used up before.
COVER = """
    CREATE FUNCTION covered_so_far(covered bigint, grams bigint, tolerance bigint) RETURNS bigint
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN least(covered + grams, greatest(covered, tolerance))
"""
ADD_COVER = """
    CREATE AGGREGATE covered_g(grams bigint, tolerance bigint) (
        SFUNC = covered_so_far, STYPE = bigint, INITCOND = '0', PARALLEL = SAFE
    )
"""


def upgrade() -> None:
    """The column, filled from the history; then what counts a tolerance that an amendment changes."""
    op.add_column("call_offs", sa.Column("version_id", sa.BigInteger(), nullable=True))
    op.execute(FILL)
    op.add_column("call_off_rollup", sa.Column("version_id", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE call_off_rollup SET version_id = call_offs.version_id FROM call_offs"
        " WHERE call_offs.id = call_off_rollup.id"
    )
    op.create_foreign_key(
        op.f(OF_ITS_AGREEMENT),
        "call_offs",
        "agreement_versions",
        ["version_id", "agreement_id"],
        ["id", "agreement_id"],
    )
    op.execute(COVER)
    op.execute(ADD_COVER)


def downgrade() -> None:
    """As it was: all stand under the terms in force now."""
    op.execute("DROP AGGREGATE covered_g(bigint, bigint)")
    op.execute("DROP FUNCTION covered_so_far(bigint, bigint, bigint)")
    op.drop_constraint(op.f(OF_ITS_AGREEMENT), "call_offs", type_="foreignkey")
    op.drop_column("call_off_rollup", "version_id")
    op.drop_column("call_offs", "version_id")
