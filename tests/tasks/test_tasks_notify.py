"""The simulated provider's messenger calls the shop by a name it answers to."""

import dataclasses
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from flask import Flask

from shop.kit.clock import WalkingClock
from shop.kit.db import transaction
from shop.payments import simulated
from tasks.payments import notify


class Door(BaseHTTPRequestHandler):
    """Takes any notice, and remembers by which name it was called."""

    called: list[str] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.called.append(self.headers["Host"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def door() -> Iterator[HTTPServer]:
    Door.called.clear()
    with HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("trusted", "name"), [((), "127.0.0.1"), (("shop.example", "b.example"), "shop.example")])
def test_a_notice_names_a_host_that_is_trusted(
    committed: Flask, clock: WalkingClock, door: HTTPServer, trusted: tuple[str, ...], name: str
) -> None:
    settings = committed.extensions["settings"]
    committed.extensions["settings"] = dataclasses.replace(settings, port=door.server_port, trusted_hosts=trusted)
    with transaction() as session:
        charge = simulated.charge(session, "pay", "P1", 100, now=clock.now())
        charge_id = charge.id
    notify(charge_id, now=clock.now())
    assert [host.partition(":")[0] for host in Door.called] == [name]
