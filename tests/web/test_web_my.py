"""A household reads its statement on a phone: net apart from gross, corrections with their origin, back to slips."""

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from werkzeug.test import Client, TestResponse

from shop.access.models import Role
from shop.catalog.models import Firm
from shop.farmers.families import locked_households, merge, unmerge
from shop.farmers.models import Delivery, Household
from shop.income.corrections import correct_slip, locked_slip
from shop.income.costs import Spent, record_cost
from shop.income.models import CostKind, IncomeEntry
from shop.income.months import close_month
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.money import yuan
from shop.web.signin import COOKIE
from tests.factories.access import headers_of, person
from tests.web.conftest import Reader


@dataclass
class Home:
    """A household that delivered in June, and whose slip was corrected in July, after June was closed."""

    app: Flask
    code: str
    slip: str
    was_fen: int

    def browser(self, code: str | None = None) -> Client:
        """A signed-in browser of the household, or of another one."""
        party = db.session.execute(select(Household.party_id).where(Household.code == (code or self.code))).scalar_one()
        release()
        return self.signed_in(Role.HOUSEHOLD, party)

    def signed_in(self, role: Role, party: int) -> Client:
        """A signed-in browser of anybody."""
        client = self.app.test_client()
        token = headers_of(self.app, person(self.app, (role, party)))["Authorization"].removeprefix("Bearer ")
        client.set_cookie(COOKIE, token)
        return client


@pytest.fixture
def home(county: Flask, clock: WalkingClock) -> Home:
    now = clock.now()
    with transaction() as session:
        slip, code = session.execute(
            select(Delivery, Household.code)
            .join(Household, Household.id == Delivery.household_id)
            .where(Delivery.delivered_on.between(date(2025, 6, 1), date(2025, 6, 30)))
            .order_by(Delivery.code)
            .limit(1)
        ).one()
        for month in range(1, 7):
            close_month(session, date(2025, month, 1), actor_id=None, now=now)
        locked = locked_slip(session, slip.code)
        correct_slip(
            session, locked, slip.weight_g + 1_000, slip.price_fen_per_kg, "复秤少记一公斤", actor_id=None, now=now
        )
        return Home(county, code, slip.code, slip.amount_fen)


