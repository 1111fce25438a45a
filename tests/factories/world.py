"""Two of everything: side A, on which every actor of a test stands, and side B, which is none of his business.

Rows are written as the tables allow them, not by the actions: who may see a thing must not depend on how it came to be.
Codes of side A are those of the worked examples in the documentation, so that an example can be sent as it stands.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.models import Party, PartyKind, Role
from shop.agreements.models import (
    Agreement,
    AgreementLine,
    AgreementPaper,
    AgreementSignature,
    AgreementStatus,
    AgreementVersion,
    CallOff,
    CallOffStatus,
    PriceRule,
)
from shop.agreements.models import PaperKind as PaperOfAgreement
from shop.agreements.models import (
    Side as Signer,
)
from shop.agreements.terms import LineTerms, Terms, document, document_hash
from shop.catalog.models import (
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
)
from shop.channels.models import (
    BuyerGroup,
    Campaign,
    Channel,
    ChannelKind,
    NamedPriceList,
    NamedPriceTier,
    Occasion,
    OccasionKind,
    OccasionStatus,
    Offer,
    Partner,
    PartnerKind,
    SaleLink,
)
from shop.claims.models import Claim, ClaimPhoto, ClaimReason, ClaimStatus
from shop.collectives.models import CollectiveIncome, CollectiveKind, CollectivePart, VillagePairing
from shop.farmers.models import Delivery, Grade, Household, Membership, Relation
from shop.income.models import (
    CostKind,
    CostLine,
    CostRecord,
    GuaranteeContract,
    GuaranteeLand,
    HouseholdPayment,
    PaymentKind,
    PlanStatus,
    SurplusObjection,
    SurplusPlan,
    SurplusShare,
)
from shop.inquiries.models import Inquiry, InquiryLine, InquiryStatus
from shop.kit.clock import at_beijing
from shop.kit.db import Base, db, transaction
from shop.kit.jobs import Outbox
from shop.kit.jpeg import plain
from shop.kit.scans import JPEG
from shop.live.models import LiveSession, LiveStatus, ShelfItem
from shop.marketplaces.actions import template
from shop.marketplaces.models import Marketplace
from shop.orders.models import Order, OrderLine, OrderStatus, PaymentTerms, PriceBasis
from shop.payments.models import Payment, PaymentStatus, Provider
from shop.places.models import Township, TownshipKind, Village, VillageKind
from shop.reports.models import Exported, ExportFile, Publication, ReportExport, SentReport
from shop.reports.periods import Every
from shop.rounds.joining import hashed
from shop.rounds.models import EntryLine, Round, RoundEntry, RoundProduct, RoundStatus
from shop.stock.models import Lot, LotDelivery, Movement, MovementKind, Pool, PoolKind, Presale, Recall, RecallLot
from shop.units.models import OutsidePurchase, ReserveRule
from tests.factories.access import headers_of, person
from tests.factories.photos import photo

NOW = datetime(2025, 7, 15, 2, 0, tzinfo=UTC)
TODAY = date(2025, 7, 15)
COUNTY = "140829"

#: Who asks. Each stands on side A; the operator and the county manager stand above both.
ACTORS: dict[str, tuple[Role, PartyKind]] = {
    "operator": (Role.OPERATOR, PartyKind.COUNTY),
    "county_manager": (Role.MANAGER, PartyKind.COUNTY),
    "township_manager": (Role.MANAGER, PartyKind.TOWNSHIP),
    "firm_staff": (Role.FIRM_STAFF, PartyKind.FIRM),
    "buyer": (Role.BUYER, PartyKind.BUYER),
    "cadre": (Role.CADRE, PartyKind.CADRE),
    "host": (Role.HOST, PartyKind.HOST),
    "household": (Role.HOUSEHOLD, PartyKind.HOUSEHOLD),
    "customer": (Role.CUSTOMER, PartyKind.CUSTOMER),
}

#: Villages that the worked examples name.
VILLAGES = {1: "西太村", 2: "杜村"}

#: Names of pictures, the first as the worked examples have it.
PICTURES = {1: "8b1a9953c4611296a827abf8c47804d7", 2: "e2fc714c4727ee9395f324cd2e7f331f"}

Row = TypeVar("Row", bound=Base)


@dataclass
class Side:
    """Names of the things of one side, as they stand in addresses."""

    parties: dict[PartyKind, int] = field(default_factory=dict)
    things: dict[str, str | int] = field(default_factory=dict)


@dataclass
class World:
    """Both sides, and the headers of everybody who asks."""

    app: Flask
    a: Side
    b: Side
    headers: dict[str, dict[str, str]]

    def browser(self, who: str) -> FlaskClient:
        """Somebody who has signed in to the pages."""
        client = self.app.test_client()
        client.set_cookie("signed_in", self.headers[who]["Authorization"].removeprefix("Bearer "))
        return client


def build(app: Flask) -> World:
    """Write both sides and sign everybody in; where the app's database has them already, say so."""
    there: World | None = app.extensions.get("world")
    if there is not None:
        with app.app_context():
            db.engine.connect().close()  # what a driver asks of a server at first is asked now
        return World(app, deepcopy(there.a), deepcopy(there.b), deepcopy(there.headers))
    with app.app_context(), transaction() as session:
        writer = _Writer(session)
        campaign = writer.add(
            Campaign(code="C2025", name_zh="活动（示例）", name_en="Campaign (example)",
                     starts_on=date(2025, 1, 1), ends_on=date(2025, 12, 31))
        )  # fmt: skip
        county = writer.party(PartyKind.COUNTY, COUNTY)
        writer.add(
            ReserveRule(authority="县财政局", valid_from=date(2025, 1, 1), canteen_bp=1_000, union_bp=2_000,
                        union_cap_fen=150_000, file_by=date(2025, 3, 21), source_zh="通知（示例）", recorded_at=NOW)
        )  # fmt: skip
        sides = [_side(writer, number, campaign) for number in (1, 2)]
    for number, side in enumerate(sides, 1):
        side.parties[PartyKind.COUNTY] = county
        side.things["given_up"] = _given_up(app, number)
        side.things["sent_report"] = _sent(app, number, side.parties[PartyKind.TOWNSHIP])
    with app.app_context(), transaction() as session:
        session.add(
            Publication(first_month=date(2025, 1, 1), last_month=date(2025, 1, 1), version=1,
                        figures={"total": {}, "townships": []}, published_at=NOW)
        )  # fmt: skip
    a, b = sides
    people = {name: person(app, (role, a.parties[kind])) for name, (role, kind) in ACTORS.items()}
    a.things["report_file"] = b.things["report_file"] = foreign = _file(app, "B", person(app, (Role.OPERATOR, county)))
    for name, person_id in people.items():
        a.things[f"file of {name}"], b.things[f"file of {name}"] = _file(app, f"A-{name}", person_id), foreign
    headers = {"anonymous": {}} | {name: headers_of(app, person_id) for name, person_id in people.items()}
    return World(app, a, b, headers)


