"""Why the catalogue refuses."""

from shop.kit.errors import DomainError, MoveRefusedError, NotFoundError

__all__ = [
    "CertificateNotVerified",
    "CertificateRevoked",
    "CertificateTaken",
    "FirmTaken",
    "MoveRefusedError",
    "NotFoundError",
    "NothingToCheck",
    "NothingToSell",
    "OutOfSeason",
    "PictureRefused",
    "PictureTaken",
    "PicturesNotNamed",
    "PriceListInThePast",
    "PriceListNotOrdered",
    "SkuTaken",
    "TooManyPictures",
    "VideoElsewhere",
]


class FirmTaken(DomainError):
    """Another firm has this code."""

    code = "firm-taken"
    title_zh, title_en = "企业编号已存在", "Firm code taken"
    zh = "企业编号 {firm} 已存在。"
    en = "The firm code {firm} exists already."


class SkuTaken(DomainError):
    """Another product has this SKU."""

    code = "sku-taken"
    title_zh, title_en = "SKU 已存在", "SKU taken"
    zh = "SKU {sku} 已存在。"
    en = "SKU {sku} exists already."


class CertificateRevoked(DomainError):
    """A revoked paper is not verified again: a new one has a number of its own."""

    code = "certificate-revoked"
    title_zh, title_en = "证书已撤销", "Certificate revoked"
    zh = "证书 {number} 已撤销，不能再核验。"
    en = "The certificate {number} was revoked and is not verified again."


class CertificateNotVerified(DomainError):
    """What was never held cannot be revoked."""

    code = "certificate-not-verified"
    title_zh, title_en = "证书未经核验", "Certificate not verified"
    zh = "证书 {number} 从未核验，无须撤销。"
    en = "The certificate {number} was never verified; there is nothing to revoke."


class CertificateTaken(DomainError):
    """The product has this paper already."""

    code = "certificate-taken"
    title_zh, title_en = "证书已登记", "Certificate registered before"
    zh = "证书 {number} 已登记过。"
    en = "The certificate {number} is registered already."


class PriceListNotOrdered(DomainError):
    """Tiers start at one pack, quantities rise and prices fall."""

    code = "price-list-not-ordered"
    status = 422
    title_zh, title_en = "价格阶梯有误", "Price list not ordered"
    zh = "价格阶梯须从 1 件起，数量递增、单价递减。"
    en = "Tiers start at 1 pack; quantities rise and prices fall."


class PriceListInThePast(DomainError):
    """A price changes from today on at the earliest: what was sold keeps its price."""

    code = "price-list-in-the-past"
    status = 422
    title_zh, title_en = "价格不得追溯", "Price list in the past"
    zh = "新价格最早从 {today} 起生效。"
    en = "A new price list holds from {today} at the earliest."


class NothingToSell(DomainError):
    """A listing without any price cannot be submitted."""

    code = "listing-without-price"
    title_zh, title_en = "尚未定价", "Listing without price"
    zh = "{sku} 还没有价格，不能提交上架。"
    en = "{sku} has no price yet and cannot be submitted."


class OutOfSeason(DomainError):
    """Fresh produce is sold, and any produce called under an agreement, for its harvest window and shelf life only."""

    code = "out-of-season"
    title_zh, title_en = "不在产季", "Out of season"
    zh = "{sku} {day} 不在产季与保质期内。"
    en = "{sku} is out of season on {day}."


class PictureRefused(DomainError):
    """What was sent is no picture that we can draw anew, or one beyond all measure."""

    code = "picture-refused"
    status = 422
    title_zh, title_en = "图片不能用", "Picture refused"
    zh = "请上传一张 JPEG、PNG 或 WebP 图片：10 MB 以内，每边至少 200 像素，总共不超过 4000 万像素。"
    en = "Send one JPEG, PNG or WebP: 10 MB at most, each side 200 pixels at least, 40 million pixels in all at most."


class PictureTaken(DomainError):
    """The product has this picture already."""

    code = "picture-taken"
    title_zh, title_en = "图片已上传", "Picture there already"
    zh = "{sku} 已有这张图片。"
    en = "{sku} has this picture already."


class TooManyPictures(DomainError):
    """A product has a bounded number of pictures."""

    code = "too-many-pictures"
    title_zh, title_en = "图片太多", "Too many pictures"
    zh = "{sku} 最多 {most} 张图片。"
    en = "{sku} has {most} pictures at most."


class PicturesNotNamed(DomainError):
    """Somebody names a picture that the product does not have, or one twice."""

    code = "pictures-not-named"
    status = 422
    title_zh, title_en = "图片名单有误", "Pictures not named"
    zh = "只能写 {sku} 已有的图片，每张一次。"
    en = "Name pictures that {sku} has, each once."


class VideoElsewhere(DomainError):
    """A video is shown only from hosts that the county knows."""

    code = "video-elsewhere"
    status = 422
    title_zh, title_en = "视频地址不可用", "Video from an unknown host"
    zh = "视频只接受这些网站的 https 地址：{hosts}。"
    en = "A video is an https address of one of: {hosts}."


class NothingToCheck(DomainError):
    """The firm showed nothing for this item of its checklist."""

    code = "nothing-to-check"
    title_zh, title_en = "企业尚未提交", "Nothing to check"
    zh = "企业还没有提交{item_zh}。"
    en = "The firm has shown nothing for this item ({item_zh})."
