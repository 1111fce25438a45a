"""What each file holds, how its rows must fit together, and how they are written.

The order of `FILES` is the order of writing: each refers only to those before it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shop.access.actions import ensure_party
from shop.access.models import PartyKind
from shop.agreements.actions import Promise, sign
from shop.agreements.models import Agreement, PriceRule
from shop.agreements.schedule import parse as parse_schedule
from shop.catalog.models import (
    Category,
    Firm,
    FirmKind,
    FirmStatus,
    PaperKind,
    PriceTier,
    Product,
    ProductStatus,
    RequiredPaper,
)
from shop.catalog.season import in_harvest
from shop.channels.actions import open_campaign, register_partner
from shop.channels.models import Campaign, Partner, PartnerKind
from shop.farmers.models import Delivery, Grade, Household, Membership, Relation
from shop.imports import rows as cells
from shop.imports.rows import Bad, Row, RowError, Table, read_table
from shop.income.actions import book_pending
from shop.income.models import BaselineIncome, HouseholdPayment, PaymentKind, SurplusPlan
from shop.income.surplus import book_plan
from shop.kit.money import price_of
from shop.places.models import PlaceAlias, Township, TownshipKind, Village, VillageKind
from shop.places.gazetteer import Gazetteer
from shop.places.queries import gazetteer

#: The campaign that the files belong to.
CAMPAIGN = ("WX2025", "平陆县五销助农 2025", "Pinglu five-channel campaign 2025", date(2025, 1, 1), date(2026, 12, 31))
#: The day from which the imported price list holds.
PRICES_FROM = date(2025, 1, 1)
UNIT_KINDS = ("unit", "school", "hospital")
ENTERPRISE_KINDS = ("supermarket", "enterprise", "wholesale")
Progress = Callable[[str, int, int], None]


def _tiers(text: str) -> list[tuple[int, int]]:
    try:
        tiers = [(int(q), int(p)) for q, p in (pair.split(":") for pair in text.split(";"))]
    except ValueError:
        raise Bad("须形如 10:3780;50:3580", "must look like 10:3780;50:3580") from None
    if not all(a[0] < b[0] and a[1] > b[1] for a, b in zip(tiers, tiers[1:], strict=False)):
        raise Bad("数量须递增、价格须递减", "quantities must rise and prices fall")
    return tiers


_CERTIFICATIONS = {
    "conformity_certificate": PaperKind.CONFORMITY_CERTIFICATE,
    "quarantine_certificate": PaperKind.QUARANTINE_CERTIFICATE,
    "food_production_licence": PaperKind.FOOD_PRODUCTION_LICENCE,
    "workshop_licence": PaperKind.WORKSHOP_LICENCE,
}


def _certification(text: str) -> list[str]:
    known = [*_CERTIFICATIONS, "gi_claimed", "none"]
    found = text.split(";")
    if not set(found) <= set(known):
        raise Bad(f"须为 {'、'.join(known)}", f"must be of {', '.join(known)}")
    return found


def _price_rule(text: str) -> tuple[PriceRule, int]:
    name, _, margin = text.partition(":")
    if name not in PriceRule.__members__ or (name == "MARKET_PLUS") != margin.isdigit():
        raise Bad("须为 FIXED、FLOOR_OR_MARKET 或 MARKET_PLUS:n", "must be FIXED, FLOOR_OR_MARKET or MARKET_PLUS:n")
    return PriceRule[name], int(margin or 0)


def _schedule(text: str) -> str:
    try:
        parse_schedule(text)
    except ValueError:
        raise Bad("交货计划无法识别", "is not a schedule") from None
    return text


_HOUSEHOLD = cells.code(r"农户-\d{4,6}")
_FIRM, _SKU = cells.code(r"F\d{2,4}"), cells.code(r"PL\d{3,5}")
_FEN = cells.whole()
_FLAG = cells.whole(0, 1)

#: File -> (key column, columns with their parsers).
FILES: dict[str, tuple[str | None, dict[str, cells.Parser]]] = {
    "townships.csv": ("code", {
        "code": cells.code(r"140829\d{3}"), "name": cells.word, "kind": cells.one_of(*TownshipKind),
    }),
    "villages.csv": ("code", {
        "code": cells.code(r"140829\d{6}"), "name": cells.word, "township_code": cells.code(r"140829\d{3}"),
        "short_name": cells.word, "kind": cells.one_of(*VillageKind),
    }),
    "firms.csv": ("code", {
        "code": _FIRM, "name_zh": cells.word, "kind": cells.one_of(*FirmKind), "township_code": cells.word,
        "village_code": cells.word, "member_return_pct": cells.optional(cells.whole(60, 100)),
        "reserve_pct": cells.optional(cells.whole(0, 100)),
    }),
    "products.csv": ("sku", {
        "sku": _SKU, "name_zh": cells.word, "name_en": cells.word, "category": cells.one_of(*Category),
        "firm_code": _FIRM, "origin_village_code": cells.word, "spec_zh": cells.word,
        "net_weight_g": cells.whole(1, 1_000_000), "unit": cells.word, "retail_price_fen": cells.whole(1, 10**8),
        "bulk_tiers": _tiers, "farm_gate_price_fen_per_kg": cells.optional(cells.whole(1, 10**8)),
        "harvest_start_month": cells.whole(1, 12), "harvest_end_month": cells.whole(1, 12),
        "shelf_life_days": cells.whole(1, 3650), "storage": cells.word, "is_fresh": _FLAG,
        "certification": _certification, "evidence": cells.word,
    }),
    "buyers.csv": ("code", {
        "code": cells.code(r"B\d{2,5}"), "name_zh": cells.word, "kind": cells.one_of(*UNIT_KINDS, *ENTERPRISE_KINDS),
        "region": cells.word, "payment_term_days": cells.whole(0, 60),
    }),
    "agreements.csv": ("code", {
        "code": cells.code(r"A\d{3,5}"), "buyer_code": cells.code(r"B\d{2,5}"), "firm_code": _FIRM, "sku": _SKU,
        "start": cells.day, "end": cells.day, "committed_kg": cells.kilograms,
        "floor_price_fen_per_kg": cells.whole(1, 10**8), "price_rule": _price_rule, "deposit_pct": cells.whole(0, 20),
        "penalty_pct": cells.whole(0, 30), "schedule": _schedule,
    }),
    "households.csv": ("code", {
        "code": _HOUSEHOLD, "village_code": cells.word, "firm_code": _FIRM, "relation": cells.one_of(*Relation),
        "share_units": cells.whole(0, 10**6), "land_mu": cells.tenths, "land_leased_out_mu": cells.tenths,
        "persons": cells.whole(1, 30), "is_assisted": _FLAG,
    }),
    "deliveries.csv": ("code", {
        "code": cells.code(r"D\d{5,9}"), "date": cells.day, "household_code": _HOUSEHOLD, "firm_code": _FIRM,
        "sku": _SKU, "kg": cells.kilograms, "grade": cells.one_of(*Grade), "price_fen_per_kg": cells.whole(1, 10**8),
        "amount_fen": _FEN,
    }),
    "household_payments.csv": ("code", {
        "code": cells.code(r"P\d{4,9}"), "date": cells.day, "household_code": _HOUSEHOLD, "firm_code": _FIRM,
        "kind": cells.one_of(*PaymentKind), "amount_fen": cells.whole(1),
    }),
    "firm_surplus.csv": ("firm_code", {
        "firm_code": _FIRM, "year": cells.whole(2000, 2100), "surplus_fen": _FEN, "prior_loss_fen": _FEN,
        "reserve_pct": cells.whole(0, 100), "member_return_pct": cells.whole(60, 100),
    }),
    "baseline_income.csv": ("household_code", {
        "household_code": _HOUSEHOLD, "year": cells.whole(2000, 2100), "wage_fen": _FEN, "business_net_fen": _FEN,
        "property_net_fen": _FEN, "transfer_net_fen": _FEN, "total_fen": _FEN,
    }),
}  # fmt: skip

#: Small files of our own beside them; an import may leave them out.
EXTRA_FILES: dict[str, tuple[str | None, dict[str, cells.Parser]]] = {
    "place_aliases.csv": ("alias", {
        "alias": cells.word, "means": cells.word, "kind": cells.one_of("township", "village"),
    }),
    "restrictions.csv": ("sku", {"sku": _SKU, "restriction": cells.one_of("medicinal"), "reason": cells.word}),
}  # fmt: skip


@dataclass
class ImportResult:
    """Rows added and rows found unchanged by file, or the faults; with faults nothing is written."""

    added: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)


def import_directory(path: Path, *, session: Session, now: datetime, progress: Progress | None = None) -> ImportResult:
    """Import a folder's files. See `import_files`."""
    known = {**FILES, **EXTRA_FILES}
    contents = {name: (path / name).read_bytes() for name in known if (path / name).is_file()}
    return import_files(contents, session=session, now=now, progress=progress)