def operator_on(world: World, day: date) -> dict[str, str]:
    """The morning of a day has come: the headers of an operator who signs in then."""
    world.app.extensions["clock"].put(at_beijing(day, 9))
    return headers_of(world.app, person(world.app, (Role.OPERATOR, world.a.parties[PartyKind.COUNTY])))


class _Writer:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.channels = dict(session.execute(select(Channel.kind, Channel.id)).all())  # type: ignore[arg-type]

    def add(self, row: Row) -> Row:
        self.session.add(row)
        self.session.flush()
        return row

    def party(self, kind: PartyKind, code: str) -> int:
        return self.add(Party(kind=kind, code=code, name_zh=f"{code}（示例）")).id

    def partner(self, kind: PartnerKind, code: str, party_id: int) -> Partner:
        return self.add(
            Partner(kind=kind, code=code, party_id=party_id, name_zh=f"{code}（示例）", profile={}, admitted_at=NOW,
                    payment_term_days=30)
        )  # fmt: skip

    def occasion(self, kind: OccasionKind, code: str, campaign: Campaign, partner: Partner, bp: int = 0) -> Occasion:
        return self.add(
            Occasion(
                code=code, kind=kind, status=OccasionStatus.OPEN, campaign_id=campaign.id, partner_id=partner.id,
                partner_kind=partner.kind, title_zh=f"{code}（示例）", starts_at=datetime(2025, 7, 1, tzinfo=UTC),
                ends_at=datetime(2025, 12, 1, tzinfo=UTC), commission_bp=bp,
            )
        )  # fmt: skip

    def order(
        self, number: str, channel: ChannelKind, campaign: Campaign, partner: Partner, product: Product, buyer: int,
        occasion: Occasion | None = None, **more: Any,
    ) -> Order:  # fmt: skip
        invoiced = channel in (ChannelKind.UNIT, ChannelKind.ENTERPRISE)
        order = self.add(
            Order(
                number=number, status=OrderStatus.PLACED, channel_id=self.channels[channel], channel_kind=channel,
                campaign_id=campaign.id, partner_id=partner.id, partner_kind=partner.kind,
                occasion_id=occasion.id if occasion else None, occasion_kind=occasion.kind if occasion else None,
                firm_id=product.firm_id, buyer_party_id=buyer, placed_at=NOW, placed_on=TODAY,
                payment_terms=PaymentTerms.ON_INVOICE if invoiced else PaymentTerms.IN_ADVANCE,
                goods_fen=2 * 3_000, total_fen=2 * 3_000,
                recipient={"name": "张三（示例）", "phone": "+8613800000000", "address": "平陆县（示例）"}, **more,
            )
        )  # fmt: skip
        self.add(
            OrderLine(
                order_id=order.id, firm_id=product.firm_id, position=1, product_id=product.id, name_zh=product.name_zh,
                unit_zh=product.unit_zh, unit_weight_g=product.net_weight_g, quantity=2, weight_g=5_000,
                price_basis=PriceBasis.PACK, price_fen=3_000, amount_fen=6_000,
            )
        )  # fmt: skip
        return order


