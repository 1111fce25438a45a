"""The season's results as tables: every figure from the rollups that the jobs keep, as a manager would read them."""

import time
from collections.abc import Sequence
from datetime import date

from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from sqlalchemy.orm import Session

from shop.channels.models import ChannelKind
from shop.channels.policies import POLICIES
from shop.demo.cast import LOGINS, PASSWORD
from shop.kit.db import db, release, transaction
from shop.kit.money import GRAMS_PER_KG, divide_half_up, yuan
from shop.reports.models import Rollup
from shop.reports.rollups import refresh

#: How long the worker may take to aggregate before the command does it itself.
PATIENCE_S = 30

_CHANNELS = text(
    """
    SELECT kind, coalesce(sum(orders), 0), coalesce(sum(weight_g), 0), coalesce(sum(paid_fen), 0),
        coalesce(sum(refunded_fen), 0), coalesce(sum(net_fen), 0), coalesce(sum(firm_fen), 0),
        coalesce(sum(host_fen), 0), coalesce(sum(platform_fen), 0)
    FROM channels LEFT JOIN sales_rollup ON channel_id = channels.id GROUP BY kind, position ORDER BY position
    """
)
_AGREEMENTS = text(
    """
    SELECT (SELECT count(*) FROM agreements), (SELECT sum((committed_g * floor_fen_per_kg + 500) / 1000) FROM agreement_lines),
        sum(due_g) FILTER (WHERE month <= :day), sum(accepted_g) FILTER (WHERE month <= :day),
        sum(executed_fen) FILTER (WHERE month <= :day) FROM agreement_rollup
    """
)
_HOUSEHOLDS = text(
    """
    SELECT count(DISTINCT household_id), count(DISTINCT household_id) FILTER (WHERE is_assisted),
        sum(amount_fen) FILTER (WHERE kind = 'sale'), sum(amount_fen) FILTER (WHERE kind = 'patronage'),
        sum(amount_fen) FILTER (WHERE kind = 'wage'), sum(amount_fen) FILTER (WHERE kind IN ('land_rent', 'dividend'))
    FROM income_rollup JOIN households ON households.id = household_id
    WHERE month BETWEEN '2025-01-01' AND '2025-12-01'
    """
)
_GAIN = text(
    """
    WITH now_ AS (
        SELECT household_id, sum(amount_fen) FILTER (WHERE kind = 'wage') AS wage,
            sum(amount_fen) FILTER (WHERE kind IN ('land_rent', 'dividend')) AS property
        FROM income_rollup WHERE month BETWEEN '2025-01-01' AND '2025-12-01' GROUP BY household_id)
    SELECT count(*), sum(coalesce(wage, 0) - wage_fen), sum(coalesce(property, 0) - property_net_fen)
    FROM now_ JOIN baseline_incomes USING (household_id) WHERE year = 2024
    """
)


def wait_for_jobs() -> bool:
    """Let the Celery jobs aggregate. Where no worker runs, or too slowly, this command does the same. True if they did."""
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
    console = Console(width=118, highlight=False)
    session = db.session()
    console.print(_channel_table(session))
    for line in _sentences(session):
        console.print(f"  {line}")
    release()
    console.print("\n  演示账号（密码均为）· demo logins, all with the password  [bold]" + PASSWORD)
    for login in LOGINS:
        console.print(f"    {login.login:<10} {login.role.value:<11} {login.name_zh}")
    console.print()


def _channel_table(session: Session) -> Table:
    table = Table(
        title="2025 五销结果 · results by channel (元 yuan)", title_justify="left", show_edge=False, pad_edge=True
    )
    heads = (
        "渠道 channel",
        "订单 orders",
        "kg",
        "已付 paid",
        "退款 refunded",
        "净额 net",
        "企业 firm",
        "主播 host",
        "平台 platform",
    )
    for head in heads:
        table.add_column(head, justify="left" if head.startswith("渠道") else "right")
    totals = [0] * 8
    for kind, *figures in session.execute(_CHANNELS).tuples():
        numbers = [int(figure) for figure in figures]
        totals = [a + b for a, b in zip(totals, numbers, strict=True)]
        table.add_row(POLICIES[ChannelKind(kind)].name_zh, *_shown(numbers))
    table.add_section()
    table.add_row("合计 all", *_shown(totals))
    return table


def _shown(numbers: Sequence[int]) -> list[str]:
    orders, grams, *money = numbers
    return [f"{orders:,}", _kg(grams), *(yuan(fen) for fen in money)]


def _kg(grams: int) -> str:
    return f"{divide_half_up(grams, GRAMS_PER_KG):,}"


def _percent(part: int, whole: int) -> str:
    """With one decimal, half up."""
    tenths = divide_half_up(part * 1_000, whole)
    return f"{tenths // 10}.{tenths % 10}%"


def _sentences(session: Session) -> list[str]:
    signed, signed_fen, due_g, accepted_g, executed_fen = session.execute(_AGREEMENTS, {"day": date(2025, 12, 1)}).one()
    rate = _percent(int(accepted_g or 0), int(due_g)) if due_g else "—"
    reached, assisted, sales, patronage, wages, property_ = session.execute(_HOUSEHOLDS).one()
    counted, wage_gain, property_gain = session.execute(_GAIN).one()
    gain = (int(wage_gain or 0) + int(property_gain or 0)) // counted if counted else 0
    return [
        "在途与未验收的订单不计入净额；企业助销、单位帮销按验收开票，已付为到账款。",
        "net = settled orders; unit and enterprise orders are invoiced on acceptance, paid = money that came in.\n ",
        f"协议 agreements   签约 signed {signed} 份 {yuan(int(signed_fen or 0))}；2025 应交 due {_kg(int(due_g or 0))} kg，"
        f"验收 accepted {_kg(int(accepted_g or 0))} kg，履约 executed {yuan(int(executed_fen or 0))}，履约率 rate {rate}",
        f"农户 households   带动 reached {reached} 户，其中脱贫监测户 assisted {assisted}；"
        f"交售 produce sold (gross) {yuan(int(sales or 0))}，返还 patronage {yuan(int(patronage or 0))}，"
        f"工资 wages {yuan(int(wages or 0))}，租金分红 rent & dividend {yuan(int(property_ or 0))}",
        f"户均增收 gain per household  {yuan(gain)}（工资、财产性 wage and property，{counted} 户 households in both years）",
        "未比较 left out: 经营净收入（2025 未扣成本）business, gross in 2025; 转移性收入（2025 未记录）transfers, not recorded in 2025",
    ]
