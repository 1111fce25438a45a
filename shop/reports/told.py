"""What is told of rows: never of a single household whether it is assisted, and no sum from which that follows.

Statistical practice (primary and complementary suppression). Pure; rule and test stand in `docs/rules.md`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType

#: Fewer households than this are counted without saying how many of them are assisted.
FEW = 3
#: Digits of a township's code; a village's has three more.
TOWNSHIP_DIGITS = 9


def tells_of_each(households: int, assisted: int) -> bool:
    """Whether a row would say of each of its households whether it is assisted: few of them, or all assisted."""
    return 0 < households < FEW or 0 < households == assisted


def untold(
    households: Mapping[str, int], assisted: Mapping[str, int] = MappingProxyType({}), *, also: Iterable[str] = ()
) -> set[str]:
    """The rows that do not tell, of all rows beside one total: those that tell of each, `also`, and others with them.

    What the total and the told rows leave open must not tell of each either, nor be one row: the smallest others join,
    ties by key.
    """
    hidden = {key for key, count in households.items() if tells_of_each(count, assisted.get(key, 0))} | set(also)
    for key in sorted(households, key=lambda key: (households[key], key)):
        left, known = (sum(of.get(one, 0) for one in hidden) for of in (households, assisted))
        alone = len(hidden) == 1 or tells_of_each(left, known)
        if hidden and alone and households[key] and key not in hidden:
            hidden.add(key)
    return hidden


def untold_places(villages: Mapping[str, int], assisted: Mapping[str, int] = MappingProxyType({})) -> set[str]:
    """The townships and villages that do not tell, by the households of each village, and those of them assisted.

    Beside the county stand its townships, beside each township its villages. Of a township that does not tell some
    village does not either: their sum would be the township.
    """
    within: dict[str, dict[str, int]] = defaultdict(dict)
    for village, count in villages.items():
        if count:
            within[village[:TOWNSHIP_DIGITS]][village] = count
    of_townships = {
        township: sum(assisted.get(village, 0) for village in own) for township, own in within.items()
    }  # fmt: skip
    hidden = untold({township: sum(own.values()) for township, own in within.items()}, of_townships)
    for township, own in within.items():
        smallest = min(own, key=lambda village: (own[village], village))
        hidden |= untold(own, assisted) or ({smallest} if township in hidden else set())
    return hidden
