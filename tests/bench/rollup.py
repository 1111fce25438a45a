"""How the refresh of household income follows what changed, not what was there before (S7)."""

import time
from dataclasses import dataclass

from sqlalchemy import text

from shop.kit.db import db, transaction
from shop.reports.models import Rollup
from shop.reports.rollups import rebuild, refresh

MONTHS = 60
#: Entries of a household in a month, of its firm and crop: the same at every size, so that only history grows.
EACH = 4
NEW = 10_000

#: Entries without their journals: the rollup reads entries only. They come month by month, households mixed.
_ENTRIES = """
    INSERT INTO income_entries (household_id, firm_id, product_id, kind, category, earned_on, month, weight_g,
        amount_fen, source_type, source_id, journal_id)
    SELECT household, 1 + household % 18, 1 + household % 79, 'sale', 'business', month, month, 1000, 1 + n % 5000,
        'bench', n, n
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
    CROSS JOIN LATERAL (
        SELECT 1 + n % :households AS household,
            (date '2020-01-01' + make_interval(months => ({month})::int))::date AS month) AS at
"""
#: History grows month after month; what is new touches all of them.
_HISTORY = _ENTRIES.format(month="(n - :first) * :months / (:last - :first + 1)")
_NEW = _ENTRIES.format(month="n % :months")


@dataclass(frozen=True)
class Refreshed:
    """What a refresh of new entries cost."""

    rows: int
    keys: int
    us_per_key: float


def measure(rows: int) -> Refreshed:
    """Lay so many entries, book 10,000 new ones, and refresh: microseconds for each key they touched."""
    bound = {"households": rows // (MONTHS * EACH), "months": MONTHS}
    with transaction() as session:
        # Keys of other tables are not there, and a slip is not counted twice here: both rest. What marks keys works.
        session.execute(text("TRUNCATE income_entries, income_rollup, dirty_keys CASCADE"))
        session.execute(text("ALTER TABLE income_entries DISABLE TRIGGER ALL"))
        session.execute(
            text("ALTER TABLE income_entries DROP CONSTRAINT IF EXISTS uq_income_entries_source_type_source_id_kind")
        )
        session.execute(text("DROP INDEX IF EXISTS ix_income_entries_household_id_earned_on"))
        session.execute(text(_HISTORY), bound | {"first": 1, "last": rows})
        rebuild(session, Rollup.INCOME)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE income_entries, income_rollup, dirty_keys"))
        connection.execute(text("CHECKPOINT"))
    with transaction() as session:
        session.execute(text("ALTER TABLE income_entries ENABLE TRIGGER income_entries_mark"))
        session.execute(text(_NEW), bound | {"first": rows + 1, "last": rows + NEW})
    keys, began = 0, time.perf_counter()
    while True:
        with transaction() as session:
            done = refresh(session, Rollup.INCOME)
        if not done.keys:
            break
        keys += done.keys
    return Refreshed(rows, keys, (time.perf_counter() - began) * 1e6 / keys)
