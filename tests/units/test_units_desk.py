"""A unit's year: reserve by dated rules, platform and off it apart, union goods equal and capped, invoices, sheets."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from shop.access.guard import Actor, Grant, Role
from shop.access.models import PartyKind
from shop.catalog.reference import catalog
from shop.channels.actions import partner_by_code
from shop.channels.models import Partner
from shop.kit.db import db
from shop.kit.errors import NotFoundError
from shop.kit.reference import current_version
from shop.orders.actions import approve, cancel
from shop.units import actions, queries
from shop.units.errors import (
    AlreadyDeclared,
    NoRule,
    NotAUnit,
    NotEqualForAll,
    NotFiled,
    PurchaseTaken,
    RuleTaken,
    UnionCapExceeded,
)
from shop.units.models import Filing, Fund, OutsidePurchase, Purchase
from tests.factories.rounds import delivered_round
from tests.factories.sales import Season
from tests.factories.units import AUTHORITY, TERMS, filed, outside, ruled

COUNTY = Actor(1, (Grant(Role.OPERATOR, 1, PartyKind.COUNTY),))


def unit(season: Season) -> Partner:
    return partner_by_code(season.session, "UNIT")


def figures(season: Season, year: int = 2025) -> dict[str, Any]:
    season.session.flush()
    (found,) = queries.years(season.session, COUNTY, year, Partner.code == "UNIT")
    return found


def test_the_reserve_is_at_least_the_percentage_and_of_the_union_without_a_canteen(season: Season) -> None:
    ruled(season)
    # 10 % of 10,000.01 yuan is 1,000.001: at least that is 1,000.01.
    assert filed(season, canteen_fen=1_000_001, union_fen=99).reserve_fen == 100_001
    assert filed(season, canteen_fen=0, union_fen=500_000).reserve_fen == 100_000
    assert (figures(season)["reserve_fen"], figures(season)["filed_late"]) == (100_000, True)
    assert season.session.scalar(select(func.count()).select_from(Filing)) == 2


def test_without_a_rule_nothing_is_filed_and_a_later_rule_changes_no_earlier_filing(season: Season) -> None:
    with pytest.raises(NoRule):
        actions.file_year(
            season.session, unit(season), 2025, AUTHORITY, canteen_fen=1, union_fen=0, members=1, actor_id=None,
            now=season.now,
        )  # fmt: skip
    ruled(season)
    filed(season)
    newer = actions.RuleTerms(1_500, 2_000, 200_000, date(2026, 3, 1), "新通知（示例）")
    actions.set_rule(season.session, AUTHORITY, date(2025, 7, 1), newer, actor_id=None, now=season.now)
    assert (figures(season)["reserve_fen"], figures(season)["union_cap_fen"]) == (100_001, 150_000)
    assert filed(season).reserve_fen == 150_001
    with pytest.raises(RuleTaken):
        actions.set_rule(season.session, AUTHORITY, date(2025, 7, 1), TERMS, actor_id=None, now=season.now)


def test_only_what_buys_and_approves_for_itself_has_a_desk(season: Season) -> None:
    for code in ("SHOP", "CADRE", "HOST"):
        with pytest.raises(NotAUnit):
            actions.record_outside(
                season.session, partner_by_code(season.session, code), "1", date(2025, 1, 1), 1, "苹果", actor_id=None,
                now=season.now,
            )  # fmt: skip
    assert season.session.scalar(select(func.count()).select_from(OutsidePurchase)) == 0


def test_purchases_on_the_platform_and_off_it_are_two_figures_and_only_the_first_counts(season: Season) -> None:
    ruled(season)
    filed(season)
    outside(season)
    outside(season, "832-2", 25_001, date(2025, 12, 31))
    outside(season, "832-3", 7, date(2026, 1, 1))
    canteen = season.asked("UNIT", 3)
    actions.declare(season.session, canteen, Fund.CANTEEN, actor_id=None, now=season.now)
    approve(season.session, canteen, actor_id=None, now=season.now)
    season.settled(canteen)
    undeclared = season.settled(season.approved("UNIT", 2))
    delivered_round(season, (1, 1))
    found = figures(season)
    assert (found["on_platform_fen"], found["completion_bp"], found["missing_fen"]) == (50_001, 5_000, 50_000)
    price = undeclared.total_fen // 2
    assert (found["off_canteen_fen"], found["off_union_fen"]) == (3 * price, 0)
    assert (found["off_undeclared_fen"], found["rounds_fen"]) == (2 * price, 2 * price)
    assert figures(season, 2026)["on_platform_fen"] == 7
    assert figures(season, 2026)["completion_bp"] is None


def test_a_purchase_elsewhere_counts_once_and_a_mistake_is_taken_back_by_a_row(season: Season) -> None:
    outside(season)
    with pytest.raises(PurchaseTaken):
        outside(season)
    actions.void_outside(season.session, unit(season), "832-1", "金额录错", actor_id=None, now=season.now)
    assert figures(season)["on_platform_fen"] == 0
    with pytest.raises(NotFoundError):
        actions.void_outside(season.session, unit(season), "832-1", "再撤一次", actor_id=None, now=season.now)
    outside(season, amount_fen=26_000)
    assert figures(season)["on_platform_fen"] == 26_000
    assert season.session.scalar(select(func.count()).select_from(OutsidePurchase)) == 3


def test_what_a_union_gives_is_equal_for_all_members_and_within_the_cap(season: Season) -> None:
    ruled(season)
    order = season.asked("UNIT", 3)
    with pytest.raises(NotFiled):
        actions.declare(season.session, order, Fund.UNION, actor_id=None, now=season.now)
    filed(season, members=2)
    with pytest.raises(NotEqualForAll) as unequal:
        actions.declare(season.session, order, Fund.UNION, actor_id=None, now=season.now)
    assert (unequal.value.facts["packs"], unequal.value.facts["members"]) == (3, 2)
    price = order.total_fen // 3
    equal = season.asked("UNIT", 2)
    bought = actions.declare(season.session, equal, Fund.UNION, actor_id=None, now=season.now)
    assert (bought.members, bought.per_member_fen) == (2, price)
    too_much = season.asked("UNIT", 2 * 41)
    each = too_much.total_fen // 2
    assert each <= 150_000 < price + each
    with pytest.raises(UnionCapExceeded) as capped:
        actions.declare(season.session, too_much, Fund.UNION, actor_id=None, now=season.now)
    assert capped.value.facts == {"cap_fen": 150_000, "used_fen": price, "asked_fen": each}
    assert season.session.scalar(select(func.count()).select_from(Purchase)) == 1
    assert (figures(season)["per_member_fen"], figures(season)["member_left_fen"]) == (price, 150_000 - price)


def test_a_cancelled_order_uses_up_nothing_of_the_cap(season: Season) -> None:
    ruled(season)
    filed(season, members=2)
    order = season.asked("UNIT", 2)
    actions.declare(season.session, order, Fund.UNION, actor_id=None, now=season.now)
    cancel(season.session, order, actor_id=None, now=season.now)
    assert figures(season)["per_member_fen"] == 0


def test_an_order_is_declared_once_before_its_approval_and_a_round_never(season: Season) -> None:
    order = season.asked("UNIT", 2)
    actions.declare(season.session, order, Fund.CANTEEN, actor_id=None, now=season.now)
    approved = season.approved("UNIT", 2)
    for refused in (order, approved):
        with pytest.raises(AlreadyDeclared):
            actions.declare(season.session, refused, Fund.CANTEEN, actor_id=None, now=season.now)
    assert season.session.scalar(select(func.count()).select_from(Purchase)) == 1


def test_unpaid_invoices_stand_by_due_date_with_days_overdue(season: Season) -> None:
    order = season.settled(season.approved("UNIT", 2))
    assert order.due_on == date(2025, 8, 14)
    season.session.flush()
    (invoice,) = queries.invoices(season.session, "UNIT", day=order.due_on + timedelta(days=3), limit=10)
    assert (invoice["number"], invoice["left_fen"], invoice["overdue_days"]) == (order.number, order.total_fen, 3)
    (early,) = queries.invoices(season.session, "UNIT", day=order.due_on, limit=10)
    assert early["overdue_days"] == 0


def test_the_acceptance_sheet_names_lot_certificate_and_what_was_refused(season: Season) -> None:
    order = season.settled(season.approved("UNIT", 4), refused_g=500)
    goods = catalog(season.session, current_version(season.session))
    sheet = queries.acceptance_sheet(season.session, COUNTY, order.number, goods=goods)
    (batch,) = sheet["batches"]
    assert (batch["certificate_zh"], batch["certificate_number"]) == ("承诺达标合格证", "HGZ-1")
    assert batch["weight_g"] == 4 * season.product.net_weight_g
    (line,) = sheet["lines"]
    assert (line["refused_g"], line["refused_reason"], sheet["accepted_fen"]) == (500, "压伤", line["accepted_fen"])


@pytest.mark.parametrize("table", ["unit_filings", "unit_outside_purchases", "unit_purchases"])
def test_what_a_unit_filed_bought_and_declared_is_never_edited(season: Season, table: str) -> None:
    ruled(season)
    filed(season)
    outside(season)
    actions.declare(season.session, season.asked("UNIT", 2), Fund.CANTEEN, actor_id=None, now=season.now)
    season.session.flush()
    for change in (f"UPDATE {table} SET members = 7" if table != "unit_outside_purchases" else
                   f"UPDATE {table} SET amount_fen = 1", f"DELETE FROM {table}"):  # fmt: skip
        with pytest.raises(DatabaseError, match="append-only"), season.session.begin_nested():
            season.session.execute(text(change))


def test_no_table_of_a_desk_holds_a_person_who_should_buy() -> None:
    """Members are a number. Who works in a unit, in what rank, and what he bought, stands nowhere."""
    people = {
        f"{name}.{column.name}"
        for name, table in db.metadata.tables.items()
        if name.startswith(("unit_", "reserve_"))
        for column in table.columns
        if any(key.target_fullname.startswith(("people.", "parties.", "round_entries.")) for key in column.foreign_keys)
    }
    assert people == {
        "unit_filings.filed_by_id", "unit_outside_purchases.recorded_by_id", "unit_purchases.declared_by_id",
    }  # fmt: skip
