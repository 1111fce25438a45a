"""A day of a span is read once, by the longest piece that lies in the span, and counts where it belongs."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from shop.reports.periods import Every, Span, period_of, spans_of
from shop.reports.spanned import WHOLE, looks_at

DAYS = st.dates(date(2023, 12, 1), date(2025, 3, 1))
SPANS = st.lists(st.builds(lambda one, other: Span(min(one, other), max(one, other)), DAYS, DAYS), max_size=4)


@given(spans=SPANS)
def test_each_span_is_its_looks_and_a_day_of_it_is_read_once(spans: list[Span]) -> None:
    found = looks_at(spans)
    for every, looks in found.items():
        read = [day for look in looks for day in look.days]
        assert len(read) == len(set(read))
        for look in looks:
            first, last = period_of(every, look.days.first), period_of(every, look.days.last)
            assert look.days == Span(first.first, last.last)
    for place, span in enumerate(spans):
        counted = {every: [day for look in looks if look.counts & 1 << place for day in look.days]
                   for every, looks in found.items()}  # fmt: skip
        assert sorted(day for days in counted.values() for day in days) == list(span)
        # Nothing is read by day that a dekad or a month of the span has read already, nor by dekad what a month has.
        for shorter, longer in ((Every.DAY, Every.TEN_DAYS), (Every.TEN_DAYS, Every.MONTH)):
            for day in counted[shorter]:
                around = period_of(longer, day)
                assert not (around.first in span and around.last in span)


def test_a_report_reads_a_row_for_ten_days_and_none_for_each_span_that_they_count_in() -> None:
    spans = spans_of(Every.TEN_DAYS, date(2025, 7, 15), today=date(2025, 8, 1))
    found = looks_at(span for _, span in spans.named())
    assert [(every.value, str(look.days), look.counts) for every in WHOLE for look in found[every]] == [
        ("month", "2025-01-01 至 2025-06-30", 0b100),
        ("ten_days", "2024-07-11 至 2024-07-20", 0b1000), ("ten_days", "2025-07-01 至 2025-07-10", 0b100),
        ("ten_days", "2025-07-11 至 2025-07-20", 0b110),
        ("day", "2025-07-20", 0b001),
    ]  # fmt: skip


def test_a_week_over_two_dekads_is_read_by_day_and_the_year_so_far_by_dekads() -> None:
    spans = spans_of(Every.WEEK, date(2025, 7, 22), today=date(2025, 8, 1))
    found = looks_at(span for _, span in spans.named())
    assert [(str(look.days), look.counts) for look in found[Every.TEN_DAYS]] == [
        ("2025-07-01 至 2025-07-20", 0b100),
    ]  # fmt: skip
    assert [(str(look.days), look.counts) for look in found[Every.DAY]] == [
        ("2024-07-22 至 2024-07-28", 0b1000), ("2025-07-21 至 2025-07-26", 0b110), ("2025-07-27", 0b111),
    ]  # fmt: skip
