"""The catalogue kept in the process: what a price, a page or an order needs of a product, without a statement."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from shop.catalog.admission import Need, needs_by_firm
from shop.catalog.models import (
    BATCH_PAPERS,
    Category,
    Certificate,
    Firm,
    FirmKind,
    FirmStatus,
    PaperKind,
    PriceTier,
    Product,
    ProductPicture,
    ProductStatus,
    RequiredPaper,
)
from shop.catalog.season import in_harvest, sellable
from shop.kit.clock import beijing_day
from shop.kit.money import per_jin, per_kg
from shop.kit.reference import Kept
from shop.places.models import Township, Village

PAPER_ZH = {
    PaperKind.CONFORMITY_CERTIFICATE: "承诺达标合格证",
    PaperKind.QUARANTINE_CERTIFICATE: "检疫合格证明",
    PaperKind.FOOD_PRODUCTION_LICENCE: "食品生产许可证",
    PaperKind.WORKSHOP_LICENCE: "小作坊许可证",
    PaperKind.GI_MARK: "地理标志",
}


#: A price list: (packs from which on, fen for a pack), rising.
Rungs = tuple[tuple[int, int], ...]


def reached(rungs: Rungs, packs: int) -> int | None:
    """Fen for a pack when `packs` are bought: the deepest rung reached. None below the first."""
    return next((fen for least, fen in reversed(rungs) if least <= packs), None)


@dataclass(frozen=True)
class Tier:
    """Price in fen per pack from `min_quantity` on, valid in `valid_from <= day < valid_until`.

    `special`: a list for certain days, which holds over the ordinary one.
    """

    valid_from: date
    valid_until: date | None
    min_quantity: int
    price_fen: int
    special: bool = False

    def holds(self, day: date) -> bool:
        """Whether the tier is valid on `day`."""
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)


@dataclass(frozen=True)
class Paper:
    """A certificate as registered, with the facts of its verification."""

    kind: PaperKind
    number: str
    issued_on: date
    expires_on: date
    verified_at: datetime | None
    revoked_at: datetime | None = None

    def held(self, day: date) -> bool:
        """Valid on `day`, verified by its end and not revoked: only then it is shown, only then it opens the sale.

        From the day on which it is revoked it is held no more, so a sale stops at once.
        """
        verified = self.verified_at is not None and beijing_day(self.verified_at) <= day
        revoked = self.revoked_at is not None and beijing_day(self.revoked_at) <= day
        return verified and not revoked and self.issued_on <= day <= self.expires_on

    def held_at(self, moment: datetime) -> bool:
        """Whether it was held at that very moment: what an order relied on that was placed then."""
        verified = self.verified_at is not None and self.verified_at <= moment
        revoked = self.revoked_at is not None and self.revoked_at <= moment
        return verified and not revoked and self.issued_on <= beijing_day(moment) <= self.expires_on


@dataclass(frozen=True)
class Picture:
    """A picture by the hash of its bytes, and its size on a page in points."""

    product_id: int
    name: str
    width: int
    height: int

    @property
    def page(self) -> str:
        """Where the picture of a page is."""
        return f"/pictures/{self.name}.jpg"

    @property
    def thumb(self) -> str:
        """Where the small square of a list is."""
        return f"/pictures/{self.name}.s.jpg"


@dataclass(frozen=True)
class CatalogFirm:
    """A firm as everybody may see it, and the party it is."""

    firm_id: int
    code: str
    party_id: int
    name_zh: str
    kind: FirmKind
    status: FirmStatus
    township_zh: str
    village_zh: str

    def card(self) -> dict[str, object]:
        """What everybody may see of it."""
        return {
            "code": self.code,
            "name_zh": self.name_zh,
            "kind": self.kind.value,
            "status": self.status.value,
            "township_zh": self.township_zh,
            "village_zh": self.village_zh,
        }


def _within(first: date | None, last: date | None, day: date) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


@dataclass(frozen=True)
class CatalogProduct:
    """A product with its firm, prices and papers."""

    product_id: int
    sku: str
    firm_id: int
    firm_code: str
    firm_name_zh: str
    firm_party_id: int
    township_id: int
    name_zh: str
    name_en: str
    category: Category
    spec_zh: str
    net_weight_g: int
    unit_zh: str
    origin_zh: str
    harvest_start_month: int
    harvest_end_month: int
    shelf_life_days: int
    storage_zh: str
    is_fresh: bool
    is_food: bool
    status: ProductStatus
    for_sale: bool
    tiers: tuple[Tier, ...]
    required: frozenset[PaperKind]
    papers: tuple[Paper, ...]
    published_from: date | None = None
    published_until: date | None = None
    orders_from: date | None = None
    orders_until: date | None = None
    pictures: tuple[Picture, ...] = ()
    needs: tuple[Need, ...] = ()
    video_url: str | None = None

    def published(self, day: date) -> bool:
        """On sale, on a day on which its firm shows it, and nothing that all channels need is missing."""
        shown = self.for_sale and not self.missing_items(None, day)
        return shown and _within(self.published_from, self.published_until, day)

    def missing_items(self, channel: str | None, day: date) -> list[str]:
        """Names of what its firm lacks to sell on `day` in a channel; None: in any."""
        return list(dict.fromkeys(need.name_zh for need in self.needs if need.missing(channel, day)))

    def takes_orders(self, day: date) -> bool:
        """Whether its firm takes orders on `day`, whatever the harvest."""
        return _within(self.orders_from, self.orders_until, day)

    def tiers_on(self, day: date) -> tuple[Tier, ...]:
        """The price list of `day`, by rising quantity: a special list if one holds, else the youngest ordinary one.

        Empty when there is none.
        """
        holding = [tier for tier in self.tiers if tier.holds(day)]
        if not holding:
            return ()
        list_of_day = max((tier.special, tier.valid_from) for tier in holding)
        return tuple(tier for tier in holding if (tier.special, tier.valid_from) == list_of_day)

    def rungs_on(self, day: date) -> Rungs:
        """The tiers of `day` as rungs."""
        return tuple((tier.min_quantity, tier.price_fen) for tier in self.tiers_on(day))

    def price_for(self, quantity: int, day: date) -> int | None:
        """Fen per pack when `quantity` packs are bought on `day`. None without a price."""
        return reached(self.rungs_on(day), quantity)

    def in_season(self, day: date) -> bool:
        """Whether `day` lies in the harvest window."""
        return in_harvest(self.harvest_start_month, self.harvest_end_month, day)

    def sellable_on(self, day: date) -> bool:
        """Fresh produce only within harvest and shelf life; made goods at any time."""
        return not self.is_fresh or sellable(
            self.harvest_start_month, self.harvest_end_month, self.shelf_life_days, day
        )

    def missing_paper(self, day: date) -> PaperKind | None:
        """The first required licence that is not held on `day`. Batch papers are checked when a lot is opened."""
        held = {paper.kind for paper in self.papers if paper.held(day)}
        missing = sorted(self.required - BATCH_PAPERS - held)
        return missing[0] if missing else None

    def _priced(self, tier: Tier) -> dict[str, int]:
        return {
            "min_quantity": tier.min_quantity,
            "price_fen": tier.price_fen,
            "price_per_jin_fen": per_jin(tier.price_fen, self.net_weight_g),
            "price_per_kg_fen": per_kg(tier.price_fen, self.net_weight_g),
        }

    def card(self, day: date) -> dict[str, object]:
        """What everybody may see of it on `day`: each price with its unit, and only marks that are held on that day."""
        tiers = [self._priced(tier) for tier in self.tiers_on(day)]
        base = tiers[0] if tiers else {"price_fen": None, "price_per_jin_fen": None, "price_per_kg_fen": None}
        return {
            "sku": self.sku,
            "name_zh": self.name_zh,
            "name_en": self.name_en,
            "category": self.category.value,
            "firm": self.firm_code,
            "firm_name_zh": self.firm_name_zh,
            "origin_zh": self.origin_zh,
            "spec_zh": self.spec_zh,
            "unit_zh": self.unit_zh,
            "net_weight_g": self.net_weight_g,
            "price_fen": base["price_fen"],
            "price_per_jin_fen": base["price_per_jin_fen"],
            "price_per_kg_fen": base["price_per_kg_fen"],
            "tiers": tiers,
            "harvest_months": [self.harvest_start_month, self.harvest_end_month],
            "in_season": self.in_season(day),
            "order_days": [_told(self.orders_from), _told(self.orders_until)],
            "takes_orders": self.takes_orders(day),
            "shelf_life_days": self.shelf_life_days,
            "storage_zh": self.storage_zh,
            "is_fresh": self.is_fresh,
            "is_food": self.is_food,
            "pictures": [
                {"name": p.name, "page": p.page, "thumb": p.thumb, "width": p.width, "height": p.height}
                for p in self.pictures
            ],
            "video_url": self.video_url,
            "returns_zh": "鲜活易腐，不适用七日无理由退货" if self.is_fresh else "支持七日无理由退货",
            "certificates": [
                {"kind": p.kind.value, "name_zh": PAPER_ZH[p.kind], "number": p.number, "expires_on": str(p.expires_on)}
                for p in self.papers
                if p.held(day)
            ],
        }


def _told(day: date | None) -> str | None:
    return None if day is None else str(day)


#: Ready answers kept of one version: some for each product and list a page of the shop asks for.
MOST_ANSWERS = 2_000


@dataclass(frozen=True)
class Catalog:
    """All firms and products at one version of the reference data, and ready answers made of them."""

    version: int
    firms: tuple[CatalogFirm, ...]
    products: tuple[CatalogProduct, ...]
    by_sku: dict[str, CatalogProduct]
    by_id: dict[int, CatalogProduct]
    answers: dict[tuple[object, ...], bytes] = field(default_factory=dict)

    def keep(self, key: tuple[object, ...], answer: bytes) -> None:
        """Keep an answer; when there are too many all are dropped, so that nobody can fill the memory with queries."""
        if len(self.answers) >= MOST_ANSWERS:
            self.answers.clear()
        self.answers[key] = answer

    def listed(self, day: date | None = None) -> Iterable[CatalogProduct]:
        """Products on sale, by SKU; with a day those that are shown on it."""
        return (product for product in self.products if product.for_sale and (day is None or product.published(day)))


class _OfProduct(Protocol):
    @property
    def product_id(self) -> Any: ...


P = TypeVar("P", bound=_OfProduct)


def _by_product(rows: Iterable[P]) -> dict[int, list[P]]:
    groups: dict[int, list[P]] = {}
    for row in rows:
        groups.setdefault(row.product_id, []).append(row)
    return groups


def _load(session: Session, version: int) -> Catalog:
    """Nine statements at most, whatever the number of products."""
    tiers = _by_product(session.scalars(select(PriceTier).order_by(PriceTier.min_quantity)))
    required = _by_product(session.scalars(select(RequiredPaper)))
    papers = _by_product(session.scalars(select(Certificate).order_by(Certificate.id)))
    needs = needs_by_firm(session)
    pictures = _by_product(
        Picture(*row)
        for row in session.execute(
            select(
                ProductPicture.product_id, ProductPicture.name, ProductPicture.width, ProductPicture.height
            ).order_by(ProductPicture.place, ProductPicture.id)
        )
    )
    rows = session.execute(
        select(Product, Firm, Village.short_zh, Township.id, Township.name_zh)
        .join(Firm, Firm.id == Product.firm_id)
        .join(Village, Village.id == Product.origin_village_id)
        .join(Township, Township.id == Village.township_id)
        .order_by(Product.sku)
    )
    products = tuple(
        CatalogProduct(
            product_id=product.id,
            sku=product.sku,
            firm_id=firm.id,
            firm_code=firm.code,
            firm_name_zh=firm.name_zh,
            firm_party_id=firm.party_id,
            township_id=township_id,
            name_zh=product.name_zh,
            name_en=product.name_en,
            category=product.category,
            spec_zh=product.spec_zh,
            net_weight_g=product.net_weight_g,
            unit_zh=product.unit_zh,
            origin_zh=f"{township_zh}{village_zh}",
            harvest_start_month=product.harvest_start_month,
            harvest_end_month=product.harvest_end_month,
            shelf_life_days=product.shelf_life_days,
            storage_zh=product.storage_zh,
            is_fresh=product.is_fresh,
            is_food=product.is_food,
            status=product.status,
            for_sale=product.status is ProductStatus.LISTED and firm.status is FirmStatus.ADMITTED,
            tiers=tuple(
                Tier(tier.valid_from, tier.valid_until, tier.min_quantity, tier.price_fen, tier.special)
                for tier in tiers.get(product.id, ())
            ),
            required=frozenset(paper.kind for paper in required.get(product.id, ())),
            papers=tuple(
                Paper(paper.kind, paper.number, paper.issued_on, paper.expires_on, paper.verified_at, paper.revoked_at)
                for paper in papers.get(product.id, ())
            ),
            published_from=product.published_from,
            published_until=product.published_until,
            orders_from=product.orders_from,
            orders_until=product.orders_until,
            needs=needs.get(firm.id, ()),
            pictures=tuple(pictures.get(product.id, ())),
            video_url=product.video_url,
        )
        for product, firm, village_zh, township_id, township_zh in rows
    )
    return Catalog(
        version=version,
        firms=_firms(session),
        products=products,
        by_sku={product.sku: product for product in products},
        by_id={product.product_id: product for product in products},
    )


def _firms(session: Session) -> tuple[CatalogFirm, ...]:
    rows = session.execute(
        select(
            Firm.id, Firm.code, Firm.party_id, Firm.name_zh, Firm.kind, Firm.status, Township.name_zh, Village.short_zh
        )
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .order_by(Firm.code)
    )
    return tuple(CatalogFirm(*row) for row in rows)


kept = Kept(_load)


def catalog_held(database: Engine, version: int) -> Catalog | None:
    """The catalogue if the process holds it at `version`: no session is needed to look."""
    return kept.held(database, version)


def catalog(session: Session, version: int) -> Catalog:
    """The catalogue at `version`: no statement unless the version moved."""
    return kept.get(session, version)
