"""JSON logs without personal data."""

import logging
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import structlog

_ROOT = Path(__file__).resolve().parents[2]
_OURS = tuple(f"{_ROOT / folder}/" for folder in ("shop", "tasks"))
#: Frames kept of one exception: the deepest of our own code, and the last of the libraries', where it was raised.
_OUR_FRAMES, _OTHER_FRAMES = 12, 2


def configure_logging() -> None:
    """JSON lines on standard error: only ids, codes and routes are ever logged."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def trace_of(error: BaseException) -> list[str]:
    """The kinds of the exceptions behind `error` and where they arose. Messages may hold personal data: left out."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        frames = _telling(traceback.extract_tb(seen.__traceback__))
        lines += [type(seen).__name__, *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return lines


def _telling(frames: Sequence[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """In their order, the frames that say who did it: a library's own may be many, and lie deeper than ours."""
    ours = [at for at, frame in enumerate(frames) if frame.filename.startswith(_OURS)]
    others = [at for at, frame in enumerate(frames) if not frame.filename.startswith(_OURS)]
    kept = {*ours[-_OUR_FRAMES:], *others[-_OTHER_FRAMES:]}
    return [frames[at] for at in sorted(kept)]
