"""Tables of people, parties, grants and tokens."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model, one_of
from shop.kit.types import Code, Id, Instant, Name, Prose, Ref


class PartyKind(StrEnum):
    """What a party is. It decides which roles can act for it."""

    COUNTY = "county"
    TOWNSHIP = "township"
    FIRM = "firm"
    BUYER = "buyer"
    SHOP = "shop"
    CADRE = "cadre"
    HOST = "host"
    HOUSEHOLD = "household"
    CUSTOMER = "customer"


class Role(StrEnum):
    """What a person may do for a party."""

    OPERATOR = "operator"
    MANAGER = "manager"
    FIRM_STAFF = "firm_staff"
    BUYER = "buyer"
    CADRE = "cadre"
    HOST = "host"
    HOUSEHOLD = "household"
    CUSTOMER = "customer"


#: Which kinds of party a role can act for; also a CHECK on `grants`.
ROLE_FITS: dict[Role, tuple[PartyKind, ...]] = {
    Role.OPERATOR: (PartyKind.COUNTY,),
    Role.MANAGER: (PartyKind.COUNTY, PartyKind.TOWNSHIP),
    Role.FIRM_STAFF: (PartyKind.FIRM,),
    Role.BUYER: (PartyKind.BUYER,),
    Role.CADRE: (PartyKind.CADRE,),
    Role.HOST: (PartyKind.HOST,),
    Role.HOUSEHOLD: (PartyKind.HOUSEHOLD,),
    Role.CUSTOMER: (PartyKind.CUSTOMER,),
}

_FITS = " OR ".join(
    f"(role = '{role}' AND party_kind IN ({', '.join(repr(kind.value) for kind in kinds)}))"
    for role, kinds in ROLE_FITS.items()
)


class Party(Model):
    """Anybody who can own something: `code` is unique within its kind."""

    __tablename__ = "parties"
    __table_args__ = (one_of("kind", PartyKind), UniqueConstraint("kind", "code"), UniqueConstraint("id", "kind"))

    id: Mapped[Id]
    kind: Mapped[PartyKind]
    code: Mapped[Code]
    name_zh: Mapped[Name]


class Person(Model):
    """Someone who signs in. `login` is kept in its normal form (NFKC, case folded, no spaces)."""

    __tablename__ = "people"
    __table_args__ = (
        CheckConstraint(r"phone_e164 ~ '^\+861[3-9][0-9]{9}$'", name="phone_normal"),
        CheckConstraint("login = lower(login) AND login !~ '\\s'", name="login_normal"),
    )

    id: Mapped[Id]
    login: Mapped[Code] = mapped_column(unique=True)
    name_zh: Mapped[Name]
    phone_e164: Mapped[str | None] = mapped_column(unique=True)
    password_hash: Mapped[Prose]
    created_at: Mapped[Instant]
    disabled_at: Mapped[Instant | None]


class Grant(Model):
    """A person acts for a party in a role."""

    __tablename__ = "grants"
    __table_args__ = (
        one_of("role", Role),
        CheckConstraint(_FITS, name="role_fits_party"),
        ForeignKeyConstraint(["party_id", "party_kind"], ["parties.id", "parties.kind"]),
        UniqueConstraint("person_id", "party_id", "role"),
        Index(None, "party_id"),
    )

    id: Mapped[Id]
    person_id: Mapped[Ref] = mapped_column(ForeignKey("people.id"))
    party_id: Mapped[Ref]
    party_kind: Mapped[PartyKind]
    role: Mapped[Role]
    granted_at: Mapped[Instant]


class AccessToken(Model):
    """An opaque bearer token, kept as its SHA-256 only; revoking it takes effect with the next request."""

    __tablename__ = "access_tokens"
    __table_args__ = (Index(None, "person_id"),)

    id: Mapped[Id]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    person_id: Mapped[Ref] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]
