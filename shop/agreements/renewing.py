"""When an agreement begins, and what it renews: asked of each version of a draft and of each signature."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.agreements.errors import NotRenewable
from shop.agreements.models import RUNNING, UNSIGNED, Agreement, AgreementStatus
from shop.agreements.states import AGREEMENT_LIFE, STATE_ZH
from shop.channels.errors import NoCampaign
from shop.channels.models import Occasion
from shop.channels.reference import selling
from shop.kit.reference import current_version
from shop.kit.states import advance


def campaign_on(session: Session, day: date) -> int:
    """The id of the campaign that runs on the first day of an agreement. Raises NoCampaign."""
    campaign_id = selling(session, current_version(session)).campaign_on(day)
    if campaign_id is None:
        raise NoCampaign(day=str(day))
    return campaign_id


def still_begins(session: Session, agreement: Agreement, starts_on: date) -> None:
    """A draft may begin on that day: a campaign runs then, which is its own from now on, and what it renews is over.

    Locks the agreement that it renews. Raises NoCampaign, NotRenewable.
    """
    session.get_one(Occasion, agreement.occasion_id).campaign_id = campaign_on(session, starts_on)
    if agreement.renews_id is not None:
        may_renew(session, renewed_by(session, agreement), agreement.partner_id, agreement.firm_id, starts_on)


def renewed_by(session: Session, agreement: Agreement) -> Agreement:
    """The agreement that this one renews, locked, so that of two renewals signed at once one is the first."""
    return session.execute(select(Agreement).where(Agreement.id == agreement.renews_id).with_for_update()).scalar_one()


def may_renew(session: Session, old: Agreement, partner_id: int, firm_id: int, starts_on: date) -> None:
    """Raise NotRenewable where an agreement of these sides from that day on cannot take the place of the old one."""
    barred: tuple[str, str] | None = None
    renewal = renewal_of(session, old)
    if (old.partner_id, old.firm_id) != (partner_id, firm_id):
        barred = "双方与原协议不同", "its sides are others"
    elif old.status in UNSIGNED or (old.status is AgreementStatus.RENEWED and _follower(session, old) is not None):
        barred = f"原协议{STATE_ZH[old.status]}", f"it is in state {old.status}"
    elif renewal is not None:
        barred = f"已由 {renewal.code} 续签", f"{renewal.code} renews it"
    elif starts_on <= old.ends_on and old.status in RUNNING:
        barred = f"原协议到 {old.ends_on} 才期满，续签须从次日起", f"it runs until {old.ends_on}"
    if barred is not None:
        raise NotRenewable(agreement=old.code, reason_zh=barred[0], reason_en=barred[1])


def renewal_of(session: Session, old: Agreement) -> Agreement | None:
    """The signed agreement that renews this one, while it has not ended itself."""
    renews = select(Agreement).where(Agreement.renews_id == old.id, Agreement.status.in_(RUNNING))
    return session.scalar(renews.limit(1))


def _follower(session: Session, old: Agreement) -> str | None:
    """The code of the last signed agreement that renews this one and was not terminated, running or at its end.

    Where all were terminated another may.
    """
    stands = Agreement.status.not_in((*UNSIGNED, AgreementStatus.TERMINATED))
    follows = select(Agreement.code).where(Agreement.renews_id == old.id, stands)
    return session.scalar(follows.order_by(Agreement.id.desc()).limit(1))


def renewed(session: Session, old: Agreement, actor_id: int | None, now: datetime) -> None:
    """The old agreement has ended and one that renews it is signed: both must be so, in whatever order.

    A renewal that was terminated meanwhile renews nothing: the old one stays as it ended.
    """
    if not AGREEMENT_LIFE.allows(old.status, "renew"):
        return
    follower = _follower(session, old)
    if follower is not None:
        advance(session, old, AGREEMENT_LIFE, "renew", person_id=actor_id, now=now, facts={"renewed_by": follower})
