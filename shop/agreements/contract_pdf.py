"""The contract on paper: A4, the hash at every foot. Loaded when one is printed (see `kit.paper`)."""

from shop.agreements.contract import Contract, clauses, preamble, signed_zh
from shop.agreements.models import Side
from shop.kit.paper import Paper

_SIDES = {Side.BUYER: "需方", Side.FIRM: "供方"}


def contract_pdf(contract: Contract) -> bytes:
    """The contract on A4, its Chinese font embedded: the same version and signatures make the same bytes."""
    paper = Paper(f"协议 {contract.code} 第 {contract.number} 版    文本校验值 SHA-256 {contract.document_hash}")
    paper.set_creation_date(contract.proposed_at)
    title = "农产品采购协议" + ("补充协议" if contract.amends else "")
    paper.set_title(f"{title} {contract.code}")
    paper.set_lang("zh-CN")
    paper.add_page()
    paper.line_of(title, 18, height=12, align="C")
    paper.line_of(f"协议编号：{contract.code}    第 {contract.number} 版", 10, align="C")
    paper.ln(3)
    paper.line_of(f"需方（甲方）：{contract.partner_zh}", 11)
    paper.line_of(f"供方（乙方）：{contract.firm_zh}", 11)
    paper.ln(2)
    for paragraph in preamble(contract):
        paper.line_of(paragraph, 10)
    for place, (title, paragraphs) in enumerate(clauses(contract), 1):
        paper.line_of(f"{place}、{title}", 11, height=8)
        for paragraph in paragraphs:
            paper.line_of(paragraph, 10, indent=6)
    paper.ln(3)
    by_side = {signed.side: signed for signed in contract.signatures}
    for side, name in ((Side.BUYER, contract.partner_zh), (Side.FIRM, contract.firm_zh)):
        paper.line_of(f"{_SIDES[side]}：{name}    {signed_zh(by_side.get(side))}", 10, height=8)
    return bytes(paper.output())
