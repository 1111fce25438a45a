"""Which opened link an order is counted for (docs/links.md)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shop.channels.attribution import Opening, winner
from shop.channels.models import OccasionKind, OccasionStatus, PartnerKind
from shop.channels.reference import LinkRow, OccasionRow, OfferRow, PartnerRow, Selling

NOW = datetime(2025, 7, 15, 12, 0, tzinfo=UTC)
PEACH, APPLE = 1, 2
CADRE, HOST, UNIT, SHOP = 10, 20, 30, 40


def selling(*rules: tuple[date, int], session_open: bool = True) -> Selling:
    kinds = {CADRE: PartnerKind.CADRE, HOST: PartnerKind.HOST, UNIT: PartnerKind.UNIT, SHOP: PartnerKind.SHOP}
    partners = [PartnerRow(id_, kind.value, kind, id_ + 1, "某方（示例）", None, False) for id_, kind in kinds.items()]
    session = OccasionRow(
        5, "LIVE", OccasionKind.SESSION, OccasionStatus.OPEN if session_open else OccasionStatus.CLOSED, 1, HOST,
        NOW - timedelta(hours=1), NOW + timedelta(hours=1), 500, None, {PEACH: OfferRow(2_800, None)},
    )  # fmt: skip
    fair = OccasionRow(
        6, "FAIR", OccasionKind.PROMOTION, OccasionStatus.OPEN if session_open else OccasionStatus.CLOSED, 1, SHOP,
        NOW - timedelta(days=9), NOW + timedelta(days=9), 0, None, {},
    )  # fmt: skip
    links = [
        LinkRow(1, "cadre", 1, CADRE, None, PEACH), LinkRow(2, "live", 1, HOST, 5, PEACH),
        LinkRow(3, "unit", 1, UNIT, None, None), LinkRow(4, "shop", 1, SHOP, None, None),
        LinkRow(5, "host", 1, HOST, None, None), LinkRow(6, "fair", 1, SHOP, 6, None),
    ]  # fmt: skip
    return Selling(
        version=1, channel_ids={}, campaigns=(), partners_by_code={p.code: p for p in partners},
        partners_by_id={p.partner_id: p for p in partners}, occasions_by_code={"LIVE": session, "FAIR": fair},
        occasions_by_id={5: session, 6: fair}, links={link.code: link for link in links}, fees=(),
        link_rules=tuple((*rule, False) for rule in rules),
    )  # fmt: skip


def won(
    *opened: tuple[str, timedelta], known: Selling | None = None, goods: int = PEACH, buyer: int = 99
) -> str | None:
    """The code that wins among (code, how long ago)."""
    openings = [Opening(code, NOW - ago) for code, ago in opened]
    found = winner(openings, known or selling(), product_ids=[goods], buyer_party_id=buyer, now=NOW)
    return found.code if found else None


MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def test_the_last_link_wins_whichever_product_it_showed() -> None:
    assert won(("cadre", 2 * DAY), ("shop", DAY)) == "shop"
    assert won(("shop", 2 * DAY), ("cadre", DAY), goods=APPLE) == "cadre"
    assert won() is None


def test_a_link_counts_for_seven_days_to_the_second() -> None:
    assert won(("cadre", 7 * DAY)) == "cadre"
    assert won(("cadre", 7 * DAY + timedelta(seconds=1))) is None


def test_the_youngest_rule_that_has_begun_says_for_how_long() -> None:
    rules = ((date(2025, 7, 1), 2), (date(2025, 7, 15), 10), (date(2025, 7, 16), 1))
    assert won(("cadre", 10 * DAY), known=selling(*rules)) == "cadre"
    assert won(("cadre", 10 * DAY + MINUTE), known=selling(*rules)) is None
    assert won(("cadre", 3 * DAY), known=selling(rules[0])) is None


def test_a_session_link_wins_while_the_session_is_live_even_when_another_was_opened_later() -> None:
    opened = (("live", 2 * MINUTE), ("cadre", MINUTE))
    assert won(*opened) == "live"
    assert won(*opened, known=selling(session_open=False)) == "cadre"


def test_a_session_link_wins_only_what_the_session_sells() -> None:
    assert won(("live", MINUTE), goods=APPLE) is None
    assert won(("cadre", DAY), ("live", MINUTE), goods=APPLE) == "cadre"


def test_a_link_of_a_promotion_counts_while_it_is_on_and_wins_no_more_than_others() -> None:
    assert won(("fair", 2 * DAY), ("cadre", DAY)) == "cadre"
    assert won(("cadre", 2 * DAY), ("fair", DAY)) == "fair"
    assert won(("cadre", 2 * DAY), ("fair", DAY), known=selling(session_open=False)) == "cadre"


def test_a_host_without_a_session_brings_no_order() -> None:
    assert won(("host", MINUTE)) is None


def test_the_link_of_a_unit_counts_only_for_what_the_unit_buys() -> None:
    assert won(("cadre", DAY), ("unit", MINUTE)) == "cadre"
    assert won(("cadre", DAY), ("unit", MINUTE), buyer=UNIT + 1) == "unit"


@pytest.mark.parametrize("opened", [("nobody", MINUTE), ("cadre", -MINUTE)])
def test_an_unknown_link_and_one_from_the_future_count_for_nothing(opened: tuple[str, timedelta]) -> None:
    assert won(opened) is None
