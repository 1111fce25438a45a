"""Why an import is refused."""

from shop.kit.errors import DomainError


class ImportRefused(DomainError):
    """Some rows cannot be taken; nothing was imported. `rows` lists them by file, line and column."""

    code = "import-refused"
    status = 422
    title_zh, title_en = "导入未通过", "Import refused"
    zh = "共有 {errors_total} 处错误，没有导入任何内容；请按 rows 逐行改正后重新提交。"
    en = "Mistakes found: {errors_total}; nothing was imported. Correct the rows listed and send the files again."


class ArchiveRefused(DomainError):
    """The upload is not a set of CSV files or a plain zip of them."""

    code = "archive-refused"
    status = 422
    title_zh, title_en = "上传文件不符合要求", "Upload refused"
    zh = "上传的文件不能接受：{reason_zh}。"
    en = "The upload is not acceptable: {reason_en}."


class TooManyLines(DomainError):
    """An order of a sheet has more products than an order may have."""

    code = "too-many-lines"
    status = 422
    title_zh, title_en = "一张订单商品过多", "Too many lines in an order"
    zh = "订单 {reference} 最多 {most} 种商品。"
    en = "Order {reference} holds {most} products at most."
