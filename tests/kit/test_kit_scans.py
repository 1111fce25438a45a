"""Scans of strangers: told by their bytes, of pictures only what draws them; a PDF that acts is refused."""

import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.kit.jpeg import MAX_SIDE, plain
from shop.kit.scans import JPEG, PNG, NotAScan, kept_scan
from shop.kit.tables import PDF_TYPE
from tests.factories.photos import photo
from tests.factories.scans import WHERE, chunk, pdf, png


def test_what_a_file_is_is_told_by_its_bytes_and_of_a_picture_only_what_draws_it_is_kept() -> None:
    told = chunk(b"tEXt", b"Comment\x00" + WHERE), chunk(b"eXIf", WHERE), chunk(b"zTXt", b"x\x00\x00y")
    shown = chunk(b"gAMA", b"\x00\x01\x86\xa0")
    assert kept_scan(png(*told, shown, behind=b"<script>PK\x03\x04")) == (PNG, png(shown))
    assert kept_scan(photo(where=True, behind=b"<script>")) == (JPEG, plain(photo()))
    assert kept_scan(pdf()) == (PDF_TYPE, pdf())


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<svg onload=alert(1)></svg>", b"MZ" + pdf(), b"GIF89a", b"PK\x03\x04", b"%PDF-9.0\n%%EOF",
        pdf(behind=b""), pdf(behind=b"%%EOF" + b" " * 2_000), photo()[:-2], png()[:-1], png()[:40], png(width=0),
        png(height=MAX_SIDE + 1), png(width=MAX_SIDE, height=MAX_SIDE), png(chunk(b"EVIL")),
        png(chunk(b"IHDR", b"\x00" * 13)), png().replace(b"IDAT", b"IDAX"), b"\x89PNG\r\n\x1a\n" + png()[33:],
    ],
)  # fmt: skip
def test_t66_what_is_none_of_the_three_or_cut_off_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(NotAScan):
        kept_scan(data)


@pytest.mark.parametrize(
    "words",
    [
        b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>", b"/S /J#61vaScript", b"/S/Launch/F(cmd.exe)",
        b"/Encrypt 5 0 R", b"/Names<</EmbeddedFiles 2 0 R>>", b"/Type /EmbeddedFile ", b"/Subtype/RichMedia ",
        b"/AcroForm<</XFA[]>>",
    ],
)  # fmt: skip
def test_a_pdf_that_names_scripts_programs_files_or_a_key_is_refused(words: bytes) -> None:
    with pytest.raises(NotAScan):
        kept_scan(pdf(words=words))


def test_packed_bytes_are_not_looked_into_and_not_mistaken() -> None:
    """Said in the docstring: what is packed is not seen, which is why papers are downloaded and never shown."""
    for data in (pdf(words=b"/JS\x9f/XFA\x01"), pdf(behind=zlib.compress(b"/S/JavaScript ") + b"%%EOF")):
        assert kept_scan(data) == (PDF_TYPE, data)


@given(st.binary(max_size=300).flatmap(lambda some: st.sampled_from([some, png()[:40] + some, pdf(words=some)])))
def test_any_bytes_are_a_scan_or_a_refusal(data: bytes) -> None:
    with suppress(NotAScan):
        assert kept_scan(kept_scan(data)[1]) == kept_scan(data)
