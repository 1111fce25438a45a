"""Threats on links, attribution, coupons and files, and where each is tried; what no room tests stands here.

`U`: the test compares a hash of every business table before and after, or the facts that the threat is about.
"""

import ast
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from shop.access.models import PartyKind, Role
from shop.channels.actions import register_partner
from shop.channels.models import PartnerKind
from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from tests.factories.access import party, signed_in
from tests.factories.tables import contents

TESTS = Path(__file__).resolve().parents[1]

#: Threat: what is tried, the file, the tests; a test in capitals `U` changes nothing.
THREATS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "T17": ("a coupon used several times at once", {
        "live/test_live_coupons.py": (
            "test_t17_a_coupon_used_fifty_times_at_once_counts_once",
            "test_buyers_at_once_never_spend_more_than_the_budget",
            "test_the_control_without_the_guard_spends_beyond_the_budget_and_counts_twice",
        ),
        "web/test_web_coupons.py": (
            "test_t17_guests_with_one_phone_at_once_use_a_coupon_once",
            "test_t17_guests_at_once_never_spend_more_than_the_budget",
            "test_t17_the_control_without_the_guards_spends_it_several_times",
        ),
    }),
    "T18": ("discounts below zero, refunds of parts that add up to more", {
        "live/test_live_coupons.py": (
            "test_a_discount_is_shared_over_the_lines_by_amount_and_adds_up",
            "test_a_refund_after_settlement_takes_the_discount_back_in_proportion",
        ),
        "payments/test_payments_refunds.py": (
            "test_t18_a_refund_of_several_lines_follows_what_is_left_of_them_to_the_fen",
            "test_t18_what_is_refused_at_acceptance_goes_back_line_by_line_and_once",
        ),
    }),
    "T37": ("one slip, one line of a shop, told again", {
        "imports/test_imports_slips.py": (
            "test_t37_a_slip_counts_once_in_one_file_in_two_and_with_blanks_or_full_width_digits",
        ),
        "marketplaces/test_marketplaces_orders.py": (
            "test_the_same_files_three_times_split_and_shuffled_in_any_shape_give_the_same_books",
            "test_control_without_the_shops_own_numbers_a_second_file_sells_again",
            "U test_a_line_told_again_with_another_amount_is_refused",
        ),
        "marketplaces/test_marketplaces_connectors.py": (
            "test_a_file_and_an_api_over_http_bring_the_same_books_however_often_they_tell",
            "U test_a_page_that_does_not_come_is_a_problem_and_nothing_is_taken",
        ),
    }),
    "T44": ("a link that leads elsewhere", {
        "web/test_web_links.py": (
            "U test_t44_a_link_that_nobody_made_leads_nowhere",
            "test_t44_t70_a_link_leads_to_an_address_of_ours_whatever_host_is_claimed",
        ),
        "abuse/test_selling_threats.py": ("U test_t44_nobody_puts_a_target_into_a_link",),
    }),
    "T45": ("a link opened ten thousand times, by programs, by prefetch", {
        "web/test_web_links.py": (
            "test_t45_ten_thousand_openings_by_one_address_are_one_visitor",
            "test_t45_programs_are_counted_apart_and_carry_no_attribution",
        ),
        "links/test_links_signs.py": ("test_t45_a_visitor_who_opens_a_link_again_and_again_is_a_sign",),
        "links/test_links_funnel.py": ("test_a_funnel_counts_from_visitors_to_households_and_own_orders_apart",),
    }),
    "T46": ("a partner who orders by his own link", {
        "journeys/test_journeys_links.py": (
            "test_t46_a_host_who_orders_by_his_own_link_gets_his_goods_and_no_commission",
            "test_t46_nor_by_another_account_to_his_own_phone",
        ),
        "links/test_links_signs.py": ("test_t46_orders_of_the_partner_himself_are_a_sign",),
    }),
    "T47": ("an attribution that is forged, or changed afterwards", {
        "web/test_web_links.py": (
            "test_t47_a_cookie_that_is_not_ours_names_nobody",
            "test_t47_a_seal_made_for_another_purpose_names_nobody",
        ),
        "web/test_web_counted.py": ("test_t47_a_forged_list_of_links_counts_for_nobody",),
        "links/test_links_corrections.py": (
            "U test_t47_nobody_but_the_county_counts_an_order_anew",
            "test_t47_of_two_hosts_who_claim_an_order_the_last_correction_counts_and_each_step_is_kept",
            "test_t47_a_refund_is_taken_from_those_who_have_the_money_now",
        ),
        "settlement/test_settlement_shares.py": (
            "test_t31_t47_a_refund_after_settlement_is_a_negative_settlement_of_its_own",
        ),
    }),
    "T64": ("a cell that is a formula", {
        "kit/test_kit_tables.py": (
            "test_t64_no_cell_of_a_workbook_is_a_formula_and_numbers_stay_numbers",
            "test_t64_no_cell_of_a_csv_begins_as_a_formula",
        ),
        "rounds/test_rounds_papers.py": ("test_t64_what_somebody_calls_himself_is_never_a_formula",),
    }),
    "T65": ("a file that is damaged, huge, hostile or in another encoding", {
        "marketplaces/test_marketplaces_api.py": (
            "U test_t65_a_bad_file_is_refused_by_line_and_nothing_is_taken",
            "U test_t65_a_workbook_that_is_a_bomb_is_refused",
            "test_t65_a_million_rows_are_refused_at_the_first_too_many",
            "test_t65_every_encoding_that_shops_export_reads_the_same",
        ),
        "imports/test_imports_upload.py": (
            "U test_t65_an_upload_beyond_20_mib_is_too_large",
            "test_t65_a_path_that_leads_out_of_the_zip_is_refused",
            "test_t65_a_bomb_is_not_unpacked_to_its_end",
        ),
        "imports/test_imports_refusals.py": (
            "test_a_bad_row_is_refused_where_it_stands",
            "test_t65_a_million_rows_are_not_read_to_their_end",
        ),
        "kit/test_kit_tables.py": ("test_t65_any_bytes_are_rows_or_a_refusal",),
    }),
}  # fmt: skip


