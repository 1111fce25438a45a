"""Why a live session is refused."""

from shop.kit.errors import DomainError, MoveRefusedError, NotFoundError

__all__ = [
    "CertificateNotHeld", "CouponPayerUnknown", "HostNotVerified", "HostTooYoung", "MoveRefusedError", "NotFoundError",
    "NotOnShelf",
    "RecordingKept", "SessionNotLive", "SessionOver",
]  # fmt: skip


class HostTooYoung(DomainError):
    """A host is 16 or older; between 16 and 18 a guardian consents (livestream marketing measures of 2021, art. 17)."""

    code = "host-too-young"
    status = 422
    title_zh, title_en = "主播年龄不符", "Host too young"
    zh = "主播须年满 16 周岁；未满 18 周岁须经监护人同意。登记年龄：{age}。"
    en = "A host is 16 or older, and below 18 a guardian consents. Recorded age: {age}."


class HostNotVerified(DomainError):
    """The identity of host and operator is checked before a session is reviewed, and not in the future."""

    code = "host-not-verified"
    title_zh, title_en = "主播或运营者未核验", "Host or operator not verified"
    zh = "直播场次 {session} 缺少：{missing}。"
    en = "Session {session} still lacks: {missing}."


class NotOnShelf(DomainError):
    """The session does not sell this product."""

    code = "not-on-shelf"
    title_zh, title_en = "不在货架上", "Not on the shelf"
    zh = "商品 {sku} 不在直播场次 {session} 的货架上。"
    en = "Product {sku} is not on the shelf of session {session}."


class CertificateNotHeld(DomainError):
    """A session shows only verified certificates of that product which are valid on its day."""

    code = "certificate-not-held"
    title_zh, title_en = "证书无效", "Certificate not held"
    zh = "商品 {sku} 没有经核验并在直播当日有效的证书：{numbers}。"
    en = "Product {sku} holds no verified certificate valid on the day of the session: {numbers}."


class SessionNotLive(DomainError):
    """Only a session on air can be steered."""

    code = "session-not-live"
    title_zh, title_en = "不在直播中", "Session not live"
    zh = "直播场次 {session} 不在直播中。"
    en = "Session {session} is not live."


class RecordingKept(DomainError):
    """A recording's reference is kept for three years after the end and never replaced in that time."""

    code = "recording-kept"
    title_zh, title_en = "回看须保存三年", "Recording is kept"
    zh = "直播场次 {session} 的回看已登记，须保存三年，不能更改。"
    en = "The recording of session {session} was registered; it is kept for three years and not replaced."


class SessionOver(DomainError):
    """A session that has ended promises nothing more."""

    code = "session-over"
    title_zh, title_en = "直播已结束", "Session is over"
    zh = "直播场次 {session} 已结束。"
    en = "Session {session} has ended."


class CouponPayerUnknown(DomainError):
    """A coupon is paid by the host, by a firm with a product on the shelf, or by an online shop; each by its code."""

    code = "coupon-payer-unknown"
    status = 422
    title_zh, title_en = "优惠券承担方不明", "Coupon payer unknown"
    zh = "{payer} 不能承担本场优惠券：须是本场主播、货架上商品的企业或网店。"
    en = "{payer} cannot pay this coupon: name the host, a firm on the shelf, or an online shop."
