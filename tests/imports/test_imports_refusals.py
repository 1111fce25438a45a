"""Bad rows: each is reported with file, line, column and reason, and nothing of the upload is kept."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.access.models import Party
from shop.catalog.models import Firm
from shop.farmers.models import Delivery, Household
from shop.imports.files import import_files
from shop.imports.table import MAX_ROWS
from shop.places.models import Township, Village

PINGLU = Path(__file__).resolve().parents[2] / "data" / "pinglu"
NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)
COUNTY = {file.name: file.read_bytes() for file in PINGLU.glob("*.csv")}
PLACES = {name: COUNTY[name] for name in ("townships.csv", "villages.csv")}
#: All that others refer to, without the long lists of facts.
HEADS = {name: data for name, data in COUNTY.items() if len(data) < 14_000}
FIRMS = PLACES | {"firms.csv": COUNTY["firms.csv"]}


def changed(file: str, old: str, new: str, base: dict[str, bytes] = COUNTY) -> dict[str, bytes]:
    """The files with one piece of text replaced once."""
    text = base[file].decode()
    assert old in text
    return base | {file: text.replace(old, new, 1).encode()}


def places_of(errors: list) -> list[tuple[str, int, str]]:  # type: ignore[type-arg]
    return [(error.file, error.line, error.column) for error in errors]


def refused(session: Session, files: dict[str, bytes]) -> list:  # type: ignore[type-arg]
    """The errors of an import that must fail; it left nothing behind."""
    result = import_files(files, session=session, now=NEW_YEAR)
    assert result.errors
    assert (result.counts, result.booked) == ({}, {})
    for model in (Party, Township, Firm, Household, Delivery):
        assert session.scalar(select(func.count(model.id))) == 0
    assert all(error.zh and error.en for error in result.errors)
    return result.errors


def test_every_bad_row_of_every_file_is_reported_in_one_go(session: Session) -> None:
    files = changed("firms.csv", "140829106202,60,10", "140829106202,59,10")
    files = changed("buyers.csv", "B24,", "B23,", files)
    files = changed("deliveries.csv", "166662", "166663", files)
    assert places_of(refused(session, files)) == [
        ("firms.csv", 2, "member_return_pct"), ("buyers.csv", 25, "code"), ("deliveries.csv", 2, "amount_fen"),
    ]  # fmt: skip


CASES: list[tuple[str, str, str, str, int, str]] = [
    ("a wrong header", "firms.csv", "code,name_zh", "code,name", 1, ""),
    ("T65 a column twice in the header", "buyers.csv", "region,payment", "region,region,payment", 1, ""),
    ("a cell too many", "buyers.csv", "平陆县,15", "平陆县,15,7", 2, ""),
    ("T65 an unclosed quote", "buyers.csv", "B24,", 'B24,"', 25, ""),
    ("an empty line", "buyers.csv", "B02,", "\nB02,", 3, ""),
    ("a code twice", "townships.csv", "140829101,", "140829100,", 3, "code"),
    ("a lower-case code", "buyers.csv", "B02,", "b02,", 3, "code"),
    ("an empty cell", "buyers.csv", "B02,", ",", 3, "code"),
    ("a zero-width space", "buyers.csv", "平陆县,15", "平陆\u200b县,15", 2, "region"),
    ("text not in form NFC", "products.csv", "Datong honey", "Dato\u0308ng honey", 2, "name_en"),
    ("T65 a formula", "buyers.csv", "平陆县,15", "=A1,15", 2, "region"),
    ("T64 a formula with a full-width sign", "buyers.csv", "平陆县,15", "＝A1,15", 2, "region"),
    ("a phone number", "buyers.csv", "平陆县,15", "电话13812345678,15", 2, "region"),
    ("a phone number with blanks", "buyers.csv", "平陆县,15", "138 1234 5678,15", 2, "region"),
    ("a phone number in full-width digits", "buyers.csv", "平陆县,15", "１３８１２３４５６７８,15", 2, "region"),
    ("an identity number", "buyers.csv", "平陆县,15", "14272719900101001X,15", 2, "region"),
    ("a bank card number", "buyers.csv", "平陆县,15", "6222021234567890123,15", 2, "region"),
    ("an unknown kind", "buyers.csv", "supermarket", "supermarkt", 2, "kind"),
    ("a payment term beyond the law", "buyers.csv", "平陆县,15", "平陆县,61", 2, "payment_term_days"),
    ("a thousands mark out of its place", "products.csv", "箱,3980", '箱,"39,80"', 2, "retail_price_fen"),
    ("a fraction of a fen", "products.csv", "箱,3980", "箱,3980.5", 2, "retail_price_fen"),
    ("a negative price", "products.csv", "箱,3980", "箱,-3980", 2, "retail_price_fen"),
    ("an endless number", "products.csv", "箱,3980", "箱," + "9" * 13, 2, "retail_price_fen"),
    ("a month 13", "products.csv", "480,7,8", "480,7,13", 2, "harvest_end_month"),
    ("tiers whose prices rise", "products.csv", "10:3780;50:3580", "10:3780;50:3880", 2, "bulk_tiers"),
    ("tiers whose quantities fall", "products.csv", "10:3780;50:3580", "10:3780;5:3580", 2, "bulk_tiers"),
    ("a first tier above the retail price", "products.csv", "10:3780", "10:3981", 2, "bulk_tiers"),
    ("an unknown paper", "products.csv", "1,conformity_certificate", "1,conformity", 2, "certification"),
    ("a tenth township", "townships.csv", "140829400,平陆县社区,community_area", "140829300,新镇,town", 11, "code"),
    ("a misprinted township as one of its own", "townships.csv", "部官镇", "邵官镇", 8, "name"),
    ("a township of another county", "townships.csv", "140829100,", "140828100,", 2, "code"),
    ("a village of another township", "firms.csv", "140829106,140829106202", "140829107,140829106202", 2,
     "village_code"),
    ("an unknown village", "firms.csv", "140829106202,60", "没有村,60", 2, "village_code"),
    ("a return to members below 60 percent", "firms.csv", "140829106202,60,10", "140829106202,59,10", 2,
     "member_return_pct"),
    ("a surplus share of an enterprise", "firms.csv", "140829102200,,", "140829102200,60,", 10, "member_return_pct"),
    ("a return to members below 60 percent in a year", "firm_surplus.csv", "10,60", "10,55", 2, "member_return_pct"),
    ("a surplus of an enterprise", "firm_surplus.csv", "F01,", "F09,", 2, "firm_code"),
    ("a deposit above 20 percent", "agreements.csv", "MARKET,10,15", "MARKET,21,15", 2, "deposit_pct"),
    ("a price beyond measure", "agreements.csv", "9700,576,", "9700,10000001,", 2, "floor_price_fen_per_kg"),
    ("a promise beyond measure", "agreements.csv", "9700,576,", "9700,5760000,", 2, "committed_kg"),
    ("an unknown price rule", "agreements.csv", "FLOOR_OR_MARKET", "MARKET_PLUS", 2, "price_rule"),
    ("a weekly schedule on day 8", "agreements.csv", "weekly:1,4", "weekly:1,8", 2, "schedule"),
    ("a single delivery outside the term", "agreements.csv", "weekly:1,4", "once:2030-07-20", 2, "schedule"),
    ("a single delivery out of season", "agreements.csv", "weekly:1,4", "once:2026-03-01", 2, "schedule"),
    ("a term that ends before it began", "agreements.csv", "2027-05-31", "2025-05-31", 2, "end"),
    ("an agreement about another firm's product", "agreements.csv", "B02,F01,PL001", "B02,F02,PL001", 2, "sku"),
    ("medicinal material for a canteen", "agreements.csv", "A011,B10", "A011,B12", 12, "sku"),
    ("an unknown buyer", "agreements.csv", "A001,B02", "A001,B99", 2, "buyer_code"),
    ("more land leased out than there is", "households.csv", "5,7.3,0.0", "5,7.3,7.4", 2, "land_leased_out_mu"),
    ("a contract grower with shares", "households.csv", "contract,0,", "contract,5,", 9, "share_units"),
    ("a contract grower in a co-operative", "households.csv", "member,5,7.3", "contract,0,7.3", 2, "relation"),
    ("a household without persons", "households.csv", "7.3,0.0,1", "7.3,0.0,0", 2, "persons"),
    ("a day that does not exist", "deliveries.csv", "2025-01-02,农户-0045", "2025-02-30,农户-0045", 2, "date"),
    ("a delivery out of the harvest months", "deliveries.csv", "D00001,2025-01-02", "D00001,2025-06-02", 2, "date"),
    ("a fourth decimal of a kilogram", "deliveries.csv", "197.0", "197.0005", 2, "kg"),
    ("no weight", "deliveries.csv", "197.0", "0.0", 2, "kg"),
    ("an amount that is not weight times price", "deliveries.csv", "846,166662", "846,166663", 2, "amount_fen"),
    ("T37 a slip twice", "deliveries.csv", "D00002,2025-01-02,农户-0045,F11,PL063,241.5,一级,761,183782",
     "D00001,2025-01-02,农户-0045,F11,PL063,197.0,特级,846,166662", 3, "code"),
    ("T37 a slip in full-width digits", "deliveries.csv", "D00002,", "D００００１,", 3, "code"),
    ("T37 a slip with a blank", "deliveries.csv", "D00002,", "D00001 ,", 3, "code"),
    ("T37 a slip in lower case", "deliveries.csv", "D00002,", "d00001,", 3, "code"),
    ("an unknown grade", "deliveries.csv", "特级", "超级", 2, "grade"),
    ("an unknown household", "deliveries.csv", "2025-01-02,农户-0045", "2025-01-02,农户-9999", 2, "household_code"),
    ("an unknown product", "deliveries.csv", "PL063", "PL963", 2, "sku"),
    ("a payment by a firm that is not the household's", "household_payments.csv", "农户-0001,F01", "农户-0001,F02", 2,
     "firm_code"),
    ("a baseline that does not add up", "baseline_income.csv", "1210836", "1210837", 2, "total_fen"),
    ("a paper that ends before it began", "certificates.csv", "2029-05-31", "2024-05-31", 2, "expires_on"),
    ("an unknown restriction", "restrictions.csv", "medicinal_material", "secret", 2, "restriction"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "line", "column"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_a_bad_row_is_refused_where_it_stands(
    session: Session, file: str, old: str, new: str, line: int, column: str
) -> None:
    files = HEADS | {file: COUNTY[file]}
    assert (file, line, column) in places_of(refused(session, changed(file, old, new, files)))


def test_a_reference_to_a_bad_row_is_not_reported_again(session: Session) -> None:
    errors = refused(session, changed("firms.csv", "140829106202,60,10", "140829106202,59,10"))
    assert places_of(errors) == [("firms.csv", 2, "member_return_pct")]


def test_a_cell_whose_meaning_is_certain_is_read_however_it_is_written(session: Session) -> None:
    written = changed("buyers.csv", "平陆县,15", " 平陆县 ,１５")
    written = changed("products.csv", "箱,3980", '箱,"3,980"', written)
    written = changed("deliveries.csv", "D00001,2025-01-02", "D00001,2025年1月2日", written)
    lines = written["firms.csv"].decode().splitlines()
    reordered = [",".join(reversed([*line.split(","), "备注" if n == 0 else "新登记"])) for n, line in enumerate(lines)]
    written = written | {"firms.csv": "\n".join(reordered).encode()}
    assert import_files(written, session=session, now=NEW_YEAR).errors == []
    again = import_files(COUNTY, session=session, now=NEW_YEAR)
    assert (again.errors, {count.new for count in again.counts.values()}) == ([], {0})


def test_a_header_says_what_it_lacks_and_what_it_has_too_much(session: Session) -> None:
    wrong = changed("firms.csv", "code,name_zh", "code,name,kind", FIRMS)
    assert refused(session, wrong)[0].zh.endswith("；缺少 name_zh；不认识 name；重复 kind")


def test_an_empty_cell_is_told_as_empty_and_bounds_in_plain_numbers(session: Session) -> None:
    empty = refused(session, changed("buyers.csv", "B02,", ",", HEADS))
    assert [error.zh for error in empty if error.file == "buyers.csv"] == ["没有填"]
    (nothing,) = [e for e in refused(session, changed("deliveries.csv", "197.0", "0.0")) if e.column == "kg"]
    assert nothing.zh == "须在 0.001 至 10000000 之间"


def test_what_is_not_utf8_is_refused_with_its_line(session: Session) -> None:
    data = COUNTY["buyers.csv"].decode().replace("B02,", "\udcff,", 1).encode("utf-8", "surrogateescape")
    errors = refused(session, COUNTY | {"buyers.csv": data})
    assert ("buyers.csv", 3, "") in places_of(errors)


def test_t65_chinese_in_the_national_encoding_is_refused(session: Session) -> None:
    errors = refused(session, COUNTY | {"buyers.csv": COUNTY["buyers.csv"].decode().encode("gb18030")})
    assert ("buyers.csv", 2, "") in places_of(errors)


def test_a_file_of_an_unknown_name_and_an_empty_upload_are_refused(session: Session) -> None:
    assert places_of(refused(session, FIRMS | {"farms.csv": b""})) == [("farms.csv", 0, "")]
    assert places_of(refused(session, {})) == [("", 0, "")]


def test_t65_a_million_rows_are_not_read_to_their_end(session: Session) -> None:
    data = COUNTY["buyers.csv"].splitlines()[0] + b"\n" + b"x\n" * 1_000_000
    errors = refused(session, PLACES | {"buyers.csv": data})
    assert (len(errors), errors[-1].line) == (MAX_ROWS + 1, MAX_ROWS + 2)


def test_an_empty_file_has_no_header(session: Session) -> None:
    assert places_of(refused(session, PLACES | {"firms.csv": b""})) == [("firms.csv", 1, "")]


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda text: text.encode(), id="without a byte order mark"),
        pytest.param(lambda text: text.encode("utf-8-sig"), id="with a byte order mark"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="with CRLF line ends"),
    ],
)
def test_utf8_is_read_however_an_office_writes_it(session: Session, encode: Callable[[str], bytes]) -> None:
    files = {name: encode(data.decode()) for name, data in FIRMS.items()}
    result = import_files(files, session=session, now=NEW_YEAR)
    assert result.errors == []
    assert session.scalar(select(Firm.name_zh).where(Firm.code == "F01")) == "部官镇西太村果业专业合作社（示例）"


@pytest.mark.parametrize(
    ("old", "new", "firm", "village"),
    [
        ("140829106,140829106202", "邵官镇,西太村", "F01", "140829106202"),
        ("140829106,140829106202", "部官镇,邵官镇西太村", "F01", "140829106202"),
        ("140829100,140829100215", "姜人洞镇,寺坪村", "F05", "140829100215"),
        ("140829102,140829102211", "张店镇,凤口村", "F08", "140829102211"),
        ("140829101,140829101245", "常乐镇,常乐镇村", "F03", "140829101245"),
    ],
)
def test_a_place_given_by_its_name_or_a_known_misprint_is_the_place_meant(
    session: Session, old: str, new: str, firm: str, village: str
) -> None:
    result = import_files(changed("firms.csv", old, new, FIRMS), session=session, now=NEW_YEAR)
    assert result.errors == []
    stands_in = select(Village.code).join(Firm, Firm.village_id == Village.id).where(Firm.code == firm)
    assert session.scalar(stands_in) == village
    assert session.scalar(select(func.count(Township.id))) == 10


def test_the_same_code_with_other_content_is_an_error_and_edits_nothing(session: Session) -> None:
    assert import_files(COUNTY, session=session, now=NEW_YEAR).errors == []
    other = changed("deliveries.csv", "D00001,2025-01-02,农户-0045,F11,PL063,197.0,特级,846,166662",
                    "D00001,2025-01-02,农户-0045,F11,PL063,200.0,特级,846,169200")  # fmt: skip
    other = changed("firms.csv", "部官镇西太村果业", "部官镇西太村新果业", other)
    result = import_files(other, session=session, now=NEW_YEAR)
    assert places_of(result.errors) == [
        ("firms.csv", 2, "name_zh"), ("deliveries.csv", 2, "amount_fen"), ("deliveries.csv", 2, "kg"),
    ]  # fmt: skip
    assert session.scalar(select(Delivery.amount_fen).where(Delivery.code == "D00001")) == 166_662
    assert session.scalar(select(Firm.name_zh).where(Firm.code == "F01")) == "部官镇西太村果业专业合作社（示例）"


def test_new_slips_alone_may_follow_later(session: Session) -> None:
    assert import_files(COUNTY, session=session, now=NEW_YEAR).errors == []
    header = COUNTY["deliveries.csv"].decode().splitlines()[0]
    slip = "D90001,2025-01-04,农户-0045,F11,PL063,10.0,一级,761,7610"
    result = import_files({"deliveries.csv": f"{header}\n{slip}\n".encode()}, session=session, now=NEW_YEAR)
    assert (result.errors, result.counts["deliveries.csv"].new, result.booked["sale"]) == ([], 1, 1)
    assert session.scalar(select(func.count(Delivery.id))) == 2001


def test_a_preview_counts_and_writes_nothing(session: Session) -> None:
    result = import_files(COUNTY, session=session, now=NEW_YEAR, dry_run=True)
    assert (result.errors, result.counts["products.csv"].new, result.booked) == ([], 79, {})
    assert session.scalar(select(func.count(Party.id))) == 0


def test_progress_is_told_from_the_first_step_to_the_last(session: Session) -> None:
    told: list[tuple[int, int]] = []
    import_files(FIRMS, session=session, now=NEW_YEAR, progress=lambda _, done, steps: told.append((done, steps)))
    steps = told[0][1]
    assert [done for done, _ in told] == list(range(steps))
    assert {of for _, of in told} == {steps}
