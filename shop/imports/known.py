"""What is recorded already, in the shape of the files' rows: so that a repeat is told from a contradiction."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, String, and_, any_, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from shop.access.models import Party, PartyKind
from shop.agreements.models import Agreement, AgreementLine
from shop.agreements.schedule import schedule_of
from shop.catalog.models import Certificate, Firm, PriceTier, Product, RequiredPaper
from shop.channels.buyers import BuyerKind
from shop.channels.models import Partner
from shop.farmers.families import EVER
from shop.farmers.models import Delivery, Household, Membership
from shop.imports import sheets
from shop.imports.cells import GI_CLAIMED
from shop.imports.table import Key, Row, Sheet
from shop.income.models import UNDONE, BaselineIncome, HouseholdPayment, SurplusPlan
from shop.kit.clock import beijing_day
from shop.places.models import Township, Village

Loader = Callable[[Session, Iterable[Key]], Iterator[Row]]


def known_rows(session: Session, sheet: Sheet[Any], keys: Iterable[Key]) -> dict[Key, Any]:
    """Recorded rows of a sheet by key. Sheets that others refer to come whole, facts only as far as `keys` go."""
    return {sheet.key(row): row for row in _LOADERS[sheet.file](session, keys)}


def _rows(session: Session, query: Select[*tuple[Any, ...]], row: Callable[..., Row]) -> Iterator[Row]:
    return (row(*values) for values in session.execute(query))


def _among(column: InstrumentedAttribute[str], keys: Iterable[Key]) -> ColumnElement[bool]:
    """`column` is the first part of one of `keys`: one array, however many there are."""
    return column == any_(literal([key[0] for key in keys], ARRAY(String)))


def _townships(session: Session, _keys: Iterable[Key]) -> Iterator[Row]:
    return _rows(session, select(Township.code, Township.name_zh, Township.kind), sheets.TownshipRow)


def _villages(session: Session, _keys: Iterable[Key]) -> Iterator[Row]:
    query = select(Village.code, Village.name_zh, Township.code, Village.short_zh, Village.kind)
    return _rows(session, query.join(Township, Township.id == Village.township_id), sheets.VillageRow)


def _firms(session: Session, _keys: Iterable[Key]) -> Iterator[Row]:
    query = (
        select(Firm.code, Firm.name_zh, Firm.kind, Township.code, Village.code, Firm.member_return_bp, Firm.reserve_bp)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
    )
    return _rows(session, query, sheets.FirmRow)


def _products(session: Session, _keys: Iterable[Key]) -> Iterator[Row]:
    prices: dict[int, list[tuple[int, int]]] = {}
    first = select(PriceTier.product_id, func.min(PriceTier.valid_from).label("day")).group_by(PriceTier.product_id)
    first_list = first.subquery()
    tiers = (
        select(PriceTier.product_id, PriceTier.min_quantity, PriceTier.price_fen)
        .join(
            first_list,
            (PriceTier.product_id == first_list.c.product_id) & (PriceTier.valid_from == first_list.c.day),
        )
        .where(PriceTier.special.is_(False))
        .order_by(PriceTier.min_quantity)
    )
    for priced_id, quantity, price_fen in session.execute(tiers):
        prices.setdefault(priced_id, []).append((quantity, price_fen))
    papers: dict[int, set[str]] = {}
    for listed_id, kind in session.execute(select(RequiredPaper.product_id, RequiredPaper.kind)):
        papers.setdefault(listed_id, set()).add(kind.value)
    query = (
        select(Product, Firm.code, Village.code)
        .join(Firm, Firm.id == Product.firm_id)
        .join(Village, Village.id == Product.origin_village_id)
    )
    for product, firm_code, village_code in session.execute(query):
        (_, retail_fen), *bulk = prices.get(product.id) or [(1, 0)]
        yield sheets.ProductRow(
            sku=product.sku, name_zh=product.name_zh, name_en=product.name_en, category=product.category,
            firm_code=firm_code, origin_village_code=village_code, spec_zh=product.spec_zh,
            net_weight_g=product.net_weight_g, unit_zh=product.unit_zh, retail_price_fen=retail_fen,
            bulk_tiers=tuple(bulk), farm_gate_fen_per_kg=product.farm_gate_fen_per_kg,
            harvest_start_month=product.harvest_start_month, harvest_end_month=product.harvest_end_month,
            shelf_life_days=product.shelf_life_days, storage_zh=product.storage_zh, is_fresh=product.is_fresh,
            certification=frozenset(papers.get(product.id, set()) | ({GI_CLAIMED} if product.gi_claimed else set())),
            evidence="",
        )  # fmt: skip


def _restrictions(session: Session, _keys: Iterable[Key]) -> Iterator[Row]:
    for sku in session.scalars(select(Product.sku).where(Product.is_food.is_(False))):
        yield sheets.RestrictionRow(sku, sheets.MEDICINAL_MATERIAL, "")


def _certificates(session: Session, keys: Iterable[Key]) -> Iterator[Row]:
    query = (
        select(Product.sku, Certificate)
        .join(Product, Product.id == Certificate.product_id)
        .where(_among(Product.sku, keys))
    )
    for sku, paper in session.execute(query):
        seen_on = beijing_day(paper.verified_at) if paper.verified_at else None
        yield sheets.CertificateRow(sku, paper.kind, paper.number, paper.issued_on, paper.expires_on, seen_on)


def _buyers(session: Session, _keys: Iterable[Key]) -> Iterator[Row]:
    query = (
        select(Partner)
        .join(Party, Party.id == Partner.party_id)
        .where(Party.kind == PartyKind.BUYER, Party.code == Partner.code)
    )
    for partner in session.scalars(query):
        yield sheets.BuyerRow(
            partner.code, partner.name_zh, BuyerKind(str(partner.profile["buyer_kind"])),
            str(partner.profile["region"]), partner.payment_term_days or 0,
        )  # fmt: skip


def _agreements(session: Session, keys: Iterable[Key]) -> Iterator[Row]:
    query = (
        select(Agreement, AgreementLine, Party.code, Firm.code, Product.sku)
        .join(AgreementLine, AgreementLine.agreement_id == Agreement.id)
        .join(Partner, Partner.id == Agreement.partner_id)
        .join(Party, Party.id == Partner.party_id)
        .join(Firm, Firm.id == Agreement.firm_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .where(_among(Agreement.code, keys))
        .order_by(AgreementLine.id.desc())
    )
    for agreement, line, buyer_code, firm_code, sku in session.execute(query):
        yield sheets.AgreementRow(
            code=agreement.code, buyer_code=buyer_code, firm_code=firm_code, sku=sku, starts_on=agreement.starts_on,
            ends_on=agreement.ends_on, committed_g=line.committed_g, floor_fen_per_kg=line.floor_fen_per_kg,
            price_rule=(line.price_rule, line.margin_bp), deposit_bp=agreement.deposit_bp,
            penalty_bp=agreement.penalty_bp, schedule=schedule_of(line.schedule, agreement.schedule),
        )  # fmt: skip


def _households(session: Session, _keys: Iterable[Key]) -> Iterator[Row]:
    query = (
        select(
            Household.code, Village.code, Firm.code, Membership.relation, Membership.share_units,
            Household.land_mu_tenths, Household.leased_out_mu_tenths, Household.persons, Household.is_assisted,
        )
        .join(Village, Village.id == Household.village_id)
        .outerjoin(Membership, and_(Membership.household_id == Household.id, EVER))
        .outerjoin(Firm, Firm.id == Membership.firm_id)
        .order_by(Membership.id.desc())
    )  # fmt: skip
    return _rows(session, query, sheets.HouseholdRow)


def _deliveries(session: Session, keys: Iterable[Key]) -> Iterator[Row]:
    query = (
        select(
            Delivery.code, Delivery.delivered_on, Household.code, Firm.code, Product.sku, Delivery.weight_g,
            Delivery.grade, Delivery.price_fen_per_kg, Delivery.amount_fen,
        )
        .join(Household, Household.id == Delivery.household_id)
        .join(Firm, Firm.id == Delivery.firm_id)
        .join(Product, Product.id == Delivery.product_id)
        .where(_among(Delivery.code, keys))
    )  # fmt: skip
    return _rows(session, query, sheets.DeliveryRow)


def _payments(session: Session, keys: Iterable[Key]) -> Iterator[Row]:
    paid = HouseholdPayment
    query = (
        select(paid.code, paid.paid_on, Household.code, Firm.code, paid.kind, paid.amount_fen)
        .join(Household, Household.id == paid.household_id)
        .join(Firm, Firm.id == paid.firm_id)
        .where(_among(paid.code, keys))
    )
    return _rows(session, query, sheets.PaymentRow)


def _surplus(session: Session, keys: Iterable[Key]) -> Iterator[Row]:
    plan = aliased(SurplusPlan)
    query = (
        select(Firm.code, plan.year, plan.surplus_fen, plan.prior_loss_fen, plan.reserve_bp, plan.return_bp)
        .join(Firm, Firm.id == plan.firm_id)
        .where(_among(Firm.code, keys), plan.status.not_in(UNDONE))
    )
    return _rows(session, query, sheets.SurplusRow)


def _baselines(session: Session, keys: Iterable[Key]) -> Iterator[Row]:
    base = BaselineIncome
    query = (
        select(
            Household.code, base.year, base.wage_fen, base.business_net_fen, base.property_net_fen,
            base.transfer_net_fen, base.total_fen,
        )
        .join(Household, Household.id == base.household_id)
        .where(_among(Household.code, keys))
    )  # fmt: skip
    return _rows(session, query, sheets.BaselineRow)


_LOADERS: dict[str, Loader] = {
    sheets.TOWNSHIPS.file: _townships,
    sheets.VILLAGES.file: _villages,
    sheets.FIRMS.file: _firms,
    sheets.PRODUCTS.file: _products,
    sheets.RESTRICTIONS.file: _restrictions,
    sheets.CERTIFICATES.file: _certificates,
    sheets.BUYERS.file: _buyers,
    sheets.AGREEMENTS.file: _agreements,
    sheets.HOUSEHOLDS.file: _households,
    sheets.DELIVERIES.file: _deliveries,
    sheets.PAYMENTS.file: _payments,
    sheets.SURPLUS.file: _surplus,
    sheets.BASELINES.file: _baselines,
}
