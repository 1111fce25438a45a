"""Real threads, each with a transaction of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from flask import Flask
from sqlalchemy.orm import Session

from shop.kit.db import transaction
from shop.kit.errors import DomainError


def at_once(app: Flask, tasks: list[Callable[[Session], object]]) -> list[str]:
    """Run each in a thread and a transaction of its own, all starting together: "" or the code of its refusal."""
    start = Barrier(len(tasks))

    def run(task: Callable[[Session], object]) -> str:
        with app.app_context():
            start.wait()
            try:
                with transaction() as session:
                    task(session)
            except DomainError as refusal:
                return refusal.code
            return ""

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(run, tasks))
