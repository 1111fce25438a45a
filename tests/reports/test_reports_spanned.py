"""Spans are cut so that every day is read once, by month where it can be, and counts where it belongs."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from shop.kit.clock import month_of
from shop.reports.periods import Every, Span, period_of, spans_of
from shop.reports.spanned import looks_at

DAYS = st.dates(date(2023, 12, 1), date(2025, 3, 1))
SPANS = st.lists(st.builds(lambda one, other: Span(min(one, other), max(one, other)), DAYS, DAYS), max_size=4)


@given(spans=SPANS)
def test_each_span_is_its_looks_and_a_day_of_it_is_read_once(spans: list[Span]) -> None:
    months, days = looks_at(spans)
    for looks in (months, days):
        read = [day for look in looks for day in look.days]
        assert len(read) == len(set(read))
    for look in months:
        assert look.days == Span(month_of(look.days.first), period_of(Every.MONTH, look.days.last).last)
    for place, span in enumerate(spans):
        counted = sorted(day for look in (*months, *days) if look.counts & 1 << place for day in look.days)
        assert counted == list(span)


def test_a_report_reads_no_day_for_each_span_that_it_counts_in() -> None:
    spans = spans_of(Every.TEN_DAYS, date(2025, 7, 15), today=date(2025, 8, 1))
    months, days = looks_at(span for _, span in spans.named())
    assert [(str(look.days), look.counts) for look in (*months, *days)] == [
        ("2025-01-01 至 2025-06-30", 0b100),
        ("2024-07-11 至 2024-07-20", 0b1000), ("2025-07-01 至 2025-07-10", 0b100),
        ("2025-07-11 至 2025-07-19", 0b110), ("2025-07-20", 0b111),
    ]  # fmt: skip
