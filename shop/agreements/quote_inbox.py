"""Market quotes laid into a folder as files, taken in by a job through the connector for files.

A file is known by its SHA-256 and taken once, in one transaction with its quotes: killed half way, nothing of it is
there. Nobody looks on, so a row that cannot be taken is left out and listed, and holds back no other; and what a person
said of a day stays, whatever a file says after it.
"""

import hashlib
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from shop.agreements.models import QuoteFileTaken
from shop.agreements.quote_files import Problem, QuoteFile, TakenIn, take_fetched
from shop.kit.clock import beijing_day

#: A file is left alone until nobody wrote into it for so long.
SETTLED = timedelta(minutes=1)
MAX_BYTES = 2 * 1024 * 1024
#: Bad rows that are kept; the others are counted.
MAX_KEPT = 100
_ENDINGS = (".csv", ".xlsx")
_NAME = 120

_ONE_AT_A_TIME = text("SELECT pg_try_advisory_xact_lock(hashtext('shop.quote_inbox'))")


@dataclass(frozen=True)
class _Found:
    """A file as the folder shows it."""

    path: Path
    size_bytes: int
    modified_at: datetime

    @property
    def name(self) -> str:
        """Its name, as far as a database keeps it."""
        return self.path.name.encode("utf-8", "replace").decode()[:_NAME]


def take_next(session: Session, inbox: Path, sources: Sequence[str], *, now: datetime) -> int | None:
    """Take in the first file, by name, that was not yet: 1, or 0 when none is left; None while another worker is at it.

    `sources`: whose quotes are taken, empty for any. Raises OSError when the folder cannot be read.
    """
    if not session.scalar(_ONE_AT_A_TIME):
        return None
    found = _settled(inbox, now)
    seen = _seen(session, found)
    for file in found:
        if (file.name, file.size_bytes, file.modified_at) in seen:
            continue
        sha256, data = _read(file.path)
        known = session.scalar(select(QuoteFileTaken.id).where(QuoteFileTaken.sha256 == sha256))
        if known is None:
            _take(session, file, sha256, data, sources, now)
            return 1
    return 0


def _settled(inbox: Path, now: datetime) -> list[_Found]:
    """The tables in the folder that nobody writes any more, by name; no hidden ones, no links, nothing below."""
    found = []
    for path in sorted(inbox.iterdir()):
        told = path.lstat()
        modified_at = datetime.fromtimestamp(told.st_mtime, UTC)
        wanted = path.suffix.lower() in _ENDINGS and not path.name.startswith(".") and stat.S_ISREG(told.st_mode)
        if wanted and abs(now - modified_at) >= SETTLED:
            found.append(_Found(path, told.st_size, modified_at))
    return found


def _seen(session: Session, found: Iterable[_Found]) -> set[tuple[str, int, datetime]]:
    """Of the files found, those that look as they did when they were taken: they need not be read again."""
    columns = QuoteFileTaken.name, QuoteFileTaken.size_bytes, QuoteFileTaken.modified_at
    rows = session.execute(select(*columns).where(QuoteFileTaken.name.in_({file.name for file in found})))
    return {(name, size, modified_at) for name, size, modified_at in rows}


def _read(path: Path) -> tuple[str, bytes | None]:
    """SHA-256 and content of a file; no content when it is too large."""
    with path.open("rb") as opened:
        data = opened.read(MAX_BYTES + 1)
        if len(data) <= MAX_BYTES:
            return hashlib.sha256(data).hexdigest(), data
        opened.seek(0)
        return hashlib.file_digest(opened, "sha256").hexdigest(), None


def _take(
    session: Session, file: _Found, sha256: str, data: bytes | None, sources: Sequence[str], now: datetime
) -> None:
    if data is None:
        megabytes = MAX_BYTES // 2**20
        taken = TakenIn(problems=(Problem(0, f"文件超过 {megabytes} MB", f"larger than {megabytes} MB"),))
    else:
        taken = take_fetched(session, QuoteFile(data), sources=sources, today=beijing_day(now), now=now)
    session.add(
        QuoteFileTaken(
            sha256=sha256, name=file.name, size_bytes=file.size_bytes, modified_at=file.modified_at, taken_at=now,
            new_quotes=taken.new, unchanged=taken.unchanged, corrected=taken.corrected, bad_rows=len(taken.problems),
            bad=[{"line": one.line, "zh": one.zh, "en": one.en} for one in taken.problems[:MAX_KEPT]],
        )
    )  # fmt: skip
    session.flush()