def import_files(
    contents: Mapping[str, bytes], *, session: Session, now: datetime, progress: Progress | None = None
) -> ImportResult:
    """Import files by name, all or nothing: with any fault nothing was written and `errors` lists them all.

    Every file of FILES is required. The caller commits.
    """
    tables = {
        name: read_table(name, contents[name], columns, key)
        for name, (key, columns) in {**FILES, **EXTRA_FILES}.items()
        if name in contents
    }
    result = ImportResult()
    result.errors += [
        RowError(name, 1, "", "缺少此文件", "the file is missing") for name in FILES if name not in contents
    ]
    result.errors += [RowError(name, 1, "", "不认识的文件", "unknown file") for name in contents if name not in tables]
    result.errors += [error for table in tables.values() for error in table.errors]
    if result.errors:
        return result
    with session.begin_nested() as savepoint:
        _Writer(session, tables, now, result, progress or (lambda *_: None)).run()
        result.errors += [error for table in tables.values() for error in table.errors]
        if result.errors:
            result.added.clear()
            result.unchanged.clear()
            savepoint.rollback()
    return result


@dataclass(frozen=True)
class _Places:
    """Ids of places by any name the gazetteer knows."""

    names: Gazetteer
    township_ids: Mapping[str, int]
    village_ids: Mapping[str, int]

    def township(self, named: str) -> int | None:
        return self.township_ids.get(self.names.township(named) or "")

    def village(self, named: str) -> int | None:
        return self.village_ids.get(self.names.village(named) or "")


