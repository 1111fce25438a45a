"""People, parties, grants, sign-in."""

import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from functools import cache

import phonenumbers
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.access.errors import LoginTaken, PhoneNotValid, SignInRefused
from shop.access.guard import token_hash
from shop.access.models import AccessToken, Grant, Party, PartyKind, Person, Role

TOKEN_LIFE = timedelta(hours=12)

#: OWASP's lower recommendation for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def _nobody() -> str:
    """A hash to verify against when the login is unknown, so that both answers take the same time."""
    return _hasher.hash(secrets.token_urlsafe(16))


def normal_login(login: str) -> str:
    """The one form of a login: NFKC, no zero-width characters or spaces, lower case."""
    folded = unicodedata.normalize("NFKC", login)
    return re.sub(r"[\s\u200b-\u200f\u2060\ufeff]", "", folded).lower()


def normal_phone(phone: str) -> str:
    """A mainland mobile number as +86XXXXXXXXXXX. Raises PhoneNotValid."""
    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", phone), "CN")
    except phonenumbers.NumberParseException:
        raise PhoneNotValid from None
    normal = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if not re.fullmatch(r"\+861[3-9]\d{9}", normal):
        raise PhoneNotValid
    return normal


def masked_phone(phone: str) -> str:
    """A phone as 138****5678; of a number too short to hide its middle nothing is shown."""
    number = phone.removeprefix("+86")
    return f"{number[:3]}****{number[-4:]}" if len(number) >= 8 else "****"


def masked_name(name: str) -> str:
    """A person's name as 张**."""
    return f"{name[:1]}**"


def ensure_party(session: Session, kind: PartyKind, code: str, name_zh: str) -> int:
    """The id of the party `code` of `kind`, made if it is new."""
    made = insert(Party).values(kind=kind, code=code, name_zh=name_zh).on_conflict_do_nothing().returning(Party.id)
    found = session.execute(made).scalar()
    return found or session.execute(select(Party.id).where(Party.kind == kind, Party.code == code)).scalar_one()


def create_person(
    session: Session, *, login: str, name_zh: str, password: str, phone: str | None = None, now: datetime
) -> Person:
    """Somebody who can sign in. Raises LoginTaken, PhoneNotValid."""
    person = Person(
        login=normal_login(login),
        name_zh=name_zh,
        phone_e164=normal_phone(phone) if phone else None,
        password_hash=_hasher.hash(password),
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(person)
    except IntegrityError:
        raise LoginTaken from None
    return person


def grant(session: Session, person_id: int, party_id: int, role: Role, *, now: datetime) -> None:
    """Let a person act for a party; doing it twice does it once. The database refuses a role that does not fit."""
    kind = session.execute(select(Party.kind).where(Party.id == party_id)).scalar_one()
    values = {"person_id": person_id, "party_id": party_id, "party_kind": kind, "role": role, "granted_at": now}
    session.execute(insert(Grant).values(values).on_conflict_do_nothing())


def sign_in(session: Session, login: str, password: str, *, now: datetime) -> str:
    """A fresh token, good for 12 hours. Raises SignInRefused without saying what was wrong."""
    person = session.execute(
        select(Person).where(Person.login == normal_login(login), Person.disabled_at.is_(None))
    ).scalar()
    try:
        _hasher.verify(person.password_hash if person else _nobody(), password)
    except (VerificationError, InvalidHashError):
        raise SignInRefused from None
    if person is None:
        raise SignInRefused
    return issue_token(session, person.id, now=now)


def issue_token(session: Session, person_id: int, *, now: datetime) -> str:
    """A token for somebody already known to be himself."""
    token = secrets.token_urlsafe(32)
    session.add(
        AccessToken(token_hash=token_hash(token), person_id=person_id, created_at=now, expires_at=now + TOKEN_LIFE)
    )
    session.flush()
    return token


def sign_out(session: Session, hashed: bytes, *, now: datetime) -> None:
    """Revoke one token."""
    session.execute(update(AccessToken).where(AccessToken.token_hash == hashed).values(revoked_at=now))
