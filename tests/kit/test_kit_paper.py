"""Tables on paper: their head on every page, no row torn apart, all columns on the page."""

import re
import zlib
from datetime import UTC, datetime

from shop.kit.paper import Grid, Paper


def pages_of(paper: Paper) -> int:
    return len(re.findall(rb"/Type /Page\b", bytes(paper.output())))


def grid(rows: int, columns: int = 3) -> Grid:
    heads = ["乡镇", *(f"本年累计销售额{n}（元）" for n in range(1, columns))]
    return Grid("各乡镇", heads, [["常乐镇"] + ["1,234,567.89"] * (columns - 1)] * rows,
                [False] + [True] * (columns - 1), ["合计"] + ["9,999,999.99"] * (columns - 1))  # fmt: skip


def printed(*grids: Grid) -> Paper:
    paper = Paper("日报", landscape=True)
    paper.set_creation_date(datetime(2025, 7, 15, tzinfo=UTC))
    paper.add_page()
    for one in grids:
        paper.grid_of(one)
    return paper


def rectangles(paper: Paper) -> list[int]:
    """Filled cells of each page: those of a head, and of a total."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", bytes(paper.output()), re.DOTALL)
    drawn = []
    for stream in streams:
        try:
            content = zlib.decompress(stream)
        except zlib.error:
            continue
        if b" re" in content and b"BT" in content:
            drawn.append(len(re.findall(rb" re [fB]", content)))
    return drawn


def test_a_long_table_has_its_head_on_every_page_and_its_total_once() -> None:
    paper = printed(grid(120))
    drawn = rectangles(paper)
    assert len(drawn) >= 4
    assert drawn == [3] * (len(drawn) - 1) + [6]


def test_a_short_table_is_not_torn_apart_and_a_long_one_fills_the_page_that_is_begun() -> None:
    # Of each page the heads and totals that stand on it: a table that is torn apart has its head on two.
    assert rectangles(printed(grid(16), grid(9))) == [6, 6]
    assert rectangles(printed(grid(14), grid(9))) == [12]
    assert rectangles(printed(grid(16), grid(40))) == [9, 3, 6]


def test_a_table_of_many_columns_stays_within_the_page() -> None:
    paper = printed(grid(2, columns=15))
    widths = paper._fitted(grid(2, columns=15))
    assert pages_of(paper) == 1
    assert len(widths) == 15
    assert sum(widths) <= paper.epw
    assert paper.font_size_pt < 8


def test_an_empty_table_says_so_and_the_same_tables_make_the_same_bytes() -> None:
    empty = Grid("直播场次", ["场次"], [], [False])
    assert bytes(printed(empty, grid(3)).output()) == bytes(printed(empty, grid(3)).output())
    assert pages_of(printed(empty, grid(3))) == 1
