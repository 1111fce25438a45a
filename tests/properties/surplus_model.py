"""What a walk of members and surplus plans must come to, in plain integers by the rules of docs/income.md alone.

A co-operative of a few records; money in fen, rates in basis points. A refusal is told by its error; what is refused
changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TypeAlias

from shop.farmers import errors as farmers
from shop.income import errors
from shop.kit.errors import DomainError, MoveRefusedError
from tests.properties.income_model import Model

Refusal: TypeAlias = type[DomainError] | None
#: Of a plan: who is counted, with which account, and whether reserve is credited to it.
Counted: TypeAlias = dict[int, tuple[int, bool]]

OPEN, DECIDED = {"open", "approved", "booked"}, {"booked"}


@dataclass(frozen=True)
class Spell:
    """From which to which day a record was of the co-operative (None: since ever, still), and its capital shares."""

    joined: date | None
    left: date | None
    units: int

    def within(self, first: date, last: date) -> bool:
        return (self.joined or date.min) <= last and (self.left or date.max) >= first


@dataclass(frozen=True)
class Terms:
    """What a meeting decides on: fen, basis points."""

    surplus: int
    loss: int
    reserve_bp: int
    return_bp: int
    value: int
    aid: int

    def pools(self) -> tuple[int, int, int]:
        """Reserve, what is shared by transactions, what by accounts."""
        left = max(self.surplus - self.loss, 0)
        reserve = -(-left * self.reserve_bp // 10_000)
        traded = -(-(left - reserve) * self.return_bp // 10_000)
        return reserve, traded, left - reserve - traded


@dataclass
class Plan:
    """A plan that was laid open: fen delivered by each member, and its part (by trade, by account, of the reserve)."""

    year: int
    terms: Terms
    laid_open: date
    delivered: dict[int, int]
    accounts: dict[int, int]
    parts: dict[int, tuple[int, int, int]]
    status: str = "open"
    booked_on: date = date.min

    @property
    def counted(self) -> Counted:
        return {who: (self.accounts[who], part[2] > 0) for who, part in self.parts.items()}


def shared(pool: int, weights: Sequence[int]) -> list[int]:
    """A pool by weights: whole fen down, then one each to the largest remainders, the earlier first."""
    whole = sum(weights)
    if not pool or not whole:
        return [0] * len(weights)
    parts = [pool * weight // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda place: (-(pool * weights[place] % whole), place))
    for place in by_rest[: pool - sum(parts)]:
        parts[place] += 1
    return parts


@dataclass
class Cooperative(Model):
    """Its members and plans; `slips`: who, day, fen as it stands. Records are numbers in the order of their codes."""

    today: date = date.min
    spells: dict[int, list[Spell]] = field(default_factory=dict)
    slips: list[tuple[int, date, int]] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)

    # -- members -------------------------------------------------------------------------------------------------------

    def is_member(self, who: int, day: date) -> bool:
        return any(spell.within(day, day) for spell in self.spells[who])

    def joins(self, who: int, day: date, units: int) -> Refusal:
        spells = self.spells[who]
        if day > self.today:
            return farmers.TooEarly
        if spells and spells[-1].left is None:
            return farmers.AlreadyRelated
        if spells and day <= (spells[-1].left or date.max):
            return farmers.TooEarly
        return self._becomes(who, [*spells, Spell(day, None, units)], DECIDED)

    def leaves(self, who: int, day: date) -> Refusal:
        spells = self.spells[who]
        if day > self.today:
            return farmers.TooEarly
        if not spells or spells[-1].left is not None:
            return farmers.NotOfThisFirm
        if day < (spells[-1].joined or date.min):
            return farmers.TooEarly
        if any(of == who and fen and delivered > day for of, delivered, fen in self.slips):
            return farmers.DeliveredAfterwards
        return self._becomes(who, [*spells[:-1], replace(spells[-1], left=day)], DECIDED)

    def never_left(self, who: int) -> Refusal:
        """The last departure is void, and with it whatever joining came after it."""
        left = [place for place, spell in enumerate(self.spells[who]) if spell.left is not None]
        if not left:
            return farmers.NoDeparture
        spells = self.spells[who][: left[-1] + 1]
        return self._becomes(who, [*spells[:-1], replace(spells[-1], left=None)], OPEN)

    def never_joined(self, who: int) -> Refusal:
        spells = self.spells[who]
        if not spells or spells[-1].joined is None:
            return farmers.NoJoining
        if spells[-1].left is not None:
            return farmers.LeftSince
        return self._becomes(who, spells[:-1], OPEN)

    def joined_otherwise(self, who: int, day: date | None, units: int | None) -> Refusal:
        spells = self.spells[who]
        if not spells:
            return farmers.NotOfThisFirm
        last = spells[-1]
        if last.left is not None:
            return farmers.LeftSince
        right = Spell(last.joined if day is None else day, None, last.units if units is None else units)
        if right == last:
            return farmers.JoiningStands
        if day is not None and (day > self.today or (len(spells) > 1 and day <= (spells[-2].left or date.max))):
            return farmers.TooEarly
        return self._becomes(who, [*spells[:-1], right], OPEN)

    def _becomes(self, who: int, spells: list[Spell], held_by: Collection[str]) -> Refusal:
        """The record's time in the co-operative is otherwise, if nothing stands on what it was."""
        before, kept = {id(plan): self.now_counted(plan).get(who) for plan in self.plans}, self.spells[who]
        self.spells[who] = spells
        refused: Refusal = None
        if any(of == who and fen and not self.is_member(who, day) for of, day, fen in self.slips):
            refused = errors.MembershipUsed
        elif any(
            plan.status in held_by and plan.parts and as_told(plan, who, before[id(plan)])
            and self.now_counted(plan).get(who) != before[id(plan)]
            for plan in self.plans
        ):  # fmt: skip
            refused = errors.MembershipCounted
        if refused is not None:
            self.spells[who] = kept
        return refused

    # -- plans ---------------------------------------------------------------------------------------------------------

    def account(self, who: int, year: int, value: int) -> int | None:
        """Shares and credited reserves of the last day of a year, without aid; None = it has no account then."""
        last = date(year, 12, 31)
        there = [spell for spell in self.spells[who] if spell.within(last, last)]
        if not there:
            return None
        if not value:
            return there[0].units
        since = there[0].joined.year if there[0].joined else 0
        credited = sum(
            plan.parts[who][2] for plan in self.plans
            if plan.status == "booked" and since <= plan.year < year and who in plan.parts
        )  # fmt: skip
        return there[0].units * value + credited

    def counts(self, year: int, terms: Terms) -> tuple[list[int], list[int], list[bool]]:
        """Members of a year in their order, their accounts, and who stays until its last day."""
        members = [
            who for who in sorted(self.spells)
            if any(spell.within(date(year, 1, 1), date(year, 12, 31)) for spell in self.spells[who])
        ]  # fmt: skip
        found = [self.account(who, year, terms.value) for who in members]
        there = [who for who, account in zip(members, found, strict=True) if account is not None]
        # An equal part of the aid for a family: to the record the others count for if it stays, else to the first.
        takes = {
            self.head(who) if self.head(who) in there else min(of for of in there if self.head(of) == self.head(who))
            for who in there
        }  # fmt: skip
        aid = shared(terms.aid if terms.value else 0, [int(who in takes) for who in members])
        accounts = [(account or 0) + part for account, part in zip(found, aid, strict=True)]
        return members, accounts, [account is not None for account in found]

    def shares(self, year: int, terms: Terms, delivered: dict[int, int]) -> dict[int, tuple[int, int, int, int]]:
        """Of each member its account, and its parts by trade, by account and of the reserve."""
        members, accounts, stays = self.counts(year, terms)
        reserve, by_trade, by_account = terms.pools()
        traded = [delivered.get(who, 0) for who in members]
        weights = traded if any(traded) else accounts
        staying = [[fen * there for fen, there in zip(of, stays, strict=True)] for of in (weights, accounts)]
        credits = next((of for of in (*staying, [int(there) for there in stays]) if any(of)), weights)
        parts = zip(
            accounts, shared(by_trade, weights), shared(by_account, accounts if any(accounts) else traded),
            shared(reserve, credits), strict=True,
        )  # fmt: skip
        return dict(zip(members, parts, strict=True))

    def now_counted(self, plan: Plan) -> Counted:
        """As the plan would count members now, at the deliveries that it was laid open with."""
        if not plan.parts:
            return {}
        shares = self.shares(plan.year, plan.terms, plan.delivered)
        return {who: (account, credit > 0) for who, (account, _, _, credit) in shares.items()}

    def later_booked(self, year: int, terms: Terms) -> bool:
        """Whether a later year was shared by accounts that the reserve of this one would change."""
        return bool(terms.pools()[0]) and any(
            plan.year > year and plan.status == "booked" and plan.terms.value for plan in self.plans
        )

    def lays_open(self, year: int, terms: Terms) -> Refusal:
        if terms.return_bp < 6_000:
            return errors.SurplusBelowFloor
        if any(plan.year == year and plan.status in OPEN for plan in self.plans):
            return errors.PlanExists
        if self.later_booked(year, terms):
            return errors.LaterPlanStands
        delivered = dict.fromkeys(self.spells, 0)
        for who, day, fen in self.slips:
            if day.year == year:
                delivered[who] += fen
        shares = self.shares(year, terms, delivered)
        pools = terms.pools()
        if any(pools) and not any(delivered[who] for who in shares):
            return errors.NoTransactions
        told = shares if any(pools) else {}
        self.plans.append(
            Plan(
                year, terms, self.today, delivered, {who: share[0] for who, share in told.items()},
                {who: share[1:] for who, share in told.items()},
            )
        )  # fmt: skip
        return None

    def approves(self, plan: Plan) -> Refusal:
        if plan.status != "open":
            return MoveRefusedError
        if self.today < plan.laid_open + timedelta(15):
            return errors.TooEarlyToApprove
        return self._decides(plan, "approved")

    def books(self, plan: Plan) -> Refusal:
        if plan.status != "approved":
            return MoveRefusedError
        refused = self._decides(plan, "booked")
        if refused is None:
            plan.booked_on = self.today
            self._pays(plan, 1)
        return refused

    def _decides(self, plan: Plan, status: str) -> Refusal:
        if self.later_booked(plan.year, plan.terms):
            return errors.LaterPlanStands
        if self.now_counted(plan) != plan.counted:
            return errors.PlanOutdated
        plan.status = status
        return None

    def withdraws(self, plan: Plan) -> Refusal:
        if plan.status not in ("open", "approved"):
            return MoveRefusedError
        plan.status = "withdrawn"
        return None

    def reverses(self, plan: Plan) -> Refusal:
        if plan.status != "booked":
            return MoveRefusedError
        if any(other.year > plan.year and other.status in OPEN for other in self.plans):
            return errors.LaterPlanStands
        plan.status = "reversed"
        self._pays(plan, -1)
        return None

    def _pays(self, plan: Plan, sign: int) -> None:
        for who, (by_trade, by_account, _) in plan.parts.items():
            self.gross[who, self.month(plan.booked_on), "patronage"] += sign * by_trade
            self.gross[who, self.month(plan.booked_on), "dividend"] += sign * by_account

    def reserve(self) -> int:
        """What is set aside of all plans that stand."""
        return sum(plan.terms.pools()[0] for plan in self.plans if plan.status == "booked")


def as_told(plan: Plan, who: int, now: tuple[int, bool] | None) -> bool:
    """Whether a plan counts a record as it was laid open; equal parts of aid, which any merging moves, left aside."""
    told = plan.counted.get(who)
    if told is None or now is None:
        return told is now
    return told[1] == now[1] and (told[0] == now[0] or (plan.terms.aid > 0))
