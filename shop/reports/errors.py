"""Why a report is refused, or a figure not published."""

from shop.kit.errors import DomainError


class PeriodNotClosed(DomainError):
    """Only what can change no more is published: months that are closed."""

    code = "period-not-closed"
    title_zh, title_en = "期间未结账", "Period not closed"
    zh = "{last} 及以前的月份尚未全部结账，不能发布。"
    en = "The months up to {last} are not all closed: nothing is published yet."


class TooFewHouseholds(DomainError):
    """The figures of one or two households are nobody else's business, nor is what two publications leave of them."""

    code = "too-few-households"
    title_zh, title_en = "户数太少，不能发布", "Too few households to publish"
    zh = "{first} 至 {last} 只有 {households} 户，不足 {least} 户：发布（或与已发布的期间相减）会透露单户收入。"
    en = "{first} to {last} are {households} households, fewer than {least}: figures (or what is left of them beside"
    en += " periods already published) would tell of single ones."


class FiguresNotReady(DomainError):
    """Facts of the period wait to be counted."""

    code = "figures-not-ready"
    title_zh, title_en = "汇总尚未完成", "Figures not ready"
    zh = "该期间还有 {waiting} 项待汇总，请稍后再发布。"
    en = "{waiting} keys of this period wait to be counted; publish a little later."


class NothingToRestate(DomainError):
    """The figures are what was published."""

    code = "nothing-to-restate"
    title_zh, title_en = "数字没有变化", "Nothing to restate"
    zh = "数字与第 {version} 版相同，不必重述。"
    en = "The figures are those of version {version}: there is nothing to restate."


class RestatementNeedsReason(DomainError):
    """A published figure is re-stated openly: with the reason beside it."""

    code = "restatement-needs-a-reason"
    status = 422
    title_zh, title_en = "重述须说明原因", "A restatement needs a reason"
    zh = "该期间已发布第 {version} 版，重述须写明原因。"
    en = "Version {version} of this period is published; say why it is restated."


class PeriodNotBegun(DomainError):
    """A report of days to come."""

    code = "period-not-begun"
    title_zh, title_en = "期间尚未开始", "The period has not begun"
    zh = "{first} 起的期间尚未开始，没有可报送的数字。"
    en = "The period from {first} has not begun: there is nothing to send."


class ReportUnchanged(DomainError):
    """Sent again with the same figures."""

    code = "report-unchanged"
    title_zh, title_en = "数字没有变化", "Nothing changed"
    zh = "已报送的 {report} 与现在的数字相同，不必另报。"
    en = "{report} was sent with the same figures."


class ReportNeedsReason(DomainError):
    """A later version without a word of why."""

    code = "report-needs-reason"
    status = 422
    title_zh, title_en = "请说明更正原因", "Say why"
    zh = "{report} 已经报送；报送新版本须说明更正原因。"
    en = "{report} was sent already: say in `note` why there is another version."


class FileNotReady(DomainError):
    """A file is still being made."""

    code = "file-not-ready"
    title_zh, title_en = "文件还在生成", "File not ready"
    zh = "文件还在生成，已写 {done} 行，请稍后再取。"
    en = "The file is being made, {done} rows are written; fetch it a little later."


class TooLongForPaper(DomainError):
    """A table of so many rows is no print: it is had as a workbook or CSV."""

    code = "too-long-for-paper"
    status = 422
    title_zh, title_en = "表太长，不宜打印", "Too long for paper"
    zh = "该表超过 {most} 行，不生成 PDF，请取 Excel 或 CSV。"
    en = "The table has more than {most} rows: it is no PDF; take XLSX or CSV."


class TooManyRowsForFile(DomainError):
    """So many rows are behind a figure that no file is made of them."""

    code = "too-many-rows-for-file"
    status = 422
    title_zh, title_en = "行数过多", "Too many rows for a file"
    zh = "该数字由 {rows} 行组成，超过一个文件的 {most} 行；请按月份、乡镇或企业缩小后再取。"
    en = "{rows} rows make the figure, more than the {most} of a file: ask for fewer months, a township or a firm."


class TooManyFiles(DomainError):
    """One person waits for so many files at a time."""

    code = "too-many-files"
    status = 429
    title_zh, title_en = "等待生成的文件过多", "Too many files asked for"
    zh = "您已有 {most} 个文件在生成，请等其中一个完成。"
    en = "{most} files of yours are being made; wait until one is done."
