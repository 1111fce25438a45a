"""The contract on paper: A4, the hash at every foot. Loaded when one is printed: 20 MB that nothing else needs."""

import re
from pathlib import Path

import noto_cjk_sans_otc  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from shop.agreements.contract import Contract, clauses, day_zh
from shop.agreements.models import Side
from shop.kit.clock import beijing_day

_FONT = Path(noto_cjk_sans_otc.__file__).parent / "NotoSansCJK-Regular.ttc"
#: Simplified Chinese in the collection of the font.
_SIMPLIFIED = 2
#: What is never torn apart at the end of a line: a number or word with the marks that open before and close after it.
_UNBROKEN = re.compile(r"[（“]*(?:[0-9A-Za-z.,%\-]+|[\s\S])[，。；：、）”]*")
_SIDES = {Side.BUYER: "需方", Side.FIRM: "供方"}


class _Paper(FPDF):
    """Pages with code, version, hash and number at their foot."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self.foot = foot
        self.set_margins(22, 16, 22)
        self.set_auto_page_break(auto=True, margin=18)
        self.add_font("Noto", fname=_FONT, collection_font_number=_SIMPLIFIED)

    def footer(self) -> None:
        """The line at the foot of a page."""
        self.set_y(-16)
        self.set_font("Noto", size=7)
        self.cell(0, 4, f"{self.foot}    第 {self.page_no()} 页", align="C")

    def line_of(self, text: str, size: int, *, height: int = 6, align: str = "L", indent: int = 0) -> None:
        """A paragraph, broken as Chinese is: no line begins with a closing mark, no number is torn apart."""
        self.set_font("Noto", size=size)
        line = ""
        for unit in _UNBROKEN.findall(text):
            if line and self.get_string_width(line + unit) > self.epw - indent - 2 * self.c_margin:
                self._put(line, height, align, indent)
                line = ""
            line += unit
        self._put(line, height, align, indent)

    def _put(self, line: str, height: int, align: str, indent: int) -> None:
        self.set_x(self.l_margin + indent)
        self.cell(0, height, line, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def contract_pdf(contract: Contract) -> bytes:
    """The contract on A4, its Chinese font embedded: the same version and signatures make the same bytes."""
    paper = _Paper(f"协议 {contract.code} 第 {contract.number} 版    文本校验值 SHA-256 {contract.document_hash}")
    paper.set_creation_date(contract.proposed_at)
    paper.set_title(f"农产品采购协议 {contract.code}")
    paper.set_lang("zh-CN")
    paper.add_page()
    paper.line_of("农产品采购协议", 18, height=12, align="C")
    paper.line_of(f"协议编号：{contract.code}    第 {contract.number} 版", 10, align="C")
    paper.ln(3)
    paper.line_of(f"需方（甲方）：{contract.partner_zh}", 11)
    paper.line_of(f"供方（乙方）：{contract.firm_zh}", 11)
    paper.ln(2)
    for place, (title, paragraphs) in enumerate(clauses(contract), 1):
        paper.line_of(f"{place}、{title}", 11, height=8)
        for paragraph in paragraphs:
            paper.line_of(paragraph, 10, indent=6)
    paper.ln(3)
    by_side = {signed.side: signed for signed in contract.signatures}
    for side, name in ((Side.BUYER, contract.partner_zh), (Side.FIRM, contract.firm_zh)):
        signed = by_side.get(side)
        how = (
            f"{'纸质' if signed.on_paper else '系统内'}签署，{day_zh(beijing_day(signed.signed_at))}"
            if signed
            else "未签署"
        )
        paper.line_of(f"{_SIDES[side]}：{name}    {how}", 10, height=8)
    return bytes(paper.output())
