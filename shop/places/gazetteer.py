"""All places by every name they may be given: pure look-ups, never a guess."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: Statistical code of 平陆县; every township and village code begins with it.
COUNTY_CODE = "140829"
#: The county has nine townships (eight 镇, one 乡); its urban communities are listed under a tenth code that is none.
TOWNSHIPS_IN_COUNTY = 9


@dataclass(frozen=True)
class VillageName:
    """A village and the township it lies in, with its official and its everyday name."""

    code: str
    township_code: str
    name_zh: str
    short_zh: str


@dataclass(frozen=True)
class Gazetteer:
    """Codes of townships and villages by code, name and misprint."""

    townships: Mapping[str, str] = field(default_factory=dict)
    villages: Mapping[str, str] = field(default_factory=dict)
    in_township: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def township(self, named: str) -> str | None:
        """The code of the township that `named` (a code, a name, a misprint) means; None when there is none."""
        return self.townships.get(named)

    def village(self, named: str) -> str | None:
        """The code of a village likewise; its township may be written before it (邵官镇西太村).

        A name that two villages share names neither, unless the township is written with it.
        """
        if named in self.villages:
            return self.villages[named]
        for label, township_code in self.townships.items():
            if named.startswith(label):
                return self.in_township.get((township_code, named[len(label) :]))
        return None


def build(
    townships: Iterable[tuple[str, str]],
    villages: Iterable[VillageName],
    township_aliases: Mapping[str, str],
    village_aliases: Mapping[str, str],
) -> Gazetteer:
    """A gazetteer of `(code, name)` townships and of villages. An alias counts only where its place is known."""
    townships = list(townships)
    villages = list(villages)
    town_codes = {code for code, _ in townships}
    village_codes = {village.code for village in villages}
    by_label = {label: code for code, name in townships for label in (code, name)}
    by_label |= {alias: code for alias, code in township_aliases.items() if code in town_codes}
    labels = [(label, village) for village in villages for label in {village.name_zh, village.short_zh}]
    bearers = Counter(label for label, _ in labels)
    by_village = {label: village.code for label, village in labels if bearers[label] == 1}
    by_village |= {code: code for code in village_codes}
    by_village |= {alias: code for alias, code in village_aliases.items() if code in village_codes}
    within = {(village.township_code, label): village.code for label, village in labels}
    return Gazetteer(by_label, by_village, within)