def _sent(app: Flask, n: int, party_id: int) -> str:
    """A report that a township's manager sent."""
    manager = person(app, (Role.MANAGER, party_id))
    code, body = f"day-2025-07-0{n}-township-{n}-v1", b'{"sections":[]}'
    with app.app_context(), transaction() as session:
        session.add(
            SentReport(code=code, party_id=party_id, every=Every.DAY, first_on=date(2025, 7, n),
                       last_on=date(2025, 7, n), version=1, sent_at=NOW, confirmed_by_id=manager, body=body,
                       body_sha256=sha256(body).digest())
        )  # fmt: skip
    return code


def _file(app: Flask, code: str, person_id: int) -> str:
    """A table that one person had made as a file."""
    with app.app_context(), transaction() as session:
        session.add(
            ReportExport(code=f"file-{code}", person_id=person_id, report=Exported.INCOME, file=ExportFile.CSV,
                         wanted={}, title="农户增收", asked_at=NOW, scope={"grants": []}, rows_total=0, done_at=NOW,
                         expires_at=NOW + timedelta(days=3), body=b"")
        )  # fmt: skip
    return f"file-{code}"


def _given_up(app: Flask, number: int) -> int:
    """A job that was given up, of nothing that is there."""
    with app.app_context(), transaction() as session:
        row = Outbox(job="payments.notify", ids=[-number], created_at=NOW, sent_at=NOW, attempts=6, dead_at=NOW)
        session.add(row)
        session.flush()
        return int(row.id)


