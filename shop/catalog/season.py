"""Harvest windows and selling windows: pure calendar arithmetic."""

from calendar import monthrange
from datetime import date, timedelta


def in_harvest(start_month: int, end_month: int, day: date) -> bool:
    """Whether `day` lies in the harvest months, both included; an end below the start runs over the new year."""
    if start_month <= end_month:
        return start_month <= day.month <= end_month
    return day.month >= start_month or day.month <= end_month


def sellable(start_month: int, end_month: int, shelf_life_days: int, day: date) -> bool:
    """Whether something harvested in the window can still be good on `day`: the window, prolonged by the shelf life."""
    if in_harvest(start_month, end_month, day):
        return True
    year = day.year if day.month > end_month else day.year - 1
    last_harvest_day = date(year, end_month, monthrange(year, end_month)[1])
    return day <= last_harvest_day + timedelta(days=shelf_life_days)
