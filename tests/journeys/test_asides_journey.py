"""Stock set aside for a channel and for a round, over HTTP: who may take it, and where it goes back to."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from shop.kit.db import db, release, transaction
from shop.reports.books import check_books
from tasks.rounds import close_due
from tasks.stock import return_asides
from tests.factories.tables import contents
from tests.journeys.conftest import PEACH, Stage
from tests.journeys.test_round_journey import ROUND, ask, lines

#: A pack of peaches, in grams.
PACK = 2_500
OPEN_PACKS = 2


def pools(stage: Stage) -> dict[str, tuple[int, int, int]]:
    """Packs that are left, held and sold, by whom they are for."""
    (stock,) = stage.get("firm", f"/stock?sku={PEACH}")["items"]
    assert stock["in_stock_g"] == sum(pool["left_g"] + pool["held_g"] for pool in stock["pools"])
    return {
        pool["for_zh"]: (pool["left_g"] // PACK, pool["held_g"] // PACK, pool["sold_g"] // PACK)
        for pool in stock["pools"]
    }


def order(stage: Stage, partner: str, packs: int, status: int = 201) -> Any:
    body = {"partner": partner, "lines": lines(packs), "recipient": None}
    return stage.post("customer", "/orders", {key: value for key, value in body.items() if value}, status)


def aside(stage: Stage, packs: int, hours: int = 48, status: int = 201, **more: Any) -> Any:
    until = (stage.clock.now() + timedelta(hours=hours)).isoformat()
    path = f"/rounds/{more.pop('round')}/set-asides" if "round" in more else "/set-asides"
    return stage.post("firm", path, {"sku": PEACH, "weight_g": packs * PACK, "until": until} | more, status)


def leave_open(stage: Stage) -> int:
    """Spoil what is there but for whole packs; how many packs there are."""
    (stock,) = stage.get("firm", f"/stock?sku={PEACH}")["items"]
    packs, loose_g = divmod(stock["in_stock_g"], PACK)
    (lot,) = stage.get("firm", f"/lots?sku={PEACH}")["items"]
    if loose_g:
        stage.post("firm", f"/lots/{lot['code']}/withdrawals", {"weight_g": loose_g, "reason": "腐损"}, status=200)
    return int(packs)


def by_the_clock(stage: Stage) -> int:
    with transaction() as session:
        return return_asides(session, now=stage.clock.now())


def books_hold(stage: Stage) -> None:
    assert check_books(db.session(), now=stage.clock.now()) == []
    release()


def packs_shown(stage: Stage, link: str = "") -> int:
    """What the product's page says is left, to who came by a link, or by none."""
    browser = stage.app.test_client()
    if link:
        assert browser.get(f"/s/{link}").status_code == 302
    page = browser.get(f"/p/{PEACH}").get_data(as_text=True)
    return int(page.partition("余 <b>")[2].partition("</b>")[0].replace(",", ""))


