"""A request twice is a request once: key, fingerprint and stored answer, in the transaction of the effect.

After the IETF draft "The Idempotency-Key HTTP Header Field": no key 400; the same key with another request 422; the
same request again replays the stored answer. A concurrent repeat waits for the first one's commit and then replays.
"""

from sqlalchemy import CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from shop.kit.db import Model
from shop.kit.types import Instant, Small


class IdempotencyKey(Model):
    """One key of one principal. `status` and `body` are stored before the commit, so a row never stays half done."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("length(key) BETWEEN 1 AND 255", name="key_length"),
        Index(None, "created_at"),
    )

    principal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[Instant]
    status: Mapped[Small | None]
    content_type: Mapped[str | None]
    location: Mapped[str | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