def _side(writer: _Writer, n: int, campaign: Campaign) -> Side:
    """Everything of side `n`: place, firm, product, household, delivery, lot, partners, occasions, orders."""
    side = Side({kind: writer.party(kind, f"{kind.value}-{n}") for kind in PartyKind if kind is not PartyKind.COUNTY})
    parties = side.parties
    township = writer.add(
        Township(code=f"14082910{n}", name_zh=f"{n}镇（示例）", kind=TownshipKind.TOWN,
                 party_id=parties[PartyKind.TOWNSHIP])
    )  # fmt: skip
    village = writer.add(
        Village(code=f"14082910{n}001", name_zh=f"{n}村委会（示例）", short_zh=VILLAGES[n],
                kind=VillageKind.VILLAGE, township_id=township.id)
    )  # fmt: skip
    firm = writer.add(
        Firm(code=f"F0{n}", party_id=parties[PartyKind.FIRM], name_zh=f"{n}社（示例）", kind=FirmKind.COOPERATIVE,
             status=FirmStatus.ADMITTED, village_id=village.id, reserve_bp=1_000, member_return_bp=6_000)
    )  # fmt: skip
    product = _product(writer, n, firm, village)
    household = writer.add(
        Household(code=f"农户-000{n}", party_id=parties[PartyKind.HOUSEHOLD], village_id=village.id, persons=3,
                  land_mu_tenths=50, leased_out_mu_tenths=0, is_assisted=True)
    )  # fmt: skip
    lot, delivery = _stock(writer, n, firm, product, household)
    recall = _recall(writer, n, firm, product)
    host = writer.partner(PartnerKind.HOST, f"L0{n}", parties[PartyKind.HOST])
    cadre = writer.partner(PartnerKind.CADRE, f"G0{n}", parties[PartyKind.CADRE])
    unit = writer.partner(PartnerKind.UNIT, f"U0{n}", parties[PartyKind.BUYER])
    enterprise = writer.partner(PartnerKind.ENTERPRISE, f"B0{n}", parties[PartyKind.BUYER])
    group = writer.add(BuyerGroup(code=f"GROUP-{n}", name_zh=f"{n}组（示例）"))
    prices = writer.add(NamedPriceList(product_id=product.id, partner_id=unit.id, valid_from=TODAY, set_at=NOW))
    writer.add(NamedPriceTier(list_id=prices.id, min_quantity=1, price_fen=2_900 + n))
    shop = writer.partner(PartnerKind.SHOP, f"S0{n}", parties[PartyKind.SHOP])
    writer.add(
        Marketplace(partner_id=shop.id, partner_kind=shop.kind, profile=template("douyin"), receipt_days=10,
                    settle_days=4, set_up_at=NOW)
    )  # fmt: skip
    session = writer.occasion(OccasionKind.SESSION, f"LIVE-{n}", campaign, host, bp=800)
    writer.add(Offer(occasion_id=session.id, product_id=product.id, price_fen=2_800, set_aside_g=0))
    writer.add(ShelfItem(occasion_id=session.id, product_id=product.id, position=1))
    writer.add(
        LiveSession(occasion_id=session.id, occasion_kind=session.kind, status=LiveStatus.LIVE,
                    operator_zh=f"{n}号直播间（示例）", started_at=session.starts_at)
    )  # fmt: skip
    link = writer.add(
        SaleLink(code=f"link{n}", campaign_id=campaign.id, partner_id=host.id, partner_kind=host.kind,
                 occasion_id=session.id, product_id=product.id, created_at=NOW)
    )  # fmt: skip
    plan = _surplus(writer, firm, household)
    guarantee = _guarantee(writer, firm, household)
    wage = writer.add(
        HouseholdPayment(code=f"W0000{n}", household_id=household.id, firm_id=firm.id, kind=PaymentKind.WAGE,
                         paid_on=TODAY, amount_fen=50_000, recorded_at=NOW)
    )  # fmt: skip
    cost = writer.add(
        CostRecord(code=f"CB-A0{n}", household_id=household.id, kind=CostKind.OTHER, year=TODAY.year,
                   incurred_on=TODAY, amount_fen=3_000, source="入户调查（示例）", recorded_at=NOW)
    )  # fmt: skip
    writer.add(
        CostLine(household_id=household.id, incurred_on=TODAY, month=TODAY.replace(day=1), amount_fen=3_000,
                 covers_fen=0, record_id=cost.id)
    )  # fmt: skip
    earned = writer.add(
        CollectiveIncome(code=f"JT-A0{n}", kind=CollectiveKind.LEASING, received_on=date(2025, 6, 1), income_fen=1_000,
                         cost_fen=0, source="租赁（示例）", recorded_at=NOW)
    )  # fmt: skip
    writer.add(CollectivePart(event_id=earned.id, village_id=village.id, income_fen=1_000, cost_fen=0))
    weak = writer.add(
        Village(code=f"14082910{n}002", name_zh=f"{n}弱村委会（示例）", short_zh=f"{VILLAGES[n]}弱",
                kind=VillageKind.VILLAGE, township_id=township.id)
    )  # fmt: skip
    joint = writer.add(
        VillagePairing(code=f"JD-{n}", strong_id=village.id, weak_id=weak.id, project_zh="冷库（示例）",
                       strong_bp=5_000, starts_on=TODAY, ends_on=TODAY, document="协议（示例）", recorded_at=NOW)
    )  # fmt: skip
    agreement = _agreement(writer, n, campaign, enterprise, firm, product)
    paper = writer.add(_proof(agreement))
    round_ = _round(writer, n, campaign, unit, product)
    writer.add(
        OutsidePurchase(partner_id=unit.id, number="832-0009", position=1, bought_on=TODAY, amount_fen=10_000 * n,
                        goods_zh="苹果（示例）", recorded_at=NOW)
    )  # fmt: skip
    presale = writer.add(
        Presale(code=f"Y0{n}", product_id=product.id, cap_g=10_000, opens_on=date(2025, 7, 1),
                closes_on=date(2025, 7, 10), ship_by=date(2025, 7, 18), opened_at=NOW)
    )  # fmt: skip
    customer = parties[PartyKind.CUSTOMER]
    live = writer.order(f"LIVE{n}", ChannelKind.LIVESTREAM, campaign, host, product, customer, session)
    helped = writer.order(f"CADRE{n}", ChannelKind.CADRE, campaign, cadre, product, customer)
    bulk = writer.order(f"UNIT{n}", ChannelKind.UNIT, campaign, unit, product, parties[PartyKind.BUYER])
    claimed = writer.session.execute(select(OrderLine.id).where(OrderLine.order_id == live.id)).scalar_one()
    claim = writer.add(
        Claim(number=f"Q000{n}", order_line_id=claimed, status=ClaimStatus.OPEN, reason=ClaimReason.SPOILED,
              damaged_g=500, photo_reference="IMG_1", claimed_at=NOW, answer_by=NOW + timedelta(hours=24))
    )  # fmt: skip
    writer.add(ClaimPhoto(claim_id=claim.id, jpeg=plain(photo())))
    payment = writer.add(
        Payment(number=f"P000{n}", order_id=live.id, provider=Provider.SIMULATED, status=PaymentStatus.PENDING,
                amount_fen=6_000, created_at=NOW)
    )  # fmt: skip
    inquiry = writer.add(
        Inquiry(code=f"XJ-{n}", status=InquiryStatus.OFFERED, partner_id=unit.id, partner_kind=unit.kind,
                firm_id=firm.id, starts_on=date(2025, 7, 20), ends_on=date(2025, 7, 20), schedule="once:2025-07-20",
                asked_at=NOW, valid_until=date(2025, 7, 18), terms={})
    )  # fmt: skip
    writer.add(InquiryLine(inquiry_id=inquiry.id, position=1, product_id=product.id, quantity=4, price_fen=3_300))
    side.things = {
        "township": township.code, "village": village.code, "firm": firm.code, "product": product.sku,
        "requirement": "business_licence", "group": group.code, "price_list": prices.id,
        "household": household.code, "delivery": delivery.code, "lot": lot.code, "partner": host.code,
        "session": session.code, "link": link.code, "agreement": agreement.code, "paper": paper.code,
        "payment": payment.number,
        "order": live.number, "cadre_order": helped.number, "unit_order": bulk.number, "shop": shop.code,
        "claim": claim.number, "inquiry": inquiry.code,
        "unit": unit.code, "campaign": campaign.code, "round": round_.code, "join": round_.join_code,
        "surplus_plan": plan.code, "guarantee": guarantee.code, "collective_income": earned.code,
        "village_pairing": joint.code,
        "household_payment": wage.code, "cost_record": cost.code,
        "helper": cadre.code, "recall": recall.code, "presale": presale.code,
    }  # fmt: skip
    return side


