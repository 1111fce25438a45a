"""Papers of an agreement: the signed scan, a power of attorney, the proof of force majeure. Kept, never changed."""

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.agreements.errors import NotFoundError, PaperKept, PaperRefused, TooManyPapers
from shop.agreements.models import MAX_PAPER, Agreement, AgreementPaper, PaperKind
from shop.agreements.queries import PARTIES, of_a_party, visible
from shop.agreements.signing import Hand
from shop.kit.scans import NotAScan, kept_scan

#: Papers that one side adds to an agreement at most, so that none takes the other's room.
MOST_PAPERS = 40
#: Who reads the papers of an agreement.
READERS = PARTIES


@dataclass(frozen=True)
class Sent:
    """A file as it was sent, what it is, and what it is called."""

    kind: PaperKind
    title: str
    data: bytes


def add_paper(session: Session, agreement: Agreement, sent: Sent, *, by: Hand) -> AgreementPaper:
    """Keep a paper; the same file again, of that kind and side, is the same paper. The caller holds the lock.

    Raises PaperRefused, PaperKept when it is kept under another title, TooManyPapers.
    """
    if len(sent.data) > MAX_PAPER:
        raise PaperRefused
    try:
        media_type, content = kept_scan(sent.data)
    except NotAScan:
        raise PaperRefused from None
    sha256 = hashlib.sha256(content).hexdigest()
    same = session.scalar(
        select(AgreementPaper).where(
            AgreementPaper.agreement_id == agreement.id, AgreementPaper.sha256 == sha256,
            AgreementPaper.kind == sent.kind, AgreementPaper.side == by.side,
        )
    )  # fmt: skip
    if same is not None:
        if same.title != sent.title:
            raise PaperKept(paper=same.code)
        return same
    mine = func.count().filter(AgreementPaper.side == by.side)
    count, own = session.execute(select(func.count(), mine).where(AgreementPaper.agreement_id == agreement.id)).one()
    if own >= MOST_PAPERS:
        raise TooManyPapers(agreement=agreement.code, most=MOST_PAPERS)
    paper = AgreementPaper(
        agreement_id=agreement.id, code=f"{agreement.code}-{count + 1}", kind=sent.kind, title=sent.title,
        media_type=media_type, content=content, size_bytes=len(content), sha256=sha256,
        sent_sha256=hashlib.sha256(sent.data).hexdigest(), side=by.side, uploaded_by_id=by.person_id,
        uploaded_at=by.now,
    )  # fmt: skip
    session.add(paper)
    session.flush()
    return paper


_SHOWN = (
    AgreementPaper.code, AgreementPaper.kind, AgreementPaper.title, AgreementPaper.media_type,
    AgreementPaper.size_bytes, AgreementPaper.sha256, AgreementPaper.sent_sha256, AgreementPaper.side,
    AgreementPaper.uploaded_at,
)  # fmt: skip


def papers_of(session: Session, actor: Actor, code: str) -> list[dict[str, Any]]:
    """The papers of an agreement without their content, the first first.

    Raises NotFoundError for a missing agreement and for one whose papers are not for `actor`.
    """
    found = session.scalar(visible(select(Agreement.id), actor).where(Agreement.code == code, of_a_party(actor)))
    if found is None:
        raise NotFoundError(what=code)
    rows = session.execute(select(*_SHOWN).where(AgreementPaper.agreement_id == found).order_by(AgreementPaper.id))
    return [dict(row) for row in rows.mappings()]


def content_of(session: Session, actor: Actor, code: str) -> AgreementPaper:
    """A paper with its content. Raises NotFoundError for a missing one and for one that is not for `actor`."""
    query = visible(select(AgreementPaper), actor).join(AgreementPaper, AgreementPaper.agreement_id == Agreement.id)
    found: AgreementPaper | None = session.scalar(query.where(AgreementPaper.code == code, of_a_party(actor)))
    if found is None:
        raise NotFoundError(what=code)
    return found
