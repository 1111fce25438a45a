"""By which link a browser came: a signed cookie that holds link codes and times, nothing about the person.

`remember` is for the page behind `/s/{code}`, `came_by` for whatever places an order of a browser. Which of the opened
links counts is decided by `shop.channels.attribution`.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from flask import current_app
from werkzeug.wrappers import Request, Response

from shop.channels.attribution import Opening, winner
from shop.channels.reference import Selling
from shop.kit.clock import beijing_day
from shop.kit.seal import seal, unseal

COOKIE = "via"
#: Openings that a browser keeps; more than anybody opens in a week.
MOST_OPENINGS = 8

#: What programs that fetch pages call themselves: crawlers, previews of chats, monitors, scripts. Cubot makes phones.
_PROGRAM = re.compile(
    r"(?<!cu)bot|spider|crawl|slurp|preview|fetch|monitor|headless|curl|wget|python|java/|go-http|okhttp|httpclient"
    r"|scrapy|facebookexternalhit|embedly",
    re.IGNORECASE,
)


def openings(request: Request) -> tuple[Opening, ...]:
    """The links this browser opened, oldest first; none when the cookie is not ours."""
    found = unseal(_secret(), COOKIE, request.cookies.get(COOKIE, ""))
    return tuple(Opening(code, datetime.fromtimestamp(at, UTC)) for code, at in found or ())


def remember(response: Response, request: Request, code: str, selling: Selling, *, now: datetime) -> Response:
    """Add this opening to what the browser keeps: not for scripts, not for other sites, as long as a link counts."""
    kept = [opening for opening in openings(request) if opening.code != code]
    newest = [*kept, Opening(code, now)][-MOST_OPENINGS:]
    response.set_cookie(
        COOKIE, seal(_secret(), COOKIE, [[opening.code, int(opening.at.timestamp())] for opening in newest]),
        max_age=timedelta(days=selling.window_days(beijing_day(now))), httponly=True, samesite="Lax",
        secure=request.is_secure,
    )  # fmt: skip
    return response


def came_by(
    request: Request, selling: Selling, *, product_ids: Collection[int], buyer_party_id: int | None, now: datetime
) -> Opening | None:
    """The opening that an order of these products by this browser is counted for; None when no link counts."""
    return winner(openings(request), selling, product_ids=product_ids, buyer_party_id=buyer_party_id, now=now)


def visitor(request: Request) -> str:
    """What tells visitors of one day apart: address and browser. Only its keyed hash is kept."""
    return f"{request.remote_addr}|{request.user_agent.string}"


def is_program(request: Request) -> bool:
    """Whether no person looks at the answer: HEAD, a prefetch or preview, a crawler, or nobody that names himself."""
    headers = request.headers
    ahead = " ".join(headers.get(name, "") for name in ("Purpose", "Sec-Purpose", "X-Moz", "X-Purpose")).lower()
    agent = request.user_agent.string
    return (
        request.method == "HEAD"
        or "prefetch" in ahead
        or "preview" in ahead
        or not agent
        or _PROGRAM.search(agent) is not None
    )


def _secret() -> str:
    return str(current_app.config["SECRET_KEY"])