def _product(writer: _Writer, n: int, firm: Firm, village: Village) -> Product:
    product = writer.add(
        Product(
            sku=f"PL00{n}", firm_id=firm.id, name_zh=f"苹果{n}（示例）", name_en=f"Apples {n}", category=Category.FRUIT,
            status=ProductStatus.LISTED, spec_zh="2.5 kg", net_weight_g=2_500, unit_zh="箱",
            origin_village_id=village.id, farm_gate_fen_per_kg=400, harvest_start_month=1, harvest_end_month=12,
            shelf_life_days=60, storage_zh="冷藏", is_fresh=True,
        )
    )  # fmt: skip
    writer.add(
        Certificate(product_id=product.id, kind=PaperKind.FOOD_PRODUCTION_LICENCE, number="SC10114082900001",
                    issued_on=date(2024, 6, 1), expires_on=date(2029, 5, 31))
    )  # fmt: skip
    writer.add(PriceTier(product_id=product.id, valid_from=date(2025, 1, 1), min_quantity=1, price_fen=3_000))
    writer.add(
        ProductPicture(product_id=product.id, place=1, name=PICTURES[n], page=photo(), thumb=photo(), width=8, height=8,
                       added_at=NOW)
    )  # fmt: skip
    return product


def _stock(writer: _Writer, n: int, firm: Firm, product: Product, household: Household) -> tuple[Lot, Delivery]:
    writer.add(Membership(household_id=household.id, firm_id=firm.id, relation=Relation.MEMBER, share_units=1))
    delivery = writer.add(
        Delivery(code=f"D0000{n}", household_id=household.id, firm_id=firm.id, product_id=product.id,
                 delivered_on=TODAY, weight_g=100_000, grade=Grade.FIRST, price_fen_per_kg=400, amount_fen=40_000,
                 recorded_at=NOW)
    )  # fmt: skip
    lot = writer.add(
        Lot(code=f"LOT-{n}", firm_id=firm.id, product_id=product.id, harvested_on=TODAY,
            expires_on=date(2025, 9, 15), opened_at=NOW, received_g=100_000)
    )  # fmt: skip
    writer.add(LotDelivery(delivery_id=delivery.id, lot_id=lot.id, weight_g=delivery.weight_g))
    pool = writer.add(Pool(kind=PoolKind.OPEN, product_id=product.id, received_g=100_000, available_g=100_000))
    writer.add(Movement(pool_id=pool.id, lot_id=lot.id, kind=MovementKind.RECEIVE, weight_g=100_000, at=NOW))
    return lot, delivery


