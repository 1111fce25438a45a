"""Households over HTTP: each reader his own, and the assisted flag only on a need that is kept."""

from flask import Flask
from sqlalchemy import select

from shop.access.models import PartyKind, Role
from shop.catalog.models import Firm
from shop.farmers.models import Household, Membership
from shop.kit.db import db
from shop.kit.states import History
from shop.places.models import Township, Village
from tests.factories.access import party, signed_in

HOUSEHOLDS = "/api/v1/households"
ONE = HOUSEHOLDS + "/农户-0001"


def all_codes(app: Flask, headers: dict[str, str], query: str = "") -> list[str]:
    client, codes, cursor = app.test_client(), [], ""
    while True:
        answer = client.get(f"{HOUSEHOLDS}?limit=100{query}{cursor}", headers=headers).get_json()
        codes += [household["code"] for household in answer["items"]]
        if answer["next"] is None:
            return codes
        cursor = f"&cursor={answer['next']}"


def party_of(model: type[Firm] | type[Household] | type[Township], code: str) -> int:
    return db.session.execute(select(model.party_id).where(model.code == code)).scalar_one()


def test_the_county_sees_all_240_once_each_page_by_page(county: Flask) -> None:
    codes = all_codes(county, signed_in(county, Role.OPERATOR))
    assert len(codes) == len(set(codes)) == 240


def test_a_firm_sees_its_own_and_no_others(county: Flask) -> None:
    staff = signed_in(county, Role.FIRM_STAFF, party_of(Firm, "F01"))
    own = set(
        db.session.scalars(
            select(Household.code)
            .join(Membership, Membership.household_id == Household.id)
            .join(Firm, Firm.id == Membership.firm_id)
            .where(Firm.code == "F01")
        )
    )
    assert set(all_codes(county, staff)) == own
    assert all_codes(county, staff, "&firm=F02") == []
    client = county.test_client()
    assert client.get(ONE, headers=staff).status_code == 200
    assert client.get(HOUSEHOLDS + "/农户-0002", headers=staff).status_code == 404


def test_a_manager_of_a_township_sees_its_households(county: Flask) -> None:
    manager = signed_in(county, Role.MANAGER, party_of(Township, "140829106"))
    there = (
        select(Household.code)
        .join(Village, Village.id == Household.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(Township.code == "140829106")
    )
    assert sorted(all_codes(county, manager)) == sorted(db.session.scalars(there))
    assert all_codes(county, signed_in(county, Role.MANAGER, party(county, PartyKind.COUNTY)), "&township=140829106")


def test_a_household_sees_itself_alone(county: Flask) -> None:
    own = signed_in(county, Role.HOUSEHOLD, party_of(Household, "农户-0001"))
    assert all_codes(county, own) == ["农户-0001"]
    client = county.test_client()
    seen = client.get(ONE, headers=own).get_json()
    assert seen == {
        "code": "农户-0001", "counts_for": None, "village_zh": "西太村", "township_zh": "部官镇", "persons": 1,
        "land_mu_tenths": 73, "leased_out_mu_tenths": 0,
        "memberships": [
            {
                "firm": "F01", "firm_name_zh": "部官镇西太村果业专业合作社（示例）", "relation": "member",
                "share_units": 5, "joined_on": None, "left_on": None, "left": False,
            }
        ],
    }  # fmt: skip
    assert client.get(HOUSEHOLDS + "/农户-0002", headers=own).status_code == 404


def test_the_assisted_flag_is_seen_only_with_a_need_and_the_look_is_kept(county: Flask) -> None:
    operator = signed_in(county, Role.OPERATOR)
    client = county.test_client()
    looked = select(History.reason).where(History.event == "see_assisted")
    assert "is_assisted" not in client.get(ONE, headers=operator).get_json()
    assert db.session.scalars(looked).all() == []
    answer = client.get(ONE + "?need=走访核实", headers=operator)
    assert answer.get_json()["is_assisted"] is False
    assert db.session.scalars(looked).all() == ["走访核实"]


def test_a_firm_and_a_household_never_see_the_assisted_flag(county: Flask) -> None:
    client = county.test_client()
    for role, owner in ((Role.FIRM_STAFF, party_of(Firm, "F01")), (Role.HOUSEHOLD, party_of(Household, "农户-0001"))):
        headers = signed_in(county, role, owner)
        assert client.get(ONE + "?need=走访核实", headers=headers).status_code == 403
    assert db.session.scalars(select(History.id).where(History.event == "see_assisted")).all() == []


def test_no_list_tells_who_is_assisted(county: Flask) -> None:
    answer = county.test_client().get(HOUSEHOLDS, headers=signed_in(county, Role.OPERATOR)).get_json()
    assert all("is_assisted" not in household for household in answer["items"])
