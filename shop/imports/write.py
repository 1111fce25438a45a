"""Writing the new rows of an upload, table by table, set-based. Lives and history as for anybody else."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, String, any_, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import InstrumentedAttribute, Session

from shop.access.models import Party, PartyKind
from shop.agreements.signing import record_signed
from shop.agreements.terms import LineTerms, Terms
from shop.catalog.models import (
    Certificate,
    Firm,
    FirmStatus,
    PaperKind,
    PriceTier,
    Product,
    ProductStatus,
    RequiredPaper,
)
from shop.catalog.states import FIRM_LIFE, LISTING_LIFE
from shop.channels.actions import open_campaign, register_partner
from shop.channels.buyers import AGREEMENT_PARTNER, PARTNER_KIND
from shop.channels.models import Campaign, Partner
from shop.farmers.models import Delivery, Household, Membership
from shop.imports import sheets
from shop.imports.cells import GI_CLAIMED
from shop.imports.checks import Book
from shop.imports.table import Sheet
from shop.income.actions import book_pending
from shop.income.models import BaselineIncome, HouseholdPayment
from shop.income.surplus import book_plan
from shop.kit.clock import at_beijing, beijing_day
from shop.kit.states import advance, record
from shop.places import misprints
from shop.places.gazetteer import COUNTY_CODE
from shop.places.models import PlaceAlias, Township, Village

#: The campaign that the files belong to.
CAMPAIGN = ("WX2025", "平陆县五销助农 2025", "Pinglu five-channel campaign 2025", date(2025, 1, 1), date(2026, 12, 31))
#: The day from which the imported price list holds.
PRICES_FROM = date(2025, 1, 1)
#: Partner code of a unit that holds an agreement, beside its own.
AGREEMENT_SUFFIX = "-E"


@dataclass(frozen=True)
class Writing:
    """One import being written. `since`: from which day on agreements are kept here; None: from today on."""

    session: Session
    book: Book
    actor_id: int | None
    now: datetime
    since: date | None = None

    def insert(self, model: type[Any], rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows in a few statements, however many they are."""
        if rows:
            self.session.execute(insert(model), rows)

    def ids(
        self, code: InstrumentedAttribute[str], id_: InstrumentedAttribute[int], among: Iterable[str]
    ) -> dict[str, int]:
        """Keys of the rows whose code is `among` those."""
        wanted = literal(sorted(set(among)), ARRAY(String))
        return dict(self.session.execute(select(code, id_).where(code == any_(wanted))).all())

    def parties(self, kind: PartyKind, named: Sequence[tuple[str, str]]) -> dict[str, int]:
        """Ids of the parties `(code, name)` of `kind`, made where they are new."""
        if named:
            rows = [{"kind": kind, "code": code, "name_zh": name} for code, name in named]
            self.session.execute(upsert(Party).on_conflict_do_nothing(), rows)
        found = select(Party.code, Party.id).where(Party.kind == kind)
        return dict(self.session.execute(found).all())


def write(writing: Writing, progress: Callable[[str], None]) -> dict[str, int]:
    """Write every sheet's new rows, in the order in which they refer to one another; then book the income.

    Returns the entries booked, by kind of income. `progress` is told the file that is written next.
    """
    for sheet, writer in _WRITERS:
        progress(sheet.file)
        rows = writing.book.new(sheet)
        if rows:
            writer(writing, rows)
    progress("")
    return book_pending(writing.session, now=writing.now)


def _townships(writing: Writing, rows: list[sheets.TownshipRow]) -> None:
    writing.parties(PartyKind.COUNTY, [(COUNTY_CODE, "平陆县")])
    parties = writing.parties(PartyKind.TOWNSHIP, [(row.code, row.name_zh) for row in rows])
    writing.insert(
        Township,
        [{"code": row.code, "name_zh": row.name_zh, "kind": row.kind, "party_id": parties[row.code]} for row in rows],
    )
    ids = writing.ids(Township.code, Township.id, misprints.TOWNSHIPS.values())
    _aliases(writing, "township_id", misprints.TOWNSHIPS, ids)


