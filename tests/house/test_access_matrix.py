"""Who may do what with whose things: every operation, every role, on own, foreign and missing objects (T48, T49, T51).

The table below says what is meant; the routes are read from the app. A new route without a row fails. To add one, write
a line: who is let in, what the path names, and who sees things of both sides.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from shop.catalog.actions import product_by_sku
from shop.channels.models import ChannelKind
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.kit.http import query_names
from shop.kit.tables import XLSX_TYPE
from shop.stock import asides
from tests.conftest import A_DAY_IN_JULY, fresh_app
from tests.factories.routes import Route, routes
from tests.factories.tables import contents
from tests.factories.world import ACTORS, NOW, Side, World, build

EVERYBODY = ("anonymous", *ACTORS)
PEOPLE = tuple(ACTORS)


@dataclass(frozen=True)
class Access:
    """One row: `who` is let in; `names` says what thing a path parameter names; `both` see things of both sides.

    `bodies`: what an actor sends instead of the worked example, where the example is another role's. `owned`: which
    fields of the body must name the actor's own things. `query`: parameters that a read cannot do without.
    """

    who: tuple[str, ...]
    names: dict[str, str]
    both: tuple[str, ...]
    bodies: dict[str, dict[str, Any]]
    owned: dict[str, str]
    query: str


def actors(words: str) -> tuple[str, ...]:
    """Names of actors, separated by blanks; `everybody` and `people` stand for all of them."""
    groups = {"everybody": EVERYBODY, "people": PEOPLE}
    return tuple(name for word in words.split() for name in groups.get(word, (word,)))


def row(
    who: str, *, both: str = "", bodies: dict[str, dict[str, Any]] | None = None, owned: dict[str, str] | None = None,
    query: str = "", **names: str,
) -> Access:  # fmt: skip
    """Who is let in, who sees both sides, and what each path parameter names."""
    return Access(actors(who), names, actors(both), bodies or {}, owned or {}, query)


READERS = "operator firm_staff buyer customer host cadre"
AGREEMENT_READERS = "operator county_manager township_manager firm_staff buyer"
REPORT_READERS = "operator county_manager township_manager firm_staff"
PAYING = "buyer customer firm_staff operator"
TRANSFER = {"bank_reference": "T1", "amount_fen": 1}
NEW_FAMILY = {"code": "农户-9001", "village": "140829101001", "persons": 3, "land_mu_tenths": 52}
SAME_VILLAGE = {"village": "140829101001", "reason": "选错了村"}
PAIRED = {"helper": "cadre-1", "household": "农户-0001"}

MATRIX: dict[str, Access] = {
    "access.sign_in": row("everybody"),
    "access.sign_out": row("people"),
    "access.me": row("people"),
    "agreements.list_agreements": row(AGREEMENT_READERS),
    "agreements.record_signed": row("operator"),
    "agreements.draft": row("operator firm_staff buyer"),
    "agreements.download_template": row("operator firm_staff buyer"),
    "agreements.import_draft": row("operator firm_staff buyer"),
    "agreements.list_versions": row(AGREEMENT_READERS, code="agreement", both="operator county_manager"),
    "agreements.show_contract": row(AGREEMENT_READERS, code="agreement", both="operator county_manager"),
    "agreements.propose": row("operator firm_staff buyer", code="agreement", both="operator"),
    "agreements.tell_majeure": row("firm_staff buyer", code="agreement"),
    "agreements.list_majeures": row(AGREEMENT_READERS, code="agreement", both="operator county_manager"),
    "agreements.decide_majeure": row("operator", code="agreement", both="operator"),
    "agreements.add_paper": row("operator firm_staff buyer", code="agreement", both="operator",
                                query="kind=other&title=x"),
    "agreements.list_papers": row("operator firm_staff buyer", code="agreement", both="operator"),
    "agreements.download_paper": row("operator firm_staff buyer", code="paper", both="operator"),
    "agreements.list_reminders": row(AGREEMENT_READERS),
    "agreements.quote": row("operator"),
    "agreements.import_quotes": row("operator"),
    "agreements.list_quote_files": row("operator"),
    "agreements.list_quotes": row(AGREEMENT_READERS),
    "catalog.list_firms": row("everybody"),
    "catalog.apply_firm": row("operator"),
    "catalog.show_firm": row("everybody", code="firm", both="everybody"),
    "catalog.decide_firm": row("operator", code="firm", both="operator"),
    "catalog.list_requirements": row("operator firm_staff"),
    "catalog.set_scopes": row("operator", code="requirement", both="operator"),
    "catalog.show_checklist": row("operator firm_staff", code="firm", both="operator"),
    "catalog.submit_item": row("firm_staff", code="firm"),
    "catalog.check_item": row("operator", code="firm", both="operator"),
    "catalog.list_products": row("everybody"),
    "catalog.show_product": row("everybody", sku="product", both="everybody"),
    "catalog.draft_product": row("firm_staff", owned={"firm": "firm"}),
    "catalog.edit_product": row("firm_staff", sku="product"),
    "catalog.move_listing": row("firm_staff operator", sku="product", both="operator",
                                bodies={"operator": {"event": "approve"}}),
    "catalog.set_prices": row("firm_staff", sku="product"),
    "catalog.set_windows": row("firm_staff", sku="product"),
    "catalog.add_picture": row("firm_staff", sku="product"),
    "catalog.keep_pictures": row("firm_staff operator", sku="product", both="operator"),
    "catalog.set_video": row("firm_staff", sku="product"),
    "catalog.list_certificate_reminders": row("firm_staff operator"),
    "catalog.list_certificates": row("firm_staff operator", sku="product", both="operator"),
    "catalog.add_certificate": row("firm_staff", sku="product"),
    "catalog.revoke_certificate": row("operator", sku="product", both="operator"),
    "catalog.verify_certificate": row("operator", sku="product", both="operator"),
    "campaigns.set_goal": row("operator", code="campaign", both="operator"),
    "campaigns.set_products": row("operator", code="campaign", both="operator"),
    "campaigns.set_prices": row("firm_staff", code="campaign", both="firm_staff", owned={"sku": "product"}),
    "campaigns.show_progress": row(
        "operator county_manager township_manager", code="campaign", both="operator county_manager township_manager"
    ),
    "channels.add_group": row("operator"),
    "channels.list_groups": row("operator firm_staff"),
    "channels.set_members": row("operator", code="group", both="operator"),
    "channels.set_named_prices": row("firm_staff", sku="product"),
    "channels.list_named_prices": row("operator firm_staff buyer"),
    "channels.end_named_prices": row("firm_staff", list_id="price_list"),
    "channels.list_campaigns": row("everybody"),
    "channels.add_campaign": row("operator"),
    "channels.list_channels": row("everybody"),
    "channels.list_partners": row("everybody"),
    "channels.add_partner": row("operator"),
    "channels.name_approvers": row("operator", code="unit", both="operator"),
    "channels.set_fee": row("operator", code="shop", both="operator"),
    "channels.set_storefront": row("operator", code="shop", both="operator"),
    "channels.add_link": row(
        "operator host cadre buyer", both="operator",
        bodies={"cadre": {"partner": "G01"}, "buyer": {"partner": "U01"}},
        owned={"partner": "partner", "session": "session"},
    ),
    "claims.raise_claim": row("customer", number="order"),
    "claims.list_claims": row("operator firm_staff customer"),
    "claims.show_claim": row("operator firm_staff customer", number="claim", both="operator"),
    "claims.show_photo": row("operator firm_staff customer", number="claim", both="operator"),
    "claims.answer": row("firm_staff", number="claim"),
    "claims.decide": row("operator", number="claim", both="operator"),
    "claims.withdraw": row("customer", number="claim"),
    "channels.list_links": row("operator host cadre buyer"),
    "channels.list_link_rules": row("everybody"),
    "channels.add_link_rule": row("operator"),
    "farmers.list_households": row("operator county_manager township_manager firm_staff household"),
    "farmers.show_household": row("operator county_manager township_manager firm_staff household", code="household",
                                  both="operator county_manager"),
    "imports.import_upload": row("operator"),
    "income.deliver": row("firm_staff", owned={"sku": "product", "household": "household"}),
    "income.reverse_acceptance": row("operator", number="order", both="operator"),
    "income.list_deliveries": row("operator firm_staff household"),
    "income.correct": row("operator firm_staff", code="delivery", both="operator"),
    "income.close": row("operator"),
    "collectives.list_collectives": row("operator county_manager township_manager", query="year=2025"),
    "collectives.show_collective": row("operator county_manager township_manager", code="village",
                                       both="operator county_manager", query="year=2025"),
    "collectives.list_village_pairings": row("operator county_manager township_manager"),
    "collectives.record_income": row("operator", both="operator", owned={"village": "village"}),
    "collectives.reverse_income": row("operator", code="collective_income", both="operator"),
    "collectives.pair_villages": row("operator", both="operator"),
    "collectives.void_village_pairing": row("operator", code="village_pairing", both="operator"),
    "collectives.set_tiers": row("operator"),
    "collectives.list_tiers": row("operator county_manager township_manager"),
    "farmers.add_group": row("operator"),
    "farmers.list_groups": row("operator county_manager township_manager"),
    "farmers.list_ties": row("operator county_manager township_manager"),
    "farmers.list_pairings": row("operator county_manager township_manager cadre buyer"),
    "farmers.pair": row("operator", both="operator",
                        bodies={"operator": PAIRED | {"starts_on": "2025-07-01"}}),
    "farmers.end_pairing": row("operator", both="operator",
                               bodies={"operator": PAIRED | {"ends_on": "2025-12-31", "reason": "轮换"}}),
    "farmers.tie_household": row("operator", code="household", both="operator"),
    "farmers.untie_household": row("operator", code="household", both="operator"),
    "farmers.void_tie": row("operator", code="household", both="operator"),
    "farmers.list_household_corrections": row("operator county_manager township_manager household", code="household",
                                              both="operator county_manager"),
    "farmers.add_household": row("operator county_manager township_manager", both="operator county_manager",
                                 owned={"village": "village"},
                                 bodies={"operator": NEW_FAMILY, "county_manager": NEW_FAMILY | {"code": "农户-9002"},
                                         "township_manager": NEW_FAMILY | {"code": "农户-9003"}}),
    "farmers.set_village": row("operator county_manager township_manager", code="household",
                               both="operator county_manager", owned={"village": "village"},
                               bodies=dict.fromkeys(("operator", "county_manager", "township_manager"), SAME_VILLAGE)),
    "farmers.set_assistance": row("operator", code="household", both="operator"),
    "income.correct_household": row("operator", code="household", both="operator"),
    "farmers.merge_household": row("operator", code="household", both="operator"),
    "farmers.unmerge_household": row("operator", code="household", both="operator"),
    "income.join_firm": row("operator", code="household", both="operator"),
    "income.leave_firm": row("operator", code="household", both="operator"),
    "income.void_departure": row("operator", code="household", both="operator"),
    "income.void_joining": row("operator", code="household", both="operator"),
    "income.correct_joining": row("operator", code="household", both="operator"),
    "farmers.list_grade_factors": row("operator county_manager township_manager firm_staff"),
    "farmers.add_grade_factor": row("operator firm_staff", both="operator", owned={"firm": "firm"}),
    "imports.import_orders": row("operator firm_staff buyer", query="partner=U01"),
    "imports.import_slips": row("firm_staff", query="firm=F01"),
    "income.list_payments": row("firm_staff operator"),
    "income.list_costs": row("operator"),
    "income.pay_household": row("firm_staff operator", both="operator",
                                owned={"firm": "firm", "household": "household"}),
    "income.correct_payment": row("firm_staff operator", code="household_payment", both="operator"),
    "income.list_cost_rates": row("operator county_manager township_manager firm_staff"),
    "income.set_cost_rate": row("operator"),
    "income.void_cost_rate": row("operator", both="operator"),
    "income.record_cost": row("operator"),
    "income.correct_cost": row("operator", code="cost_record", both="operator"),
    "income.list_guarantees": row("operator firm_staff household"),
    "income.sign_guarantee": row("firm_staff", owned={"firm": "firm"}),
    "income.show_guarantee": row("operator firm_staff household", code="guarantee", both="operator"),
    "income.pay_guaranteed": row("firm_staff", code="guarantee"),
    "income.pay_second": row("firm_staff", code="guarantee"),
    "income.void_guarantee_payment": row("firm_staff operator", code="guarantee", both="operator"),
    "income.void_guarantee": row("firm_staff operator", code="guarantee", both="operator"),
    "income.end_guarantee": row("firm_staff operator", code="guarantee", both="operator"),
    "income.list_plans": row("operator firm_staff household"),
    "income.draft_plan": row("firm_staff", owned={"firm": "firm"}),
    "income.show_plan": row("operator firm_staff household", code="surplus_plan", both="operator"),
    "income.lay_plan_open": row("firm_staff", code="surplus_plan"),
    "income.object_to_plan": row("firm_staff household", code="surplus_plan", owned={"household": "household"}),
    "income.answer_objection": row("firm_staff", code="surplus_plan"),
    "income.approve_plan": row("firm_staff", code="surplus_plan"),
    "income.withdraw_plan": row("firm_staff", code="surplus_plan"),
    "income.reverse_plan": row("firm_staff operator", code="surplus_plan", both="operator"),
    "income.book_plan": row("firm_staff", code="surplus_plan"),
    "income.list_months": row("operator county_manager township_manager"),
    "reports.publish_income": row("operator"),
    "reports.list_published": row("everybody"),
    "reports.show_published": row("everybody", query="from=2025-01&to=2025-01"),
    "reports.explain": row(REPORT_READERS, query="year=2025"),
    "income.refund": row("firm_staff operator", number="order", both="operator"),
    "income.statement": row("operator county_manager township_manager household", code="household",
                            both="operator county_manager"),
    "links.show_attribution": row("operator", number="order", both="operator"),
    "links.correct_attribution": row("operator", number="order", both="operator",  # refused: else the host lost it
                                     bodies={"operator": {"partner": "U01", "reason": "核对"}}),
    "links.list_cadres": row("operator"),
    "links.show_cadre": row("operator cadre", code="helper", both="operator"),
    "links.belong": row("operator", code="helper", both="operator"),
    "links.list_signs": row("operator"),
    "links.list_funnels": row("operator host cadre buyer"),
    "live.plan_session": row("operator host", both="operator", owned={"partner": "partner"}),
    "live.list_sessions": row("operator host"),
    "live.show_session": row("operator host", code="session", both="operator"),
    "live.describe_session": row("operator host", code="session", both="operator"),
    "live.build_shelf": row("operator host", code="session", both="operator"),
    "live.make_links": row("operator host", code="session", both="operator"),
    "live.review_session": row("operator", code="session", both="operator"),
    "live.start_session": row("operator host", code="session", both="operator"),
    "live.end_session": row("operator host", code="session", both="operator"),
    "live.pin_product": row("operator host", code="session", both="operator"),
    "live.show_figures": row("operator host", code="session", both="operator"),
    "live.show_shelf": row("everybody", code="session", both="everybody"),
    "live.promise_coupon": row("operator host", code="session", both="operator"),
    "live.list_coupons": row("operator host", code="session", both="operator"),
    "live.show_statement": row("operator host", code="session", both="operator"),
    "live.change_item": row("operator host", code="session", both="operator"),
    "marketplaces.set_up": row("operator", code="shop", both="operator"),
    "marketplaces.show_shop": row("operator", code="shop", both="operator"),
    "marketplaces.map_item": row("operator", code="shop", both="operator"),
    "marketplaces.list_items": row("operator", code="shop", both="operator"),
    "marketplaces.import_file": row("operator", code="shop", both="operator", query="kind=orders"),
    "marketplaces.reconcile": row("operator", code="shop", both="operator"),
    "marketplaces.list_differences": row("operator", code="shop", both="operator"),
    "marketplaces.show_listing": row("operator", code="shop", both="operator"),
    "marketplaces.list_imports": row("operator", code="shop", both="operator"),
    "marketplaces.list_lines": row("operator", code="shop", both="operator"),
    "orders.place": row("customer buyer"),
    "orders.list_orders": row(READERS),
    "orders.show": row(READERS, number="order", both="operator"),
    "orders.approve": row("buyer firm_staff", number="order"),
    "orders.dispatch": row("firm_staff", number="order", bodies={"firm_staff": {}}),
    "orders.sign": row("firm_staff", number="order"),
    "orders.list_receipt_rules": row("everybody"),
    "orders.add_receipt_rule": row("operator"),
    "orders.show_papers": row(READERS, number="order", both="operator"),
    "orders.list_dispatches": row(READERS, number="order", both="operator"),
    "orders.accept": row("buyer customer", number="order", bodies={"buyer": {}, "customer": {}}),
    "orders.accept_for_buyer": row("operator", number="order", both="operator"),
    "orders.cancel": row("buyer customer firm_staff operator", number="order", both="operator"),
    "orders.enter": row("operator firm_staff buyer", code="unit", both="operator firm_staff"),
    "orders.cut": row("buyer customer firm_staff", number="order"),
    "orders.close_rest": row("buyer operator", number="order", both="operator"),
    "orders.list_acceptance_corrections": row(READERS, number="order", both="operator"),
    "orders.end_agreement": row("operator firm_staff buyer", code="agreement", both="operator"),
    "orders.reopen": row("firm_staff buyer", code="agreement"),
    "orders.list_reopenings": row(AGREEMENT_READERS, code="agreement", both="operator county_manager"),
    "orders.list_cuts": row(READERS, number="order", both="operator"),
    "orders.show_agreement": row(AGREEMENT_READERS, code="agreement", both="operator county_manager"),
    "orders.call": row("buyer", code="agreement"),
    "orders.change_call_off": row("buyer", number="order"),
    "orders.stock_in_view": row("firm_staff operator", number="order", both="operator"),
    "payments.pay": row(PAYING, number="order", both="operator",
                        bodies={"firm_staff": TRANSFER, "operator": TRANSFER}),
    "payments.sign": row("firm_staff buyer", code="agreement"),
    "payments.show_deposit": row(AGREEMENT_READERS, code="agreement", both="operator county_manager"),
    "payments.receive_deposit": row("firm_staff operator", code="agreement", both="operator"),
    "payments.set_off_deposit": row(
        "firm_staff operator", code="agreement", both="operator",
        bodies={actor: {"order": "UNIT1"} for actor in ("firm_staff", "operator")},
    ),
    "payments.return_deposit": row("operator", code="agreement", both="operator"),
    "payments.forfeit_deposit": row("firm_staff", code="agreement"),
    "payments.propose_penalties": row("operator firm_staff buyer", code="agreement", both="operator"),
    "payments.list_penalties": row(AGREEMENT_READERS, code="agreement", both="operator county_manager"),
    "payments.decide_penalty": row("firm_staff buyer", code="agreement"),
    "payments.receive_penalty": row("operator firm_staff buyer", code="agreement", both="operator"),
    "payments.void_penalty_payment": row("operator firm_staff buyer", code="agreement", both="operator"),
    "payments.list_payments": row(PAYING, number="order", both="operator"),
    "payments.list_refunds": row(PAYING, number="order", both="operator"),
    "payments.notification": row("everybody"),
    "reports.agreements": row(AGREEMENT_READERS),
    "reports.agreement_stock": row(REPORT_READERS),
    "reports.agreement_penalties": row(AGREEMENT_READERS),
    "reports.explain_agreement_figure": row(AGREEMENT_READERS),
    "reports.channels": row(REPORT_READERS, query="from=2025-07-01&to=2025-07-31"),
    "reports.income": row(REPORT_READERS, query="year=2025"),
    "inquiries.ask": row("buyer", owned={"partner": "unit"}),
    "inquiries.list_inquiries": row("operator firm_staff buyer"),
    "inquiries.show_inquiry": row("operator firm_staff buyer", code="inquiry", both="operator"),
    "inquiries.offer": row("firm_staff", code="inquiry"),
    "inquiries.accept": row("buyer", code="inquiry"),
    "inquiries.end": row("buyer firm_staff", code="inquiry",
                         bodies={"firm_staff": {"event": "decline", "reason": "无货"}}),
    "rounds.list_rounds": row("buyer operator firm_staff"),
    "rounds.open_round": row("buyer", owned={"partner": "unit"}),
    "rounds.show_round": row("buyer operator firm_staff", code="round", both="operator"),
    "rounds.close": row("buyer", code="round"),
    "rounds.cancel": row("buyer", code="round"),
    "rounds.set_aside": row("firm_staff", code="round", owned={"sku": "product"}),
    "rounds.remove": row("buyer", code="round"),
    "rounds.show_distribution": row("buyer", code="round"),
    "rounds.download_distribution": row("buyer", code="round"),
    "rounds.hand_out": row("buyer", code="round"),
    "rounds.show_join": row("everybody", link="join", both="everybody"),
    "rounds.join": row("everybody", link="join", both="everybody"),
    "rounds.show_mine": row("everybody", link="join", both="everybody"),
    "rounds.change": row("everybody", link="join", both="everybody"),
    "rounds.withdraw": row("everybody", link="join", both="everybody"),
    "reports.explain_channels": row(REPORT_READERS, query="from=2025-07-01&to=2025-07-31"),
    "reports.ask_file": row(
        AGREEMENT_READERS,
        bodies={"buyer": {"report": "agreements", "file": "csv", "by": "month", "as_of": "2025-07-15"}},
    ),
    "reports.list_files": row(AGREEMENT_READERS),
    "reports.show_file": row(AGREEMENT_READERS, code="report_file"),
    "reports.fetch_file": row(AGREEMENT_READERS, code="report_file"),
    "reports.jobs": row("operator"),
    "reports.jobs_given_up": row("operator"),
    "reports.retry_job": row("operator", outbox_id="given_up", both="operator"),
    "reports.rebuild": row("operator"),
    "reports.show_periodic": row(REPORT_READERS),
    "reports.periodic_sources": row(REPORT_READERS, query="section=channels&figure=net_fen"),
    "reports.send": row("operator county_manager township_manager"),
    "reports.list_sent": row("operator county_manager township_manager"),
    "reports.show_sent": row("operator county_manager township_manager", code="sent_report",
                             both="operator county_manager"),
    "reports.show_sent_changes": row("operator county_manager township_manager", code="sent_report",
                                     both="operator county_manager"),
    "settlement.list_shares": row("operator firm_staff host"),
    "stock.list_lots": row(REPORT_READERS),
    "stock.list_stock": row(REPORT_READERS),
    "stock.set_aside": row("firm_staff", owned={"sku": "product"}),
    "stock.change_aside": row("firm_staff", code="aside"),
    "stock.end_aside": row("firm_staff", code="aside"),
    "stock.list_presales": row("everybody"),
    "stock.open_presale": row("firm_staff", owned={"sku": "product"}),
    "stock.end_presale": row("firm_staff operator", code="presale", both="operator"),
    "stock.open_lot": row("firm_staff", owned={"sku": "product", "deliveries": "delivery"}),
    "stock.show_lot": row(REPORT_READERS, code="lot", both="operator county_manager"),
    "stock.withdraw": row("firm_staff", code="lot"),
    "stock.remake_lot": row("firm_staff", owned={"sku": "product"}),
    "stock.recall_lot": row("operator firm_staff", code="lot", both="operator"),
    "stock.list_recalls": row(REPORT_READERS),
    "stock.lift_recall": row("operator firm_staff", code="recall", both="operator"),
    "tracing.trace_lot": row(REPORT_READERS, code="lot", both="operator county_manager"),
    "tracing.list_lot_orders": row(REPORT_READERS, code="lot", both="operator county_manager"),
    "tracing.trace_order": row(READERS, number="order", both="operator"),
    "tracing.trace_slip": row("operator county_manager township_manager firm_staff household", code="delivery",
                              both="operator county_manager"),
    "units.list_rules": row("operator buyer county_manager township_manager"),
    "units.add_rule": row("operator"),
    "units.list_units": row("operator buyer county_manager township_manager", query="year=2025"),
    "units.show_unit": row("operator buyer", code="unit", query="year=2025", both="operator"),
    "units.file_year": row("buyer", code="unit"),
    "units.record_outside": row("buyer", code="unit"),
    "units.void_outside": row("buyer", code="unit"),
    "units.declare": row("buyer", number="order"),
    "units.show_sheet": row("operator firm_staff buyer", number="order", both="operator"),
}  # fmt: skip

#: Whose order is whose: cadres and units have their own.
OWN: dict[tuple[str, str], str] = {
    ("order", "cadre"): "cadre_order",
    ("order", "buyer"): "unit_order",
    **{("report_file", actor): f"file of {actor}" for actor in AGREEMENT_READERS.split()},
}


@pytest.fixture(scope="module")
def world(urls: tuple[str, str], template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with fresh_app(urls, template, tmp_path_factory.mktemp("matrix"), WalkingClock(A_DAY_IN_JULY)) as app:
        made = build(app)
        with transaction() as session:
            for side in (made.a, made.b):
                product, until = product_by_sku(session, str(side.things["product"])), NOW + timedelta(days=1)
                aside = asides.start(session, product, 1_000, until, channel=ChannelKind.UNIT, actor_id=None, now=NOW)
                side.things["aside"] = str(aside.code)
        yield made


def known(app: Flask) -> list[Route]:
    """Routes that have a row: one without is reported by its own test."""
    return [route for route in routes(app) if route.name in MATRIX]


def ask(
    world: World, route: Route, actor: str, side: Side | None, key: str = "matrix", query: str = "", **fields: object
) -> TestResponse:
    """Call `route` as `actor` on the things of `side`, or on missing ones; `fields` replace those of the body."""
    access = MATRIX[route.name]
    things = {name: side.things[OWN.get((thing, actor), thing)] for name, thing in access.names.items() if side}
    headers = world.headers[actor] | ({"Idempotency-Key": f"{key}-{route.name}-{actor}"} if route.keyed else {})
    body = access.bodies.get(actor, route.example)
    if fields:
        body = body | fields
    return world.app.test_client().open(
        f"{route.url(**things)}?{access.query}&{query}".rstrip("?&"),
        method=route.method,
        headers=headers | ({"Content-Type": "application/json"} if route.takes_body else {}),
        data=json.dumps(body).encode() if route.takes_body else b"",
    )


def said(response: TestResponse, thing: object) -> str:
    """The answer without what differs by nature: the id of the request, and the name that was asked for."""
    text = re.sub(r'"request_id": ?"[^"]*"', "", response.get_data(as_text=True))
    return f"{response.status_code} {text.replace(str(thing), 'X')}"


def test_every_route_has_a_row_and_every_row_a_route(world: World) -> None:
    assert sorted(route.name for route in routes(world.app)) == sorted(MATRIX)


def test_every_row_names_all_parameters_of_its_path(world: World) -> None:
    wrong = [route.name for route in known(world.app) if set(route.rule.arguments) != set(MATRIX[route.name].names)]
    assert wrong == []


def test_who_is_not_let_in_is_told_to_sign_in_or_that_it_is_not_for_him(world: World) -> None:
    before = contents(world.app)
    wrong = []
    for route in known(world.app):
        for actor in sorted(set(EVERYBODY) - set(MATRIX[route.name].who)):
            for side in (world.a, world.b, None):
                status = ask(world, route, actor, side).status_code
                if status != (401 if actor == "anonymous" else 403):
                    wrong.append((route.name, actor, status))
    assert wrong == []
    assert contents(world.app) == before


def test_a_foreign_thing_reads_exactly_like_a_missing_one(world: World) -> None:
    before = contents(world.app)
    wrong = []
    for route in known(world.app):
        access = MATRIX[route.name]
        if not access.names:
            continue
        for actor in set(access.who) - set(access.both):
            names = {world.b.things[OWN.get((thing, actor), thing)] for thing in access.names.values()}
            foreign, missing = ask(world, route, actor, world.b), ask(world, route, actor, None)
            told = said(foreign, names.pop()), said(missing, "NONE-999")
            if foreign.status_code != 404 or told[0] != told[1]:
                wrong.append((route.name, actor, told))
    assert wrong == []
    assert contents(world.app) == before


def test_a_foreign_thing_named_in_a_body_reads_exactly_like_a_missing_one(world: World) -> None:
    before = contents(world.app)
    wrong = []
    for route in known(world.app):
        access = MATRIX[route.name]
        for name, thing in access.owned.items():
            for actor in set(access.who) - set(access.both):
                answers = set()
                for position, code in enumerate((world.b.things[thing], "NONE-999")):
                    value = [code] if isinstance(route.example[name], list) else code
                    answers.add(said(ask(world, route, actor, world.a, f"{name}{position}", **{name: value}), code))
                if len(answers) != 1 or not answers.pop().startswith(("404", "409")):
                    wrong.append((route.name, actor, name, answers))
    assert wrong == []
    assert contents(world.app) == before


def test_a_missing_thing_is_missing_for_everybody(world: World) -> None:
    wrong = [
        (route.name, actor, status)
        for route in known(world.app)
        if MATRIX[route.name].names
        for actor in MATRIX[route.name].who
        if (status := ask(world, route, actor, None).status_code) != 404
    ]
    assert wrong == []


def test_who_is_let_in_reaches_his_own_things(world: World) -> None:
    """Reads answer 200. Writes may be refused by the state of things, never as foreign, forbidden or broken."""
    wrong = []
    for route in known(world.app):
        access = MATRIX[route.name]
        if route.name == "access.sign_out":
            continue  # tried in tests/access: it would end the token that the others need
        for actor in access.who:
            for side in (world.a, world.b) if actor in access.both else (world.a,):
                named = {name: side.things[of] for name, of in access.owned.items() if of == "village"}
                response = ask(world, route, actor, side, key=f"own-{side is world.a}", **named)
                good = response.status_code == 200 if route.method == "GET" else response.status_code not in (403, 404)
                if not good or response.status_code >= 500:
                    wrong.append((route.name, actor, response.status_code, response.get_data(as_text=True)[:200]))
    assert wrong == []


def secrets(side: Side) -> set[str]:
    """Names that only one side may read."""
    kinds = (
        "claim",
        "order",
        "cadre_order",
        "unit_order",
        "inquiry",
        "household",
        "delivery",
        "household_payment",
        "cost_record",
        "lot",
        "agreement",
        "payment",
        "surplus_plan",
        "guarantee",
    )
    return {str(side.things[kind]) for kind in kinds}


def words(response: TestResponse) -> str:
    """The answer as JSON text; of a workbook every text in it."""
    if response.content_type != XLSX_TYPE:
        return response.get_data().decode(errors="replace")
    with zipfile.ZipFile(io.BytesIO(response.data)) as book:
        parts = "".join(book.read(name).decode() for name in book.namelist())
    return json.dumps(re.findall(r">([^<>]+)<", parts), ensure_ascii=False)


@pytest.mark.timeout(600)  # every list by every filter: grows with the API
def test_t51_a_list_holds_no_word_of_the_other_side(world: World) -> None:
    """No read of side A's actors holds a name of side B, whatever it filters by."""
    leaks = []
    for route in known(world.app):
        if route.method == "GET":
            asked = [""] + [
                f"{name}={thing}"
                for name in sorted(query_names(route.view) - {"limit", "cursor"})
                for thing in set(world.b.things.values())
            ]
            for actor in set(MATRIX[route.name].who) - {"anonymous", "operator", "county_manager"}:
                for query in asked:
                    text = words(ask(world, route, actor, world.a, query=query))
                    leaks += [(route.name, actor, query, name) for name in secrets(world.b) if f'"{name}"' in text]
    assert leaks == []


def test_a_list_holds_what_is_there_for_who_sees_both_sides(world: World) -> None:
    text = world.app.test_client().get("/api/v1/orders", headers=world.headers["operator"]).get_data(as_text=True)
    assert all(f'"{side.things["order"]}"' in text for side in (world.a, world.b))
