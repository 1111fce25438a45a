"""The managers' page of a campaign: figures are those of the API, each for his own area, beside the last campaign."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from shop.campaigns.actions import Wanted, set_goal
from shop.channels.actions import campaign_by_code, open_campaign
from shop.channels.models import ChannelKind
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.web.campaigns import PARTS
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.sales import Season, ready
from tests.web.conftest import CHANGLE, Pages, sheet_of, staff
from tests.web.test_web_dashboard import rows_of


@pytest.fixture(scope="module")
def pages(urls: tuple[str, str], county_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Two campaigns of peaches: the one of spring sold two packs on its second day, that of summer two and ten."""
    clock = WalkingClock(A_DAY_IN_JULY)
    with fresh_app(urls, county_template, tmp_path_factory.mktemp("campaigns"), clock) as app:
        with transaction() as session:
            season = ready(session, clock.now())
            for code, name, first, last in (
                ("CHUN", "桃花节（示例）", date(2025, 7, 13), date(2025, 7, 14)),
                ("XIA", "鲜桃节（示例）", date(2025, 7, 15), date(2025, 7, 20)),
            ):
                open_campaign(session, code, name, code, first, last, actor_id=None, now=clock.now())
            spring = Season(session, clock.now() - timedelta(days=1), season.sku)
            spring.settled(spring.paid())
            season.settled(season.paid())
            season.settled(season.approved("UNIT", 10))
            campaign = campaign_by_code(session, "XIA")
            for wanted in (
                Wanted(100_000, 40),
                Wanted(10_000, None, channel=ChannelKind.PLATFORM),
                Wanted(20_000, 5, township=CHANGLE),
                Wanted(None, 3, partner="UNIT"),
            ):
                set_goal(session, campaign, wanted, actor_id=None, now=clock.now())
        staff(app)
        yield Pages(app)


def test_the_open_campaign_stands_beside_the_last_one_after_as_many_days(pages: Pages) -> None:
    page = pages.page("office", "/reports/campaigns")
    channels = {row[0]: row[1:] for row in rows_of(page)}
    assert channels["平台直销"][:4] == ["79.60", "100.00", "79.60%", "0.00"]
    assert channels["单位帮销"][:4] == ["378.00", "—", "—", "0.00"]
    assert len(channels) == 5
    assert "鲜桃节（示例）" in page
    assert "截至 2025-07-13" in page
    later = pages.page("office", "/reports/campaigns?campaign=XIA&day=2025-07-16")
    assert {row[0]: row[4] for row in rows_of(later)}["平台直销"] == "79.60"


def test_all_townships_stand_there_with_zero_too_and_units_that_sold_or_have_a_goal(pages: Pages) -> None:
    page = pages.page("office", "/reports/campaigns?campaign=XIA")
    townships = rows_of(page, 1)
    assert len(townships) == 9
    assert sum(int(row[1].replace(",", "").replace(".", "")) for row in townships) == 7_960 + 37_800
    (unit,) = rows_of(page, 2)
    assert (unit[2], unit[7]) == ("378.00", "3")
    assert unit[1] == "UNIT"


def test_a_townships_manager_sees_his_row_and_his_days_alone(pages: Pages) -> None:
    page = pages.page("changle", "/reports/campaigns")
    (mine,) = rows_of(page)
    assert mine[0] == "常乐镇"
    assert mine[2] == "200.00"
    assert "按渠道" not in page
    assert "单位帮销" not in page


def test_others_have_no_such_page_and_strangers_sign_in_first(pages: Pages) -> None:
    pages.page("f01", "/reports/campaigns", 403)
    assert pages.browser().get("/reports/campaigns").status_code in (302, 303)


@pytest.mark.parametrize(("part", "rows"), [("channels", 5), ("townships", 9), ("units", 1)])
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_each_table_is_a_file(pages: Pages, part: str, rows: int, kind: str) -> None:
    answer = pages.browser("office").get(f"/reports/campaigns/{part}.{kind}?campaign=XIA")
    assert answer.status_code == 200
    header, *found = sheet_of(answer.data, PARTS[part])
    assert (header[0], len(found)) == ("名称", rows)


@pytest.mark.parametrize(("who", "area"), [("office", "平陆县"), ("changle", "常乐镇")])
def test_a_file_says_whose_area_it_is_and_until_when(pages: Pages, who: str, area: str) -> None:
    told = pages.browser(who).get("/reports/campaigns/townships.csv?campaign=XIA&day=2025-07-16").text
    said = dict(line.split(",", 1) for line in told.splitlines()[1:9])
    assert said["区域"].startswith(area)
    assert said["截至"] == "2025-07-16"
    assert said["截止时间"] == "2025-07-15 10:00（北京时间）"
    assert said["报表"].endswith("活动进度")


def test_a_campaign_that_is_not_there_is_not_found_and_filters_that_make_no_sense_are_said(pages: Pages) -> None:
    pages.page("office", "/reports/campaigns?campaign=NONE", 404)
    assert "筛选条件有误" in pages.page("office", "/reports/campaigns?campaign=XIA&day=garbage")


def test_the_chart_adds_up_day_by_day(pages: Pages) -> None:
    page = pages.page("office", "/reports/campaigns?campaign=XIA&day=2025-07-17")
    assert "&#34;values&#34;: [45760, 45760, 45760]" in page
    assert "&#34;values&#34;: [0, 7960, 7960]" in page
