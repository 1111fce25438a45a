"""An agreement as docs/agreements.md says it, counted by hand: whole grams, fen and days, of the shop only its words.

`test_agreement_machine.py` lives the same life on the real actions and compares after every step.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import floor
from typing import NamedTuple

from shop.agreements.models import AgreementStatus, CallOffStatus, MajeureStatus, PriceRule, Side
from shop.farmers.models import Grade
from shop.orders.models import OrderStatus, PenaltyStatus

RUNNING = (AgreementStatus.SIGNED, AgreementStatus.DEPOSIT_PAID, AgreementStatus.EXECUTING)
JUDGED = (AgreementStatus.FULFILLED, AgreementStatus.SHORT)
ON_THE_WAY = (OrderStatus.PLACED, OrderStatus.CONFIRMED, OrderStatus.PARTLY_DISPATCHED, OrderStatus.DISPATCHED)
ACCEPTED = (OrderStatus.ACCEPTED, OrderStatus.SETTLED)
TAKEN = (PenaltyStatus.CLAIMED, PenaltyStatus.DEPOSIT_TAKEN)
REOPENED_WITHIN = timedelta(days=30)


def half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def part(whole: int, bp: int) -> int:
    """Basis points of grams or fen."""
    return half_up(Fraction(whole * bp, 10_000))


def worth(grams: int, fen_per_kg: int, factor_bp: int = 10_000) -> int:
    """Fen for grams of a grade, rounded once."""
    return half_up(Fraction(grams * fen_per_kg * factor_bp, 1_000 * 10_000))


def shared(grams: int, days: list[date]) -> dict[date, int]:
    """Grams over days, the odd ones on the first days."""
    each, odd = divmod(grams, len(days))
    return {day: each + (place < odd) for place, day in enumerate(days)}


@dataclass(frozen=True)
class Said:
    """What the buyer says of a call-off: grams he takes, by grade or all as one."""

    grams: int
    grades: dict[Grade, int] | None

    @property
    def by_grade(self) -> dict[Grade, int]:
        return {grade: grams for grade, grams in (self.grades or {}).items() if grams}


@dataclass(frozen=True)
class Booked:
    """One row of an acceptance by grade; a counter-entry is negative."""

    grade: Grade
    factor_bp: int
    grams: int
    fen: int

    @property
    def undone(self) -> "Booked":
        return Booked(self.grade, self.factor_bp, -self.grams, -self.fen)


@dataclass(frozen=True)
class Pricing:
    """How the price of a day follows from the market: the rule, what is added, whose quotes count (empty: all)."""

    rule: PriceRule = PriceRule.FIXED
    margin_bp: int = 0
    source: str = ""


@dataclass
class Promise:
    """A line: what is promised and due when, what the buyer takes at least in all and on a day, what grades cost.

    `on_paper`: grams of it that fell due before the paper was recorded. What was agreed beside it for all: the rate of
    each side, what is tolerated, days to pay. An amendment makes another promise; a call keeps the one it was made by.
    """

    committed: int
    minimum: int
    least: int
    floor_fen: int
    factors: dict[Grade, int]
    pricing: Pricing
    tolerance_bp: int
    rates: dict[Side, int]
    term_days: int
    due: dict[date, int] = field(default_factory=dict)
    on_paper: int = 0

    @property
    def tolerated(self) -> int:
        return part(self.committed, self.tolerance_bp)

    def penalty(self, side: Side, grams: int) -> int:
        return part(worth(grams, self.floor_fen), self.rates[side])


@dataclass
class Called:
    """A call-off with its order. `cut_g`: what the firm will not send; `sent_g`: what it sent so far, last `sent_on`.

    `again_g`: what of it the firm had left open of earlier ones.

    `got_g`, `owed_fen`: what stands as accepted, and what is owed for it. `under`: what was agreed when its price was
    fixed.
    """

    sku: str
    grams: int
    due_on: date
    schedule_day: date | None
    fen_per_kg: int
    under: Promise
    order: OrderStatus = OrderStatus.PLACED
    cancelled_by: Side | None = None
    again_g: int = 0
    cut_g: int = 0
    sent_g: int = 0
    sent_on: date = date.min
    got_g: int = 0
    owed_fen: int = 0
    paid_fen: int = 0
    invoice_due: date | None = None
    #: Rows of the acceptance by grade, and what was settled and taken back, in the order in which they were written.
    rows: list[Booked] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)

    @property
    def stands(self) -> bool:
        return self.order is not OrderStatus.CANCELLED

    @property
    def status(self) -> CallOffStatus:
        if not self.stands:
            return CallOffStatus.CANCELLED
        return CallOffStatus.REQUESTED if self.order is OrderStatus.PLACED else CallOffStatus.CONFIRMED

    @property
    def of_promise_g(self) -> int:
        """What it takes of the promise: what is still to come, then what was accepted; the rest may be called again."""
        if not self.stands:
            return 0
        return self.got_g if self.order in ACCEPTED else self.to_send_g

    @property
    def is_owed(self) -> bool:
        """Whether the firm answers for it: neither the buyer nor the county took it back."""
        return self.stands or self.cancelled_by is Side.FIRM

    @property
    def open_g(self) -> int:
        """What the firm left open of it: refused, cut, not delivered."""
        return self.grams - self.of_promise_g

    @property
    def to_send_g(self) -> int:
        """What is sent in the end, or was."""
        return self.grams - self.cut_g

    def send(self, grams: int) -> None:
        self.sent_g += grams
        whole = self.sent_g == self.to_send_g
        self.order = OrderStatus.DISPATCHED if whole else OrderStatus.PARTLY_DISPATCHED

    @property
    def booked(self) -> dict[Grade, Booked]:
        """What stands by grade: rows and their counter-entries added up."""
        sums: dict[Grade, Booked] = {}
        for row in self.rows:
            old = sums.get(row.grade)
            grams, fen = (old.grams, old.fen) if old else (0, 0)
            sums[row.grade] = Booked(row.grade, row.factor_bp, grams + row.grams, fen + row.fen)
        return {grade: row for grade, row in sums.items() if row.grams}

    def read(self, said: Said, factors: dict[Grade, int]) -> tuple[int, list[Booked]] | None:
        """What would be owed, and the rows of it; None when a grade is not taken."""
        if said.grades is None:
            return worth(said.grams, self.fen_per_kg), []
        rows = [
            Booked(grade, factors[grade], grams, worth(grams, self.fen_per_kg, factors[grade]))
            for grade, grams in sorted(said.by_grade.items())
        ]
        return None if any(not row.factor_bp for row in rows) else (sum(row.fen for row in rows), rows)


@dataclass(frozen=True)
class Quoted:
    """Whose price of what in which market on which day."""

    sku: str
    day: date
    source: str
    market: str
    grade: Grade


@dataclass
class Notice:
    """Force majeure as a side told it."""

    side: Side
    first: date
    last: date
    status: MajeureStatus = MajeureStatus.TOLD

    def says(self, side: Side, first: date, last: date) -> bool:
        """Whether it tells the same, and was not rejected."""
        return (self.side, self.first, self.last) == (side, first, last) and self.status is not MajeureStatus.REJECTED


class Part(NamedTuple):
    """A part of a breach: of which day, of which call-off (0 of none), how much, by which terms."""

    day: date
    known: int
    grams: int
    under: Promise


def beyond(parts: list[Part]) -> list[Part]:
    """What of them is not tolerated, the oldest first: each is, as far as its terms allow more than was used up."""
    used, left = 0, []
    for one in sorted((one for one in parts if one.grams > 0), key=lambda one: one[:2]):
        tolerated = min(one.grams, max(one.under.tolerated - used, 0))
        used += tolerated
        if one.grams > tolerated:
            left.append(one._replace(grams=one.grams - tolerated))
    return left


@dataclass
class Proposal:
    """A penalty that was proposed."""

    side: Side
    as_of: date
    grams: int
    fen: int
    status: PenaltyStatus = PenaltyStatus.PROPOSED


@dataclass
class Life:
    """All that is known of the agreement."""

    last: date
    promises: dict[str, Promise]
    #: The last day on which each product can come.
    comes_until: dict[str, date]
    status: AgreementStatus = AgreementStatus.SIGNED
    calls: dict[int, Called] = field(default_factory=dict)
    missed: set[tuple[str, date]] = field(default_factory=set)
    proposals: list[Proposal] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    #: In the order in which they were first said, each with all that was said of it.
    quotes: dict[Quoted, list[int]] = field(default_factory=dict)
    ended_on: date | None = None
    asked_by: Side | None = None
    deposit_got: int = 0
    deposit_left: int = 0
    #: What was agreed, in its order: since which day, of each product the grams and the floor price.
    agreed: list[tuple[date, dict[str, tuple[int, int]]]] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        return self.status in RUNNING

    def of(self, sku: str) -> list[Called]:
        return [call for call in self.calls.values() if call.sku == sku]

    def live(self, sku: str) -> int:
        """What is called of the promise and is still to come or was accepted."""
        return sum(call.of_promise_g for call in self.of(sku))

    def left(self, sku: str) -> int:
        return self.promises[sku].committed - self.promises[sku].on_paper - self.live(sku)

    def kept_by(self, sku: str, day: date) -> dict[date, int]:
        """What an amendment in force from a day on leaves: what fell due, and of later days what is called for them.

        What was missed is spread anew.
        """
        ahead = {call.schedule_day: call.grams if call.stands else 0 for call in self.of(sku) if call.schedule_day}
        kept = {
            on: 0 if (sku, on) in self.missed and on not in self.known(sku) else grams
            for on, grams in self.promises[sku].due.items()
            if on <= day
        }
        return kept | {on: grams for on, grams in ahead.items() if on > day}

    def kept_within(self, sku: str, day: date, grams: int) -> dict[date, int]:
        """The same where so much is promised here in all: days that nobody called give way, the youngest first."""
        kept = self.kept_by(sku, day)
        for on in sorted(kept, reverse=True):
            if on <= day and on not in self.known(sku):
                kept[on] -= min(kept[on], max(sum(kept.values()) - grams, 0))
        return kept

    def again(self, sku: str, grams: int, by_schedule: bool) -> int:
        """What of a new call was left open before: first of all, of one by the schedule only what is else not left."""
        owed = [call for call in self.of(sku) if call.is_owed]
        back = max(sum(call.open_g - call.again_g for call in owed), 0)
        fresh = self.left(sku) - back
        return max(min(grams, back, grams - fresh if by_schedule else grams), 0)

    def known(self, sku: str) -> set[date | None]:
        """Days of the schedule that were called."""
        return {call.schedule_day for call in self.of(sku)}

    def fell_due(self, sku: str, day: date) -> int:
        """What the schedule asked for up to a day: of days after the end what was called and stands."""
        last = date.max if self.runs or self.ended_on is None else self.ended_on
        stands = {call.schedule_day for call in self.of(sku) if call.stands}
        return sum(grams for on, grams in self.promises[sku].due.items() if on <= day and (on <= last or on in stands))

    def asked(self, sku: str, since: date | None = None) -> dict[date, int]:
        """What the schedule asks for from a day on and nobody called, as far as the promise reaches.

        With a day: of what had not ended on it.
        """
        left, asked = self.left(sku), {}
        for day, grams in self.uncalled(sku, since or date.max).items():
            if day >= (since or date.min) and left:
                asked[day] = min(grams, left)
                left -= asked[day]
        return asked

    def uncalled(self, sku: str, on: date = date.max) -> dict[date, int]:
        """The days of the schedule that nobody called nor missed, while the agreement runs or had not ended on a day.

        Which day that was, the books tell of the last end alone.
        """
        known, due = self.known(sku), sorted(self.promises[sku].due.items())
        waits = {on: grams for on, grams in due if grams and on not in known and (sku, on) not in self.missed}
        return waits if self.runs or (self.ended_on is not None and self.ended_on > on) else {}

    def price(self, sku: str, day: date) -> int:
        """Fen for a kilogram of 一级 on a day, by what is known now: the last quote of a week, or the floor."""
        line = self.promises[sku]
        if line.pricing.rule is PriceRule.FIXED:
            return line.floor_fen
        for back in range(8):
            for of, said in self.quotes.items():
                mine = of.source == line.pricing.source or not line.pricing.source
                if (of.sku, of.grade, of.day) == (sku, Grade.FIRST, day - timedelta(days=back)) and mine:
                    more = Fraction(line.pricing.margin_bp, 10_000)
                    return max(line.floor_fen, half_up(said[-1] * (1 + more)))
        return line.floor_fen

    def excused(self, side: Side, day: date | None) -> bool:
        """Whether the county recognised that the side could not help it on that day."""
        return any(
            one.status is MajeureStatus.RECOGNISED and one.side is side and day and one.first <= day <= one.last
            for one in self.notices
        )

    def failed(self, sku: str, side: Side, day: date) -> list[Part]:
        """The parts of a side's breach up to a day beyond what is tolerated, the oldest first."""
        line, parts = self.promises[sku], []
        calls = {known: call for known, call in self.calls.items() if call.sku == sku}
        not_wanted = [call for call in calls.values() if call.cancelled_by is Side.BUYER]
        if side is Side.FIRM:
            owed = {known: call for known, call in calls.items() if call.is_owed}
            again = sum(call.again_g for call in owed.values())
            for known, call in sorted(owed.items()):
                made_good = min(call.open_g, again)
                again -= made_good
                if call.due_on < day and not self.excused(side, call.due_on):
                    parts.append(Part(call.due_on, known, call.grams - call.got_g - made_good, call.under))
            return beyond(parts)
        for known, call in calls.items():
            on = call.schedule_day
            if call in not_wanted and on and on <= day and not self.excused(side, on):
                parts.append(Part(on, known, min(call.grams, call.under.least), call.under))
        refused, never_called = beyond(parts), list[Part]()
        if day >= self.last:
            known = self.known(sku) | {on for on in line.due if self.excused(side, on)}
            minimum = line.minimum - line.on_paper
            minimum -= sum(asked for on, asked in line.due.items() if self.excused(side, on))
            never = sum(asked for on, asked in line.due.items() if on not in known)
            beside = sum(call.grams - call.again_g for call in not_wanted if not call.schedule_day)
            taken = sum(call.grams - call.again_g for call in calls.values() if call.cancelled_by is not Side.BUYER)
            never_called = beyond([Part(self.last, 0, minimum - taken - max(never - beside, 0), line)])
        return max(refused, never_called, key=lambda said: sum(one.grams for one in said))

    def behind(self, sku: str, side: Side, day: date) -> int:
        """Grams that a side is behind with on a day, beyond what is tolerated."""
        return sum(one.grams for one in self.failed(sku, side, day))

    def penalties(self, sku: str, side: Side, day: date) -> list[tuple[Part, int]]:
        """The parts with the fen of each: rounded once for those by the same terms, so that they add up."""
        found: list[tuple[Part, int]] = []
        upto: dict[int, int] = {}
        for one in self.failed(sku, side, day):
            before = upto.get(id(one.under), 0)
            upto[id(one.under)] = before + one.grams
            fen = one.under.penalty(side, before + one.grams) - one.under.penalty(side, before)
            found.append((one, fen))
        return found

    def penalty(self, sku: str, side: Side, day: date) -> int:
        return sum(fen for _, fen in self.penalties(sku, side, day))

    def breaches(self, day: date) -> list[tuple[str, Side, int, int]]:
        """Each side's breach of each line."""
        found = [(sku, side, self.behind(sku, side, day)) for sku in self.promises for side in (Side.BUYER, Side.FIRM)]
        return [(sku, side, grams, self.penalty(sku, side, day)) for sku, side, grams in found if grams]

    def owed(self, side: Side, day: date) -> tuple[int, int]:
        """Grams and fen of a side's breach that may be proposed: what is not claimed and not under inspection."""
        claimed = [one.as_of for one in self.proposals if one.side is side and one.status is PenaltyStatus.CLAIMED]
        since = max(claimed, default=date.min)
        grams = fen = 0
        for sku in self.promises:
            for one, due in self.penalties(sku, side, day):
                waits = one.known and self.calls[one.known].order is OrderStatus.DISPATCHED
                if one.day < since or (side is Side.BUYER and one.day == since) or (side is Side.FIRM and waits):
                    continue
                grams += one.grams
                fen += due
        return grams, fen

    def propose(self, day: date) -> list[int]:
        """The numbers of what is proposed for a day, by side; what was proposed before and still holds is the same."""
        numbers = []
        for side in (Side.BUYER, Side.FIRM):
            grams, fen = self.owed(side, day)
            if not grams:
                continue
            asked = side, day, grams, fen
            same = [
                number
                for number, old in enumerate(self.proposals, 1)
                if (old.side, old.as_of, old.grams, old.fen) == asked
            ]
            if not same:
                self.proposals.append(Proposal(*asked))
            numbers += same or [len(self.proposals)]
        return numbers

    def taken(self, side: Side) -> list[Proposal]:
        return [one for one in self.proposals if one.side is side and one.status in TAKEN]

    @property
    def kept(self) -> bool:
        """Whether of each product what was promised was accepted, here or on paper, less the tolerance."""
        return all(
            line.on_paper + sum(call.got_g for call in self.of(sku)) >= line.committed - line.tolerated
            for sku, line in self.promises.items()
        )

    def end(self, status: AgreementStatus, day: date) -> None:
        self.status, self.ended_on, self.asked_by = status, day, None

    def reopen(self, day: date) -> None:
        assert self.ended_on is not None
        for sku, line in self.promises.items():
            passed = {on for on, grams in line.due.items() if grams and self.ended_on <= on <= day}
            self.missed |= {(sku, on) for on in passed - self.known(sku)}
        self.status = AgreementStatus.EXECUTING

    def agree(self, day: date) -> None:
        """Both have signed the promises on that day."""
        self.agreed.append((day, {sku: (line.committed, line.floor_fen) for sku, line in self.promises.items()}))

    def signed(self, sku: str, day: date) -> tuple[int, int]:
        """Grams and floor price by what both had signed last on a day, else by the first."""
        return next((said[sku] for since, said in reversed(self.agreed) if since <= day), self.agreed[0][1][sku])

    def figures(self, sku: str, day: date) -> dict[str, int]:
        """The report of a line on a day; what it says of stock is not known here."""
        line, calls = self.promises[sku], [call for call in self.of(sku) if call.stands]
        fell = [call for call in calls if call.due_on <= day]
        accepted, due = sum(call.got_g for call in fell), self.fell_due(sku, day)
        owed = [(call.owed_fen - call.paid_fen, call.invoice_due) for call in calls if call.order in ACCEPTED]
        ahead = [(call.of_promise_g, call.fen_per_kg) for call in calls if call.due_on > day]
        asked = {on: grams for on, grams in self.asked(sku, day).items() if on > day}
        ahead += [(grams, line.floor_fen) for on, grams in asked.items() if on <= self.comes_until[sku]]
        behind = {side: self.behind(sku, side, day) for side in (Side.FIRM, Side.BUYER)}
        return {
            "signed_g": self.signed(sku, day)[0],
            "signed_fen": worth(*self.signed(sku, day)),
            "due_g": due,
            "called_g": sum(call.grams for call in fell),
            "dispatched_g": sum(call.sent_g for call in fell),
            "accepted_g": accepted,
            "refused_g": sum(call.sent_g - call.got_g for call in fell if call.order in ACCEPTED),
            "executed_fen": sum(call.owed_fen for call in fell),
            "shortfall_g": max(due - accepted, 0),
            "firm_short_g": behind[Side.FIRM],
            "firm_penalty_fen": self.penalty(sku, Side.FIRM, day),
            "buyer_short_g": behind[Side.BUYER],
            "buyer_penalty_fen": self.penalty(sku, Side.BUYER, day),
            "receivable_fen": sum(fen for fen, _ in owed),
            "overdue_fen": sum(fen for fen, invoice_due in owed if invoice_due and invoice_due < day),
            "forecast_g": sum(grams for grams, _ in ahead),
            "forecast_fen": sum(worth(grams, fen) for grams, fen in ahead),
            "out_of_season_g": sum(grams for on, grams in asked.items() if on > self.comes_until[sku]),
        }