class _Writer:
    """Writes the tables in order. A row whose references fail is a fault; the savepoint undoes the rest."""

    def __init__(
        self, session: Session, tables: dict[str, Table], now: datetime, result: ImportResult, progress: Progress
    ) -> None:
        self.session, self.tables, self.now, self.result, self.progress = session, tables, now, result, progress
        self.places: _Places
        self.restricted = {row["sku"] for row in self._rows("restrictions.csv")}

    def run(self) -> None:
        steps: dict[str, Callable[[Table], None]] = {
            "townships.csv": self.townships,
            "villages.csv": self.villages,
            "place_aliases.csv": self.aliases,
            "firms.csv": self.firms,
            "products.csv": self.products,
            "buyers.csv": self.buyers,
            "agreements.csv": self.agreements,
            "households.csv": self.households,
            "deliveries.csv": self.deliveries,
            "household_payments.csv": self.payments,
            "firm_surplus.csv": self.surplus,
            "baseline_income.csv": self.baseline,
        }
        for done, (name, step) in enumerate(steps.items()):
            self.progress(name, done, len(steps))
            if name in self.tables:
                step(self.tables[name])
            if name == "place_aliases.csv":
                self.places = _Places(
                    gazetteer(self.session), self._ids(Township, Township.code), self._ids(Village, Village.code)
                )
            if any(table.errors for table in self.tables.values()):
                return
        book_pending(self.session, now=self.now)
        self.progress("", len(steps), len(steps))

    # -- helpers -----------------------------------------------------------------------------------------------------

    def _rows(self, name: str) -> list[Row]:
        return self.tables[name].rows if name in self.tables else []

    def _new(
        self, table: Table, known: Mapping[Any, tuple[Any, ...]], key: str, facts: Callable[[Row], Any]
    ) -> list[Row]:
        """Rows to add. A row that is recorded with the same facts is unchanged, with others a fault."""
        fresh = []
        for row in table.rows:
            if row[key] not in known:
                fresh.append(row)
            elif tuple(known[row[key]]) != tuple(facts(row)):
                table.fault(
                    row,
                    key,
                    f"{row[key]} 已有不同的记录，导入不改已有内容",
                    f"{row[key]} is recorded otherwise; an import never edits",
                )
        self.result.added[table.file] = len(fresh)
        self.result.unchanged[table.file] = len(table.rows) - len(fresh)
        return fresh

    def _ref(self, table: Table, row: Row, column: str, known: Mapping[Any, Any]) -> Any:
        value = known.get(row[column])
        if value is None:
            table.fault(row, column, f"没有 {row[column]}", f"there is no {row[column]}")
        return value

    def _known(self, *columns: Any) -> dict[Any, tuple[Any, ...]]:
        """Recorded rows by their first column."""
        return {row[0]: tuple(row[1:]) for row in self.session.execute(select(*columns))}

    def _ids(self, model: Any, column: Any) -> dict[Any, int]:
        return {key: id_ for key, id_ in self.session.execute(select(column, model.id))}

    def _insert(self, model: Any, values: list[dict[str, Any]]) -> None:
        if values:
            self.session.execute(insert(model), values)

    # -- places ------------------------------------------------------------------------------------------------------

    def townships(self, table: Table) -> None:
        known = self._known(Township.code, Township.name_zh, Township.kind)
        for row in self._new(table, known, "code", lambda r: (r["name"], r["kind"])):
            party = ensure_party(self.session, PartyKind.TOWNSHIP, row["code"], row["name"])
            self.session.add(Township(code=row["code"], name_zh=row["name"], kind=row["kind"], party_id=party))
        ensure_party(self.session, PartyKind.COUNTY, "140829", "平陆县")
        self.session.flush()

    def villages(self, table: Table) -> None:
        ids = self._ids(Township, Township.code)
        known = self._known(Village.code, Village.name_zh, Village.short_zh, Village.kind)
        values = []
        for row in self._new(table, known, "code", lambda r: (r["name"], r["short_name"], r["kind"])):
            township = self._ref(table, row, "township_code", ids)
            if not row["code"].startswith(row["township_code"]):
                table.fault(row, "township_code", "村代码与乡镇代码不符", "the village code is not of this township")
            values.append({
                "code": row["code"], "name_zh": row["name"], "short_zh": row["short_name"], "kind": row["kind"],
                "township_id": township,
            })  # fmt: skip
        if not table.errors:
            self._insert(Village, values)

    def aliases(self, table: Table) -> None:
        places = _Places(gazetteer(self.session), self._ids(Township, Township.code), self._ids(Village, Village.code))
        known = self._known(PlaceAlias.alias, PlaceAlias.alias)
        for row in self._new(table, known, "alias", lambda r: (r["alias"],)):
            target = places.township(row["means"]) if row["kind"] == "township" else places.village(row["means"])
            if target is None:
                table.fault(row, "means", f"没有 {row['means']}", f"there is no {row['means']}, or there are several")
                continue
            self.session.add(PlaceAlias(alias=row["alias"], **{f"{row['kind']}_id": target}))
        self.session.flush()

    # -- firms and products ------------------------------------------------------------------------------------------

    def firms(self, table: Table) -> None:
        known = self._known(Firm.code, Firm.name_zh, Firm.kind, Firm.member_return_bp, Firm.reserve_bp)
        of_village = self._known(Village.id, Village.township_id)

        def facts(r: Row) -> tuple[Any, ...]:
            return (r["name_zh"], r["kind"], _bp(r["member_return_pct"]), _bp(r["reserve_pct"]))

        for row in self._new(table, known, "code", facts):
            village = self.places.village(row["village_code"])
            township = self.places.township(row["township_code"])
            for column, place in (("village_code", village), ("township_code", township)):
                if place is None:
                    table.fault(row, column, f"没有 {row[column]}", f"there is no {row[column]}")
            if village and township and of_village[village] != (township,):
                table.fault(row, "village_code", "村不在该乡镇", "the village is not in this township")
            if table.errors:
                continue
            party = ensure_party(self.session, PartyKind.FIRM, row["code"], row["name_zh"])
            self.session.add(Firm(
                code=row["code"], party_id=party, name_zh=row["name_zh"], kind=FirmKind(row["kind"]),
                status=FirmStatus.ADMITTED, village_id=village, reserve_bp=_bp(row["reserve_pct"]),
                member_return_bp=_bp(row["member_return_pct"]),
            ))  # fmt: skip
        self.session.flush()

    def products(self, table: Table) -> None:
        firms = self._ids(Firm, Firm.code)
        columns = ("name_zh", "name_en", "category", "spec_zh", "net_weight_g", "shelf_life_days")
        known = self._known(
            Product.sku, *(getattr(Product, column) for column in columns), Product.farm_gate_fen_per_kg
        )

        def facts(r: Row) -> tuple[Any, ...]:
            return (*(r[column] for column in columns), r["farm_gate_price_fen_per_kg"])

        for row in self._new(table, known, "sku", facts):
            firm = self._ref(table, row, "firm_code", firms)
            village = self.places.village(row["origin_village_code"])
            if village is None:
                table.fault(row, "origin_village_code", "没有此村", f"there is no {row['origin_village_code']}")
            tiers = [(1, row["retail_price_fen"]), *row["bulk_tiers"]]
            if tiers[1][0] <= 1 or tiers[1][1] >= tiers[0][1]:
                table.fault(
                    row, "bulk_tiers", "首档须多于 1 件且低于零售价", "the first tier must be above 1 and below retail"
                )
            if table.errors:
                continue
            product = Product(
                sku=row["sku"], firm_id=firm, name_zh=row["name_zh"], name_en=row["name_en"],
                category=Category(row["category"]), status=ProductStatus.LISTED, spec_zh=row["spec_zh"],
                net_weight_g=row["net_weight_g"], unit_zh=row["unit"], origin_village_id=village,
                farm_gate_fen_per_kg=row["farm_gate_price_fen_per_kg"], harvest_start_month=row["harvest_start_month"],
                harvest_end_month=row["harvest_end_month"], shelf_life_days=row["shelf_life_days"],
                storage_zh=row["storage"], is_fresh=bool(row["is_fresh"]), is_food=row["sku"] not in self.restricted,
                gi_claimed="gi_claimed" in row["certification"],
            )  # fmt: skip
            self.session.add(product)
            self.session.flush()
            self.session.add_all(
                PriceTier(product_id=product.id, valid_from=PRICES_FROM, min_quantity=quantity, price_fen=price)
                for quantity, price in tiers
            )
            self.session.add_all(
                RequiredPaper(product_id=product.id, kind=_CERTIFICATIONS[name])
                for name in row["certification"]
                if name in _CERTIFICATIONS
            )
        self.session.flush()

    # -- buyers and agreements ---------------------------------------------------------------------------------------

    def buyers(self, table: Table) -> None:
        known = self._known(Partner.code, Partner.name_zh, Partner.payment_term_days)
        for row in self._new(table, known, "code", lambda r: (r["name_zh"], r["payment_term_days"])):
            self._partner(row, PartnerKind.UNIT if row["kind"] in UNIT_KINDS else PartnerKind.ENTERPRISE, row["code"])

    def _partner(self, row: Row, kind: PartnerKind, code: str) -> Partner:
        party = ensure_party(self.session, PartyKind.BUYER, row["code"], row["name_zh"])
        return register_partner(
            self.session, kind, code, party, row["name_zh"], payment_term_days=row["payment_term_days"],
            profile={"kind": row["kind"], "region": row["region"]}, actor_id=None, now=self.now,
        )  # fmt: skip

    def _campaign_id(self) -> int:
        known = self.session.scalar(select(Campaign.id).where(Campaign.code == CAMPAIGN[0]))
        return known or open_campaign(self.session, *CAMPAIGN, actor_id=None, now=self.now).id

    def agreements(self, table: Table) -> None:
        """A unit that signed an agreement is a partner of the enterprise kind too: one party, two partner rows."""
        campaign = self._campaign_id()
        firms = self._ids(Firm, Firm.code)
        products = {p.sku: p for p in self.session.scalars(select(Product))}
        buyers = {row["code"]: row for row in self._rows("buyers.csv")}
        known = self._known(Agreement.code, Agreement.starts_on, Agreement.ends_on, Agreement.schedule)
        for row in self._new(table, known, "code", lambda r: (r["start"], r["end"], r["schedule"])):
            buyer = self._ref(table, row, "buyer_code", buyers)
            firm = self._ref(table, row, "firm_code", firms)
            product = self._ref(table, row, "sku", products)
            if product is not None and product.firm_id != firm:
                table.fault(row, "sku", "商品不属于该企业", "the product is not this firm's")
            if row["end"] < row["start"]:
                table.fault(row, "end", "结束不能早于开始", "must not be before the start")
            if table.errors:
                continue
            rule, margin = row["price_rule"]
            sign(
                self.session, row["code"], self._enterprise(buyer), firm, campaign, starts_on=row["start"],
                ends_on=row["end"], deposit_bp=row["deposit_pct"] * 100, penalty_bp=row["penalty_pct"] * 100,
                payment_term_days=buyer["payment_term_days"], schedule=row["schedule"],
                promises=[Promise(product, row["committed_kg"], row["floor_price_fen_per_kg"], rule, margin)],
                signed_on=row["start"], actor_id=None, now=self.now,
            )  # fmt: skip

    def _enterprise(self, buyer: Row) -> Partner:
        party = ensure_party(self.session, PartyKind.BUYER, buyer["code"], buyer["name_zh"])
        known = self.session.scalar(
            select(Partner).where(Partner.party_id == party, Partner.kind == PartnerKind.ENTERPRISE)
        )
        return known or self._partner(buyer, PartnerKind.ENTERPRISE, f"{buyer['code']}-E")

    # -- households and what they hand in ----------------------------------------------------------------------------

    def households(self, table: Table) -> None:
        firms = self._ids(Firm, Firm.code)
        known = self._known(
            Household.code, Household.persons, Household.land_mu_tenths, Household.leased_out_mu_tenths,
            Household.is_assisted,
        )  # fmt: skip

        def facts(r: Row) -> tuple[Any, ...]:
            return (r["persons"], r["land_mu"], r["land_leased_out_mu"], bool(r["is_assisted"]))

        for row in self._new(table, known, "code", facts):
            firm = self._ref(table, row, "firm_code", firms)
            village = self.places.village(row["village_code"])
            if village is None:
                table.fault(row, "village_code", "没有此村", f"there is no {row['village_code']}")
            if row["land_leased_out_mu"] > row["land_mu"]:
                table.fault(row, "land_leased_out_mu", "流转面积大于承包面积", "more land leased out than there is")
            if row["relation"] == Relation.CONTRACT and row["share_units"]:
                table.fault(row, "share_units", "订单农户没有股份", "a contract grower holds no shares")
            if table.errors:
                continue
            party = ensure_party(self.session, PartyKind.HOUSEHOLD, row["code"], row["code"])
            household = Household(
                code=row["code"], party_id=party, village_id=village, persons=row["persons"],
                land_mu_tenths=row["land_mu"], leased_out_mu_tenths=row["land_leased_out_mu"],
                is_assisted=bool(row["is_assisted"]),
            )  # fmt: skip
            self.session.add(household)
            self.session.flush()
            self.session.add(
                Membership(
                    household_id=household.id, firm_id=firm, relation=Relation(row["relation"]),
                    share_units=row["share_units"],
                )
            )  # fmt: skip
        self.session.flush()

    def _members(self) -> set[tuple[int, int]]:
        return {(h, f) for h, f in self.session.execute(select(Membership.household_id, Membership.firm_id))}

    def deliveries(self, table: Table) -> None:
        households, firms = self._ids(Household, Household.code), self._ids(Firm, Firm.code)
        products = {p.sku: p for p in self.session.scalars(select(Product))}
        members = self._members()
        known = self._known(
            Delivery.code, Delivery.delivered_on, Delivery.household_id, Delivery.weight_g, Delivery.price_fen_per_kg,
            Delivery.grade,
        )  # fmt: skip

        def facts(r: Row) -> tuple[Any, ...]:
            return (r["date"], households.get(r["household_code"]), r["kg"], r["price_fen_per_kg"], r["grade"])

        values = []
        for row in self._new(table, known, "code", facts):
            household = self._ref(table, row, "household_code", households)
            firm = self._ref(table, row, "firm_code", firms)
            product = self._ref(table, row, "sku", products)
            if None in (household, firm, product):
                continue
            if (household, firm) not in members:
                table.fault(row, "firm_code", "农户不属于该企业", "the household is not of this firm")
            if product.firm_id != firm or product.farm_gate_fen_per_kg is None:
                table.fault(row, "sku", "该企业不收购此商品", "this firm does not take this product in")
            if not in_harvest(product.harvest_start_month, product.harvest_end_month, row["date"]):
                table.fault(row, "date", "不在采收月份内", "outside the harvest months")
            if row["amount_fen"] != price_of(row["kg"], row["price_fen_per_kg"]):
                table.fault(row, "amount_fen", "金额不等于重量×单价（四舍五入）", "is not weight x price, half up")
            values.append({
                "code": row["code"], "household_id": household, "firm_id": firm, "product_id": product.id,
                "delivered_on": row["date"], "weight_g": row["kg"], "grade": Grade(row["grade"]),
                "price_fen_per_kg": row["price_fen_per_kg"], "amount_fen": row["amount_fen"], "recorded_at": self.now,
            })  # fmt: skip
        if not table.errors:
            self._insert(Delivery, values)

    def payments(self, table: Table) -> None:
        households, firms = self._ids(Household, Household.code), self._ids(Firm, Firm.code)
        members = self._members()
        known = self._known(
            HouseholdPayment.code, HouseholdPayment.paid_on, HouseholdPayment.kind, HouseholdPayment.amount_fen
        )
        values = []
        for row in self._new(table, known, "code", lambda r: (r["date"], r["kind"], r["amount_fen"])):
            household = self._ref(table, row, "household_code", households)
            firm = self._ref(table, row, "firm_code", firms)
            if household and firm and (household, firm) not in members:
                table.fault(row, "firm_code", "农户不属于该企业", "the household is not of this firm")
            values.append({
                "code": row["code"], "household_id": household, "firm_id": firm, "kind": PaymentKind(row["kind"]),
                "paid_on": row["date"], "amount_fen": row["amount_fen"], "recorded_at": self.now,
            })  # fmt: skip
        if not table.errors:
            self._insert(HouseholdPayment, values)

    def surplus(self, table: Table) -> None:
        firms = self._ids(Firm, Firm.code)
        known = {
            row[0]: tuple(row[1:])
            for row in self.session.execute(
                select(Firm.code, SurplusPlan.year, SurplusPlan.surplus_fen, SurplusPlan.prior_loss_fen).join(
                    SurplusPlan, SurplusPlan.firm_id == Firm.id
                )
            )
        }
        for row in self._new(table, known, "firm_code", lambda r: (r["year"], r["surplus_fen"], r["prior_loss_fen"])):
            firm = self._ref(table, row, "firm_code", firms)
            if firm is None:
                continue
            book_plan(
                self.session, firm, row["year"], surplus_fen=row["surplus_fen"], prior_loss_fen=row["prior_loss_fen"],
                reserve_bp=row["reserve_pct"] * 100, return_bp=row["member_return_pct"] * 100,
                booked_on=date(row["year"], 12, 31), now=self.now,
            )  # fmt: skip

    def baseline(self, table: Table) -> None:
        households = self._ids(Household, Household.code)
        parts = ("wage_fen", "business_net_fen", "property_net_fen", "transfer_net_fen")
        known = {
            row[0]: tuple(row[1:])
            for row in self.session.execute(
                select(Household.code, BaselineIncome.year, BaselineIncome.total_fen).join(
                    BaselineIncome, BaselineIncome.household_id == Household.id
                )
            )
        }
        values = []
        for row in self._new(table, known, "household_code", lambda r: (r["year"], r["total_fen"])):
            household = self._ref(table, row, "household_code", households)
            if row["total_fen"] != sum(row[part] for part in parts):
                table.fault(row, "total_fen", "合计不等于四项之和", "is not the sum of the four kinds")
            values.append({
                "household_id": household, "year": row["year"], "total_fen": row["total_fen"],
                **{part: row[part] for part in parts},
            })  # fmt: skip
        if not table.errors:
            self._insert(BaselineIncome, values)


def _bp(percent: int | None) -> int | None:
    return None if percent is None else percent * 100
