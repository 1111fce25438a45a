"""Joining a round, changing, withdrawing: by link and secret, within the bounds, until the closing time."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

import shop.models  # noqa: F401
from shop.kit.db import db
from shop.kit.errors import DomainError
from shop.kit.states import History
from shop.rounds import actions, joining
from shop.rounds.errors import (
    AlreadyJoined,
    NotInThisRound,
    PacksOutOfBounds,
    RoundFull,
    RoundNotOpen,
    RoundSoldOut,
    SecretNotKnown,
)
from shop.rounds.models import EntryLine, RoundEntry
from tests.factories.rounds import joined, open_round
from tests.factories.sales import NECTARINE, Season

WHO = joining.Colleague("李同事（示例）", "+8613900000000", None)


def packs(season: Season) -> list[int]:
    season.session.flush()
    return list(season.session.scalars(select(EntryLine.quantity).order_by(EntryLine.entry_id)))


def refused(season: Season, kind: type[DomainError], act: Callable[[], object]) -> DomainError:
    """`act` is refused as `kind` and changes nothing."""
    count = select(func.count()).select_from(History)
    before = packs(season), season.session.scalar(count)
    with pytest.raises(kind) as refusal:
        act()
    assert (packs(season), season.session.scalar(count)) == before
    return refusal.value


def test_whoever_has_the_link_joins_and_only_his_secret_changes_it(season: Season) -> None:
    round_ = open_round(season)
    secret = joining.new_secret()
    assert re.fullmatch(r"([2-9a-hjkmnp-z]{4}-){3}[2-9a-hjkmnp-z]{4}", secret)
    joining.join(season.session, round_.join_code, WHO, {season.sku: 2}, secret, now=season.now)
    other = joined(season, round_, 2, {season.sku: 1})
    joining.change(season.session, round_.join_code, secret.upper(), {season.sku: 5}, now=season.now)
    assert packs(season) == [5, 1]
    refused(
        season, SecretNotKnown,
        lambda: joining.change(season.session, round_.join_code, joining.new_secret(), {season.sku: 1}, now=season.now),
    )  # fmt: skip
    elsewhere = open_round(season)
    refused(
        season, SecretNotKnown,
        lambda: joining.withdraw(season.session, elsewhere.join_code, other, now=season.now),
    )  # fmt: skip


def test_a_secret_is_kept_as_a_hash_only(season: Season) -> None:
    secret = joined(season, open_round(season), 1, {season.sku: 1})
    kept = season.session.execute(select(RoundEntry)).scalar_one()
    assert kept.secret_hash == joining.hashed(secret)
    row = season.session.execute(text("SELECT round_entries::text FROM round_entries")).scalar_one()
    assert secret not in row
    assert secret.replace("-", "") not in row


def test_a_double_tap_joins_once_and_the_same_person_again_is_told(season: Season) -> None:
    round_ = open_round(season)
    secret = joining.new_secret()
    for _ in range(2):
        joining.join(season.session, round_.join_code, WHO, {season.sku: 2}, secret, now=season.now)
    assert packs(season) == [2]
    again = joining.Colleague("别人（示例）", WHO.phone_e164, "N9")
    for whose in (joining.new_secret(), secret):
        refused(
            season, AlreadyJoined,
            lambda whose=whose: joining.join(
                season.session, round_.join_code, again, {season.sku: 2}, whose, now=season.now
            ),
        )  # fmt: skip


def test_the_bounds_are_the_same_for_everybody_and_the_total_holds(season: Season) -> None:
    round_ = open_round(season, actions.Terms(season.sku, 2, 4, total_packs=6))

    def asks(number: int, wanted: dict[str, int]) -> Callable[[], object]:
        return lambda: joined(season, round_, number, wanted)

    for quantity in (1, 5):
        bounds = refused(season, PacksOutOfBounds, asks(1, {season.sku: quantity}))
        assert (bounds.facts["least"], bounds.facts["most"]) == (2, 4)
    refused(season, NotInThisRound, asks(1, {NECTARINE: 2}))
    first = joined(season, round_, 1, {season.sku: 4})
    assert refused(season, RoundSoldOut, asks(2, {season.sku: 3})).facts["left"] == 2
    joined(season, round_, 2, {season.sku: 2})
    joining.change(season.session, round_.join_code, first, {season.sku: 3}, now=season.now)
    assert packs(season) == [3, 2]


def test_a_round_takes_so_many_people_and_no_more(season: Season) -> None:
    round_ = open_round(season)
    season.session.execute(
        text(
            "INSERT INTO round_entries (round_id, position, name_zh, staff_number, secret_hash, joined_at, changed_at)"
            " SELECT :id, n, '同事（示例）', 'M' || n, sha256(n::text::bytea), now(), now()"
            " FROM generate_series(1, :people) n"
        ),
        {"id": round_.id, "people": joining.MOST_PEOPLE},
    )
    refused(season, RoundFull, lambda: joined(season, round_, 1, {season.sku: 1}))


def test_after_the_closing_time_nobody_joins_changes_or_withdraws_even_if_no_job_has_run(season: Season) -> None:
    round_ = open_round(season, hours=1)
    secret = joined(season, round_, 1, {season.sku: 2})
    late = season.now + timedelta(hours=1)
    link = round_.join_code
    for act in (
        lambda: joining.join(season.session, link, WHO, {season.sku: 1}, joining.new_secret(), now=late),
        lambda: joining.change(season.session, link, secret, {season.sku: 1}, now=late),
        lambda: joining.withdraw(season.session, link, secret, now=late),
    ):
        assert refused(season, RoundNotOpen, act).facts["closes_at"] == "2025-07-15 11:00"


def test_who_withdraws_leaves_neither_name_nor_number_anywhere(season: Season) -> None:
    """No list of who did not buy exists: there is nothing it could be made of."""
    round_ = open_round(season)
    who = joining.Colleague("赵退出（示例）", "+8613911112222", "N7788")
    secret = joining.new_secret()
    joining.join(season.session, round_.join_code, who, {season.sku: 1}, secret, now=season.now)
    joining.withdraw(season.session, round_.join_code, secret, now=season.now)
    season.session.flush()
    found = [
        table
        for table in db.metadata.tables
        if season.session.execute(
            text(f"SELECT 1 FROM {table} t WHERE t::text ~ '赵退出|13911112222|N7788' LIMIT 1")
        ).first()
    ]
    assert found == []
    assert packs(season) == []
    joining.join(season.session, round_.join_code, who, {season.sku: 1}, joining.new_secret(), now=season.now)
    assert packs(season) == [1]


def test_no_table_of_the_room_knows_a_rank_a_duty_or_who_should_have_bought() -> None:
    """Voluntary by construction: bounds stand on the product of a round, and a person is there because he joined."""
    tables = {name: table for name, table in db.metadata.tables.items() if name.startswith("round")}
    assert sorted(tables) == [
        "round_entries", "round_entry_lines", "round_hand_outs", "round_products", "rounds",
    ]  # fmt: skip
    assert sorted(tables["round_entries"].columns.keys()) == [
        "changed_at", "id", "joined_at", "name_zh", "phone_e164", "position", "round_id", "secret_hash", "staff_number",
    ]  # fmt: skip
    bounds = {
        f"{name}.{column}"
        for name, table in tables.items()
        for column in table.columns.keys()  # noqa: SIM118
        if re.search(r"least|most|min|max|quota|target|rank|grade|duty|level|title(?!_zh)", column)
    }
    assert bounds == {"round_products.least_packs", "round_products.most_packs"}
    assert tables["round_entry_lines"].columns["quantity"].nullable is False