def words(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.status_code
    assert answer.headers["Cache-Control"] == "no-store"
    return " ".join(Reader(answer.text).words)


def test_a_closed_month_says_what_was_received_by_category_and_net_apart(home: Home) -> None:
    told = words(home.browser().get("/my?month=2025-06"))
    for part in (
        "2025年6月", home.code, "已结账，不再改动", "经营收入（毛额）", "工资性收入", "财产性收入", "转移性收入",
        "经营净收入（另算，不与上面相加）", "还不知道成本", f"单号 {home.slip}",
    ):  # fmt: skip
        assert part in told
    assert yuan(home.was_fen) in told
    assert "复秤少记一公斤" not in told


def test_a_late_correction_stands_in_the_open_month_with_its_day_and_reason(home: Home) -> None:
    browser = home.browser()
    told = words(browser.get("/my?month=2025-07"))
    assert "未结账，数字还会变" in told
    assert "更正与补记" in told
    assert "那个月已结账，记入本月。原因：复秤少记一公斤" in told
    assert f"/my/slips/{home.slip}" in Reader(browser.get("/my?month=2025-07").text).links
    slip = words(browser.get(f"/my/slips/{home.slip}"))
    for part in (
        "这张单怎么算",
        "毛重",
        "扣杂质、水分",
        "更正 1",
        "复秤少记一公斤",
        "还没有编入批次",
        yuan(home.was_fen),
    ):
        assert part in slip


def test_the_months_of_the_year_add_up_to_what_it_received(home: Home) -> None:
    browser = home.browser()
    read = Reader(browser.get("/my?month=2025-07").text).words
    first = read.index("2025 年各月")
    amounts = [
        int(read[at + 1].replace(",", "").replace(".", ""))
        for at, word in enumerate(read)
        if at > first and word.partition(" 月")[0].isdigit()
    ]
    entries = db.session.execute(
        select(IncomeEntry.month, func.sum(IncomeEntry.amount_fen))
        .join(Household, Household.id == IncomeEntry.household_id)
        .where(Household.code == home.code, IncomeEntry.month.between(date(2025, 1, 1), date(2025, 12, 1)))
        .group_by(IncomeEntry.month)
    ).all()
    release()
    received = dict.fromkeys((date(2025, month, 1) for month in range(1, 8)), 0) | {
        month: int(fen) for month, fen in entries
    }
    assert amounts == [received[month] for month in sorted(received)]
    assert sum(amounts) == int(read[read.index("全年收到") + 1].replace(",", "").replace(".", ""))


def test_without_a_month_the_last_one_with_anything_is_shown_and_nonsense_is_not_obeyed(home: Home) -> None:
    browser = home.browser()
    assert "2025年12月" in words(browser.get("/my"))
    assert "2025年12月" in words(browser.get("/my?month=2025-13"))


def test_the_head_of_a_family_opens_the_slips_of_the_records_that_count_for_it_as_long_as_they_do(home: Home) -> None:
    now = home.app.extensions["clock"].now()
    with transaction() as session:
        head = session.execute(select(Household.code).where(Household.code != home.code).limit(1)).scalar_one()
        merge(session, *locked_households(session, home.code, head), "同一户", actor_id=None, now=now)
    browser, address = home.browser(head), f"/my/slips/{home.slip}"
    assert address in Reader(browser.get("/my?month=2025-07").text).links
    assert f"单号 {home.slip}" in words(browser.get(address))
    party = db.session.execute(select(Household.party_id).where(Household.code == head)).scalar_one()
    release()
    token = headers_of(home.app, person(home.app, (Role.HOUSEHOLD, party)))
    client = home.app.test_client()

    def listed() -> set[str]:
        found = client.get("/api/v1/deliveries?limit=100", headers=token).get_json()["items"]
        return {slip["household"] for slip in found}

    def traced() -> int:
        return client.get(f"/api/v1/deliveries/{home.slip}/trace", headers=token).status_code

    assert (listed(), traced()) == ({head, home.code}, 200)
    with transaction() as session:
        close_month(session, date(2025, 7, 1), actor_id=None, now=now + timedelta(days=31))
        unmerge(session, *locked_households(session, home.code), "核实为两户", actor_id=None, now=now)
    # The closed month tells what it told; the slip is no longer of this family, and no link leads to it.
    july = browser.get("/my?month=2025-07")
    assert f"单号 {home.slip}" in july.text
    assert address not in Reader(july.text).links
    assert browser.get(address).status_code == 404
    assert (listed(), traced()) == ({head}, 404)
    assert home.browser().get(address).status_code == 200
    # July was told with the head's; the month that is open moves it, for both to read, and is what is shown first.
    asked = select(Household.id, Household.code).where(Household.code.in_([home.code, head]))
    ids = {code: household_id for household_id, code in db.session.execute(asked)}
    of_july = select(func.sum(IncomeEntry.amount_fen)).where(
        IncomeEntry.household_id == ids[home.code], IncomeEntry.month == date(2025, 7, 1)
    )
    fen = int(db.session.execute(of_july).scalar_one())
    release()
    told = words(home.browser().get("/my?month=2025-08"))
    assert "合并户的转记（不是本月收到的）" in told
    assert f"2025年7月 +{yuan(fen)}" in told
    assert f"当时记在 {head} 的收入单上，现在归本户" in told
    assert f"当时记在本户的收入单上，现在归 {home.code}" in words(browser.get("/my?month=2025-08"))
    assert "不是本月收到的" not in words(browser.get("/my?month=2025-06"))


def test_a_moved_month_that_brought_no_income_says_whose_it_was_and_what_else_is_moved(home: Home) -> None:
    now, july = home.app.extensions["clock"].now(), date(2025, 7, 1)
    with transaction() as session:
        received = select(IncomeEntry.household_id).where(IncomeEntry.month == july)
        one = session.scalars(select(Household).where(Household.id.not_in(received)).limit(1)).one()
        spent = Spent("CB-1", CostKind.MATERIALS, july, "调查表（示例）", amount_fen=1_200)
        record_cost(session, one, None, spent, actor_id=None, now=now)
        session.execute(text("SET LOCAL session_replication_role = replica"))  # a sale alone, without its order
        session.execute(
            text(
                "INSERT INTO sales_reach (settlement_id, order_line_id, lot_id, household_id, firm_id, product_id,"
                " channel_id, month, weight_g, amount_fen, recorded_at)"
                " VALUES (1, 1, 1, :one, 1, 1, 1, :july, 2000, 3400, :now)"
            ),
            {"one": one.id, "july": july, "now": now},
        )
        code = one.code
    with transaction() as session:
        close_month(session, july, actor_id=None, now=now + timedelta(days=31))
        merge(session, *locked_households(session, code, home.code), "同一户", actor_id=None, now=now)
    away = words(home.browser(code).get("/my?month=2025-08"))
    assert f"当时记在本户的收入单上，现在归 {home.code}。另：经营净收入 12.00 元。另：触达销售 -34.00 元。" in away
    into = words(home.browser().get("/my?month=2025-08"))
    assert f"当时记在 {code} 的收入单上，现在归本户。另：经营净收入 -12.00 元。另：触达销售 34.00 元。" in into
    release()
    with transaction() as session:
        unmerge(session, *locked_households(session, code), "核实为两户", actor_id=None, now=now)
    assert "当时记在" not in words(home.browser(code).get("/my?month=2025-08"))


def test_nobody_reads_another_households_slips_and_no_other_role_the_page(home: Home) -> None:
    other = db.session.execute(select(Household.code).where(Household.code != home.code).limit(1)).scalar_one()
    release()
    stranger = home.browser(code=other)
    assert home.code not in words(stranger.get("/my"))
    refused = stranger.get(f"/my/slips/{home.slip}")
    assert (refused.status_code, home.slip in refused.text) == (404, False)
    firm = db.session.execute(select(Firm.party_id).limit(1)).scalar_one()
    release()
    assert home.signed_in(Role.FIRM_STAFF, firm).get("/my").status_code == 403
    away = home.app.test_client().get("/my?month=2025-06")
    assert (away.status_code, away.headers["Location"]) == (303, "/sign-in?next=/my?month%3D2025-06")
