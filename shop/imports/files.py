"""The way in: a folder, or named files, checked as a whole and then written as a whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ARRAY, String, any_, literal
from sqlalchemy.orm import Session

from shop.farmers.families import days_of
from shop.farmers.locks import IMPORTS
from shop.farmers.models import Household, Relation
from shop.imports import sheets
from shop.imports.checks import Book, contradictions
from shop.imports.known import known_rows
from shop.imports.table import RowError, Sheet, read
from shop.imports.write import Writing, write
from shop.income.surplus import plans_booked
from shop.kit.db import hold
from shop.places import misprints
from shop.places.gazetteer import Gazetteer, VillageName, build

#: Told after each step: what is done next, how many steps are done, of how many.
Progress = Callable[[str, int, int], None]

BY_FILE: dict[str, Sheet[Any]] = {sheet.file: sheet for sheet in sheets.ALL}


@dataclass(frozen=True)
class Count:
    """Of one file: rows that are new, and rows that were recorded before with the same content."""

    new: int
    unchanged: int


@dataclass(frozen=True)
class ImportResult:
    """What was done (`counts` by file, income entries `booked` by kind), or the `errors` for which nothing was done."""

    counts: dict[str, Count]
    errors: list[RowError]
    booked: dict[str, int]


def import_directory(
    path: Path, *, session: Session, now: datetime, progress: Progress | None = None, actor_id: int | None = None,
    dry_run: bool = False, since: date | None = None,
) -> ImportResult:  # fmt: skip
    """Import the CSV files of a folder; see `import_files`. Files of other kinds (README, scripts) are left aside."""
    files = {found.name: found.read_bytes() for found in sorted(path.glob("*.csv"))}
    return import_files(
        files, session=session, now=now, progress=progress, actor_id=actor_id, dry_run=dry_run, since=since
    )


def import_files(
    files: Mapping[str, bytes], *, session: Session, now: datetime, progress: Progress | None = None,
    actor_id: int | None = None, dry_run: bool = False, since: date | None = None,
) -> ImportResult:  # fmt: skip
    """Check all files by name; write all that is new if there is no error at all, else nothing.

    A part of the files is enough when what they refer to is recorded. `dry_run`: check and count only. `since`: from
    which day on agreements are kept here; None: from today on. Takes a lock that other imports wait for; flushes, never
    commits.
    """
    hold(session, IMPORTS)
    tell = _Teller(progress, steps=2 * len(sheets.ALL) + 1)
    book, errors = _read_all(files, session, tell)
    if errors:
        return ImportResult({}, sorted(errors, key=_in_file_order), {})
    counts = {file: _count(book, BY_FILE[file]) for file in book.read}
    booked = {} if dry_run else write(Writing(session, book, actor_id, now, since), tell)
    return ImportResult(counts, [], booked)


def _count(book: Book, sheet: Sheet[Any]) -> Count:
    new = len(book.new(sheet))
    return Count(new, len(book.rows(sheet)) - new)


class _Teller:
    """Counts steps for whoever shows a progress bar."""

    def __init__(self, progress: Progress | None, steps: int) -> None:
        self._progress, self._steps, self._done = progress, steps, 0

    def __call__(self, label: str) -> None:
        if self._progress is not None:
            self._progress(label, self._done, self._steps)
        self._done += 1


def _in_file_order(error: RowError) -> tuple[int, int, str]:
    order = list(BY_FILE)
    place = order.index(error.file) if error.file in order else len(order)
    return place, error.line, error.column


def _read_all(files: Mapping[str, bytes], session: Session, tell: Callable[[str], None]) -> tuple[Book, list[RowError]]:
    """Read and check every file; places first, because the others name them."""
    errors = [
        RowError(name, 0, "", "不认识的文件名", "is not the name of a known file")
        for name in sorted(set(files) - set(BY_FILE))
    ]
    if not set(files) & set(BY_FILE):
        errors.append(RowError("", 0, "", "没有可导入的 CSV 文件", "there is no CSV file to import"))
    book = Book()
    places = Gazetteer()
    for sheet in sheets.ALL:
        tell(sheet.file)
        if sheet.file in files:
            book.read[sheet.file] = read(sheet, files[sheet.file], places)
            errors.extend(book.read[sheet.file].errors)
        keys = book.rows(sheet)
        book.known[sheet.file] = known_rows(session, sheet, keys)
        if sheet in (sheets.TOWNSHIPS, sheets.VILLAGES):
            places = _gazetteer(book)
    named = {row.household_code for row in book.rows(sheets.DELIVERIES).values()}
    named |= {row.household_code for row in book.rows(sheets.PAYMENTS).values()}
    book.relations = days_of(session, Household.code == any_(literal(sorted(named), ARRAY(String))))
    members = {row.firm_code for row in book.new(sheets.HOUSEHOLDS) if row.relation is Relation.MEMBER}
    book.shared = plans_booked(session, members)
    for sheet in sheets.ALL:
        errors.extend(contradictions(sheet, book))
    return book, errors


def _gazetteer(book: Book) -> Gazetteer:
    """Places recorded and places of the upload, by every name."""
    townships = {**book.rows(sheets.TOWNSHIPS), **book.recorded(sheets.TOWNSHIPS)}.values()
    villages = {**book.rows(sheets.VILLAGES), **book.recorded(sheets.VILLAGES)}.values()
    return build(
        [(row.code, row.name_zh) for row in townships],
        [VillageName(row.code, row.township_code, row.name_zh, row.short_zh) for row in villages],
        misprints.TOWNSHIPS,
        misprints.VILLAGES,
    )
