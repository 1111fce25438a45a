"""QR codes: the address of a page as something a phone can read."""

from io import BytesIO

import segno

#: Modules of white around a code; the standard asks for four (ISO/IEC 18004).
QUIET = 4


def _made(address: str) -> segno.QRCode:
    """Error correction M: readable with 15 % of it smudged, as posters on walls are."""
    return segno.make_qr(address, error="m", boost_error=False)


def qr_svg(address: str) -> str:
    """A code as an SVG document that scales to any size."""
    drawn = BytesIO()
    _made(address).save(drawn, kind="svg", border=QUIET, scale=8, xmldecl=False, dark="#1d2a22", light="#ffffff")
    return drawn.getvalue().decode()


def qr_png(address: str) -> bytes:
    """A code as a picture of some 400 points, sharp when printed small."""
    drawn = BytesIO()
    _made(address).save(drawn, kind="png", border=QUIET, scale=12, dark="#1d2a22", light="#ffffff")
    return drawn.getvalue()


def qr_path(address: str) -> tuple[str, int]:
    """A code as one SVG path with the side it is drawn on, to be set into a larger drawing."""
    code = _made(address)
    side = len(code.matrix) + 2 * QUIET
    runs = [
        f"M{column + QUIET} {row + QUIET}h1v1h-1z"
        for row, modules in enumerate(code.matrix)
        for column, dark in enumerate(modules)
        if dark
    ]
    return "".join(runs), side
