"""JSON logs without personal data."""

import logging
import sys
import traceback

import structlog


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
        frames = traceback.extract_tb(seen.__traceback__)
        lines += [type(seen).__name__, *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:])]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return lines
