"""What happens to a live session: planned, reviewed, on air, ended. Each action locks the session first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from shop.catalog.models import Certificate
from shop.channels.actions import OfferTerms, add_offers, create_link, plan_occasion
from shop.channels.models import Occasion, OccasionKind, Offer, Partner, SaleLink
from shop.kit.clock import beijing_day
from shop.kit.states import advance, record
from shop.live.errors import (
    CertificateNotHeld,
    HostNotVerified,
    HostTooYoung,
    NotOnShelf,
    RecordingKept,
    SessionNotLive,
)
from shop.live.locks import locked_session, overdue
from shop.live.models import LiveSession, LiveStatus, ShelfCertificate, ShelfItem
from shop.live.states import LIVE_LIFE
from shop.stock.actions import return_left_behind, set_aside
from shop.stock.sessions import close_session, open_session

#: 网络直播营销管理办法（试行）第十七条: hosts and operators are 16 or older; below 18 a guardian consents.
YOUNGEST_HOST, OF_AGE = 16, 18
#: 网络交易监督管理办法第二十条: the video of live selling is kept for three years from its end.
KEPT_YEARS = 3


@dataclass(frozen=True)
class Item:
    """What lies on the shelf: fen for a pack, grams set aside, cap in packs, slot fee in fen, certificate numbers."""

    product_id: int
    sku: str
    price_fen: int
    set_aside_g: int
    per_buyer_cap: int | None = None
    slot_fee_fen: int = 0
    talking_points: str | None = None
    certificates: tuple[str, ...] = ()


@dataclass(frozen=True)
class About:
    """Who runs the session: live-room operator, the host's agency, the platform it is shown on; and its recording."""

    operator_zh: str | None = None
    agency_zh: str | None = None
    platform_zh: str | None = None
    recording_ref: str | None = None


@dataclass(frozen=True)
class Verification:
    """The check of the host's identity: the day, full years of age on it, and whether a guardian consented."""

    verified_on: date
    age: int
    guardian_consented: bool = False


def plan_session(
    session: Session, code: str, campaign_id: int, partner: Partner, title_zh: str, starts_at: datetime,
    ends_at: datetime, shelf: Sequence[Item], about: About, *, commission_bp: int, hold_s: int | None = None,
    actor_id: int | None, now: datetime,
) -> LiveSession:  # fmt: skip
    """Plan a session with its shelf; it sells when it was reviewed and is live.

    `hold_s`: seconds for which an unpaid order holds its stock, None = as everywhere. Raises CodeTaken, RewardRefused,
    CertificateNotHeld.
    """
    occasion = plan_occasion(
        session, OccasionKind.SESSION, code, campaign_id, partner, title_zh, starts_at, ends_at, (),
        actor_id=actor_id, now=now, commission_bp=commission_bp,
    )  # fmt: skip
    occasion.hold_s = hold_s
    live = LiveSession(
        occasion_id=occasion.id, occasion_kind=occasion.kind, status=LiveStatus.PLANNED, operator_zh=about.operator_zh,
        agency_zh=about.agency_zh, platform_zh=about.platform_zh, recording_ref=about.recording_ref,
    )  # fmt: skip
    session.add(live)
    session.flush()
    record(session, live, "plan", person_id=actor_id, now=now, to_state=LiveStatus.PLANNED)
    _lay_out(session, occasion, shelf)
    return live


def _lay_out(session: Session, occasion: Occasion, shelf: Sequence[Item]) -> None:
    """Replace the shelf by `shelf`, in its order. Raises CertificateNotHeld."""
    for table in (ShelfCertificate, ShelfItem, Offer):
        session.execute(delete(table).where(table.occasion_id == occasion.id))
    add_offers(
        session, occasion,
        [OfferTerms(item.product_id, item.price_fen, item.set_aside_g, item.per_buyer_cap) for item in shelf],
    )  # fmt: skip
    session.add_all(
        ShelfItem(
            occasion_id=occasion.id, product_id=item.product_id, position=place, slot_fee_fen=item.slot_fee_fen,
            talking_points=item.talking_points,
        )
        for place, item in enumerate(shelf, 1)
    )  # fmt: skip
    session.flush()
    held = _held(session, [item.product_id for item in shelf], beijing_day(occasion.starts_at))
    for item in shelf:
        numbers = held.get(item.product_id, {})
        missing = sorted(set(item.certificates) - set(numbers))
        if missing:
            raise CertificateNotHeld(sku=item.sku, numbers=", ".join(missing))
        session.add_all(
            ShelfCertificate(occasion_id=occasion.id, product_id=item.product_id, certificate_id=numbers[number])
            for number in sorted(set(item.certificates))
        )
    session.flush()


