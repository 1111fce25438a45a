"""Agreements that endanger a firm's stock: what the next days ask for, what nobody holds, who will not be served."""

from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Date, Integer, bindparam, column, func, select, text
from sqlalchemy.orm import Session

from shop.access.guard import Actor
from shop.agreements.models import Agreement, AgreementLine
from shop.catalog.models import Firm, Product
from shop.channels.models import Partner
from shop.places.models import Township, Village
from shop.reports.agreement_facts import AT_RISK
from shop.reports.area import area


def agreement_stock(session: Session, actor: Actor, day: date, days: int) -> list[dict[str, Any]]:
    """Each firm's promised product: asked of it up to `days` after `day`, free stock, what is lacking. One statement.

    Asked: days of the schedule that nobody called yet, and call-offs that the firm has not confirmed (a confirmed one
    holds its stock). The earliest are served first; `agreements` names those that the free stock does not reach, and
    from which day on. The largest lack first. Weights in grams.
    """
    names = ("line_id", "weight_g", "lacking_g", "available_g")
    waiting = (
        text(AT_RISK)
        .bindparams(bindparam("day", day, Date), bindparam("risk_days", days, Integer))
        .columns(*(column(name, BigInteger) for name in names), column("day", Date))
        .subquery("waiting")
    )
    lacks = waiting.c.lacking_g > 0
    rows = session.execute(
        select(
            Firm.code, Firm.name_zh, Product.sku, Product.name_zh, Agreement.code, Partner.name_zh,
            func.sum(waiting.c.weight_g), func.max(waiting.c.available_g), func.sum(waiting.c.lacking_g),
            func.min(waiting.c.day).filter(lacks),
        )
        .select_from(waiting)
        .join(AgreementLine, AgreementLine.id == waiting.c.line_id)
        .join(Agreement, Agreement.id == AgreementLine.agreement_id)
        .join(Product, Product.id == AgreementLine.product_id)
        .join(Partner, Partner.id == Agreement.partner_id)
        .join(Firm, Firm.id == Agreement.firm_id)
        .join(Village, Village.id == Firm.village_id)
        .join(Township, Township.id == Village.township_id)
        .where(area(actor))
        .group_by(Firm.code, Firm.name_zh, Product.sku, Product.name_zh, Agreement.code, Partner.name_zh)
    )  # fmt: skip
    items: dict[tuple[str, str], dict[str, Any]] = {}
    for firm, firm_name, sku, name, code, buyer, asked, available, lacking, from_day in rows:
        item = items.setdefault(
            (firm, sku),
            {
                "firm": firm, "firm_name_zh": firm_name, "sku": sku, "name_zh": name, "asked_g": 0,
                "available_g": int(available), "lacking_g": 0, "agreements": [],
            },
        )  # fmt: skip
        item["asked_g"] += int(asked)
        item["lacking_g"] += int(lacking)
        if lacking:
            item["agreements"].append(
                {"agreement": code, "partner_name_zh": buyer, "lacking_g": int(lacking), "from_day": from_day}
            )
    for item in items.values():
        item["agreements"].sort(key=lambda one: (one["from_day"], one["agreement"]))
    return sorted(items.values(), key=lambda item: (-item["lacking_g"], item["firm"], item["sku"]))
