"""Server-rendered pages, Chinese first. No script, no foreign host."""

from flask import Blueprint, render_template
from werkzeug.wrappers import Response as AnyResponse

from shop.access.guard import reference_version
from shop.catalog.reference import catalog
from shop.channels.policies import POLICIES
from shop.kit.clock import beijing_day
from shop.kit.db import db, transaction
from shop.kit.http import now
from shop.kit.money import per_jin, per_kg, yuan
from shop.payments import actions as payments
from shop.payments import simulated
from shop.web.shown import CATEGORY_ZH

blueprint = Blueprint("web", __name__, template_folder="templates", static_folder="static", static_url_path="/static")


@blueprint.route("/")
def front() -> str:
    """五销活动首页 · The campaign: every listed product with its prices, and the five channels."""
    day = beijing_day(now())
    shelves: dict[str, list[dict[str, object]]] = {name: [] for name in CATEGORY_ZH.values()}
    firms = set()
    for product in catalog(db.session(), reference_version()).listed(day):
        price = product.price_for(1, day)
        firms.add(product.firm_code)
        shelves[CATEGORY_ZH[product.category]].append(
            {
                "product": product,
                "price": yuan(price) if price else "—",
                "per_jin": yuan(per_jin(price, product.net_weight_g)) if price else "—",
                "per_kg": yuan(per_kg(price, product.net_weight_g)) if price else "—",
                "tiers": [(tier.min_quantity, yuan(tier.price_fen)) for tier in product.tiers_on(day)[1:]],
                "in_season": product.in_season(day),
            }
        )
    return render_template(
        "front.html", shelves={name: cards for name, cards in shelves.items() if cards}, channels=POLICIES.values(),
        firms=len(firms), products=sum(len(cards) for cards in shelves.values()), day=day,
    )  # fmt: skip


def refusal_page(title: str, sentence: str) -> str:
    """A refusal where no page has words of its own, such as a mistyped address."""
    return render_template("refusal.html", title=title, sentence=sentence)


@blueprint.route("/simulated-pay/<string:txn>", methods=["GET"])
def pay_page(txn: str) -> str:
    """模拟支付页 · The simulated provider's own page."""
    payment, order = payments.payment_of(db.session(), txn)
    return render_template("pay.html", payment=payment, order=order, amount=yuan(payment.amount_fen))


@blueprint.route("/simulated-pay/<string:txn>", methods=["POST"])
def pay_now(txn: str) -> AnyResponse | str:
    """确认支付 · The payer agrees; the notification comes a moment later."""
    with transaction() as session:
        simulated.complete(session, txn, now=now())
        payment, order = payments.payment_of(session, txn)
        return render_template("pay.html", payment=payment, order=order, amount=yuan(payment.amount_fen), done=True)