def test_a_channel_takes_what_is_set_aside_for_it_and_then_what_is_open(stage: Stage) -> None:
    aside_packs = leave_open(stage) - OPEN_PACKS
    made = aside(stage, aside_packs, channel="cadre")
    assert (made["channel"], made["for_zh"], made["set_aside_g"]) == ("cadre", "干部帮销", aside_packs * PACK)
    assert pools(stage) == {"公开库存": (OPEN_PACKS, 0, 0), "干部帮销": (aside_packs, 0, 0)}
    stage.post("operator", "/partners/S1/storefront", {"storefront": True}, status=200)
    link = stage.post("cadre", "/links", {"partner": "G1", "sku": PEACH})["code"]
    assert (packs_shown(stage), packs_shown(stage, link)) == (OPEN_PACKS, aside_packs + OPEN_PACKS)
    before = contents(stage.app)
    for refused, status, code in (
        (aside(stage, 1, 409, channel="cadre", status=409), 409, "set-aside-stands"),
        (aside(stage, 1, channel="livestream", status=422), 422, "set-aside-by-session"),
        (aside(stage, 1, hours=-1, channel="unit", status=422), 422, "set-aside-until"),
        (aside(stage, OPEN_PACKS + 1, channel="unit", status=409), 409, "not-enough-stock"),
        (order(stage, "S1", OPEN_PACKS + 1, 409), 409, "not-enough-stock"),
    ):
        assert (refused["status"], refused["type"].rpartition("#")[2]) == (status, code)
    too_many = order(stage, "G1", aside_packs + OPEN_PACKS + 1, 409)
    assert too_many["short"] == [
        {"sku": PEACH, "asked_g": (aside_packs + 3) * PACK, "left_g": (aside_packs + OPEN_PACKS) * PACK}
    ]
    assert contents(stage.app) == before

    helped = order(stage, "G1", aside_packs + 1)["number"]
    assert pools(stage) == {"公开库存": (1, 1, 0), "干部帮销": (0, aside_packs, 0)}
    assert order(stage, "S1", 2, 409)["short"][0]["left_g"] == PACK
    stage.post("customer", f"/orders/{helped}/cancellation", status=200)
    assert pools(stage) == {"公开库存": (2, 0, 0), "干部帮销": (aside_packs, 0, 0)}

    helped = order(stage, "G1", aside_packs + 1)["number"]
    stage.press_pay(helped, "customer")
    change = f"/set-asides/{made['code']}/changes"
    small = stage.post("firm", change, {"weight_g": (aside_packs - 1) * PACK}, 409)
    assert (small["least_g"], small["asked_g"]) == (aside_packs * PACK, (aside_packs - 1) * PACK)
    assert stage.post("firm", change, {"weight_g": (aside_packs + 2) * PACK}, 409)["short"][0]["left_g"] == PACK
    stage.post("firm", change, {"weight_g": (aside_packs + 1) * PACK}, 200)
    assert pools(stage) == {"公开库存": (0, 1, 0), "干部帮销": (1, aside_packs, 0)}
    less = {"lines": [{"sku": PEACH, "packs": 3}], "reason": "缺货"}
    stage.post("firm", f"/orders/{helped}/cuts", less, 200)
    assert pools(stage) == {"公开库存": (1, 0, 0), "干部帮销": (3, aside_packs - 2, 0)}
    stage.post("firm", f"/orders/{helped}/dispatches", {"lines": [{"sku": PEACH, "weight_g": PACK}]})
    assert pools(stage)["干部帮销"] == (3, aside_packs - 3, 1)
    stage.post("firm", change, {"weight_g": aside_packs * PACK}, 200)
    assert pools(stage)["公开库存"] == (2, 0, 0)
    books_hold(stage)

    stage.later(timedelta(hours=48))
    assert order(stage, "G1", 3, 409)["short"][0]["left_g"] == 2 * PACK
    assert (by_the_clock(stage), by_the_clock(stage)) == (2 * PACK, 0)
    assert stage.post("firm", change, {"weight_g": aside_packs * PACK}, 409)["type"].endswith("#set-aside-is-over")
    stage.post("firm", f"/orders/{helped}/cuts", less, 200)
    assert pools(stage) == {"公开库存": (4, 0, 0), "干部帮销": (3, aside_packs - 6, 1)}
    assert (by_the_clock(stage), by_the_clock(stage)) == (3 * PACK, 0)
    stage.post("firm", f"/orders/{helped}/dispatches")
    assert pools(stage) == {"公开库存": (7, 0, 0)}
    stage.work()
    books_hold(stage)
    with db.engine.connect() as connection:
        told = connection.execute(
            text("SELECT event, facts->>'weight_g' FROM history WHERE entity_type = 'pools' ORDER BY id")
        ).all()
    grams = [aside_packs, aside_packs + 1, aside_packs, aside_packs - 2, aside_packs - 5]
    events = ["set_aside", "change", "change", "end", "return"]
    assert [tuple(row) for row in told] == [(e, str(g * PACK)) for e, g in zip(events, grams, strict=True)]


def test_a_round_takes_what_is_set_aside_for_it_and_the_rest_goes_back_once_it_holds_its_goods(stage: Stage) -> None:
    there = leave_open(stage)
    opened = stage.post("unit", "/rounds", ROUND)
    cancelled = stage.post("unit", "/rounds", ROUND | {"title_zh": "另一团购（示例）"})
    # The firm finds the rounds for its goods, not by which link colleagues join.
    seen = stage.get("firm", "/rounds")["items"]
    assert [(one["code"], one["join_code"], one["join_path"]) for one in seen] == [
        (cancelled["code"], None, None), (opened["code"], None, None),
    ]  # fmt: skip
    assert stage.get("firm", f"/rounds/{opened['code']}")["products"] == opened["products"]
    for code in (opened["code"], cancelled["code"]):
        aside(stage, 10, round=code)
    of_units = aside(stage, 3, channel="unit")
    open_packs = there - 23
    shown = {"公开库存": (open_packs, 0, 0), "鲜桃团购（示例）": (10, 0, 0), "另一团购（示例）": (10, 0, 0)}
    assert pools(stage) == shown | {"单位帮销": (3, 0, 0)}
    stage.post("unit", f"/rounds/{cancelled['code']}/cancellation", {"reason": "货源有变"}, 200)
    join = {"name_zh": "同事（示例）", "staff_number": "N1", "lines": lines(15)}
    ask(stage, "POST", f"/joins/{opened['join_code']}", join, 201)
    closed = stage.post("unit", f"/rounds/{opened['code']}/closing", status=200)
    assert aside(stage, 1, round=opened["code"], status=409)["type"].endswith("#move-refused")

    def clock() -> None:
        with transaction() as session:
            close_due(session, now=stage.clock.now())

    clock()
    assert pools(stage) == {"公开库存": (open_packs + 10, 0, 0), "鲜桃团购（示例）": (10, 0, 0), "单位帮销": (3, 0, 0)}
    stage.post("unit", f"/orders/{closed['order']}/approval", status=200)
    held = {"公开库存": (open_packs + 8, 2, 0), "鲜桃团购（示例）": (0, 10, 0), "单位帮销": (0, 3, 0)}
    assert pools(stage) == held
    clock()
    assert pools(stage) == held
    stage.post("unit", f"/orders/{closed['order']}/cancellation", status=200)
    assert pools(stage) == {"公开库存": (there - 13, 0, 0), "鲜桃团购（示例）": (10, 0, 0), "单位帮销": (3, 0, 0)}
    assert by_the_clock(stage) == 10 * PACK
    ended = stage.post("firm", f"/set-asides/{of_units['code']}/end", status=200)
    assert (ended["left_g"], ended["ended_at"] is not None) == (0, True)
    assert pools(stage) == {"公开库存": (there, 0, 0)}
    books_hold(stage)
