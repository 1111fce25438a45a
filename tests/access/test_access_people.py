"""People, parties, grants: one identity per person, roles that fit."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.access import actions
from shop.access.errors import LoginTaken, PhoneNotValid
from shop.access.models import ROLE_FITS, Grant, Party, PartyKind, Person, Role

NOW = datetime(2025, 7, 15, 2, 0, tzinfo=UTC)


def make(session: Session, login: str, phone: str | None = None) -> Person:
    return actions.create_person(
        session, login=login, name_zh="某人（示例）", password="a password", phone=phone, now=NOW
    )


@pytest.mark.parametrize(
    "written",
    ["13800001111", "+86 138 0000 1111", "0086 138-0000-1111", "86 13800001111", " 138-0000-1111 ",
     "＋８６１３８００００１１１１", "١٣٨٠٠٠٠١١١١"],
)  # fmt: skip
def test_t59_a_phone_has_one_form_however_it_is_written(written: str) -> None:
    assert actions.normal_phone(written) == "+8613800001111"


@pytest.mark.parametrize(
    "written", ["", "12345", "010-12345678", "+1 202 555 0100", "138000011112", "abc", "12800001111"]
)
def test_t59_what_is_no_mobile_number_is_refused(written: str) -> None:
    with pytest.raises(PhoneNotValid):
        actions.normal_phone(written)


@pytest.mark.parametrize("written", ["Boss", "ｂｏｓｓ", " b o s s ", "bo\u200bss", "BOSS\ufeff"])
def test_t59_a_login_has_one_form_and_belongs_to_one_person(session: Session, written: str) -> None:
    make(session, "boss")
    with pytest.raises(LoginTaken):
        make(session, written)
    assert session.scalar(select(func.count()).select_from(Person).where(Person.login == "boss")) == 1


def test_t59_a_phone_belongs_to_one_person(session: Session) -> None:
    make(session, "one", "13800001111")
    with pytest.raises(LoginTaken):
        make(session, "two", "+86 138 0000 1111")
    assert session.scalars(select(Person.login).where(Person.phone_e164 == "+8613800001111")).all() == ["one"]


def test_a_password_is_kept_as_argon2id_at_the_chosen_cost(session: Session) -> None:
    kept = make(session, "boss").password_hash
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "a password" not in kept


def test_a_party_is_made_once(session: Session) -> None:
    first = actions.ensure_party(session, PartyKind.FIRM, "F99", "某社（示例）")
    assert actions.ensure_party(session, PartyKind.FIRM, "F99", "某社（示例）") == first
    assert actions.ensure_party(session, PartyKind.BUYER, "F99", "某店（示例）") != first
    assert session.scalar(select(func.count()).select_from(Party).where(Party.code == "F99")) == 2


def test_granting_twice_is_granting_once(session: Session) -> None:
    person = make(session, "clerk")
    firm = actions.ensure_party(session, PartyKind.FIRM, "F99", "某社（示例）")
    for _ in range(2):
        actions.grant(session, person.id, firm, Role.FIRM_STAFF, now=NOW)
    assert session.scalar(select(func.count()).select_from(Grant).where(Grant.person_id == person.id)) == 1


@pytest.mark.parametrize(
    ("role", "kind"), [(role, kind) for role in Role for kind in PartyKind if kind not in ROLE_FITS[role]]
)
def test_a_role_acts_only_for_a_party_it_fits(session: Session, role: Role, kind: PartyKind) -> None:
    person = make(session, "clerk")
    party = actions.ensure_party(session, kind, "P99", "某方（示例）")
    with pytest.raises(IntegrityError), session.begin_nested():
        actions.grant(session, person.id, party, role, now=NOW)
    assert session.scalar(select(func.count()).select_from(Grant).where(Grant.person_id == person.id)) == 0


def test_every_role_fits_some_party(session: Session) -> None:
    person = make(session, "clerk")
    for role in Role:
        for kind in ROLE_FITS[role]:
            actions.grant(session, person.id, actions.ensure_party(session, kind, "P99", "某方（示例）"), role, now=NOW)
    assert session.scalar(select(func.count()).select_from(Grant).where(Grant.person_id == person.id)) == 9
