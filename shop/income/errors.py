"""Why a month is not closed, a slip not corrected."""

from shop.kit.errors import DomainError

__all__ = ["EarlierMonthOpen", "MonthClosed", "MonthNotOver", "NothingToCorrect"]


class MonthNotOver(DomainError):
    """The month still runs: entries of it are still to come."""

    code = "month-not-over"
    title_zh, title_en = "月份尚未结束", "Month not over"
    zh = "{month} 尚未结束，不能结账。"
    en = "{month} is not over yet and cannot be closed."


class MonthClosed(DomainError):
    """The month was closed before; what it said stays as it is."""

    code = "month-closed"
    title_zh, title_en = "月份已结账", "Month closed before"
    zh = "{month} 已经结账，更正请记入当前月份。"
    en = "{month} is closed; corrections go to the open month."


class EarlierMonthOpen(DomainError):
    """Months close in their order."""

    code = "earlier-month-open"
    title_zh, title_en = "前面的月份未结账", "An earlier month is open"
    zh = "{earlier} 有记录且未结账，请先结该月。"
    en = "{earlier} has entries and is still open: close it first."


class NothingToCorrect(DomainError):
    """The corrected slip would be worth what it is worth now."""

    code = "nothing-to-correct"
    status = 422
    title_zh, title_en = "没有需要更正的", "Nothing to correct"
    zh = "交售单 {slip} 现在就是 {amount_fen} 分。"
    en = "Slip {slip} is worth {amount_fen} fen already."