def _villages(writing: Writing, rows: list[sheets.VillageRow]) -> None:
    townships = writing.ids(Township.code, Township.id, [row.township_code for row in rows])
    writing.insert(
        Village,
        [
            {
                "code": row.code,
                "name_zh": row.name_zh,
                "short_zh": row.short_zh,
                "kind": row.kind,
                "township_id": townships[row.township_code],
            }
            for row in rows
        ],
    )
    ids = writing.ids(Village.code, Village.id, misprints.VILLAGES.values())
    _aliases(writing, "village_id", misprints.VILLAGES, ids)


def _aliases(writing: Writing, target: str, misprinted: dict[str, str], ids: dict[str, int]) -> None:
    rows = [{"alias": alias, target: ids[code]} for alias, code in misprinted.items() if code in ids]
    if rows:
        writing.session.execute(upsert(PlaceAlias).on_conflict_do_nothing(), rows)


def _firms(writing: Writing, rows: list[sheets.FirmRow]) -> None:
    """Firms apply and are admitted: the county's own list is the decision."""
    parties = writing.parties(PartyKind.FIRM, [(row.code, row.name_zh) for row in rows])
    villages = writing.ids(Village.code, Village.id, [row.village_code for row in rows])
    firms = [
        Firm(
            code=row.code, party_id=parties[row.code], name_zh=row.name_zh, kind=row.kind, status=FirmStatus.APPLIED,
            village_id=villages[row.village_code], reserve_bp=row.reserve_bp, member_return_bp=row.member_return_bp,
        )
        for row in rows
    ]  # fmt: skip
    writing.session.add_all(firms)
    writing.session.flush()
    for firm in firms:
        record(
            writing.session,
            firm,
            "apply",
            to_state=FirmStatus.APPLIED,
            facts={"imported": True},
            person_id=writing.actor_id,
            now=writing.now,
        )
        advance(writing.session, firm, FIRM_LIFE, "admit", person_id=writing.actor_id, now=writing.now)
    writing.session.flush()


def _products(writing: Writing, rows: list[sheets.ProductRow]) -> None:
    """Products with their first price list and required papers, submitted and approved."""
    firms = writing.ids(Firm.code, Firm.id, [row.firm_code for row in rows])
    villages = writing.ids(Village.code, Village.id, [row.origin_village_code for row in rows])
    products = [
        Product(
            sku=row.sku, firm_id=firms[row.firm_code], name_zh=row.name_zh, name_en=row.name_en,
            category=row.category, status=ProductStatus.DRAFT, spec_zh=row.spec_zh, net_weight_g=row.net_weight_g,
            unit_zh=row.unit_zh, origin_village_id=villages[row.origin_village_code],
            farm_gate_fen_per_kg=row.farm_gate_fen_per_kg, harvest_start_month=row.harvest_start_month,
            harvest_end_month=row.harvest_end_month, shelf_life_days=row.shelf_life_days, storage_zh=row.storage_zh,
            is_fresh=row.is_fresh, is_food=True, gi_claimed=GI_CLAIMED in row.certification,
        )
        for row in rows
    ]  # fmt: skip
    writing.session.add_all(products)
    writing.session.flush()
    for product in products:
        record(
            writing.session,
            product,
            "draft",
            to_state=ProductStatus.DRAFT,
            facts={"imported": True},
            person_id=writing.actor_id,
            now=writing.now,
        )
        advance(writing.session, product, LISTING_LIFE, "submit", person_id=writing.actor_id, now=writing.now)
        advance(writing.session, product, LISTING_LIFE, "approve", person_id=writing.actor_id, now=writing.now)
    writing.session.flush()
    writing.insert(
        PriceTier,
        [
            {"product_id": product.id, "valid_from": PRICES_FROM, "min_quantity": quantity, "price_fen": price_fen}
            for product, row in zip(products, rows, strict=True)
            for quantity, price_fen in ((1, row.retail_price_fen), *row.bulk_tiers)
        ],
    )
    writing.insert(
        RequiredPaper,
        [
            {"product_id": product.id, "kind": PaperKind(paper)}
            for product, row in zip(products, rows, strict=True)
            for paper in sorted(row.certification - {GI_CLAIMED})
        ],
    )


