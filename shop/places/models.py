"""Tables of places. Codes are the statistical division codes of county 140829 (平陆县)."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Id, Name, Ref


class TownshipKind(StrEnum):
    """Town, township, or the one row that lists urban communities and is neither."""

    TOWN = "town"
    TOWNSHIP = "township"
    COMMUNITY_AREA = "community_area"


class VillageKind(StrEnum):
    """A village, or an urban community."""

    VILLAGE = "village"
    COMMUNITY = "community"


class Township(Model):
    """A township of the county; `party_id` is whom its managers act for."""

    __tablename__ = "townships"
    __table_args__ = (one_of("kind", TownshipKind), CheckConstraint("code ~ '^[0-9]{9}$'", name="code_digits"))

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(String(9), unique=True)
    name_zh: Mapped[Name]
    kind: Mapped[TownshipKind]
    party_id: Mapped[Ref] = mapped_column(ForeignKey("parties.id"), unique=True)


class Village(Model):
    """A village: `name_zh` as listed officially, `short_zh` as people write it."""

    __tablename__ = "villages"
    __table_args__ = (
        one_of("kind", VillageKind),
        CheckConstraint("code ~ '^[0-9]{12}$'", name="code_digits"),
        Index(None, "township_id"),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(String(12), unique=True)
    name_zh: Mapped[Name]
    short_zh: Mapped[Name]
    kind: Mapped[VillageKind]
    township_id: Mapped[Ref] = mapped_column(ForeignKey("townships.id"))


class PlaceAlias(Model):
    """A name seen in print that means another place: 邵官镇 is 部官镇."""

    __tablename__ = "place_aliases"
    __table_args__ = (
        UniqueConstraint("alias"),
        CheckConstraint("num_nonnulls(township_id, village_id) = 1", name="one_target"),
    )

    id: Mapped[Id]
    alias: Mapped[Name]
    township_id: Mapped[Ref | None] = mapped_column(ForeignKey("townships.id"))
    village_id: Mapped[Ref | None] = mapped_column(ForeignKey("villages.id"))
