"""Village collectives over HTTP: net income by tier, subsidies apart, joint projects split and counted once."""

from datetime import date
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shop.access.models import Role
from shop.kit.clock import WalkingClock
from shop.kit.db import db, release, transaction
from shop.kit.money import split
from shop.reports.books import CHECKS, run_checks
from tests.factories.access import headers_of, person
from tests.factories.office import Office, scalars

#: Tiers of two steps.
HIGHER = [
    {"name_zh": "十万以下", "name_en": "below 100,000"},
    {"floor_fen": 10_000_000, "name_zh": "十万以上", "name_en": "100,000 or more"},
]


@pytest.fixture
def office(county: Flask, clock: WalkingClock) -> Any:
    office = Office(county, clock)
    yield office
    with db.engine.connect() as connection:
        ours = [check for check in CHECKS if check.code == "I22-collectives"]
        assert run_checks(connection, ours, now=office.clock.now()) == []
    release()


def villages() -> list[str]:
    return [row[0] for row in scalars("SELECT code FROM villages WHERE kind = 'village' ORDER BY code LIMIT 3")]


def earns(office: Office, status: int = 201, **body: Any) -> Any:
    told = {"code": "JT-1", "kind": "leasing", "received_on": "2025-06-30", "income_fen": 0, "source": "合同（示例）"}
    return office.post("/collective-incomes", told | body, status=status)


def paired(office: Office, strong: str, weak: str, bp: int = 6_001, status: int = 201) -> Any:
    body = {"code": "JD-1", "strong": strong, "weak": weak, "project_zh": "联建冷库（示例）", "strong_bp": bp,
            "starts_on": "2025-01-01", "ends_on": "2025-12-31", "document": "协议（示例）"}  # fmt: skip
    return office.post("/village-pairings", body, status=status)


def year(office: Office, query: str = "", headers: Any = None) -> Any:
    return office.get(f"/village-collectives?year=2025&limit=100{query}", headers)


def of(told: Any, village: str) -> Any:
    return next(row for row in told["items"] if row["village"] == village)


def test_a_village_stands_in_the_tier_of_what_it_netted_and_subsidies_make_none(office: Office) -> None:
    first, second, _ = villages()
    earns(office, village=first, income_fen=21_000_000, cost_fen=1_000_001)
    told = of(year(office), first)
    assert (told["net_fen"], told["tier"]) == (19_999_999, "5 万元以上")
    earns(office, code="JT-2", village=first, kind="services", income_fen=1)
    assert of(year(office), first)["tier"] == "超二（20 万元以上）"
    earns(office, code="JT-3", village=second, kind="subsidy", income_fen=90_000_000)
    told = of(year(office), second)
    assert (told["net_fen"], told["subsidy_fen"], told["tier"]) == (0, 90_000_000, "5 万元以下")
    whole = year(office)
    assert whole["total"] == {"villages": 133, "net_fen": 20_000_000, "subsidy_fen": 90_000_000}
    assert [tier["villages"] for tier in whole["tiers"]] == [132, 0, 1, 0, 0]
    assert len(whole["items"]) + len(year(office, f"&after={whole['next']}")["items"]) == 133


def test_a_joint_income_is_split_by_agreement_to_the_fen_and_counted_once(office: Office) -> None:
    strong, weak, other = villages()
    paired(office, strong, weak)
    made = earns(office, pairing="JD-1", income_fen=10_000_001, cost_fen=333)
    assert made["parts"] == [
        {"village": strong, "income_fen": split(10_000_001, [6_001, 3_999])[0], "cost_fen": 200},
        {"village": weak, "income_fen": split(10_000_001, [6_001, 3_999])[1], "cost_fen": 133},
    ]
    told = year(office)
    assert told["total"]["net_fen"] == 10_000_001 - 333
    assert of(told, strong)["net_fen"] + of(told, weak)["net_fen"] == told["total"]["net_fen"]
    assert of(told, other)["net_fen"] == 0
    late = earns(office, 422, code="JT-2", pairing="JD-1", income_fen=1, received_on="2026-03-11")
    assert late["type"].endswith("earned-in-the-future")
    after = earns(office, 409, code="JT-2", pairing="JD-1", income_fen=1, received_on="2026-01-01")
    assert after["type"].endswith("outside-village-agreement")


