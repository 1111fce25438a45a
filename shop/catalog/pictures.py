"""Pictures of a product: added by its firm, put in order, taken off. The first one leads."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from shop.catalog.errors import NotFoundError, PicturesNotNamed, PictureTaken, TooManyPictures, VideoElsewhere
from shop.catalog.models import Product, ProductPicture
from shop.kit.states import record

if TYPE_CHECKING:
    from shop.kit.pictures import Drawn

#: More than any large shop shows of one thing.
MOST_PICTURES = 9


def names_of(session: Session, product: Product) -> list[str]:
    """The names of a product's pictures, the leading one first."""
    query = select(ProductPicture.name).where(ProductPicture.product_id == product.id)
    return list(session.scalars(query.order_by(ProductPicture.place, ProductPicture.id)))


def add_picture(session: Session, product: Product, made: "Drawn", *, actor_id: int | None, now: datetime) -> list[str]:
    """Put a picture behind the others; the names of all. The caller holds the product's lock.

    Raises PictureTaken, TooManyPictures.
    """
    before = names_of(session, product)
    if made.name in before:
        raise PictureTaken(sku=product.sku)
    if len(before) >= MOST_PICTURES:
        raise TooManyPictures(sku=product.sku, most=MOST_PICTURES)
    last = session.scalar(select(func.max(ProductPicture.place)).where(ProductPicture.product_id == product.id))
    session.add(
        ProductPicture(
            product_id=product.id, place=(last or 0) + 1, name=made.name, page=made.page, thumb=made.thumb,
            width=made.width, height=made.height, added_at=now,
        )
    )  # fmt: skip
    record(session, product, "add_picture", person_id=actor_id, now=now, facts={"picture": made.name})
    session.flush()
    return [*before, made.name]


def keep_pictures(
    session: Session, product: Product, names: Sequence[str], *, actor_id: int | None, now: datetime
) -> None:
    """Show these pictures in this order; one that is left out is taken off for good. The caller holds the lock.

    Raises PicturesNotNamed for a name that the product does not have, or twice.
    """
    before = names_of(session, product)
    if len(set(names)) != len(names) or not set(names) <= set(before):
        raise PicturesNotNamed(sku=product.sku)
    of_product = ProductPicture.product_id == product.id
    session.execute(delete(ProductPicture).where(of_product, ProductPicture.name.not_in(names)))
    if names:
        places = {name: place for place, name in enumerate(names, 1)}
        session.execute(update(ProductPicture).where(of_product).values(place=case(places, value=ProductPicture.name)))
    facts: dict[str, object] = {"pictures": list(names), "before": before}
    record(session, product, "keep_pictures", person_id=actor_id, now=now, facts=facts)
    session.flush()


def picture(session: Session, name: str, *, thumb: bool) -> bytes:
    """The bytes of a picture. One statement. Raises NotFoundError."""
    column = ProductPicture.thumb if thumb else ProductPicture.page
    found = session.scalar(select(column).where(ProductPicture.name == name).limit(1))
    if found is None:
        raise NotFoundError(what=name)
    return found


def set_video(
    session: Session, product: Product, url: str | None, *, hosts: Collection[str], actor_id: int | None, now: datetime
) -> None:
    """Where a video of the product is shown; None for nowhere. The caller holds the product's lock.

    Raises VideoElsewhere for what is not an https address of one of `hosts`.
    """
    if url is not None and not _of_host(url, hosts):
        raise VideoElsewhere(hosts="、".join(sorted(hosts)))
    product.video_url = url
    record(session, product, "video", person_id=actor_id, now=now, facts={"video_url": url})
    session.flush()


def _of_host(url: str, hosts: Collection[str]) -> bool:
    """Whether a browser, too, would ask one of `hosts`: no user, no port, nothing that is read in two ways (T44)."""
    if not url.isascii() or any(sign in url for sign in "\\\"'<> "):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.netloc in hosts and len(parts.path) > 1
    except ValueError:
        return False