def _restrictions(writing: Writing, rows: list[sheets.RestrictionRow]) -> None:
    skus = [row.sku for row in rows]
    writing.session.execute(update(Product).where(Product.sku.in_(skus)).values(is_food=False))
    for product in writing.session.scalars(select(Product).where(Product.sku.in_(skus))):
        facts: dict[str, object] = {"restriction": sheets.MEDICINAL_MATERIAL}
        record(writing.session, product, "restrict", person_id=writing.actor_id, now=writing.now, facts=facts)


def _certificates(writing: Writing, rows: list[sheets.CertificateRow]) -> None:
    products = writing.ids(Product.sku, Product.id, [row.sku for row in rows])
    writing.insert(
        Certificate,
        [
            {
                "product_id": products[row.sku],
                "kind": row.kind,
                "number": row.number,
                "issued_on": row.issued_on,
                "expires_on": row.expires_on,
                "verified_at": at_beijing(row.verified_on) if row.verified_on else None,
            }
            for row in rows
        ],
    )


def _buyers(writing: Writing, rows: list[sheets.BuyerRow]) -> None:
    parties = writing.parties(PartyKind.BUYER, [(row.code, row.name_zh) for row in rows])
    for row in rows:
        _partner(writing, row, row.code, PARTNER_KIND[row.kind], parties[row.code])


def _partner(writing: Writing, buyer: sheets.BuyerRow, code: str, kind: Any, party_id: int) -> Partner:
    return register_partner(
        writing.session, kind, code, party_id, buyer.name_zh, payment_term_days=buyer.payment_term_days,
        profile={"buyer_kind": buyer.kind.value, "region": buyer.region}, actor_id=writing.actor_id, now=writing.now,
    )  # fmt: skip


def _agreement_partner(writing: Writing, buyer: sheets.BuyerRow) -> Partner:
    """The partner by way of which a buyer holds agreements: itself, or for a unit a second row of the same party."""
    own = PARTNER_KIND[buyer.kind] is AGREEMENT_PARTNER
    code = buyer.code if own else buyer.code + AGREEMENT_SUFFIX
    found = writing.session.scalar(select(Partner).where(Partner.code == code))
    if found is not None:
        return found
    party_id = writing.parties(PartyKind.BUYER, [])[buyer.code]
    return _partner(writing, buyer, code, AGREEMENT_PARTNER, party_id)


def _campaign(writing: Writing) -> int:
    """The campaign of the county's agreements, opened with the first import."""
    found = writing.session.scalar(select(Campaign.id).where(Campaign.code == CAMPAIGN[0]))
    if found is not None:
        return found
    return open_campaign(writing.session, *CAMPAIGN, actor_id=writing.actor_id, now=writing.now).id


def _agreements(writing: Writing, rows: list[sheets.AgreementRow]) -> None:
    """Agreements come signed on paper; the files do not tell the day: the first of the term, or today before it."""
    campaign_id = _campaign(writing)
    firms = {firm.code: firm for firm in writing.session.scalars(select(Firm))}
    for row in rows:
        buyer = writing.book.find(sheets.BUYERS, row.buyer_code)
        if buyer is None:
            raise LookupError(row.buyer_code)
        rule, margin_bp = row.price_rule
        line = LineTerms(row.sku, row.committed_g, row.floor_fen_per_kg, rule, margin_bp, minimum_g=row.committed_g)
        terms = Terms(
            row.starts_on, row.ends_on, row.schedule, row.deposit_bp, penalty_bp=row.penalty_bp,
            buyer_penalty_bp=row.penalty_bp, tolerance_bp=0, payment_term_days=buyer.payment_term_days, lines=(line,),
        )  # fmt: skip
        record_signed(
            writing.session, row.code, _agreement_partner(writing, buyer), firms[row.firm_code], campaign_id, terms,
            signed_on=min(row.starts_on, beijing_day(writing.now)), actor_id=writing.actor_id, now=writing.now,
            since=writing.since,
        )  # fmt: skip


