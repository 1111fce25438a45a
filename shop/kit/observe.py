"""Seeing what happens: counters and times by route, the id of each request."""

import os
import re
import secrets
import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.registry import REGISTRY

REQUESTS = Counter("shop_requests", "HTTP requests answered", ["method", "route", "status"])
SECONDS = Histogram("shop_request_seconds", "Time to answer", ["route"], buckets=(0.005, 0.02, 0.1, 0.5, 2, 10))

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

#: Pages load nothing from elsewhere and run no script written into them.
PAGE_HEADERS = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
}


def install(app: Flask) -> None:
    """Number, time and count every request; give every answer its headers."""
    app.before_request(_begin)
    app.after_request(_finish)


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if re.fullmatch(r"[0-9A-Za-z._-]{1,64}", given) else secrets.token_hex(8)


def _finish(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "unknown"
    method = request.method if request.method in _METHODS else "other"
    REQUESTS.labels(method, route, response.status_code).inc()
    response.headers["X-Content-Type-Options"] = "nosniff"
    if hasattr(g, "request_id"):
        SECONDS.labels(route).observe(time.perf_counter() - g.started)
        response.headers["X-Request-Id"] = g.request_id
    if "Authorization" in request.headers:
        response.headers.setdefault("Cache-Control", "no-store")
    if response.mimetype == "text/html":
        for name, value in PAGE_HEADERS.items():
            response.headers.setdefault(name, value)
    return response


def metrics() -> bytes:
    """The counters of all web processes when they share PROMETHEUS_MULTIPROC_DIR, else of this one."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