def _held(session: Session, product_ids: Sequence[int], day: date) -> dict[int, dict[str, int]]:
    """Verified certificates valid on `day`: product id -> number -> id. One statement."""
    held: dict[int, dict[str, int]] = {}
    rows = session.execute(
        select(Certificate.product_id, Certificate.number, Certificate.id).where(
            Certificate.product_id.in_(product_ids), Certificate.verified_at.is_not(None),
            Certificate.revoked_at.is_(None),
            Certificate.issued_on <= day, Certificate.expires_on >= day,
        )
    )  # fmt: skip
    for product_id, number, certificate_id in rows:
        held.setdefault(product_id, {})[number] = certificate_id
    return held


def build_shelf(
    session: Session, code: str, shelf: Sequence[Item], *, actor_id: int | None, now: datetime
) -> LiveSession:
    """Lay the shelf out anew, before the session is live; what was reviewed is then to be reviewed again.

    Raises MoveRefusedError, CertificateNotHeld.
    """
    live, occasion = locked_session(session, code)
    _back_to_planned(session, live, actor_id, now)
    _lay_out(session, occasion, shelf)
    record(session, live, "shelf", person_id=actor_id, now=now, facts={"skus": [item.sku for item in shelf]})
    session.flush()
    return live


def _back_to_planned(session: Session, live: LiveSession, actor_id: int | None, now: datetime) -> None:
    """What changes the terms undoes the review. Raises MoveRefusedError once the session was live."""
    if live.status is not LiveStatus.PLANNED:
        advance(session, live, LIVE_LIFE, "revise", person_id=actor_id, now=now)


def describe(
    session: Session, code: str, about: About, *, starts_at: datetime | None, ends_at: datetime | None,
    actor_id: int | None, now: datetime,
) -> LiveSession:  # fmt: skip
    """Change who runs it, its hours, its recording; what is None stays. Names and hours undo a review, the recording
    and a later end while live do not.

    Raises MoveRefusedError, RecordingKept.
    """
    live, occasion = locked_session(session, code)
    names = {name: getattr(about, name) for name in ("operator_zh", "agency_zh", "platform_zh")}
    changed = {name: value for name, value in names.items() if value is not None and value != getattr(live, name)}
    runs_longer = live.status is LiveStatus.LIVE and ends_at is not None and ends_at > max(occasion.ends_at, now)
    moves = starts_at is not None or (ends_at is not None and not runs_longer)
    if moves or changed:
        _back_to_planned(session, live, actor_id, now)
    for name, value in changed.items():
        setattr(live, name, value)
    if about.recording_ref is not None and about.recording_ref != live.recording_ref:
        if live.recording_ref is not None and live.ended_at is not None:
            raise RecordingKept(session=code)
        live.recording_ref = about.recording_ref
        changed["recording"] = "registered"  # where it lies is forgotten one day; history is not
    occasion.starts_at = starts_at or occasion.starts_at
    occasion.ends_at = ends_at or occasion.ends_at
    hours = {"starts_at": occasion.starts_at.isoformat(), "ends_at": occasion.ends_at.isoformat()}
    record(session, live, "describe", person_id=actor_id, now=now, facts=changed | hours)
    session.flush()
    return live


def review(session: Session, code: str, verified: Verification, *, actor_id: int | None, now: datetime) -> LiveSession:
    """The county reviews price, commission and shelf, and records that the host's identity was checked.

    Raises HostTooYoung, HostNotVerified, MoveRefusedError; then nothing is changed.
    """
    live, occasion = locked_session(session, code)
    if verified.age < YOUNGEST_HOST or (verified.age < OF_AGE and not verified.guardian_consented):
        raise HostTooYoung(age=verified.age)
    missing = []
    if verified.verified_on > beijing_day(now):
        missing.append("核验日期 verified_on")
    if not live.operator_zh:
        missing.append("直播间运营者 operator_zh")
    if session.scalar(select(Offer.id).where(Offer.occasion_id == occasion.id).limit(1)) is None:
        missing.append("货架 shelf")
    if missing:
        raise HostNotVerified(session=code, missing="、".join(missing))
    live.host_verified_on, live.host_age = verified.verified_on, verified.age
    live.guardian_consented = verified.guardian_consented
    advance(session, live, LIVE_LIFE, "review", person_id=actor_id, now=now)
    session.flush()
    return live


def go_live(session: Session, code: str, *, actor_id: int | None, now: datetime) -> LiveSession:
    """On air: the set-aside stock leaves the open pools; it sells within its planned hours.

    Locks session and occasion, then pools by rising id. Raises MoveRefusedError, NotEnoughStock; then nothing is
    changed.
    """
    live, occasion = locked_session(session, code)
    advance(session, live, LIVE_LIFE, "go_live", person_id=actor_id, now=now)
    live.started_at = now
    open_session(session, occasion, actor_id=actor_id, now=now)
    session.flush()
    return live


def end_session(session: Session, code: str, *, actor_id: int | None, now: datetime) -> LiveSession:
    """Off air: what was set aside and is neither sold nor held goes back into open stock.

    Locks as `go_live`. Raises MoveRefusedError.
    """
    live, occasion = locked_session(session, code)
    advance(session, live, LIVE_LIFE, "end", person_id=actor_id, now=now)
    live.ended_at, live.recording_keep_until = now, _years_later(beijing_day(now))
    live.pinned_product_id = None
    close_session(session, occasion, actor_id=actor_id, now=now)
    session.flush()
    return live


