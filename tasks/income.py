"""Jobs about what households earned."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.farmers.jobs import COUNT_FAMILY_COSTS
from shop.income.costs import count_by_rate, count_family
from shop.income.jobs import COUNT_COSTS
from tasks.registry import Kind, runs


@runs(COUNT_COSTS, Kind.JOB)
def count_costs(session: Session, rate_id: int, *, now: datetime) -> None:
    """Costs of past sales where a rate is new or void."""
    count_by_rate(session, rate_id)


@runs(COUNT_FAMILY_COSTS, Kind.JOB)
def count_family_costs(session: Session, household_id: int, *, now: datetime) -> None:
    """Costs of a family whose records were merged, or of a household that counts for itself again."""
    count_family(session, household_id)
