"""Force majeure (不可抗力): told by one side with proof, decided by the county; what fell due then is no breach."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.agreements.errors import MajeureTold, NoProof, NoSuchNotice, OutsideTerm
from shop.agreements.models import UNSIGNED, Agreement, AgreementPaper, ForceMajeure, MajeureStatus, PaperKind, Side
from shop.agreements.signing import Hand
from shop.agreements.states import MAJEURE_LIFE, not_running
from shop.kit.states import advance, record


@dataclass(frozen=True)
class Event:
    """What happened from which to which day, and the code of the paper that proves it."""

    from_day: date
    to_day: date
    reason: str
    paper: str


def tell(session: Session, agreement: Agreement, event: Event, *, by: Hand) -> ForceMajeure:
    """One side tells the other, with a proof of its own or the county's. The caller holds the agreement's lock.

    What was rejected may be told again. Nothing is owed before an agreement is signed, and its term may still move:
    raises AgreementNotRunning; and OutsideTerm, NoProof, MajeureTold.
    """
    if agreement.status in UNSIGNED:
        raise not_running(agreement, "tell")
    if not agreement.starts_on <= event.from_day <= event.to_day <= agreement.ends_on:
        raise OutsideTerm(day=str(event.from_day), agreement=agreement.code)
    proof = session.scalar(
        select(AgreementPaper).where(
            AgreementPaper.agreement_id == agreement.id, AgreementPaper.code == event.paper,
            AgreementPaper.kind == PaperKind.MAJEURE_PROOF, AgreementPaper.side.in_((by.side, Side.COUNTY)),
        )
    )  # fmt: skip
    if proof is None:
        raise NoProof(agreement=agreement.code)
    same = session.scalar(
        select(ForceMajeure.number)
        .where(ForceMajeure.agreement_id == agreement.id, ForceMajeure.status != MajeureStatus.REJECTED)
        .filter_by(side=by.side, from_day=event.from_day, to_day=event.to_day, reason=event.reason)
        .limit(1)
    )
    if same is not None:
        raise MajeureTold(agreement=agreement.code, number=same)
    count = session.scalar(select(func.count()).where(ForceMajeure.agreement_id == agreement.id)) or 0
    told = ForceMajeure(
        agreement_id=agreement.id, number=count + 1, side=by.side, status=MajeureStatus.TOLD, from_day=event.from_day,
        to_day=event.to_day, reason=event.reason, proof=proof.title, proof_hash=proof.sha256, paper_id=proof.id,
        told_at=by.now,
    )  # fmt: skip
    session.add(told)
    session.flush()
    record(session, told, "tell", person_id=by.person_id, now=by.now, to_state=MajeureStatus.TOLD)
    return told


def decide(
    session: Session, agreement: Agreement, number: int, event: str, *, actor_id: int | None, now: datetime, reason: str
) -> None:
    """`recognise` or `reject` a notice, with the county's reason. The caller holds the agreement's lock.

    Raises NoSuchNotice, MoveRefusedError.
    """
    told = session.scalar(
        select(ForceMajeure).where(ForceMajeure.agreement_id == agreement.id, ForceMajeure.number == number)
    )
    if told is None:
        raise NoSuchNotice(agreement=agreement.code, number=number)
    advance(session, told, MAJEURE_LIFE, event, person_id=actor_id, now=now, reason=reason)
    session.flush()