def _years_later(day: date) -> date:
    """The same day three years on; 29 February becomes 1 March, so that nothing is kept a day too short."""
    try:
        return day.replace(year=day.year + KEPT_YEARS)
    except ValueError:
        return date(day.year + KEPT_YEARS, 3, 1)


def forget_recordings(session: Session, *, now: datetime) -> int:
    """Forget where recordings lie that nobody need keep any more; that there was one stands in history.

    From the day after `recording_keep_until` (Beijing). Returns how many; twice is once.
    """
    over = session.scalars(
        select(LiveSession)
        .where(LiveSession.recording_ref.is_not(None), LiveSession.recording_keep_until < beijing_day(now))
        .order_by(LiveSession.id)
        .with_for_update()
    ).all()
    for live in over:
        live.recording_ref = None
        record(session, live, "forget_recording", person_id=None, now=now)
    session.flush()
    return len(over)


def end_overdue(session: Session, *, now: datetime) -> int:
    """End every session whose planned end is past, in the order of their ends; returns how many. Twice is once.

    What lapsed in sessions that ended before goes back into open stock as well.
    """
    ended = 0
    for code in overdue(session, now=now):
        live, occasion = locked_session(session, code)
        if LIVE_LIFE.allows(live.status, "end") and occasion.ends_at <= now:
            end_session(session, code, actor_id=None, now=now)
            ended += 1
    return_left_behind(session, now=now)
    return ended


def _on_air(session: Session, code: str) -> tuple[LiveSession, Occasion]:
    live, occasion = locked_session(session, code)
    if live.status is not LiveStatus.LIVE:
        raise SessionNotLive(session=code)
    return live, occasion


def _offer(session: Session, occasion: Occasion, product_id: int, sku: str) -> Offer:
    offer = session.scalar(
        select(Offer)
        .where(Offer.occasion_id == occasion.id, Offer.product_id == product_id)
        .execution_options(populate_existing=True)
    )
    if offer is None:
        raise NotOnShelf(session=occasion.code, sku=sku)
    return offer


def pin(
    session: Session, code: str, product_id: int | None, sku: str, *, actor_id: int | None, now: datetime
) -> LiveSession:
    """Say which product is spoken of now, or none. Raises SessionNotLive, NotOnShelf."""
    live, occasion = _on_air(session, code)
    if product_id is not None:
        _offer(session, occasion, product_id, sku)
    if live.pinned_product_id != product_id:
        live.pinned_product_id = product_id
        record(session, live, "pin", person_id=actor_id, now=now, facts={"sku": sku if product_id else None})
    session.flush()
    return live


@dataclass(frozen=True)
class Change:
    """What changes while live: fen for a pack, packs for a buyer, grams added to the set-aside. None, 0 = as it was."""

    price_fen: int | None = None
    per_buyer_cap: int | None = None
    top_up_g: int = 0


def change_item(
    session: Session, code: str, product_id: int, sku: str, change: Change, *, actor_id: int | None, now: datetime
) -> LiveSession:
    """Change price or cap, or add stock, while live: it holds from the next order on; before and after are recorded.

    Locks session and occasion, then pools by rising id. Raises SessionNotLive, NotOnShelf, NotEnoughStock; then nothing
    is changed.
    """
    live, occasion = _on_air(session, code)
    offer = _offer(session, occasion, product_id, sku)
    facts: dict[str, object] = {"sku": sku}
    if change.price_fen is not None:
        facts |= {"price_fen": change.price_fen, "price_fen_before": offer.price_fen}
        offer.price_fen = change.price_fen
    if change.per_buyer_cap is not None:
        facts |= {"per_buyer_cap": change.per_buyer_cap, "per_buyer_cap_before": offer.per_buyer_cap}
        offer.per_buyer_cap = change.per_buyer_cap
    if change.top_up_g:
        facts |= {"top_up_g": change.top_up_g}
        offer.set_aside_g += change.top_up_g
    session.flush()
    if change.top_up_g:
        set_aside(session, occasion.id, {product_id: change.top_up_g}, now=now)
    record(session, live, "change", person_id=actor_id, now=now, facts=facts)
    session.flush()
    return live


def make_links(session: Session, code: str, *, now: datetime) -> None:
    """A short link of the session and one for each product of its shelf, where there is none yet."""
    _, occasion = locked_session(session, code)
    partner = session.get_one(Partner, occasion.partner_id)
    known = set(session.scalars(select(SaleLink.product_id).where(SaleLink.occasion_id == occasion.id)))
    shelf = session.scalars(
        select(ShelfItem.product_id).where(ShelfItem.occasion_id == occasion.id).order_by(ShelfItem.position)
    )
    for product_id in [None, *shelf]:
        if product_id not in known:
            create_link(session, partner, occasion.campaign_id, occasion_id=occasion.id, product_id=product_id, now=now)
