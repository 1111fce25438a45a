"""The distribution list as a workbook: every pack once, money in yuan, nothing that a spreadsheet would run."""

import io
from decimal import Decimal

from python_calamine import CalamineWorkbook

from shop.catalog.reference import catalog
from shop.kit.reference import current_version
from shop.orders.locks import lines_of
from shop.rounds import joining, queries
from shop.rounds.papers import workbook
from tests.factories.rounds import delivered_round, open_round
from tests.factories.sales import Season


def read(season: Season, round_id: int) -> dict[str, list[list[object]]]:
    session = season.session
    session.flush()
    goods = catalog(session, current_version(session))
    book = CalamineWorkbook.from_filelike(
        io.BytesIO(workbook(queries.distribution(session, round_id, goods=goods, day=season.now.date())))
    )
    return {name: book.get_sheet_by_name(name).to_python()[1:] for name in book.sheet_names}


def test_every_pack_stands_once_and_people_and_rest_add_up_to_what_was_accepted(season: Season) -> None:
    pack_g = season.product.net_weight_g
    round_ = delivered_round(season, (4, 4, 2), refused_g=2 * pack_g + pack_g // 2)
    sheets = read(season, round_.id)
    assert [row[6:8] for row in sheets["按人"]] == [[4, 3], [4, 3], [2, 1]]
    assert [row[0] for row in sheets["按箱"]] == [1, 2, 3, 4, 5, 6, 7]
    assert [row[1] for row in sheets["余量"]] == [pack_g // 2]
    (line,) = lines_of(season.session, round_.order_id or 0)
    paid = sum(Decimal(str(row[9])) for row in sheets["按人"]) + Decimal(str(sheets["余量"][0][2]))
    assert paid * 100 == line.accepted_fen


def test_t64_what_somebody_calls_himself_is_never_a_formula(season: Season) -> None:
    round_ = open_round(season)
    who = joining.Colleague('=HYPERLINK("http://evil.example","点我")', None, "N1")
    joining.join(season.session, round_.join_code, who, {season.sku: 1}, joining.new_secret(), now=season.now)
    sheets = read(season, round_.id)
    assert sheets["按人"][0][1] == who.name_zh
    assert sheets["按箱"][0][4] == who.name_zh