@given(st.integers(0, 10**10), st.integers(0, 10**10), st.integers(0, 10_000))
def test_whatever_was_agreed_the_parts_add_up(income: int, cost: int, bp: int) -> None:
    for fen in (income, cost):
        strong, weak = split(fen, [bp, 10_000 - bp])
        assert strong + weak == fen
        assert abs(strong * 10_000 - fen * bp) < 10_000


def test_what_was_wrong_is_reversed_once_and_stays_readable(office: Office) -> None:
    strong, weak, _ = villages()
    paired(office, strong, weak)
    earns(office, pairing="JD-1", income_fen=999)
    back = office.post("/collective-incomes/JT-1/reversal", {"reason": "重复登记"})
    assert (back["income_fen"], [part["income_fen"] for part in back["parts"]]) == (-999, [-599, -400])
    assert year(office)["total"]["net_fen"] == 0
    told = office.get(f"/village-collectives/{weak}?year=2025&limit=1")
    assert (told["net_fen"], told["tier"]) == (0, "5 万元以下")
    rest = office.get(f"/village-collectives/{weak}?year=2025&cursor={told['next']}")
    events = [
        [row[name] for name in ("code", "pairing", "income_fen", "source", "reverses")]
        for row in [*told["items"], *rest["items"]]
    ]
    assert events == [[back["code"], "JD-1", -400, "重复登记", "JT-1"], ["JT-1", "JD-1", 400, "合同（示例）", None]]
    assert office.get(f"/village-collectives/{weak}?year=2024")["items"] == []
    for code in ("JT-1", back["code"]):
        again = office.post(f"/collective-incomes/{code}/reversal", {"reason": "再次"}, status=409)
        assert again["type"].endswith("collective-income-reversed")
    office.post("/collective-incomes/JT-9/reversal", {"reason": "没有"}, status=404)
    with pytest.raises(IntegrityError, match="append-only"), transaction() as session:
        session.execute(text("DELETE FROM collective_parts"))


def test_an_event_is_reversed_whatever_codes_are_taken(office: Office) -> None:
    village = villages()[0]
    long = ["甲" + "9" * 39, "乙" + "9" * 39]  # alike but for what the longer code of a reversal has no room for
    for code in ("JT-1", "JT-1-R", "JT-1-R2", *long):
        earns(office, code=code, village=village, income_fen=5)
    reversal = {"reason": "重复登记"}
    mirrors = [office.post(f"/collective-incomes/{code}/reversal", reversal) for code in ("JT-1", *long)]
    assert [(one["code"], one["income_fen"]) for one in mirrors] == [
        ("JT-1-R3", -5), ("9" * 38 + "-R", -5), ("9" * 37 + "-R2", -5),
    ]  # fmt: skip
    assert of(year(office), village)["net_fen"] == 10
    again = office.post("/collective-incomes/JT-1/reversal", {"reason": "再次"}, status=409)
    assert again["type"].endswith("collective-income-reversed")


def test_what_makes_no_sense_is_refused_and_nothing_is_kept(office: Office) -> None:
    strong, weak, _ = villages()
    community = scalars("SELECT code FROM villages WHERE kind = 'community' LIMIT 1")[0][0]
    earns(office, 404, village=community, income_fen=1)
    earns(office, 422, village=strong)
    earns(office, 422, village=strong, pairing="JD-1", income_fen=1)
    earns(office, 422, village=strong, kind="subsidy", income_fen=1, cost_fen=1)
    earns(office, 404, pairing="JD-1", income_fen=1)
    assert paired(office, strong, strong, status=422)["type"].endswith("not-two-villages")
    paired(office, strong, community, status=404)
    assert scalars("SELECT (SELECT count(*) FROM collective_incomes), (SELECT count(*) FROM village_pairings)") == [
        (0, 0)
    ]
    earns(office, village=strong, income_fen=1)
    assert earns(office, 409, village=weak, income_fen=1)["type"].endswith("collective-code-taken")


def test_tiers_are_settings_that_hold_from_a_year_on(office: Office) -> None:
    first = villages()[0]
    earns(office, village=first, income_fen=10_000_000)
    office.go(date(2025, 12, 31))
    tiers = {"from_year": 2025, "tiers": HIGHER}
    office.post("/collective-tiers", tiers)
    assert office.post("/collective-tiers", tiers, status=409)["type"].endswith("collective-tiers-taken")
    assert of(year(office), first)["tier"] == "十万以上"
    assert {row["tier"] for row in year(office)["items"]} == {"十万以上", "十万以下"}
    before = office.get("/village-collectives?year=2024&limit=1")
    assert [tier["floor_fen"] for tier in before["tiers"]] == [None, 5_000_000, 20_000_000, 30_000_000, 50_000_000]


