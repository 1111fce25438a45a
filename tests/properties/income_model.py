"""What a walk of household income must come to, counted in plain integers by the rules of docs/income.md alone."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from shop.income.errors import (
    GuaranteedFirst,
    GuaranteePaid,
    NoProfit,
    PaidTooEarly,
    YearNotOver,
)
from shop.kit.errors import DomainError

#: Tenths of a mu that each household put in, for so many fen a mu, and basis points of the profit.
LANDS, FEN_PER_MU, SECOND_BP = (5, 3, 7), 90_001, 3_333


@dataclass
class Sold:
    """A sale, or the correction of one: who, day, month, grams, fen; the cost that stands, and whether it is known.

    `slip`: which slip it is or corrects; `before`: grams that this weighed before. `by_rate`: fen a kg that it
    costs, 0 where no rate says so.
    """

    who: int
    day: date
    month: date
    grams: int
    fen: int
    slip: str
    before: int
    cost: int = 0
    by_rate: int = 0
    cost_month: date | None = None


@dataclass
class Model:
    """What must be true, in integers."""

    open_from: date = date.min
    sold: list[Sold] = field(default_factory=list)
    gross: dict[tuple[int, date, str], int] = field(default_factory=lambda: defaultdict(int))
    costs: dict[tuple[int, date], int] = field(default_factory=lambda: defaultdict(int))
    covered: dict[tuple[int, date, date], int] = field(default_factory=lambda: defaultdict(int))  # and month sold
    recorded: set[int] = field(default_factory=set)
    rates: dict[date, int] = field(default_factory=dict)
    family: dict[int, int] = field(default_factory=dict)
    told: dict[date, dict[int, int]] = field(default_factory=dict)  # family, of closed months
    guaranteed: dict[tuple[int, str], tuple[date, list[int]]] = field(default_factory=dict)  # what stands, by household

    def month(self, day: date) -> date:
        return max(day.replace(day=1), self.open_from)

    def sells(self, who: int, day: date, grams: int, fen: int, slip: str) -> None:
        before = sum(event.grams for event in self.sold if event.slip == slip)
        event = Sold(who, day, self.month(day), grams, fen, slip, before)
        self.gross[who, event.month, "sale"] += fen
        self.sold.append(event)
        self.count(event)

    def count(self, event: Sold) -> None:
        """Let the cost of a sale be known if it is not and can be."""
        valid, told = [day for day in self.rates if day <= event.day], self.told_by_record(event.who)
        if event.cost_month is not None or (not told and not valid):
            return
        event.cost_month = max(event.month, self.open_from)
        self.covered[event.who, event.cost_month, event.month] += event.fen
        event.by_rate = 0 if told else self.rates[max(valid)]
        if event.by_rate:
            rate = event.by_rate
            after, before = ((grams * rate + 500) // 1_000 for grams in (event.before + event.grams, event.before))
            event.cost = after - before
            self.costs[event.who, event.cost_month] += event.cost

    def rates_changed(self) -> None:
        """What stands by another rate than that of its day is taken back; then all is counted that can be."""
        for event in self.sold:
            held = [day for day in self.rates if day <= event.day]
            if event.by_rate and (not held or self.rates[max(held)] != event.by_rate):
                month = max(event.cost_month or date.min, self.open_from)
                self.costs[event.who, month] -= event.cost
                self.covered[event.who, month, event.month] -= event.fen
                event.cost, event.by_rate, event.cost_month = 0, 0, None
            self.count(event)

    def head(self, who: int) -> int:
        return self.family.get(who, who)

    def told_by_record(self, who: int) -> bool:
        """Whether a record of anybody in the family tells the costs."""
        return any(self.head(other) == self.head(who) for other in self.recorded)

    def guarantees(self, year: int, kind: str, day: date, parts: list[int]) -> None:
        """A payment of a year, to each household its part."""
        self.guaranteed[year, kind] = (day, parts)
        for who, fen in enumerate(parts):
            self.gross[who, self.month(day), {"guaranteed": "land_rent", "second": "dividend"}[kind]] += fen

    def takes_back(self, year: int, kind: str) -> None:
        day, parts = self.guaranteed[year, kind]
        self.guarantees(year, kind, day, [-fen for fen in parts])
        del self.guaranteed[year, kind]

    def refusal(self, year: int, kind: str, day: date, profit: int | None = None) -> type[DomainError] | None:
        """Why a year is not paid (again) on a day."""
        if kind == "second":
            if year >= 2025:
                return YearNotOver
            if (year, "guaranteed") not in self.guaranteed:
                return GuaranteedFirst
        if (year, kind) in self.guaranteed:
            return GuaranteePaid
        if kind == "second" and day < self.guaranteed[year, "guaranteed"][0]:
            return PaidTooEarly
        return NoProfit if profit is not None and profit * SECOND_BP < 5_000 else None

    def together(self, own: Collection[int], last: date) -> dict[str, int]:
        """All that some records had up to a month."""
        gross = [(kind, fen) for (who, of, kind), fen in self.gross.items() if who in own and of <= last]
        covered = sum(fen for (who, of, _), fen in self.covered.items() if who in own and of <= last)
        covered += sum(fen for kind, fen in gross if kind == "patronage")
        cost = sum(fen for (who, of), fen in self.costs.items() if who in own and of <= last)
        return {
            "received_fen": sum(fen for _, fen in gross), "covered_fen": covered, "cost_fen": cost,
            "net_fen": covered - cost,
        }  # fmt: skip

    def spends(self, who: int, day: date, fen: int) -> None:
        self.recorded.add(who)
        self.settles(who)
        self.costs[who, self.month(day)] += fen

    def settles(self, who: int) -> None:
        """A record tells the costs of a family in the place of rates, or none does any more and rates count again."""
        told = self.told_by_record(who)
        for event in self.sold:
            if self.head(event.who) != self.head(who):
                continue
            if event.cost_month is not None and event.by_rate and told:
                self.costs[event.who, max(event.cost_month, self.open_from)] -= event.cost
                event.cost = event.by_rate = 0
            elif event.cost_month is not None and not event.by_rate and not told:
                self.covered[event.who, max(event.cost_month, self.open_from), event.month] -= event.fen
                event.cost_month = None
            self.count(event)