def _recall(writer: _Writer, n: int, firm: Firm, product: Product) -> Recall:
    """A recall that stands, of a lot of which nothing is left."""
    gone = writer.add(
        Lot(code=f"OLD-{n}", firm_id=firm.id, product_id=product.id, harvested_on=date(2025, 5, 1),
            expires_on=date(2025, 6, 30), opened_at=NOW, received_g=1_000, withdrawn_g=1_000)
    )  # fmt: skip
    made = writer.add(
        Recall(code=f"ZH-{n}", lot_id=gone.id, reason="抽检不合格（示例）", by_county=False, announced_at=NOW)
    )  # fmt: skip
    writer.add(RecallLot(recall_id=made.id, lot_id=gone.id))
    return made


def _guarantee(writer: _Writer, firm: Firm, household: Household) -> GuaranteeContract:
    contract = writer.add(
        GuaranteeContract(code=f"BD-{firm.code}", firm_id=firm.id, guaranteed_fen_per_mu=90_000, second_bp=3_000,
                          from_year=2024, to_year=2028, signed_on=date(2024, 1, 10), document="合同（示例）",
                          recorded_at=NOW)
    )  # fmt: skip
    writer.add(GuaranteeLand(contract_id=contract.id, household_id=household.id, mu_tenths=35))
    return contract


def _surplus(writer: _Writer, firm: Firm, household: Household) -> SurplusPlan:
    """A plan of an earlier year, laid open, with an objection that is not answered."""
    plan = writer.add(
        SurplusPlan(
            code=f"{firm.code}-2023-1", firm_id=firm.id, year=2023, status=PlanStatus.OPEN, historical=False,
            surplus_fen=10_000, prior_loss_fen=0, reserve_bp=1_000, return_bp=6_000, share_value_fen=0, aid_fen=0,
            reserve_fen=1_000, distributable_fen=9_000, patronage_fen=5_400, dividend_fen=3_600,
            laid_open_on=date(2025, 6, 1), recorded_at=NOW,
        )
    )  # fmt: skip
    writer.add(
        SurplusShare(plan_id=plan.id, household_id=household.id, delivered_fen=40_000, account_fen=1,
                     patronage_fen=5_400, dividend_fen=3_600, reserve_fen=1_000)
    )  # fmt: skip
    writer.add(
        SurplusObjection(plan_id=plan.id, household_id=household.id, position=1, words="少记一次",
                         raised_on=date(2025, 6, 2), recorded_at=NOW)
    )  # fmt: skip
    return plan