def test_tiers_keyed_wrong_are_set_anew_with_a_reason_and_every_village_is_in_one(office: Office) -> None:
    office.go(date(2025, 12, 31))
    first = villages()[0]
    earns(office, village=first, income_fen=10_000_000)
    office.post("/collective-tiers", {"from_year": 2025, "tiers": HIGHER[1:]}, status=422)
    again = {"from_year": 2025, "tiers": HIGHER, "reason": "少写三个零"}
    assert office.post("/collective-tiers", again, status=409)["type"].endswith("collective-tiers-not-set")
    office.post("/collective-tiers", {"from_year": 2025, "tiers": [HIGHER[0], HIGHER[1] | {"floor_fen": 10_000}]})
    office.post("/collective-tiers", again)
    assert of(year(office), first)["tier"] == "十万以上"
    assert [tier["floor_fen"] for tier in year(office)["tiers"]] == [None, 10_000_000]
    kept = office.get("/collective-tiers")["items"][:4]
    assert {(row["version"], row["floor_fen"], row["reason"]) for row in kept} == {
        (2, None, "少写三个零"), (2, 10_000_000, "少写三个零"), (1, None, None), (1, 10_000, None),
    }  # fmt: skip
    office.go(date(2026, 1, 1))
    late = office.post("/collective-tiers", again, status=409)
    assert late["type"].endswith("collective-tiers-of-the-past")


def test_a_pairing_keyed_wrong_is_void_once_nothing_that_it_shared_stands(office: Office) -> None:
    strong, weak, other = villages()
    paired(office, strong, other)
    earns(office, pairing="JD-1", income_fen=100)
    void = {"reason": "弱村录错"}
    refused = office.post("/village-pairings/JD-1/voiding", void, status=409)
    assert refused["type"].endswith("village-pairing-earned")
    office.post(f"/collective-incomes/{refused['events']}/reversal", {"reason": "结对录错"})
    assert office.post("/village-pairings/JD-1/voiding", void)["void_reason"] == "弱村录错"
    for again in (office.post("/village-pairings/JD-1/voiding", void, status=409),
                  earns(office, 409, code="JT-9", pairing="JD-1", income_fen=1)):  # fmt: skip
        assert again["type"].endswith("village-pairing-void")
    office.post("/village-pairings/JD-9/voiding", void, status=404)
    assert [row["void_reason"] for row in office.get("/village-pairings")["items"]] == ["弱村录错"]
    assert paired(office, strong, weak, status=409)["type"].endswith("collective-code-taken")
    assert of(year(office), other)["net_fen"] == 0


def test_a_year_that_is_over_keeps_its_tiers_and_one_that_has_none_gets_them(office: Office) -> None:
    first = villages()[0]
    earns(office, village=first, income_fen=10_000_000)
    told = year(office)
    refused = office.post("/collective-tiers", {"from_year": 2025, "tiers": HIGHER}, status=409)
    assert (refused["type"].rpartition("#")[2], refused["current"]) == ("collective-tiers-of-the-past", 2026)
    assert year(office) == told
    office.post("/collective-tiers", {"from_year": 2026, "tiers": HIGHER})
    assert year(office) == told
    without_tiers(office)
    assert year(office)["tiers"] == []
    office.post("/collective-tiers", {"from_year": 2025, "tiers": HIGHER})
    assert of(year(office), first)["tier"] == "十万以上"


def without_tiers(office: Office) -> None:
    """As in a county that set none: those that come with the shop taken out, trigger or not."""
    with transaction() as session:
        for command in (
            "ALTER TABLE collective_tiers DISABLE TRIGGER USER", "DELETE FROM collective_tiers",
            "ALTER TABLE collective_tiers ENABLE TRIGGER USER",
        ):  # fmt: skip
            session.execute(text(command))


