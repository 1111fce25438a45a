"""What is told of rows of few households: never who of them is assisted, and no sum from which that follows.

Statistical practice (primary and complementary suppression). Pure; rule and test stand in `docs/rules.md`.
"""

from collections import defaultdict
from collections.abc import Mapping

#: Fewer households than this are counted without saying how many of them are assisted.
FEW = 3
#: Digits of a township's code; a village's has three more.
TOWNSHIP_DIGITS = 9


def untold(households: Mapping[str, int]) -> set[str]:
    """The rows that do not tell, of all rows beside one total: those of few households, and others with them.

    What the total and the told rows leave open must not be of few: the smallest others join, ties by key.
    """
    hidden = {key for key, count in households.items() if 0 < count < FEW}
    left = sum(households[key] for key in hidden)
    for key in sorted(households, key=lambda key: (households[key], key)):
        if hidden and left < FEW and households[key] >= FEW:
            hidden.add(key)
            left += households[key]
    return hidden


def untold_places(villages: Mapping[str, int]) -> set[str]:
    """The townships and villages that do not tell, by the households of each village.

    Beside the county stand its townships, beside each township its villages. Of a township that does not tell some
    village does not either: their sum would be the township.
    """
    within: dict[str, dict[str, int]] = defaultdict(dict)
    for village, count in villages.items():
        if count:
            within[village[:TOWNSHIP_DIGITS]][village] = count
    hidden = untold({township: sum(own.values()) for township, own in within.items()})
    for township, own in within.items():
        smallest = min(own, key=lambda village: (own[village], village))
        hidden |= untold(own) or ({smallest} if township in hidden else set())
    return hidden