def _households(writing: Writing, rows: list[sheets.HouseholdRow]) -> None:
    parties = writing.parties(PartyKind.HOUSEHOLD, [(row.code, row.code) for row in rows])
    villages = writing.ids(Village.code, Village.id, [row.village_code for row in rows])
    firms = writing.ids(Firm.code, Firm.id, [row.firm_code for row in rows])
    writing.insert(
        Household,
        [
            {
                "code": row.code,
                "party_id": parties[row.code],
                "village_id": villages[row.village_code],
                "persons": row.persons,
                "land_mu_tenths": row.land_mu_tenths,
                "leased_out_mu_tenths": row.leased_out_mu_tenths,
                "is_assisted": row.is_assisted,
            }
            for row in rows
        ],
    )
    households = writing.ids(Household.code, Household.id, [row.code for row in rows])
    writing.insert(
        Membership,
        [
            {
                "household_id": households[row.code],
                "firm_id": firms[row.firm_code],
                "relation": row.relation,
                "share_units": row.share_units,
            }
            for row in rows
        ],
    )


def _deliveries(writing: Writing, rows: list[sheets.DeliveryRow]) -> None:
    households = writing.ids(Household.code, Household.id, [row.household_code for row in rows])
    firms = writing.ids(Firm.code, Firm.id, [row.firm_code for row in rows])
    products = writing.ids(Product.sku, Product.id, [row.sku for row in rows])
    writing.insert(
        Delivery,
        [
            {
                "code": row.code,
                "household_id": households[row.household_code],
                "firm_id": firms[row.firm_code],
                "product_id": products[row.sku],
                "delivered_on": row.delivered_on,
                "weight_g": row.weight_g,
                "grade": row.grade,
                "price_fen_per_kg": row.price_fen_per_kg,
                "amount_fen": row.amount_fen,
                "recorded_at": writing.now,
            }
            for row in rows
        ],
    )


def _payments(writing: Writing, rows: list[sheets.PaymentRow]) -> None:
    households = writing.ids(Household.code, Household.id, [row.household_code for row in rows])
    firms = writing.ids(Firm.code, Firm.id, [row.firm_code for row in rows])
    writing.insert(
        HouseholdPayment,
        [
            {
                "code": row.code,
                "household_id": households[row.household_code],
                "firm_id": firms[row.firm_code],
                "kind": row.kind,
                "paid_on": row.paid_on,
                "amount_fen": row.amount_fen,
                "recorded_at": writing.now,
            }
            for row in rows
        ],
    )


def _surplus(writing: Writing, rows: list[sheets.SurplusRow]) -> None:
    """Each plan is dated to the last day of its year: the income of the year it was earned in."""
    firms = writing.ids(Firm.code, Firm.id, [row.firm_code for row in rows])
    for row in rows:
        book_plan(
            writing.session, firms[row.firm_code], row.year, surplus_fen=row.surplus_fen,
            prior_loss_fen=row.prior_loss_fen, reserve_bp=row.reserve_bp, return_bp=row.member_return_bp,
            booked_on=date(row.year, 12, 31), now=writing.now,
        )  # fmt: skip


def _baselines(writing: Writing, rows: list[sheets.BaselineRow]) -> None:
    households = writing.ids(Household.code, Household.id, [row.household_code for row in rows])
    writing.insert(
        BaselineIncome,
        [
            {
                "household_id": households[row.household_code],
                "year": row.year,
                "wage_fen": row.wage_fen,
                "business_net_fen": row.business_net_fen,
                "property_net_fen": row.property_net_fen,
                "transfer_net_fen": row.transfer_net_fen,
                "total_fen": row.total_fen,
            }
            for row in rows
        ],
    )


_WRITERS: tuple[tuple[Sheet[Any], Callable[[Writing, list[Any]], None]], ...] = (
    (sheets.TOWNSHIPS, _townships),
    (sheets.VILLAGES, _villages),
    (sheets.FIRMS, _firms),
    (sheets.PRODUCTS, _products),
    (sheets.RESTRICTIONS, _restrictions),
    (sheets.CERTIFICATES, _certificates),
    (sheets.BUYERS, _buyers),
    (sheets.AGREEMENTS, _agreements),
    (sheets.HOUSEHOLDS, _households),
    (sheets.DELIVERIES, _deliveries),
    (sheets.PAYMENTS, _payments),
    (sheets.SURPLUS, _surplus),
    (sheets.BASELINES, _baselines),
)
