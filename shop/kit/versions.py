"""One counter that triggers raise when reference data change: processes compare it and reload what they keep."""

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped

from shop.kit.db import Model
from shop.kit.types import Id


class ReferenceVersion(Model):
    """The single row: `version` grows with every committed change of reference data (catalogue, channels, prices)."""

    __tablename__ = "reference_version"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[Id]
    version: Mapped[int]
