"""What a household reads on its phone: its statement by month, its slips, and how its co-operative shares a surplus.

The same queries as the API decide what it sees. Gross and net stand apart, sales reached apart from both.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from shop.access.guard import Actor, Role, current_actor, scope
from shop.farmers.actions import household_by_code
from shop.farmers.models import Household
from shop.income import plans, surplus
from shop.income.errors import NotAMember, ObjectionTooLate
from shop.income.models import Category, IncomeKind
from shop.income.queries import KIND_ZH, latest_month, statement
from shop.income.states import STATE_ZH
from shop.kit.clock import beijing_month, month_of
from shop.kit.db import db, transaction
from shop.kit.errors import NotFoundError
from shop.kit.http import now
from shop.kit.money import kilograms, yuan
from shop.kit.schemas import Month, StrictSchema, Text
from shop.tracing.queries import slip_trace
from shop.web.signin import from_our_page, page_for

blueprint = Blueprint("my", __name__, template_folder="templates")

CATEGORY_ZH = {
    Category.WAGE: "工资性收入", Category.BUSINESS: "经营收入（毛额）", Category.PROPERTY: "财产性收入",
    Category.TRANSFER: "转移性收入",
}  # fmt: skip
#: How a lot came to be, in words.
LOT_ZH = {"delivered": "交售入批", "graded": "降级转出", "repacked": "改装"}


#: Plans on the page, the newest first.
PLANS = 12


class Asked(StrictSchema):
    """Which month."""

    month = Month(load_default=None)


class Said(StrictSchema):
    """What a member says against a plan."""

    words = Text(high=1_000, required=True)


@blueprint.errorhandler(NotFoundError)
def missing(_: NotFoundError) -> tuple[str, int]:
    """没有找到 · Nothing there, or nothing of this household's."""
    return render_template("my/missing.html"), NotFoundError.status


def _own(session: Session, actor: Actor) -> str:
    """The code of the reader's household. Raises NotFoundError."""
    own = scope(actor, {Role.HOUSEHOLD: Household.party_id})
    code = session.scalar(select(Household.code).where(own).order_by(Household.id).limit(1))
    if code is None:
        raise NotFoundError(what="household")
    return code


def _month(wanted: Mapping[str, str]) -> date | None:
    """The month of the address; None for none, and for what is no month."""
    asked = Asked()
    return None if asked.validate(wanted) else asked.load(wanted)["month"]


@blueprint.route("/my", methods=["GET"])
@page_for(Role.HOUSEHOLD)
def show() -> str:
    """我的收入单 · One month, by category, net apart from gross, corrections with their origin; the year's months."""
    session, actor = db.session(), current_actor()
    code, this = _own(session, actor), beijing_month(now())
    month = _month(request.args.to_dict()) or latest_month(session, actor, code) or this
    year = statement(session, actor, code, month.replace(month=1), month.replace(month=12))
    found = statement(session, actor, code, month, month)
    return render_template(
        "my/statement.html", found=found, month=month, yuan=yuan, kilograms=kilograms,
        closed=found["closed_through"] is not None and month <= found["closed_through"],
        categories=_categories(found["by_kind"]), months=_months(year, this), year=year, this=this,
        late=[row for row in found["entries"] if row["corrected_because"] or month_of(row["day"]) != row["month"]],
        kinds={kind.value: name for kind, name in KIND_ZH.items()},
    )  # fmt: skip


def _categories(by_kind: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """All four categories, at zero if need be, each with its kinds."""
    return [
        {
            "name": name,
            "amount_fen": sum(row["amount_fen"] for row in by_kind if row["category"] == category.value),
            "kinds": [row for row in by_kind if row["category"] == category.value],
        }
        for category, name in CATEGORY_ZH.items()
    ]


def _months(year: dict[str, Any], this: date) -> list[dict[str, Any]]:
    """The months of the year that have begun or have anything: what was received, and whether they are closed."""
    closed, received = year["closed_through"], dict.fromkeys(_begun(year["from"], this), 0)
    for row in year["entries"]:
        received[row["month"]] = received.get(row["month"], 0) + row["amount_fen"]
    return [
        {"month": month, "amount_fen": fen, "closed": closed is not None and month <= closed}
        for month, fen in sorted(received.items())
    ]


def _begun(first: date, this: date) -> list[date]:
    return [month for month in (first.replace(month=number) for number in range(1, 13)) if month <= this]


@blueprint.route("/my/slips/<string:code>", methods=["GET"])
@page_for(Role.HOUSEHOLD)
def slip(code: str) -> str:
    """我的交售单 · How its amount came about, what was corrected, which lots it is in, what they sold for."""
    found = slip_trace(db.session(), current_actor(), code)
    return render_template(
        "my/slip.html", slip=found, yuan=yuan, kilograms=kilograms, lots_zh=LOT_ZH, sale=KIND_ZH[IncomeKind.SALE]
    )


@blueprint.route("/my/surplus", methods=["GET"])
@page_for(Role.HOUSEHOLD)
def surplus_plans() -> str:
    """盈余分配公示 · Plans laid open to the members, newest first, with the household's own part and objections."""
    return _plans()


def _plans(told: str | None = None) -> str:
    found = plans.plan_details(db.session(), current_actor(), limit=PLANS)
    return render_template("my/surplus.html", plans=found, states=STATE_ZH, told=told, yuan=yuan)


@blueprint.route("/my/surplus/<string:code>/objections", methods=["POST"])
@page_for(Role.HOUSEHOLD)
def object_to(code: str) -> Response | tuple[str, int]:
    """提出异议 · The household objects to a plan that is laid open, by the form of the page."""
    from_our_page()
    try:
        said = Said().load({"words": request.form.get("words", "")})
        with transaction() as session:
            actor = current_actor()
            plans.plan_detail(session, actor, code)
            own = household_by_code(session, _own(session, actor))
            surplus.object_to(
                session, surplus.locked_plan(session, code), own, said["words"], actor_id=actor.person_id, now=now()
            )
    except ValidationError:
        return _plans("请写明异议，不超过 1000 字。"), 422
    except (ObjectionTooLate, NotAMember) as refusal:
        return _plans(refusal.sentence("zh")), refusal.status
    return redirect(url_for("my.surplus_plans"), 303)
