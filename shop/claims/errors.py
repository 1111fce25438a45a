"""Why a claim is refused."""

from shop.kit.errors import DomainError, MoveRefusedError, NotFoundError

__all__ = [
    "AnswerAwaited", "ClaimBeyondReceived", "ClaimOpen", "ClaimTooLate", "MoveRefusedError", "NotClaimable",
    "NotFoundError", "NotReceived", "NothingLeft",
]  # fmt: skip


class NotClaimable(DomainError):
    """The order is not a consumer's: units and enterprises refuse at acceptance what is not good."""

    code = "not-claimable"
    title_zh, title_en = "该订单不适用赔付", "Not claimable"
    zh = "订单 {number} 不是消费者订单，质量问题请在验收时拒收。"
    en = "Order {number} is not a consumer's: what is not good is refused at acceptance."


class NotReceived(DomainError):
    """The goods have not been received: the claim period begins with the receipt."""

    code = "not-received"
    title_zh, title_en = "尚未确认收货", "Not received yet"
    zh = "订单 {number} 尚未确认收货，收货后才能申请赔付。"
    en = "Order {number} has not been received; claim after the receipt."


class ClaimTooLate(DomainError):
    """The claim period is over."""

    code = "claim-too-late"
    title_zh, title_en = "已过赔付期", "Too late to claim"
    zh = "赔付申请须在 {until} 前提出。"
    en = "Claims had to be made by {until}."


class ClaimBeyondReceived(DomainError):
    """More than what was accepted and is not claimed already."""

    code = "claim-beyond-received"
    title_zh, title_en = "超出收货数量", "More than was received"
    zh = "{sku} 还可申请 {left_g}，申请了 {asked_g}。"
    en = "{sku}: {left_g} can be claimed, {asked_g} were asked."


class ClaimOpen(DomainError):
    """A claim about this product of the order is not decided yet."""

    code = "claim-open"
    title_zh, title_en = "已有处理中的申请", "A claim is open"
    zh = "{sku} 已有一件处理中的赔付申请。"
    en = "A claim about {sku} is not decided yet."


class AnswerAwaited(DomainError):
    """The firm still has time to answer; agreeing with the buyer needs no waiting."""

    code = "answer-awaited"
    title_zh, title_en = "等待商家答复", "The firm may still answer"
    zh = "商家可在 {answer_by} 前答复，答复后或到期后再裁定。"
    en = "The firm may answer until {answer_by}; decide after its answer or then."


class PhotoRefused(DomainError):
    """What was sent is no photo, or one beyond all measure."""

    code = "photo-refused"
    status = 422
    title_zh, title_en = "照片不能用", "Photo refused"
    zh = "请选一张手机拍的照片（JPEG，8 MB 以内）。"
    en = "Send a photo as telephones take them: a JPEG of 8 MB at most."


class NothingLeft(DomainError):
    """What was paid for the line has gone back already."""

    code = "nothing-left-to-refund"
    title_zh, title_en = "该行已全额退款", "Nothing left to give back"
    zh = "{sku} 的货款已全部退还。"
    en = "What was paid for {sku} has gone back already."
