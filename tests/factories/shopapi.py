"""A shop with an open API on 127.0.0.1, and the connector that speaks with it over HTTP.

The shop answers in pages, amounts in fen and times in seconds since 1970, as such shops do; nothing of it knows ours.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from shop.kit.clock import BEIJING, beijing_day
from shop.marketplaces.connectors import Published
from shop.marketplaces.facts import At, Fact, PaidOut, Problem, RefundedLine, SoldLine, Told
from shop.marketplaces.listing import Offered
from shop.marketplaces.models import FactKind

#: Rows of a page, so that three rows are two pages.
PAGE = 2
TOKEN = "token of the simulated shop"


@dataclass
class SimulatedShop:
    """What the shop knows, by kind; `stock` is what it was told; `broken`: pages that it answers with an error."""

    address: str = ""
    rows: dict[FactKind, list[dict[str, Any]]] = field(default_factory=dict)
    stock: dict[str, tuple[int | None, int]] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)


def _handler(shop: SimulatedShop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shop.asked.append(self.path)
            address = urlsplit(self.path)
            kind, page = FactKind(address.path.strip("/")), int(parse_qs(address.query)["page"][0])
            if page in shop.broken or self.headers["Authorization"] != f"Bearer {TOKEN}":
                return self._answer(503, {})
            known = shop.rows.get(kind, [])
            start = (page - 1) * PAGE
            more = start + PAGE < len(known)
            return self._answer(200, {"items": known[start : start + PAGE], "next": page + 1 if more else None})

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            shop.stock = {row["sku"]: (row["price"], row["stock"]) for row in told}
            self._answer(200, {})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            written = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def simulated_shop() -> Iterator[SimulatedShop]:
    """The shop, behind a port of its own."""
    shop = SimulatedShop()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(shop))
    thread = Thread(target=server.serve_forever)
    thread.start()
    shop.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class HttpConnector:
    """Asks the shop page by page; what it cannot read is a problem, and a shop that does not answer is one, too."""

    def __init__(self, address: str) -> None:
        self._address = address

    def tell(self, kind: FactKind, *, now: datetime) -> Told:
        told, page = Told(kind), 1
        while page:
            try:
                answer = self._ask(f"/{kind.value}?page={page}")
            except (URLError, ValueError):
                told.problems.append(
                    Problem(self._address, 0, "", f"第 {page} 页没有取到", f"page {page} did not come")
                )
                return told
            told.facts.extend(_FACTS[kind](row) for row in answer["items"])
            page = answer["next"]
        return told

    def publish(self, offers: Sequence[Offered]) -> Published:
        rows = [{"sku": offer.shop_sku, "price": offer.price_fen, "stock": offer.stock} for offer in offers]
        self._ask("/stock", json.dumps(rows).encode())
        return Published(len(offers), None)

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        request = Request(self._address + path, body, {"Authorization": f"Bearer {TOKEN}"})  # noqa: S310  ours
        with urlopen(request, timeout=5) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
        return found


def _at(seconds: int | None) -> datetime | None:
    return None if not seconds else datetime.fromtimestamp(seconds, BEIJING)


def _here() -> At:
    return At("api", 0)


def _sold(row: dict[str, Any]) -> Fact:
    return SoldLine(
        _here(), row["order_id"], row["sku_order_id"], row["code"], row["item_num"], row["pay_amount"],
        datetime.fromtimestamp(row["pay_time"], BEIJING), _at(row["ship_time"]), _at(row["finish_time"]),
    )  # fmt: skip


def _refunded(row: dict[str, Any]) -> Fact:
    return RefundedLine(
        _here(), row["aftersale_id"], row["order_id"], row["sku_order_id"], row["refund_amount"],
        datetime.fromtimestamp(row["refund_time"], BEIJING),
    )  # fmt: skip


def _paid_out(row: dict[str, Any]) -> Fact:
    return PaidOut(
        _here(), row["trade_no"], row["order_id"], row["sku_order_id"], row["settle_amount"], row["platform_fee"],
        beijing_day(datetime.fromtimestamp(row["settle_time"], BEIJING)),
    )  # fmt: skip


_FACTS: dict[FactKind, Callable[[dict[str, Any]], Fact]] = {
    FactKind.ORDERS: _sold, FactKind.REFUNDS: _refunded, FactKind.PAYOUTS: _paid_out,
}  # fmt: skip
