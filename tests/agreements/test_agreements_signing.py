"""From draft to signature, amendments, reminders, the end: a signed term changes by consent of both or not at all."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shop.agreements import signing
from shop.agreements.actions import agreement_by_code, call_off
from shop.agreements.errors import (
    AgreementNotRunning,
    AmendmentRefused,
    DocumentNotCurrent,
    FirstDayPast,
    NotOnSale,
    NotRenewable,
    TermsRefused,
    VersionSame,
)
from shop.agreements.models import (
    Agreement,
    AgreementLine,
    AgreementReminder,
    AgreementSignature,
    AgreementStatus,
    AgreementVersion,
    DueWeight,
    Side,
)
from shop.agreements.reminders import find_ending, remind_end
from shop.agreements.signing import Hand
from shop.agreements.terms import Terms, document, document_hash, read
from shop.catalog.actions import product_by_sku
from shop.catalog.models import Product, ProductStatus
from shop.channels.models import Occasion, OccasionStatus
from shop.kit.clock import at_beijing
from shop.kit.db import db, transaction
from shop.kit.errors import DomainError, MoveRefusedError
from shop.kit.jobs import Outbox
from shop.kit.states import History
from shop.reports.books import run_checks
from shop.reports.checks import CHECKS
from tests.factories.agreements import (
    BUYER,
    FIRM,
    TERMS,
    amended,
    drafted,
    line,
    recorded,
    second_product,
    sign_by,
    terms,
)
from tests.factories.tables import contents
from tests.factories.world import NOW, TODAY, World, build


@pytest.fixture
def world(committed: Flask) -> World:
    return build(committed)


@pytest.fixture
def signed(world: World) -> World:
    with transaction() as session:
        drafted(session)
    with transaction() as session:
        sign_by(session, "A50", BUYER, FIRM)
    return world


def due(code: str = "A50") -> dict[date, int]:
    rows = db.session.execute(
        select(DueWeight.due_on, DueWeight.weight_g)
        .join(AgreementLine, AgreementLine.id == DueWeight.line_id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .where(Agreement.code == code, DueWeight.weight_g > 0)
    )
    return dict(rows.all())  # type: ignore[arg-type]


def found(code: str = "A50") -> Agreement:
    return db.session.execute(select(Agreement).where(Agreement.code == code)).scalar_one()


def refused(world: World, error: type[DomainError], asked: Terms, by: Hand = BUYER) -> DomainError:
    before = contents(world.app)
    with pytest.raises(error) as caught, transaction() as session:
        signing.propose(session, agreement_by_code(session, "A50", lock=True), asked, by=by)
    assert contents(world.app) == before
    return caught.value


def test_a_draft_promises_nothing_and_is_no_agreement_yet(world: World) -> None:
    with transaction() as session:
        drafted(session)
    assert (found().status, found().signed_on, due()) == (AgreementStatus.DRAFT, None, {})
    assert db.session.scalar(select(Occasion.status).where(Occasion.code == "A50")) is OccasionStatus.PLANNED


def test_terms_come_into_force_with_the_second_signature_and_fall_due_by_schedule(world: World) -> None:
    with transaction() as session:
        drafted(session)
    with transaction() as session:
        assert sign_by(session, "A50", FIRM) is False
    assert found().status is AgreementStatus.DRAFT
    with transaction() as session:
        assert sign_by(session, "A50", BUYER) is True
    assert (found().status, found().signed_on) == (AgreementStatus.SIGNED, TODAY)
    assert due() == {TODAY + timedelta(days=7 * week): 10_000 for week in range(10)}
    assert db.session.scalar(select(Occasion.status).where(Occasion.code == "A50")) is OccasionStatus.OPEN


def test_a_document_reads_back_as_the_terms_and_every_term_is_in_its_hash() -> None:
    names = {"agreement": "A1", "partner": "B1", "firm": "F1"}
    kept = document(TERMS, **names)
    assert read(kept) == TERMS
    others = [
        terms(line(**{name: 9})) if name != "price_rule" else terms(line(price_rule="FLOOR_OR_MARKET"))
        for name in kept["lines"][0]  # type: ignore[index]
        if name not in ("sku", "price_rule")
    ] + [terms(tolerance_bp=1), terms(penalty_bp=1), terms(buyer_penalty_bp=1), terms(schedule="daily")]
    others.append(terms(line(per_date_g=9)))
    hashes = {document_hash(document(other, **names)) for other in [TERMS, *others]}
    assert len(hashes) == len(others) + 1 == 17
    assert document_hash({**kept, "firm": "F2"}) not in hashes


def test_only_the_youngest_version_is_signed_and_only_by_its_hash(world: World) -> None:
    with transaction() as session:
        drafted(session)
        sign_by(session, "A50", BUYER)
        signing.propose(session, agreement_by_code(session, "A50", lock=True), terms(tolerance_bp=0), by=FIRM)
    own = select(AgreementVersion.document_hash).where(AgreementVersion.agreement_id == found().id)
    older, younger = db.session.scalars(own.order_by(AgreementVersion.id))
    for number, hash_ in ((1, older), (2, older), (1, younger)):
        with pytest.raises(DocumentNotCurrent), transaction() as session:
            signing.sign(session, agreement_by_code(session, "A50", lock=True), number, hash_, by=FIRM)
    with transaction() as session:
        assert sign_by(session, "A50", FIRM) is False  # the buyer's signature was under the older document
        assert sign_by(session, "A50", BUYER) is True
    assert found().tolerance_bp == 0


def test_a_draft_whose_first_day_is_past_is_signed_when_it_begins_later(world: World) -> None:
    """Nothing is due before both have signed."""
    late = [replace(hand, now=NOW + timedelta(days=1)) for hand in (BUYER, FIRM)]
    with transaction() as session:
        drafted(session)
        sign_by(session, "A50", BUYER)
    before = contents(world.app)
    with pytest.raises(FirstDayPast), transaction() as session:
        sign_by(session, "A50", late[1])
    assert contents(world.app) == before
    asked = terms(starts_on=TODAY + timedelta(days=1), ends_on=date(2025, 10, 1))
    with transaction() as session:
        signing.propose(session, agreement_by_code(session, "A50", lock=True), asked, by=late[0])
        assert sign_by(session, "A50", *late) is True
    assert min(due()) == TODAY + timedelta(days=7)
    opens = db.session.execute(select(Occasion.starts_at, Occasion.ends_at).where(Occasion.code == "A50")).one()
    assert tuple(opens) == (at_beijing(asked.starts_on), at_beijing(asked.ends_on + timedelta(days=1)))


def test_a_text_that_changes_nothing_is_no_version(world: World) -> None:
    with transaction() as session:
        drafted(session)
        sign_by(session, "A50", BUYER)
    refused(world, VersionSame, TERMS, by=FIRM)
    with transaction() as session:
        sign_by(session, "A50", FIRM)
    refused(world, VersionSame, TERMS)
    with transaction() as session:
        agreement = agreement_by_code(session, "A50", lock=True)
        signing.propose(session, agreement, terms(tolerance_bp=0), by=BUYER)
        signing.propose(session, agreement, TERMS, by=BUYER, note="收回")  # takes the amendment back
        assert signing.youngest(session, agreement).number == 3


def test_what_is_not_on_sale_is_not_signed_here_and_may_stay_on_what_was_signed(world: World) -> None:
    def withdraw(session: Session, sku: str = "PL001") -> None:
        product_by_sku(session, sku).status = ProductStatus.WITHDRAWN
        session.flush()

    with transaction() as session:
        drafted(session)
        withdraw(session)
    before = contents(world.app)
    with pytest.raises(NotOnSale), transaction() as session:
        sign_by(session, "A50", BUYER)
    with pytest.raises(NotOnSale), transaction() as session:
        drafted(session, code="A51")
    assert contents(world.app) == before
    with transaction() as session:
        product_by_sku(session, "PL001").status = ProductStatus.LISTED
        sign_by(session, "A50", BUYER, FIRM)
        second_product(session, "PL009")
        withdraw(session, "PL009")
        withdraw(session)
        recorded(session, code="A52")  # on paper it was signed, whatever is on sale
        amended(session, "A50", terms(tolerance_bp=0))
    refused(world, NotOnSale, terms(line(), line(sku="PL009")))


def test_terms_that_nobody_can_mean_are_refused(signed: World) -> None:
    for asked, term, said in (
        (terms(line(minimum_date_g=10_001)), "minimum_date_g", "每期最低采购量不得超过排期每期的 10 公斤"),
        (terms(line(committed_g=10**10, floor_fen_per_kg=1_001)), "committed_g", "约定总量不得使价值（按保底价）"),
    ):
        error = refused(signed, TermsRefused, asked)
        assert (error.facts["sku"], error.facts["term"]) == ("PL001", term)
        assert error.sentence("zh").startswith(f"商品 PL001 的{said}")
    with transaction() as session:
        amended(session, "A50", terms(line(committed_g=10**10, floor_fen_per_kg=1_000, minimum_date_g=10**9)))


def test_signing_twice_is_signing_once(signed: World) -> None:
    before = contents(signed.app)
    with transaction() as session:
        assert sign_by(session, "A50", BUYER, FIRM, BUYER) is False
    assert contents(signed.app) == before


def test_both_sides_signing_at_once_put_it_in_force_once(world: World) -> None:
    with transaction() as session:
        drafted(session)

    def sign(by: Hand) -> bool:
        with world.app.app_context(), transaction() as session:
            return sign_by(session, "A50", by)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(sign, [BUYER, FIRM] * 8))
    assert answers.count(True) == 1
    events = db.session.scalars(select(History.event).where(History.entity_id == found().id, History.event == "sign"))
    assert len(events.all()) == 1
    assert sum(due().values()) == 100_000


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE agreements SET ends_on = ends_on + 1",
        "UPDATE agreements SET tolerance_bp = 0",
        "UPDATE agreements SET signed_on = signed_on - 1",
        "UPDATE agreements SET version_id = NULL",
        "UPDATE agreement_lines SET committed_g = committed_g + 1",
        "UPDATE agreement_lines SET floor_fen_per_kg = 1",
        "UPDATE agreement_lines SET special_bp = 10001",
        "UPDATE agreement_lines SET schedule = 'daily'",
        "DELETE FROM agreement_lines",
        "DELETE FROM agreement_signatures",
        "UPDATE agreement_versions SET terms = '{}'",
    ],
)
def test_t35_a_signed_term_is_not_edited_by_any_hand(signed: World, change: str) -> None:
    with pytest.raises(DBAPIError, match=r"amendment|append-only|not deleted"), transaction() as session:
        session.execute(text(change))


def test_a_signature_of_another_document_is_impossible(signed: World) -> None:
    with transaction() as session:
        signing.propose(session, agreement_by_code(session, "A50", lock=True), terms(tolerance_bp=0), by=BUYER)
    forged = AgreementSignature(
        version_id=signing.youngest(db.session(), found()).id, side=Side.FIRM, document_hash="0" * 64, signed_at=NOW,
        on_paper=False,
    )  # fmt: skip
    with pytest.raises(DBAPIError, match="fk_agreement_signatures_version_id_document_hash"), transaction() as session:
        session.add(forged)


def test_t35_one_signature_does_not_make_an_agreement_even_past_the_actions(world: World) -> None:
    with transaction() as session:
        drafted(session)
        sign_by(session, "A50", BUYER)
    with pytest.raises(DBAPIError, match="not signed by both"), transaction() as session:
        session.execute(text("UPDATE agreements SET status = 'signed', version_id = (SELECT max(id) FROM"
                             " agreement_versions) WHERE code = 'A50'"))  # fmt: skip


def test_an_amendment_waits_for_both_and_then_keeps_what_fell_due(signed: World) -> None:
    more = terms(line(committed_g=190_000), ends_on=date(2025, 9, 30))
    with transaction() as session:
        signing.propose(session, agreement_by_code(session, "A50", lock=True), more, by=BUYER)
        assert sign_by(session, "A50", BUYER) is False
    assert sum(due().values()) == 100_000
    later = replace(FIRM, now=NOW + timedelta(days=8))
    with transaction() as session:
        assert sign_by(session, "A50", later) is True
    days = due()
    assert sum(days.values()) == 190_000
    assert (days[TODAY], days[TODAY + timedelta(days=7)]) == (10_000, 10_000)
    assert {grams for day, grams in days.items() if day > TODAY + timedelta(days=8)} == {17_000}
    assert (found().ends_on, found().status, max(days)) == (
        date(2025, 9, 30), AgreementStatus.SIGNED, date(2025, 9, 30),
    )  # fmt: skip


def test_t35_an_amendment_promises_no_less_than_was_called_or_fell_due(signed: World) -> None:
    with transaction() as session:
        product = product_by_sku(session, "PL001")
        call_off(session, "A50", product, 45_000, date(2025, 8, 1), actor_id=None, now=NOW)
    for asked in (
        terms(line(committed_g=44_999, minimum_g=0)),
        terms(ends_on=date(2025, 7, 31)),
        terms(starts_on=TODAY + timedelta(days=1)),
    ):
        refused(signed, AmendmentRefused, asked)
    error = refused(signed, AmendmentRefused, terms(line(committed_g=5_000, minimum_g=0)))
    assert error.facts["bound_en"] == "45 kg or more"
    assert "的约定总量不得少于 45 公斤。" in error.sentence("zh")
    with transaction() as session:
        amended(session, "A50", terms(line(committed_g=45_000, minimum_g=0), ends_on=date(2025, 8, 1)))
    assert sum(due().values()) == 45_000
    with pytest.raises(DomainError), transaction() as session:
        call_off(session, "A50", product_by_sku(session, "PL001"), 1, date(2025, 8, 1),
                 actor_id=None, now=NOW)  # fmt: skip


def test_what_was_called_between_two_signatures_counts(signed: World) -> None:
    with transaction() as session:
        less = terms(line(committed_g=30_000, minimum_g=0))
        signing.propose(session, agreement_by_code(session, "A50", lock=True), less, by=BUYER)
        sign_by(session, "A50", BUYER)
        call_off(session, "A50", product_by_sku(session, "PL001"), 30_001, TODAY, actor_id=None,
                 now=NOW)  # fmt: skip
    with pytest.raises(AmendmentRefused), transaction() as session:
        sign_by(session, "A50", FIRM)
    assert sum(due().values()) == 100_000


def test_a_product_that_an_amendment_leaves_out_is_promised_no_more(world: World) -> None:
    with transaction() as session:
        second_product(session, "PL009")
        tomorrow = TODAY + timedelta(days=1)
        recorded(session, line(), line(sku="PL009"), starts_on=tomorrow)
        amended(session, "A50", terms(starts_on=tomorrow))
    promised = dict(
        db.session.execute(
            select(Product.sku, AgreementLine.committed_g)
            .join(Product, Product.id == AgreementLine.product_id)
            .join(Agreement, Agreement.id == AgreementLine.agreement_id)
            .where(Agreement.code == "A50")
        ).all()  # type: ignore[arg-type]
    )
    assert promised == {"PL001": 100_000, "PL009": 0}
    assert sum(due().values()) == 100_000
    promises = [check for check in CHECKS if check.code in ("I19", "I19-terms", "I19-due")]
    assert run_checks(db.session.connection(), promises, now=NOW) == []


def test_an_ended_agreement_takes_no_other_terms(signed: World) -> None:
    with transaction() as session:
        signing.end(session, agreement_by_code(session, "A50", lock=True), "terminate", actor_id=None, now=NOW,
                    reason="供方停产")  # fmt: skip
    refused(signed, AgreementNotRunning, terms(tolerance_bp=0))
    assert db.session.scalar(select(Occasion.status).where(Occasion.code == "A50")) is OccasionStatus.CLOSED


def test_a_draft_is_withdrawn_and_a_signed_one_is_not(signed: World) -> None:
    with pytest.raises(MoveRefusedError), transaction() as session:
        signing.end(session, agreement_by_code(session, "A50"), "withdraw", actor_id=None, now=NOW, reason="不谈了")
    with transaction() as session:
        signing.end(session, drafted(session, code="A51"), "withdraw", actor_id=None, now=NOW, reason="不谈了")
    assert found("A51").status is AgreementStatus.WITHDRAWN
    with pytest.raises(AgreementNotRunning) as late, transaction() as session:
        sign_by(session, "A51", BUYER)
    assert late.value.sentence("zh") == "协议 A51 当前是“已撤回”，不能签署。"


@pytest.mark.parametrize("ends_first", [True, False])
def test_an_agreement_is_renewed_when_it_has_ended_and_the_next_is_signed(signed: World, *, ends_first: bool) -> None:
    next_year = terms(starts_on=date(2025, 9, 17), ends_on=date(2025, 11, 18))

    def end() -> None:
        with transaction() as session:
            old = agreement_by_code(session, "A50", lock=True)
            signing.end(session, old, "terminate", actor_id=None, now=NOW, reason="到期前解除")

    if ends_first:
        end()
    with transaction() as session:
        drafted(session, next_year, "A51", renews=agreement_by_code(session, "A50"))
        sign_by(session, "A51", BUYER, FIRM)
    if not ends_first:
        assert found().status is AgreementStatus.SIGNED
        end()
    assert found().status is AgreementStatus.RENEWED


def test_a_renewal_is_of_the_same_sides_and_does_not_overlap(signed: World) -> None:
    before = contents(signed.app)
    with pytest.raises(NotRenewable) as overlap, transaction() as session:
        drafted(session, TERMS, "A51", renews=agreement_by_code(session, "A50"))
    with pytest.raises(NotRenewable) as others, transaction() as session:
        drafted(session, terms(starts_on=date(2026, 1, 1), ends_on=date(2026, 2, 1)), "A51",
                renews=agreement_by_code(session, "A02"))  # fmt: skip
    assert "才期满，续签须从次日起。" in overlap.value.sentence("zh")
    assert others.value.sentence("zh") == "协议 A02 不能由此续签：双方与原协议不同。"
    assert contents(signed.app) == before


def reminded(session: Session, day: date) -> list[int]:
    """Ask for the reminders of a day, twice, and do what was asked; which were left of agreement A50."""
    for _ in range(2):
        find_ending(session, day, now=NOW)
    for job in session.scalars(select(Outbox).where(Outbox.job == "agreements.remind_end")):
        remind_end(session, *job.ids, now=NOW)
    return sorted(
        session.scalars(
            select(AgreementReminder.days_before)
            .join(Agreement, Agreement.id == AgreementReminder.agreement_id)
            .where(Agreement.code == "A50")
        )
    )


def test_both_are_reminded_once_sixty_and_thirty_days_before_the_end(signed: World) -> None:
    last = TERMS.ends_on
    for before, left in ((61, []), (60, [60]), (31, [60]), (30, [30, 60]), (0, [30, 60])):
        with transaction() as session:
            assert reminded(session, last - timedelta(days=before)) == left


def test_a_reminder_that_was_missed_until_the_next_is_left_out(signed: World) -> None:
    with transaction() as session:
        assert reminded(session, TERMS.ends_on - timedelta(days=12)) == [30]


def test_an_agreement_that_was_prolonged_is_reminded_of_again_and_by_no_older_message(signed: World) -> None:
    with transaction() as session:
        assert reminded(session, TERMS.ends_on) == [30]
        amended(session, "A50", terms(ends_on=date(2025, 11, 18)))
        assert reminded(session, date(2025, 9, 19)) == [30, 60]


def test_an_agreement_on_paper_has_both_signatures_and_says_so(world: World) -> None:
    with transaction() as session:
        recorded(session)
    rows = db.session.execute(
        select(AgreementSignature.side, AgreementSignature.on_paper)
        .join(AgreementVersion, AgreementVersion.id == AgreementSignature.version_id)
        .where(AgreementVersion.agreement_id == found().id)
        .order_by(AgreementSignature.side)
    ).all()
    assert [tuple(row) for row in rows] == [(Side.BUYER, True), (Side.FIRM, True)]
    own = select(func.count()).where(AgreementVersion.agreement_id == found().id)
    assert db.session.scalar(own) == 1
