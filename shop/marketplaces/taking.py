"""Taking what a shop tells: all or nothing, each fact once.

New lines take their stock and become orders here, by one statement at the end, so that a shortage is told while the
file can still be refused and no pool of stock stays locked while a file is worked through. What follows (paying,
dispatching, accepting, refunding) is done line by line by a job.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.access.actions import ensure_party
from shop.access.models import PartyKind
from shop.catalog.reference import Catalog
from shop.channels.models import Partner
from shop.channels.reference import Selling
from shop.kit.clock import beijing_day
from shop.kit.errors import DomainError
from shop.kit.money import kilograms, yuan
from shop.kit.outbox import ask_again
from shop.ledger.actions import account, post
from shop.ledger.models import AccountKind as A
from shop.marketplaces.facts import PaidOut, Problem, RefundedLine, SoldLine, Told
from shop.marketplaces.jobs import FOLLOW
from shop.marketplaces.models import (
    FactKind,
    Marketplace,
    MarketplaceImport,
    MarketplaceItem,
    MarketplaceOrder,
    MarketplacePayout,
    MarketplaceRefund,
)
from shop.orders.place import supply_for
from shop.orders.sold import Sold, SoldOrder, check_sold, place_sold, policy_of_seller, seller
from shop.stock.errors import NotEnoughStock
from shop.stock.queries import left

Key = tuple[str, str]
F = TypeVar("F", RefundedLine, PaidOut)


@dataclass(frozen=True)
class Taken:
    """What a file brought: facts in it, `new` ones, known ones that `changed`, rows passed over, or its problems."""

    facts: int
    new: int
    changed: int
    passed_over: int
    problems: tuple[Problem, ...]


def take(
    session: Session, shop: Marketplace, told: Told, *, goods: Catalog, selling: Selling, actor_id: int | None,
    now: datetime,
) -> Taken:  # fmt: skip
    """Keep the facts of `told` and take the stock of new lines. With any problem the caller undoes everything.

    The caller holds the shop's lock. Locks the lines told of before, then the pools of what was sold, by rising id.
    """
    taking = _Taking(session, shop, goods, selling, actor_id, now)
    taking.problems.extend(told.problems)
    match told.kind:
        case FactKind.ORDERS:
            taking.orders([fact for fact in told.facts if isinstance(fact, SoldLine)])
        case FactKind.REFUNDS:
            taking.refunds([fact for fact in told.facts if isinstance(fact, RefundedLine)])
        case FactKind.PAYOUTS:
            taking.payouts([fact for fact in told.facts if isinstance(fact, PaidOut)])
    problems = tuple(sorted(taking.problems))
    return Taken(len(told.facts), taking.new, taking.changed, told.passed_over, problems)


class _Tried(Exception):
    """Carries what was found out of the savepoint that it undoes."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken


def only_try(
    session: Session, shop: Marketplace, told: Told, *, goods: Catalog, selling: Selling, actor_id: int | None,
    now: datetime,
) -> Taken:  # fmt: skip
    """What `take` would do, by doing it and undoing all of it."""
    try:
        with session.begin_nested():
            raise _Tried(take(session, shop, told, goods=goods, selling=selling, actor_id=actor_id, now=now))
    except _Tried as tried:
        return tried.taken


def bring(
    session: Session, shop: Marketplace, told: Told, source: str, *, dry_run: bool = False, data: bytes = b"",
    goods: Catalog, selling: Selling, actor_id: int | None, now: datetime,
) -> Taken:  # fmt: skip
    """Take what a connector told, whichever it was: all or nothing; and remember from where it came.

    `source`: name of the file, or address of the shop; `data`: the file. The caller holds the shop's lock, and undoes
    everything when there are problems.
    """
    taken = (only_try if dry_run else take)(
        session, shop, told, goods=goods, selling=selling, actor_id=actor_id, now=now
    )
    if not taken.problems and not dry_run:
        session.add(
            MarketplaceImport(
                marketplace_id=shop.id, kind=told.kind, file=source[:120],
                sha256=hashlib.sha256(data or repr(told.facts).encode()).digest(), rows=taken.facts, new=taken.new,
                changed=taken.changed, imported_at=now, person_id=actor_id,
            )
        )  # fmt: skip
        session.flush()
    return taken