def test_the_managers_page_shows_villages_by_tier_and_the_events_behind_one(office: Office) -> None:
    strong, weak, _ = villages()
    paired(office, strong, weak)
    earns(office, pairing="JD-1", income_fen=30_000_001, cost_fen=1)
    party = scalars("SELECT party_id FROM townships JOIN villages ON townships.id = township_id"
                    f" WHERE villages.code = '{weak}'")[0][0]  # fmt: skip
    far = scalars("SELECT max(code) FROM villages WHERE kind = 'village'")[0][0]
    browser = office.app.test_client()

    def signed_in(headers: Any) -> None:
        browser.set_cookie("signed_in", headers["Authorization"].removeprefix("Bearer "))

    signed_in(office.operator)
    page = browser.get("/reports/collectives?year=2025").text
    assert all(words in page for words in ("300,000.00", '<td class="n">131</td>', f"/reports/collectives/{far}?"))
    rows = browser.get("/reports/collectives.csv?year=2025").data.decode("utf-8-sig").splitlines()
    told = next(row.split(",") for row in rows if row.startswith(weak))
    assert told[7:9] == ["0.00", "119970.00"]
    assert len(rows[rows.index("村集体收入") + 2 :]) == 133
    said = dict(row.split(",", 1) for row in rows[2 : rows.index("")])
    assert (said["报表"], said["本期"]) == ("村集体收入 2025 年", "2025 年")
    assert said["区域"].startswith("平陆县")
    assert said["截止时间"].endswith("（北京时间）")
    assert "筛选条件有误" in browser.get("/reports/collectives?year=1").text
    signed_in(headers_of(office.app, person(office.app, (Role.MANAGER, party))))
    events = browser.get(f"/reports/collectives/{weak}?year=2025").text
    assert all(words in events for words in ("JT-1", "联建冷库（示例）", "租赁", "119,970.00"))
    assert f"/reports/collectives/{far}" not in browser.get("/reports/collectives?year=2025").text
    assert browser.get(f"/reports/collectives/{far}?year=2025").status_code == 404
    signed_in(office.firms["F01"])
    assert browser.get("/reports/collectives").status_code == 403


def test_the_page_opens_on_the_latest_year_in_which_the_reader_s_villages_earned_something(office: Office) -> None:
    first, *_, last = (row[0] for row in scalars("SELECT code FROM villages WHERE kind = 'village' ORDER BY code"))
    browser = office.app.test_client()

    def opens_on(headers: Any) -> str:
        browser.set_cookie("signed_in", headers["Authorization"].removeprefix("Bearer "))
        answer = browser.get("/reports/collectives")
        assert answer.status_code == 302
        assert browser.get(answer.location).status_code == 200
        return str(answer.location).rpartition("/")[2]

    assert opens_on(office.operator) == "collectives?year=2026"
    earns(office, village=first, income_fen=1, received_on="2024-05-06")
    assert opens_on(office.operator) == "collectives?year=2024"
    earns(office, code="JT-2", village=last, income_fen=1)
    party = scalars("SELECT party_id FROM townships JOIN villages ON townships.id = township_id"
                    f" WHERE villages.code = '{first}'")[0][0]  # fmt: skip
    assert opens_on(office.operator) == "collectives?year=2025"
    assert opens_on(headers_of(office.app, person(office.app, (Role.MANAGER, party)))) == "collectives?year=2024"
    assert ": 2024 年" in browser.get("/reports/collectives?year=1").text.replace("：", ": ")


def other(village: str) -> str:
    """The village before it."""
    found = scalars(f"SELECT max(code) FROM villages WHERE kind = 'village' AND code < '{village}'")[0][0]
    return str(found)


def test_a_township_manager_sees_the_villages_of_his_township_alone(office: Office) -> None:
    township, party = scalars(
        "SELECT code, party_id FROM townships WHERE kind <> 'community_area' ORDER BY code LIMIT 1"
    )[0]
    manager = headers_of(office.app, person(office.app, (Role.MANAGER, party)))
    seen = year(office, "", manager)
    assert {row["township"] for row in seen["items"]} == {township}
    assert seen["total"]["villages"] == len(seen["items"])
    first, last = scalars("SELECT min(code), max(code) FROM villages WHERE kind = 'village'")[0]
    office.get(f"/village-collectives/{last}?year=2025", manager, status=404)
    mine, far = {"code": "JD-2", "strong": first, "weak": last}, {"code": "JD-3", "strong": last, "weak": other(last)}
    agreed = {"project_zh": "联建冷库（示例）", "strong_bp": 5_000, "starts_on": "2025-01-01", "ends_on": "2025-12-31",
              "document": "协议（示例）"}  # fmt: skip
    for pair in (mine, far):
        office.post("/village-pairings", pair | agreed)
    assert [row["code"] for row in office.get("/village-pairings", manager)["items"]] == ["JD-2"]
    assert [row["code"] for row in office.get("/village-pairings")["items"]] == ["JD-3", "JD-2"]
    assert (
        year(office, "&township=140829102" if township != "140829102" else "&township=140829101", manager)["items"]
        == []
    )
