"""Agreements that endanger a firm's stock: what the next days ask for, and what nobody holds of it."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.agreements.models import RUNNING, Agreement, AgreementLine, CallOff, CallOffStatus, DueWeight
from shop.catalog.models import Firm, Product
from shop.places.models import Township, Village
from shop.reports.area import area
from shop.stock.models import Pool


def agreement_stock(session: Session, actor: Actor, day: date, days: int) -> list[dict[str, Any]]:
    """Each firm's promised product: asked of it up to `days` after `day`, free stock, what is lacking. One statement.

    Asked: days of the schedule that nobody called yet, and call-offs that the firm has not confirmed (a confirmed one
    holds its stock). The largest lack first. Weights in grams.
    """
    last = day + timedelta(days=days)
    scheduled = (
        select(func.coalesce(func.sum(DueWeight.weight_g), 0))
        .where(
            DueWeight.line_id == AgreementLine.id,
            DueWeight.due_on.between(day, last),
            ~select(CallOff.id)
            .where(CallOff.line_id == DueWeight.line_id, CallOff.schedule_day == DueWeight.due_on)
            .exists(),
        )
        .correlate(AgreementLine)
        .scalar_subquery()
    )
    called = (
        select(func.coalesce(func.sum(CallOff.weight_g), 0))
        .where(CallOff.line_id == AgreementLine.id, CallOff.status == CallOffStatus.REQUESTED, CallOff.due_on <= last)
        .scalar_subquery()
    )
    free = select(Pool.available_g).where(Pool.product_id == Product.id, Pool.occasion_id.is_(None)).scalar_subquery()
    rows = session.execute(
        select(
            Firm.code, Firm.name_zh, Product.sku, Product.name_zh, func.sum(scheduled + called),
            func.coalesce(func.max(free), 0),
        )
        .select_from(AgreementLine)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .join(Firm, Firm.id == Agreement.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(Agreement.status.in_(RUNNING), area(actor))
        .group_by(Firm.code, Firm.name_zh, Product.sku, Product.name_zh)
    )  # fmt: skip
    items = [
        {
            "firm": firm, "firm_name_zh": firm_name, "sku": sku, "name_zh": name, "asked_g": int(asked),
            "available_g": int(available), "lacking_g": max(int(asked) - int(available), 0),
        }
        for firm, firm_name, sku, name, asked, available in rows
    ]  # fmt: skip
    return sorted(items, key=lambda item: (-item["lacking_g"], item["firm"], item["sku"]))
