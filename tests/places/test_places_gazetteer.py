"""A place by its code, its name or a known misprint, and never by a guess."""

import pytest

from shop.places.gazetteer import Gazetteer, VillageName, build

PLACES = build(
    townships=[("140829106", "部官镇"), ("140829101", "常乐镇")],
    villages=[
        VillageName("140829106202", "140829106", "西太村委会", "西太村"),
        VillageName("140829101245", "140829101", "常乐村委会", "常乐村"),
        VillageName("140829106299", "140829106", "东村委会", "东村"),
        VillageName("140829101299", "140829101", "东村委会", "东村"),
    ],
    township_aliases={"邵官镇": "140829106", "姜人洞镇": "140829100"},
    village_aliases={"常乐镇村": "140829101245", "凤口村": "140829102211"},
)


@pytest.mark.parametrize("named", ["140829106", "部官镇", "邵官镇"])
def test_a_township_is_found_by_code_name_and_misprint(named: str) -> None:
    assert PLACES.township(named) == "140829106"


@pytest.mark.parametrize("named", ["140829101245", "常乐村", "常乐村委会", "常乐镇村", "常乐镇常乐村"])
def test_a_village_is_found_by_code_names_misprint_and_with_its_township(named: str) -> None:
    assert PLACES.village(named) == "140829101245"


def test_a_misprinted_township_before_a_village_is_understood() -> None:
    assert PLACES.village("邵官镇西太村") == "140829106202"


def test_a_name_that_two_villages_share_names_neither_without_its_township() -> None:
    assert PLACES.village("东村") is None
    assert PLACES.village("部官镇东村") == "140829106299"
    assert PLACES.village("常乐镇东村") == "140829101299"


@pytest.mark.parametrize("named", ["", "部官", "部官镇 ", "新镇", "姜人洞镇", "140829"])
def test_what_is_no_township_is_none(named: str) -> None:
    assert PLACES.township(named) is None


@pytest.mark.parametrize("named", ["", "西太", "凤口村", "部官镇", "部官镇没有村"])
def test_what_is_no_village_is_none(named: str) -> None:
    assert PLACES.village(named) is None


def test_without_places_nothing_is_found() -> None:
    assert Gazetteer().township("部官镇") is None
    assert Gazetteer().village("西太村") is None
