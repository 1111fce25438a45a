"""Jobs about what households earned."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.income.costs import count_by_rate
from shop.income.jobs import COUNT_COSTS
from tasks.registry import Kind, runs


@runs(COUNT_COSTS, Kind.JOB)
def count_costs(session: Session, rate_id: int, *, now: datetime) -> None:
    """Costs of past sales by a new rate."""
    count_by_rate(session, rate_id)
