"""Reminders before a licence or mark expires: 60, 30 and 7 days, each once; none when a later one is held."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session, aliased

from shop.access.guard import ALL, Actor, Role, scope
from shop.catalog.models import Certificate, CertificateReminder, Firm, Product, RequiredPaper
from shop.catalog.reference import PAPER_ZH

#: What was missed for so long that the next is due is left out.
DAYS_BEFORE = (7, 30, 60)

_REMIND = text(
    """
    INSERT INTO certificate_reminders (certificate_id, days_before, reminded_at)
    SELECT papers.id, (SELECT min(days) FROM unnest(CAST(:days AS int[])) AS days WHERE expires_on - :day <= days), :now
    FROM certificates AS papers
    WHERE verified_at IS NOT NULL AND revoked_at IS NULL AND expires_on BETWEEN :day AND :last AND NOT EXISTS (
        SELECT FROM certificates AS later WHERE later.product_id = papers.product_id AND later.kind = papers.kind
            AND later.verified_at IS NOT NULL AND later.revoked_at IS NULL AND later.expires_on > papers.expires_on)
    ORDER BY papers.id ON CONFLICT DO NOTHING RETURNING certificate_id
    """
)


def find_expiring(session: Session, day: date, *, now: datetime) -> int:
    """Leave the reminder that is due on `day` of each paper that nobody renewed; how many. One statement."""
    last = date.fromordinal(day.toordinal() + max(DAYS_BEFORE))
    given = session.execute(_REMIND, {"days": list(DAYS_BEFORE), "day": day, "last": last, "now": now})
    return len(given.all())


def reminders(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """The last reminder of each paper that is not renewed, the nearest end first: a firm's own, the county all."""
    later = aliased(Certificate)
    renewed = select(later.id).where(
        later.product_id == Certificate.product_id, later.kind == Certificate.kind, later.verified_at.is_not(None),
        later.revoked_at.is_(None),
        later.expires_on > Certificate.expires_on,
    )  # fmt: skip
    gates = select(RequiredPaper.kind).where(
        RequiredPaper.product_id == Product.id, RequiredPaper.kind == Certificate.kind
    )
    rows = session.execute(
        select(Certificate, CertificateReminder, Product.sku, Product.name_zh, Firm.code, gates.exists())
        .join(CertificateReminder, CertificateReminder.certificate_id == Certificate.id)
        .join(Product, Product.id == Certificate.product_id)
        .join(Firm, Firm.id == Product.firm_id)
        .where(
            scope(actor, {Role.OPERATOR: ALL, Role.FIRM_STAFF: Firm.party_id}),
            Certificate.revoked_at.is_(None),
            ~renewed.exists(),
        )
        .order_by(Certificate.id, CertificateReminder.days_before.desc())
    )
    last = {
        paper.id: {
            "sku": sku, "product_zh": name_zh, "firm": firm, "kind": paper.kind.value, "name_zh": PAPER_ZH[paper.kind],
            "number": paper.number, "expires_on": paper.expires_on, "days_before": told.days_before,
            "reminded_at": told.reminded_at, "stops_sale": stops,
        }
        for paper, told, sku, name_zh, firm, stops in rows
    }  # fmt: skip
    return sorted(last.values(), key=lambda row: (row["expires_on"], row["sku"], row["number"]))
