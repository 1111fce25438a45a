"""A bare Flask app that answers fixed bytes from files: what the same server can do at best."""

import os
from pathlib import Path

from flask import Flask, Response

app = Flask(__name__)
BODIES = {name: Path(os.environ["BENCH_BODIES"], name).read_bytes() for name in ("list", "detail")}


@app.get("/healthz")
def healthz() -> str:
    return "ok"


@app.get("/<name>")
def answer(name: str) -> Response:
    return Response(BODIES[name], content_type="application/json")