def functions(file: str) -> dict[str, str]:
    """The tests of a file, each with its text."""
    said = (TESTS / file).read_text("utf-8")
    return {
        node.name: ast.get_source_segment(said, node) or ""
        for node in ast.parse(said).body
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize("threat", sorted(THREATS))
def test_each_threat_is_tried_where_the_table_says(threat: str) -> None:
    for file, names in THREATS[threat][1].items():
        known = functions(file)
        for name in names:
            assert name.removeprefix("U ") in known, f"{threat}: {file} has no {name}"
            if name.startswith("U "):
                said = known[name.removeprefix("U ")]
                assert "before" in said or "contents" in said, f"{threat}: {name} does not look at what is unchanged"


ELSEWHERE = (
    "//evil.example", "/\\evil.example", "https:evil.example", "javascript:alert(1)", "https://a@evil", "a\r\nb",
)  # fmt: skip


def test_t44_nobody_puts_a_target_into_a_link(county: Flask, clock: WalkingClock) -> None:
    owner = party(county, PartyKind.CADRE, "G9")
    with transaction() as session:
        register_partner(session, PartnerKind.CADRE, "G9", owner, "干部（示例）", actor_id=None, now=clock.now())
    headers, post = signed_in(county, Role.CADRE, owner), county.test_client().post
    before = contents(county)
    asked: dict[str, Any] = {"partner": "G9", "sku": "PL001"}
    for field in ("target", "url", "path", "code", "sku", "session", "campaign"):
        for value in ELSEWHERE:
            answer = post("/api/v1/links", json=asked | {field: value}, headers=headers)
            assert answer.status_code == 422, (field, value)
    assert contents(county) == before
    assert post("/api/v1/links", json=asked, headers=headers).status_code == 201
