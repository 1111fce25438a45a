"""What is told of rows: never of a single household whether it is assisted, and no sum from which that follows.

Statistical practice (primary and complementary suppression). Pure; rule and test stand in `docs/rules.md`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from shop.places.queries import TOWNSHIP_DIGITS

#: Fewer households than this are counted without saying how many of them are assisted.
FEW = 3
#: The key of all places together.
WHOLE = ""


class Counts(NamedTuple):
    """Households by key, and the assisted among them; `few`: of fewer than this nothing is told."""

    households: Mapping[str, int]
    assisted: Mapping[str, int] = MappingProxyType({})
    few: int = FEW

    def tell_of_each(self, keys: Collection[str]) -> bool:
        """Whether rows together would say of each of their households that it is assisted: few of them, or all are."""
        households, assisted = (sum(of.get(key, 0) for key in keys) for of in self[:2])
        return 0 < households < self.few or 0 < households == assisted


def _tell(counts: Iterable[Counts], keys: Collection[str]) -> bool:
    return any(each.tell_of_each(keys) for each in counts)


def untold(rows: Counts, *more: Counts, also: Iterable[str] = ()) -> set[str]:
    """The rows that do not tell, of all rows beside one total: those that tell of each, `also`, and others with them.

    What the total and the told rows leave open must not tell of each either, nor be one row: the smallest others join,
    ties by key. Rows are parts of their total: no household is in two. `more`: what else must not tell of each, such as
    the difference to rows that are known already.
    """
    counts, households = (rows, *more), rows.households
    hidden = {key for key in households if _tell(counts, [key])} | set(also)
    for key in sorted(households, key=lambda key: (households[key], key)):
        alone = len(hidden) == 1 or _tell(counts, hidden)
        if hidden and alone and any(each.households.get(key) for each in counts) and key not in hidden:
            hidden.add(key)
    return hidden


def untold_places(villages: Counts, *more: Counts, also: Iterable[str] = ()) -> set[str]:
    """The townships and villages that do not tell, by the households of each village, and those of them assisted.

    Beside the county stand its townships, beside each township its villages. Of a township that does not tell some
    village does not either: their sum would be the township. WHOLE: the county does not. Villages that are given by the
    codes of their townships are these.
    """
    counts, known = (villages, *more), set(also)
    if _tell(counts, {key for each in counts for key in each.households}):
        known.add(WHOLE)
    townships = [
        Counts(_by_township(each.households), _by_township(each.assisted), each.few) for each in counts
    ]  # fmt: skip
    hidden = untold(*townships, also=known & set(townships[0].households))
    within: dict[str, dict[str, int]] = defaultdict(dict)
    for village, count in villages.households.items():
        if any(each.households.get(village) for each in counts):
            within[village[:TOWNSHIP_DIGITS]][village] = count
    for township, own in within.items():
        smallest = min(own, key=lambda village: (own[village], village))
        of_villages = untold(Counts(own, villages.assisted), *more, also=known & set(own))
        hidden |= of_villages or ({smallest} if township in hidden else set())
    return hidden | known


def since(before: Counts, now: Counts, both: Counts) -> tuple[Counts, Counts, Counts]:
    """What two counts of the same rows tell together: who is only in one of them. `both`: who is in either.

    One less the other is the assisted who came less the assisted who went. That tells of each who came when all of them
    are assisted and nobody who went is, and of each who went when all of those are and nobody who came is.
    """
    keys = both.households
    came, went, more = (
        {key: each.get(key, 0) - less.get(key, 0) for key in keys}
        for each, less in (
            (both.households, before.households), (both.households, now.households), (now.assisted, before.assisted),
        )
    )  # fmt: skip
    moved, fewer = {key: came[key] + went[key] for key in keys}, {key: -more[key] for key in keys}
    return Counts(moved), Counts(came, more, few=1), Counts(went, fewer, few=1)


def kept_back(before: Collection[str], moved: Counts) -> set[str]:
    """Of the rows that did not tell before, those of the same households today: they would tell now what was left."""
    return {key for key in before if key != WHOLE and not moved.households.get(key)}


def _by_township(of: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for village, count in of.items():
        found[village[:TOWNSHIP_DIGITS]] += count
    return found
