"""Dirty keys: which rollup rows a changed fact touches.

An append-only queue, so that marking never blocks: database triggers on the fact tables add rows in the transaction
that changes the fact (see the migrations), and a rollup job deletes the rows it answers for in the transaction that
recomputes them.
"""

from datetime import date

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from shop.kit.db import Model
from shop.kit.types import Code, Id, Ref


class DirtyKey(Model):
    """`rollup` names the rollup; `on_day`, `a_id`, `b_id` are its key as that rollup reads them."""

    __tablename__ = "dirty_keys"
    __table_args__ = (Index(None, "rollup", "id"),)

    id: Mapped[Id]
    rollup: Mapped[Code]
    on_day: Mapped[date | None]
    a_id: Mapped[Ref | None]
    b_id: Mapped[Ref | None]