class _Taking:
    """One file being taken: counts what is new and gathers problems."""

    def __init__(
        self, session: Session, shop: Marketplace, goods: Catalog, selling: Selling, actor_id: int | None, now: datetime
    ) -> None:
        self._session, self._shop, self._goods, self._selling = session, shop, goods, selling
        self._actor_id, self._now = actor_id, now
        self.new = self.changed = 0
        self.problems: list[Problem] = []

    # Orders

    def orders(self, facts: Sequence[SoldLine]) -> None:
        """Lines that are new take their stock together, after everything else was looked at."""
        known = self._known_lines([(fact.number, fact.line) for fact in facts])
        items = self._items({fact.sku for fact in facts})
        fresh: list[tuple[MarketplaceOrder, SoldLine]] = []
        for fact in self._merged(facts):
            sold = self._sold(fact, items)
            if sold is None:
                continue
            row = known.get((fact.number, fact.line))
            if row is None:
                fresh.append((self._new_line(fact, *sold), fact))
            else:
                self._known_line(row, fact, *sold)
        self._place([(row, fact) for row, fact in fresh if row.followed_at is None])
        if self.problems:
            return
        rows = [row for row, _ in fresh]
        self._session.add_all(rows)
        self._session.flush()
        self._ask_to_follow([*known.values(), *rows])

    def _merged(self, facts: Sequence[SoldLine]) -> list[SoldLine]:
        """Each line once: rows of one file that speak of the same line are one, as far as it has come."""
        found: dict[Key, SoldLine] = {}
        for fact in facts:
            key = (fact.number, fact.line)
            before = found.setdefault(key, fact)
            if (before.sku, before.quantity, before.amount_fen) != (fact.sku, fact.quantity, fact.amount_fen):
                zh, en = (
                    f"与第 {before.at.line} 行同一订单行而内容不同",
                    f"differs from line {before.at.line} of the same order line",
                )
                self.problems.append(fact.at.problem("line", zh, en))
                continue
            found[key] = replace(
                before,
                shipped_at=_earlier(before.shipped_at, fact.shipped_at),
                received_at=_earlier(before.received_at, fact.received_at),
                cancelled_at=_earlier(before.cancelled_at, fact.cancelled_at),
            )
        return list(found.values())

    def _known_lines(self, keys: Sequence[Key]) -> dict[Key, MarketplaceOrder]:
        """Lines told of before, locked, by number and line."""
        rows = self._session.scalars(
            select(MarketplaceOrder)
            .where(
                MarketplaceOrder.marketplace_id == self._shop.id,
                tuple_(MarketplaceOrder.number, MarketplaceOrder.line).in_(keys),
            )
            .order_by(MarketplaceOrder.id)
            .with_for_update()
        )
        return {(row.number, row.line): row for row in rows}

    def _items(self, skus: set[str]) -> dict[str, tuple[int, int]]:
        """(product id, packs) by shop SKU: as mapped, else our own SKU."""
        mapped = self._session.execute(
            select(MarketplaceItem.sku, MarketplaceItem.product_id, MarketplaceItem.packs).where(
                MarketplaceItem.marketplace_id == self._shop.id, MarketplaceItem.sku.in_(skus)
            )
        )
        own = {sku: (self._goods.by_sku[sku].product_id, 1) for sku in skus if sku in self._goods.by_sku}
        return own | {sku: (product_id, packs) for sku, product_id, packs in mapped}

    def _sold(self, fact: SoldLine, items: dict[str, tuple[int, int]]) -> tuple[int, int] | None:
        """(product id, packs) of a line; None, and a problem, for a SKU that nobody knows."""
        found = items.get(fact.sku)
        if found is None:
            zh = f"店铺货号“{fact.sku}”没有对应的商品，请先做货号对照"
            self.problems.append(
                fact.at.problem("sku", zh, f"shop SKU {fact.sku!r} stands for no product; map it first")
            )
            return None
        return found[0], found[1] * fact.quantity

    def _new_line(self, fact: SoldLine, product_id: int, packs: int) -> MarketplaceOrder:
        self.new += 1
        row = MarketplaceOrder(
            marketplace_id=self._shop.id, number=fact.number, line=fact.line, sku=fact.sku, product_id=product_id,
            packs=packs, amount_fen=fact.amount_fen, sold_at=fact.sold_at, told_at=self._now,
        )  # fmt: skip
        self._come_further(row, fact)
        if row.cancelled_at is not None and row.shipped_at is None:
            row.followed_at = self._now  # it never was ours to deliver
        return row

    def _place(self, fresh: Sequence[tuple[MarketplaceOrder, SoldLine]]) -> None:
        """Make orders of new lines, all or none; a problem for each line that cannot be one.

        In a file with problems nothing is placed, but what is short is named with the rest.
        """
        if not fresh:
            return
        partner = seller(self._selling, self._shop.partner_id)
        policy = policy_of_seller(partner.kind)
        sales: list[tuple[MarketplaceOrder, SoldLine, SoldOrder]] = []
        for row, fact in fresh:
            sale = Sold(self._goods.by_id[row.product_id].sku, row.packs, row.amount_fen, row.sold_at)
            try:
                sales.append((row, fact, check_sold(sale, policy, goods=self._goods, selling=self._selling)))
            except DomainError as refused:
                self.problems.append(fact.at.problem("sku", refused.sentence("zh"), refused.sentence("en")))
        if self.problems:
            self._name_short(sales)
            return
        # Who bought is not ours to know: the buyers of a shop are one party.
        buyers = ensure_party(self._session, PartyKind.CUSTOMER, f"MB{self._shop.id}", f"{partner.name_zh}买家")
        try:
            order_ids = place_sold(
                self._session, partner, [sale for _, _, sale in sales], buyer_party_id=buyers, selling=self._selling,
                actor_id=self._actor_id, now=self._now,
            )  # fmt: skip
        except NotEnoughStock:
            self._name_short(sales)
            if not self.problems:
                raise  # it came back in the moment between
            return
        for (row, _, _), order_id in zip(sales, order_ids, strict=True):
            row.order_id = order_id

    def _name_short(self, sales: Sequence[tuple[MarketplaceOrder, SoldLine, SoldOrder]]) -> None:
        """The lines, in the order of the file, for which nothing is left once those before them are served."""
        supply = supply_for(policy_of_seller(self._shop.partner_kind), None)
        free_g = left(self._session, {sale.line.product_id for _, _, sale in sales}, supply, now=self._now)
        for _, fact, sale in sales:
            product_id, wanted_g = sale.line.product_id, sale.line.weight_g
            if wanted_g <= free_g[product_id]:
                free_g[product_id] -= wanted_g
                continue
            wanted, free = kilograms(wanted_g), kilograms(free_g[product_id])
            zh = f"库存不足：{sale.line.sku} 需 {wanted} 公斤，还剩 {free} 公斤"
            en = f"not enough stock: {sale.line.sku} needs {wanted} kg, {free} kg are left"
            self.problems.append(fact.at.problem("sku", zh, en))

    def _known_line(self, row: MarketplaceOrder, fact: SoldLine, product_id: int, packs: int) -> None:
        """What was told before must be told again as it was; only how far it has come may differ."""
        if row.order_id is None:
            return  # cancelled before it was ours
        told = (row.sku, row.product_id, row.packs, row.amount_fen)
        if told != (fact.sku, product_id, packs, fact.amount_fen):
            paid = yuan(row.amount_fen)
            zh = f"与先前导入的同一订单行不同（货号 {row.sku}，{row.packs} 件，{paid} 元）"
            en = f"differs from what was told of this line before ({row.sku}, {row.packs} packs, {paid} yuan)"
            self.problems.append(fact.at.problem("line", zh, en))
            return
        if self._come_further(row, fact):
            self.changed += 1
            row.followed_at, row.told_at = None, self._now

    def _come_further(self, row: MarketplaceOrder, fact: SoldLine) -> bool:
        """Add what the row does not know yet; of two times for one step the earlier one stays. True if it is new."""
        before = (row.shipped_at, row.received_at, row.cancelled_at)
        row.shipped_at = _earlier(row.shipped_at, fact.shipped_at)
        row.received_at = _earlier(row.received_at, fact.received_at)
        row.cancelled_at = _earlier(row.cancelled_at, fact.cancelled_at)
        if row.received_at is not None and row.shipped_at is None:
            row.shipped_at = row.received_at
        if row.received_at is not None:
            row.due_on = beijing_day(row.received_at) + timedelta(days=self._shop.settle_days)
        return (row.shipped_at, row.received_at, row.cancelled_at) != before

    def _ask_to_follow(self, rows: Iterable[MarketplaceOrder]) -> None:
        behind = [row.id for row in rows if row.id is not None and row.followed_at is None]
        ask_again(self._session, FOLLOW, behind, now=self._now)

    # Refunds

    def refunds(self, facts: Sequence[RefundedLine]) -> None:
        """Refunds are kept whether or not their order is known; a line that has one is followed again."""
        told = ("number", "line", "amount_fen")
        of_shop = select(MarketplaceRefund).where(MarketplaceRefund.marketplace_id == self._shop.id)
        before = of_shop.where(MarketplaceRefund.reference.in_([fact.reference for fact in facts]))
        known = {row.reference: tuple(getattr(row, name) for name in told) for row in self._session.scalars(before)}
        rows = [
            {
                "marketplace_id": self._shop.id, "reference": fact.reference, "number": fact.number, "line": fact.line,
                "amount_fen": fact.amount_fen, "refunded_at": fact.refunded_at, "told_at": self._now,
            }
            for fact in self._fresh(facts, known, told)
        ]  # fmt: skip
        if not rows:
            return
        self._session.execute(insert(MarketplaceRefund), rows)
        lines = self._known_lines([(str(row["number"]), str(row["line"])) for row in rows])
        for line in lines.values():
            line.followed_at = None
        self._session.flush()
        self._ask_to_follow(lines.values())

    # Payouts

    def payouts(self, facts: Sequence[PaidOut]) -> None:
        """Money that arrived is booked at once: it is ours whatever it was for."""
        told = ("number", "line", "received_fen", "fee_fen")
        of_shop = select(MarketplacePayout).where(MarketplacePayout.marketplace_id == self._shop.id)
        before = of_shop.where(MarketplacePayout.reference.in_([fact.reference for fact in facts]))
        known = {row.reference: tuple(getattr(row, name) for name in told) for row in self._session.scalars(before)}
        fresh = self._fresh(facts, known, told)
        if not fresh:
            return
        partner = self._session.get_one(Partner, self._shop.partner_id)
        clearing, owed = account(self._session, A.CLEARING), account(self._session, A.MARKETPLACE, partner.party_id)
        for fact in fresh:
            row = MarketplacePayout(
                marketplace_id=self._shop.id, reference=fact.reference, number=fact.number, line=fact.line,
                received_fen=fact.received_fen, fee_fen=fact.fee_fen, paid_on=fact.paid_on, told_at=self._now,
            )  # fmt: skip
            self._session.add(row)
            self._session.flush()
            if row.received_fen:
                legs = [(clearing, row.received_fen), (owed, -row.received_fen)]
                post(self._session, "marketplace_payouts", row.id, "payout", legs, booked_at=self._now)

    def _fresh(self, facts: Sequence[F], known: dict[str, tuple[object, ...]], told: Sequence[str]) -> list[F]:
        """Facts whose reference is new; a problem for a known one whose `told` fields differ."""
        fresh: list[F] = []
        for fact in facts:
            content = tuple(getattr(fact, name) for name in told)
            if fact.reference not in known:
                known[fact.reference] = content
                fresh.append(fact)
            elif known[fact.reference] != content:
                zh = f"流水号 {fact.reference} 先前内容不同"
                self.problems.append(
                    fact.at.problem("reference", zh, f"reference {fact.reference} was told differently before")
                )
        self.new += len(fresh)
        return fresh


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other
