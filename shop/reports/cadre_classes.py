"""干部帮销 by classes of orders brought in the year so far: never by person or rank, and no class of few. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from shop.reports.told import FEW, Counts, untold

#: Orders from which on a cadre is in a class, and what it is called.
CLASSES = ((50, "50 单及以上"), (10, "10 至 49 单"), (1, "1 至 9 单"), (0, "本年尚无订单"))
#: The key of the row of those that are put together.
OTHER = "other"


class ClassRow(NamedTuple):
    """A row: a class, or several that would tell of one or two persons; `lows` are theirs, from which on they count."""

    key: str
    name: str
    lows: tuple[int, ...]


def class_of(orders: int) -> int:
    """The class of somebody who brought so many orders: none this year, where the report has some of another time."""
    return next(low for low, _ in CLASSES if orders >= low)


def classes_told(orders: Iterable[int]) -> list[ClassRow]:
    """The rows of cadres who brought so many orders each: classes of one or two persons are put into one row (其他).

    Where that row is of fewer than three too, the smallest other class joins: neither a row nor what rows leave open of
    their total tells of one or two, unless the total itself is of so few.
    """
    persons = Counter(map(class_of, orders))
    classes = [(low, name) for low, name in CLASSES if low or persons[low]]
    hidden = untold(Counts({str(low): persons[low] for low, _ in classes}))
    rows = [ClassRow(str(low), name, (low,)) for low, name in classes if str(low) not in hidden]
    if hidden:
        together = tuple(low for low, _ in classes if str(low) in hidden)
        rows.append(ClassRow(OTHER, f"其他（不足 {FEW} 人的档合并）", together))
    return rows
