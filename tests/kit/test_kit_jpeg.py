"""Photos of strangers: the picture stays, everything else goes; what is no photo is refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.kit.jpeg import MAX_SIDE, NotAPhoto, plain
from tests.factories.photos import WHERE, photo

PLAIN = plain(photo())


def test_what_draws_the_picture_is_kept_and_where_it_was_taken_is_not() -> None:
    data = photo(where=True, comment=b"13800000000", behind=b"<script>alert(1)</script>PK\x03\x04")
    assert all(part in data for part in (WHERE, b"13800000000", b"<script>"))
    assert plain(data) == PLAIN
    assert plain(PLAIN) == PLAIN


def test_a_picture_in_several_scans_with_restarts_is_kept_whole() -> None:
    data = photo(scans=3)
    assert plain(data) == data


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n" + b"x" * 50, b"<svg onload=alert(1)></svg>",
        b"GIF89a" + b"x" * 50, photo()[:-2], photo()[:40], photo(width=0), photo(height=MAX_SIDE + 1),
        photo(width=MAX_SIDE, height=MAX_SIDE), b"\xff\xd8" + photo(), photo(frames=2), photo(scans=0),
        b"\xff\xd8\xff\xe0\x00\x01\xff\xd9",
    ],
)  # fmt: skip
def test_t66_what_is_no_photo_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(NotAPhoto):
        plain(data)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: photo()[:30] + tail))
def test_any_bytes_are_a_photo_or_a_refusal(data: bytes) -> None:
    with suppress(NotAPhoto):
        assert plain(plain(data)) == plain(data)


@pytest.mark.parametrize("big", [True, False])
def test_which_way_up_the_telephone_was_held_is_kept_and_nothing_beside_it(big: bool) -> None:
    turned = plain(photo(way_up=6, big=big))
    assert WHERE not in turned
    assert len(turned) - len(PLAIN) == 36
    assert plain(turned) == turned
    assert plain(photo(way_up=1, big=big)) == plain(photo(way_up=9, big=big)) == PLAIN
