"""Kinds of income that a publication does not tell of, because fewer than three households of some row had them.

A kind that one township does not tell is told by none of them: its total less the others would be that township. Nor
may a row's cash less the kinds that it tells be of few: the least common other kind is withheld with it. Rules stand in
`docs/income.md`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.income.models import CATEGORY_OF, Category, IncomeKind
from shop.reports.income_report import CATEGORY_NAMES, KIND_NAMES, Months
from shop.reports.told import FEW

#: Besides the kinds of cash: sales whose costs are known, sales of these months whose costs are not, sales of before
#: whose costs became known in them or unknown again, sales that produce reached.
COVERED, UNCOVERED, LATE, REACHED = "covered", "uncovered", "covered_late", "sales_reached"
_BUSINESS = {kind for kind, category in CATEGORY_OF.items() if category is Category.BUSINESS}

_KIND_SUMS = ", ".join(f"sum({kind}_fen) AS {kind}_fen" for kind in IncomeKind)
_FAMILY = "coalesce(counts_for_id, household_id) AS family_id"
_FACTS = "LEFT JOIN household_aliases USING (household_id) WHERE month BETWEEN :first AND :last GROUP BY 1"
_HAVE = {
    **{kind.value: f"{kind}_fen <> 0" for kind in IncomeKind},
    IncomeKind.SALE.value: "(sale_fen <> 0 OR income.weight_g <> 0)",
    COVERED: "(covered_fen <> 0 OR cost_fen <> 0)",
    UNCOVERED: "coalesce(sale_fen, 0) <> coalesce(own_fen, 0)",
    LATE: "covered_fen <> coalesce(own_fen, 0)",
    REACHED: "(reached_fen <> 0 OR reached.weight_g <> 0)",
}
#: Families of each township that had something of a kind which did not come to nothing.
_COUNTED = f"""
    WITH income AS (SELECT {_FAMILY}, {_KIND_SUMS}, sum(weight_g) AS weight_g FROM income_months {_FACTS}),
    costs AS (SELECT {_FAMILY}, sum(covered_fen) AS covered_fen, sum(cost_fen) AS cost_fen,
        sum(covered_fen) FILTER (WHERE sold >= :first) AS own_fen FROM cost_rollup {_FACTS}),
    reached AS (SELECT {_FAMILY}, sum(amount_fen) AS reached_fen, sum(weight_g) AS weight_g FROM reach_months {_FACTS})
    SELECT townships.code, {", ".join(f"count(*) FILTER (WHERE {have}) AS {kind}" for kind, have in _HAVE.items())}
    FROM income FULL JOIN costs USING (family_id) FULL JOIN reached USING (family_id)
    JOIN households ON households.id = family_id JOIN villages ON villages.id = village_id
    JOIN townships ON townships.id = township_id GROUP BY 1
"""


def households_by_kind(session: Session, months: Months) -> dict[str, Counter[str]]:
    """How many families of each township, by its code, had each kind in the months."""
    rows = session.execute(text(_COUNTED), {"first": months.first, "last": months.last})
    return {code: Counter(dict(zip(_HAVE, counts, strict=True))) for code, *counts in rows}


def untold_kinds(rows: Sequence[Mapping[str, int]], also: Iterable[str] = ()) -> set[str]:
    """The kinds that no row tells, by the households of each kind in all rows: those of few, `also`, others with them.

    What a row's cash leaves open is of some kind that three of its households or more had, or of nobody.
    """
    hidden = {kind for row in rows for kind, count in row.items() if 0 < count < FEW} | set(also)
    common = Counter[str]()
    for row in rows:
        common.update(row)
    for row in rows:
        left = max((row.get(kind, 0) for kind in IncomeKind if kind in hidden), default=0)
        others = [kind.value for kind in IncomeKind if kind not in hidden and row.get(kind, 0)]
        if 0 < left < FEW and others:
            hidden.add(min(others, key=lambda kind: (common[kind], kind)))
    return hidden


def without_kinds(row: dict[str, Any], hidden: set[str]) -> dict[str, Any]:
    """A row of the report with None for what is of kinds that are not told."""
    kinds = {kind for kind in IncomeKind if kind in hidden}
    gross = {"gross_fen"} if kinds & _BUSINESS else set()
    net = set(row["business"]) - {"gross_fen"} if gross or hidden & {COVERED, UNCOVERED, LATE} else set()
    untold = {
        "cash": {KIND_NAMES[kind] for kind in kinds},
        "categories": {CATEGORY_NAMES[CATEGORY_OF[kind]] for kind in kinds},
        "business": gross | net,
    }
    told = {
        name: {figure: None if figure in untold[name] else value for figure, value in row[name].items()}
        for name in untold
    }
    alone = ({"weight_g"} if IncomeKind.SALE in kinds else set()) | (
        {"sales_reached_fen", "sales_reached_g"} if REACHED in hidden else set()
    )
    return row | told | dict.fromkeys(alone, None)
