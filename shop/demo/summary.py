"""The season's results as tables: the same reports that a manager reads over HTTP, printed."""

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.access.guard import Actor, Grant, Role
from shop.access.models import Party, PartyKind
from shop.demo.cast import LOGINS, PASSWORD
from shop.kit.clock import SystemClock
from shop.kit.db import db, release, transaction
from shop.kit.money import BP_WHOLE, GRAMS_PER_KG, divide_half_up, yuan
from shop.reports.agreement_report import AgreementsBy, agreements_report
from shop.reports.gain import gain
from shop.reports.income_report import IncomeBy, income_report, whole_year
from shop.reports.models import Rollup
from shop.reports.queries import sales_by_channel
from shop.reports.rollups import refresh

YEAR = 2025
FIRST, LAST = date(YEAR, 1, 1), date(YEAR, 12, 31)
#: How long the worker may take to aggregate before the command does it itself.
PATIENCE_S = 30

#: Columns of the channel table. In every row paid - refunded + due = net + held, and net = firm + host + platform +
#: coupon: a host has his commission, and owes what he promised by coupons.
_COLUMNS = (
    ("订单\norders", "orders"),
    ("\nkg", "weight_g"),
    ("已付\npaid", "paid_fen"),
    ("退款\nrefunded", "refunded_fen"),
    ("应收\ndue", "due_fen"),
    ("在途\nheld", "held_fen"),
    ("净额\nnet", "net_fen"),
    ("企业\nfirm", "firm_fen"),
    ("主播\nhost", "host_fen"),
    ("平台\nplatform", "platform_fen"),
    ("券\ncoupon", "coupon_fen"),
)


def wait_for_jobs() -> bool:
    """Let the Celery jobs aggregate; where no worker does, or too slowly, do the same here. True if they did."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        waiting = db.session.scalar(text("SELECT count(*) FROM dirty_keys"))
        release()
        if not waiting:
            return True
        time.sleep(0.3)
    for rollup in Rollup:
        while True:
            with transaction() as session:
                if not refresh(session, rollup).keys:
                    break
    return False


def print_summary() -> None:
    """Print results and logins."""
    wait_for_jobs()
    console = Console(width=128, highlight=False)
    session = db.session()
    county = _county(session)
    console.print(_channel_table(session, county))
    console.print(
        "  已付 − 退款 + 应收 = 净额 + 在途；净额 = 企业 + 主播 + 平台 + 券（主播让利）。应收：已验收、未到账；"
        "在途：已付、未结算。"
    )
    console.print(
        "  paid − refunded + due = net + held; net = firm + host + platform + coupon (promised by hosts). Units and"
    )
    console.print(
        "  enterprises are invoiced on acceptance: due is what they still owe; held: paid for orders not yet settled.\n"
    )
    for line in (*_agreements(session, county), *_households(session, county), *_gain(session, county)):
        console.print(f"  {line}", soft_wrap=True)
    release()
    console.print(f"\n  演示账号，密码均为 [bold]{PASSWORD}[/bold] · demo logins, all with this password")
    for login in LOGINS:
        console.print(f"    {login.login:<10} {login.role.value:<11} {login.name_zh}")
    console.print()


def _county(session: Session) -> Actor:
    """Who reads: the county's operator."""
    party_id = session.execute(select(Party.id).where(Party.kind == PartyKind.COUNTY)).scalar_one()
    return Actor(None, (Grant(Role.OPERATOR, party_id, PartyKind.COUNTY),))


def _channel_table(session: Session, actor: Actor) -> Table:
    report = sales_by_channel(session, actor, FIRST, LAST, None, "zh")
    title = f"{YEAR} 五销结果 · results by channel (元 yuan)"
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=True, padding=(0, 1, 0, 0))
    table.add_column("渠道\nchannel")
    for head, _ in _COLUMNS:
        table.add_column(head, justify="right", no_wrap=True)
    for row in report["items"]:
        table.add_row(row["name"], *_shown(row))
    table.add_section()
    table.add_row("合计 all", *_shown(report["total"]))
    return table


def _shown(row: Mapping[str, Any]) -> list[str]:
    return [_figure(name, row[name]) for _, name in _COLUMNS]


def _figure(name: str, value: int) -> str:
    if name.endswith("_fen"):
        return yuan(value)
    if name.endswith("_g"):
        # Exact, so that the column adds up.
        return f"{value // GRAMS_PER_KG:,}.{value % GRAMS_PER_KG:03}"
    return f"{value:,}"


def _kg(grams: int) -> str:
    return f"{divide_half_up(grams, GRAMS_PER_KG):,}"


def _percent(rate_bp: int | None) -> str:
    """With one decimal, half up."""
    if rate_bp is None:
        return "—"
    tenths = divide_half_up(rate_bp * 1_000, BP_WHOLE)
    return f"{tenths // 10}.{tenths % 10}%"


def _agreements(session: Session, actor: Actor) -> list[str]:
    by = AgreementsBy.AGREEMENT
    total = agreements_report(session, actor, by, LAST, "zh", today=LAST, limit=1, after=None)["total"]
    return [
        f"协议 agreements   签约 signed {total['agreements']} 份，{_kg(total['signed_g'])} kg，"
        f"{yuan(total['signed_fen'])}",
        f"                  应交 due {_kg(total['due_g'])} kg，验收 accepted {_kg(total['accepted_g'])} kg，"
        f"履约 executed {yuan(total['executed_fen'])}，履约率 rate {_percent(total['rate_bp'])}",
    ]


def _households(session: Session, actor: Actor) -> list[str]:
    report = income_report(session, actor, IncomeBy.TOWNSHIP, whole_year(YEAR), "zh", limit=1, after=None)
    total, cash = report["total"], report["total"]["cash"]
    return [
        f"农户 households   带动 reached {total['households']} 户；现金收入 cash {yuan(total['cash_fen'])}",
        f"                  交售（毛额）produce, gross {yuan(cash['sale_gross_fen'])}，返还 patronage "
        f"{yuan(cash['patronage_fen'])}，工资 wages {yuan(cash['wage_fen'])}，",
        f"                  租金 rent {yuan(cash['land_rent_fen'])}，分红 dividend {yuan(cash['dividend_fen'])}；"
        f"触达农户的销售 sales reached {yuan(total['sales_reached_fen'])}",
    ]


def _gain(session: Session, actor: Actor) -> list[str]:
    found = gain(session, actor, whole_year(YEAR), "zh", now=SystemClock().now())
    if found["status"] != "compared":
        return [f"户均增收 gain per household   {found['reason_text']}"]
    compared = "、".join(row["category"] for row in found["categories"] if row["compared"])
    left_out = "；".join(f"{row['category']} {row['left_out_text']}" for row in found["categories"] if row["left_out"])
    return [
        f"户均增收 gain per household   {yuan(found['per_household_fen'])}，{found['households']} 户两年均有记录，"
        f"比较 compared: {compared}",
        f"                  未比较 left out: {left_out}",
        f"                  {found['note']}",
    ]