def _round(writer: _Writer, n: int, campaign: Campaign, unit: Partner, product: Product) -> Round:
    """An open round that one colleague has joined, with the secret of the worked examples."""
    occasion = writer.occasion(OccasionKind.ROUND, f"T0{n}", campaign, unit)
    round_ = writer.add(
        Round(
            code=f"T0{n}", join_code=f"jn{n + 1}", status=RoundStatus.OPEN, occasion_id=occasion.id,
            occasion_kind=occasion.kind, partner_id=unit.id, firm_id=product.firm_id, title_zh=f"团购{n}（示例）",
            delivery_point_zh="一楼大厅（示例）", contact_name_zh="王组织（示例）",
            contact_phone_e164="+8613800000000", opened_at=NOW, closes_at=datetime(2025, 7, 20, 10, 0, tzinfo=UTC),
        )
    )  # fmt: skip
    writer.add(
        RoundProduct(round_id=round_.id, product_id=product.id, firm_id=product.firm_id, position=1, least_packs=1,
                     most_packs=5)
    )  # fmt: skip
    entry = writer.add(
        RoundEntry(round_id=round_.id, position=1, name_zh=f"同事{n}（示例）", staff_number=f"N{n}",
                   secret_hash=hashed("abcd-efgh-jkmn-pqrs"), joined_at=NOW, changed_at=NOW)
    )  # fmt: skip
    writer.add(EntryLine(entry_id=entry.id, product_id=product.id, round_id=round_.id, quantity=1))
    return round_


def _proof(agreement: Agreement) -> AgreementPaper:
    """A proof of force majeure that the county has sent."""
    content = plain(photo())
    digest = sha256(content).hexdigest()
    return AgreementPaper(
        agreement_id=agreement.id, code=f"{agreement.code}-1", kind=PaperOfAgreement.MAJEURE_PROOF,
        title="灾情证明（示例）", media_type=JPEG, content=content, size_bytes=len(content), sha256=digest,
        sent_sha256=digest, side=Signer.COUNTY, uploaded_at=NOW,
    )  # fmt: skip


def _agreement(
    writer: _Writer, n: int, campaign: Campaign, enterprise: Partner, firm: Firm, product: Product
) -> Agreement:
    occasion = writer.occasion(OccasionKind.AGREEMENT, f"A0{n}", campaign, enterprise)
    agreement = writer.add(
        Agreement(
            code=f"A0{n}", status=AgreementStatus.EXECUTING, occasion_id=occasion.id, occasion_kind=occasion.kind,
            partner_id=enterprise.id, partner_kind=enterprise.kind, firm_id=firm.id, starts_on=date(2025, 7, 1),
            ends_on=date(2025, 12, 1), signed_on=date(2025, 6, 1), deposit_bp=1_000, penalty_bp=500,
            payment_term_days=30, schedule="weekly:1",
        )
    )  # fmt: skip
    line = writer.add(
        AgreementLine(agreement_id=agreement.id, product_id=product.id, committed_g=1_000_000, floor_fen_per_kg=500,
                      price_rule=PriceRule.FIXED)
    )  # fmt: skip
    terms = Terms(
        agreement.starts_on, agreement.ends_on, agreement.schedule, 1_000, 500, 0, 0, 30,
        (LineTerms(product.sku, 1_000_000, 500, PriceRule.FIXED),),
    )  # fmt: skip
    kept = document(terms, agreement=agreement.code, partner=enterprise.code, firm=firm.code)
    version = writer.add(
        AgreementVersion(agreement_id=agreement.id, number=1, terms=kept, document_hash=document_hash(kept),
                         proposed_by=Signer.COUNTY, proposed_at=NOW)
    )  # fmt: skip
    for signer in (Signer.BUYER, Signer.FIRM):
        writer.add(
            AgreementSignature(version_id=version.id, side=signer, document_hash=version.document_hash, signed_at=NOW,
                               on_paper=True)
        )  # fmt: skip
    agreement.version_id = version.id
    writer.add(
        CallOff(agreement_id=agreement.id, line_id=line.id, status=CallOffStatus.REQUESTED, due_on=date(2025, 7, 21),
                weight_g=10_000, stands_g=10_000, again_g=0, price_fen_per_kg=500, version_id=version.id,
                requested_at=NOW)
    )  # fmt: skip
    return agreement
