"""How often one may try to sign in: 10 times in 15 minutes for an account, 30 times for an address.

Counted in Valkey for all web processes; while it does not answer, each process counts in its own memory. The windows
end by themselves, so that a stranger's guessing never locks an owner out for good. Accounts are kept as hashes.
"""

import hashlib
import math
import time

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from shop.access.errors import TooManyAttempts

PER_ACCOUNT = RateLimitItemPerMinute(10, 15)
PER_ADDRESS = RateLimitItemPerMinute(30, 15)
_SECONDS = 1.0


class Attempts:
    """The counters of one app. `owner` keeps apps apart that share a Valkey."""

    def __init__(self, storage_uri: str, owner: str) -> None:
        storage = storage_from_string(
            storage_uri, wrap_exceptions=True, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS
        )
        self._shared = FixedWindowRateLimiter(storage)
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._owner = _digest(owner)

    def count(self, login: str, address: str) -> None:
        """Count one try. Raises TooManyAttempts, with the seconds to wait, when either window is full."""
        try:
            wait = self._count(self._shared, login, address)
        except StorageError:
            wait = self._count(self._alone, login, address)
        if wait is not None:
            raise TooManyAttempts(retry_after_s=wait)

    def _count(self, limiter: FixedWindowRateLimiter, login: str, address: str) -> int | None:
        tries = ((PER_ACCOUNT, "account", _digest(login)), (PER_ADDRESS, "address", address))
        full = [(item, kind, whose) for item, kind, whose in tries if not limiter.hit(item, self._owner, kind, whose)]
        ends = [limiter.get_window_stats(item, self._owner, kind, whose).reset_time for item, kind, whose in full]
        return max(math.ceil(max(ends) - time.time()), 1) if ends else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
