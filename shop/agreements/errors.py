"""Why an agreement refuses."""

from shop.kit.errors import DomainError, NotFoundError

__all__ = [
    "AgreementNotRunning",
    "AmendmentRefused",
    "BelowFarmGateFloor",
    "BelowMinimum",
    "DaysPassed",
    "DocumentNotCurrent",
    "DraftRefused",
    "DueDayPast",
    "FirstDayPast",
    "MajeureTold",
    "NeverDue",
    "NoProof",
    "NoSuchNotice",
    "NoSuchVersion",
    "NotABulkBuyer",
    "NotFoundError",
    "NotOnSale",
    "NotRenewable",
    "NotScheduled",
    "NotTheSellers",
    "OutsideTerm",
    "PaperKept",
    "PaperRefused",
    "ProductNotPromised",
    "PromiseExceeded",
    "QuoteAhead",
    "QuoteExists",
    "QuoteMissing",
    "QuoteSame",
    "QuotesRefused",
    "SignedTooLate",
    "TermsRefused",
    "TooManyPapers",
    "VersionSame",
    "VersionStale",
]


class AgreementNotRunning(DomainError):
    """Not signed, or ended."""

    code = "agreement-not-running"
    title_zh, title_en = "协议未生效或已结束", "Agreement not running"
    zh = "协议 {agreement} 当前是“{state_zh}”，不能{event_zh}。"
    en = "Agreement {agreement} is in state {state}; {event} is not possible."


class OutsideTerm(DomainError):
    """The day lies before the first or after the last day of the term."""

    code = "outside-term"
    title_zh, title_en = "不在协议期内", "Outside the term"
    zh = "{day} 不在协议 {agreement} 的期限内。"
    en = "{day} is outside the term of {agreement}."


class DueDayPast(DomainError):
    """Nothing is called for a day that is past: it could not come any more."""

    code = "due-day-past"
    title_zh, title_en = "交货日已过", "Day of delivery is past"
    zh = "{day} 已经过去，要货只能在今天或以后交货。"
    en = "{day} is past; goods are called for today or later."


class ProductNotPromised(DomainError):
    """The agreement does not promise this product."""

    code = "product-not-promised"
    title_zh, title_en = "协议不含该商品", "Product not promised"
    zh = "协议 {agreement} 不含商品 {sku}。"
    en = "Agreement {agreement} does not promise {sku}."


class PromiseExceeded(DomainError):
    """More than is left of the promise; an amendment is needed first."""

    code = "promise-exceeded"
    title_zh, title_en = "超出协议数量", "Promise exceeded"
    zh = "协议 {agreement} 还可要货 {left_g}，要求 {asked_g}；超出须先签补充协议。"
    en = "Agreement {agreement} has {left_g} left, {asked_g} were asked; amend it first."


class QuoteAhead(DomainError):
    """Nobody knows yet what a market will quote."""

    code = "quote-ahead"
    status = 422
    title_zh, title_en = "行情日期未到", "Quote of a day to come"
    zh = "{day} 还没有到，不能登记那天的行情。"
    en = "{day} is still to come: no market has quoted it yet."


class QuoteExists(DomainError):
    """This source has quoted this product for this day; another price of that day is a correction, with a reason."""

    code = "quote-exists"
    title_zh, title_en = "该日已有报价", "Quote exists"
    zh = "{source} 当日已有报价；更正须写明原因。"
    en = "{source} has a quote for that day; a correction needs a reason."


class QuoteMissing(DomainError):
    """There is nothing to correct."""

    code = "quote-missing"
    title_zh, title_en = "没有可更正的报价", "No quote to correct"
    zh = "{source} {day} 没有报价可更正。"
    en = "{source} has no quote for {day} to correct."


class QuoteSame(DomainError):
    """A correction that changes no price is none."""

    code = "quote-same"
    title_zh, title_en = "更正没有改动价格", "Quote is the same"
    zh = "{source} {day} 的报价已是每公斤 {fen_per_kg}，没有可更正的。"
    en = "{source} quotes {fen_per_kg} per kg for {day} already: nothing to correct."


class NotScheduled(DomainError):
    """The schedule asks for nothing on that day, for less, or it was called already."""

    code = "not-scheduled"
    title_zh, title_en = "排期当日没有该数量", "Not scheduled"
    zh = "协议 {agreement} 排期 {day} 应交 {due_g}，已要货或不足。"
    en = "The schedule of {agreement} asks for {due_g} on {day}; it was called already, or asks for less."


class BelowMinimum(DomainError):
    """Less than the buyer committed to take on a day of the schedule."""

    code = "below-minimum"
    title_zh, title_en = "低于每期最低采购量", "Below the minimum of a date"
    zh = "协议 {agreement} 该期至少 {least_g}，要求 {asked_g}。"
    en = "{agreement} commits to {least_g} at least on that date, {asked_g} were asked."


class NotABulkBuyer(DomainError):
    """Agreements are signed by enterprises and supermarkets."""

    code = "not-a-bulk-buyer"
    status = 422
    title_zh, title_en = "不能签采购协议", "Not a bulk buyer"
    zh = "伙伴 {partner} 不是可以签订采购协议的企业。"
    en = "{partner} is not an enterprise that signs purchase agreements."


class NotTheSellers(DomainError):
    """A firm promises its own products only."""

    code = "not-the-sellers-product"
    status = 422
    title_zh, title_en = "不是供方的商品", "Not the seller's product"
    zh = "{sku} 不是供方的商品。"
    en = "{sku} is not a product of the seller."


class NotOnSale(DomainError):
    """What is not listed, or of a firm that is not admitted, is not signed here: its calls would be refused."""

    code = "not-on-sale"
    status = 422
    title_zh, title_en = "商品未上架", "Not on sale"
    zh = "商品 {sku} 未上架或企业未准入，不能签入协议；请先上架。"
    en = "{sku} is not listed, or its firm is not admitted: have it listed before it is promised."


class TermsRefused(DomainError):
    """A line that cannot be meant: worth more than an amount may be, a minimum that no day of its schedule asks for."""

    code = "terms-refused"
    status = 422
    title_zh, title_en = "条款不成立", "Terms refused"
    zh = "商品 {sku} 的{term_zh}不得{bound_zh}。"
    en = "{term} of {sku} must be {bound_en}."


class NeverDue(DomainError):
    """No day of a line's schedule lies within the term and the product's season: nothing of it could ever be called."""

    code = "never-due"
    status = 422
    title_zh, title_en = "没有可交货的日子", "Nothing would ever fall due"
    zh = "商品 {sku} 的交货排期在 {starts_on} 至 {ends_on} 之间没有一天在产季（含保质期），无从要货；请改期限或排期。"
    en = "No day of the schedule of {sku} from {starts_on} to {ends_on} is in its season: nothing could ever be called."


class DocumentNotCurrent(DomainError):
    """What is to be signed is not the youngest version, or its hash is another document's."""

    code = "document-not-current"
    title_zh, title_en = "不是最新文本", "Not the current document"
    zh = "协议 {agreement} 当前待签的是第 {number} 版，文本校验值 {document_hash}；请按最新文本签署。"
    en = "Agreement {agreement} waits to be signed as version {number}, document {document_hash}."


class VersionSame(DomainError):
    """The text is that of the version which it would follow: it would only undo the other side's signature."""

    code = "version-same"
    title_zh, title_en = "文本没有改动", "The text is the same"
    zh = "与协议 {agreement} 第 {number} 版的条款完全相同，没有可提出的改动。"
    en = "These are the terms of version {number} of {agreement} already: nothing is changed."


class VersionStale(DomainError):
    """The text was made from a version that another has followed: it would undo in silence what that one changed."""

    code = "version-stale"
    title_zh, title_en = "文本已有新版", "Another version has followed"
    zh = "协议 {agreement} 已有第 {number} 版，所提文本是由第 {made_from} 版改来的；请在第 {number} 版上修改。"
    en = "{agreement} has version {number}; the text was made from version {made_from}: make it from version {number}."


class FirstDayPast(DomainError):
    """Nothing is due before both have signed, so what began before is not signed here any more."""

    code = "first-day-past"
    title_zh, title_en = "首日已过", "The first day is past"
    zh = "协议 {agreement} 的首日 {starts_on} 已过，不能再签署；请提出首日不早于签署日的新文本。"
    en = "The first day of {agreement}, {starts_on}, is past: put a version that begins on the day of signing or later."


class SignedTooLate(DomainError):
    """What was signed on paper was signed before it is recorded, and before its term is over."""

    code = "signed-too-late"
    status = 422
    title_zh, title_en = "签署日不成立", "Signed too late"
    zh = "签署日 {signed_on} 不得晚于 {latest}（今天或协议末日，取早者）。"
    en = "The day of signing {signed_on} must not be later than {latest}: today, or the last day of the term."


class AmendmentRefused(DomainError):
    """An amendment changes what it may not: first day, less than called or due, an end before what is called."""

    code = "amendment-refused"
    title_zh, title_en = "补充协议不成立", "Amendment refused"
    zh = "协议 {agreement} 的补充条款不成立：{term_zh}不得{bound_zh}。"
    en = "The amendment of {agreement} does not hold: {term} must be {bound_en}."


class DaysPassed(DomainError):
    """Of an amendment by the weight of each date, days fell due or were called since: its whole is another now."""

    code = "days-passed"
    title_zh, title_en = "约定总量已不符", "The whole is another now"
    zh = (
        "协议 {agreement} 的商品 {sku} 按每期 {per_date_g} 计，提出后已有交货日到期或已要货，约定总量应为 {whole_g}，"
        "文本写的是 {committed_g}；请按今天重新提出。"
    )
    en = (
        "{per_date_g} of {sku} on each day that is left make {whole_g} by now, the text of {agreement} says"
        " {committed_g}: days fell due or were called since. Put it anew as of today."
    )


class NotRenewable(DomainError):
    """The agreement to be renewed is of other sides, not signed, still runs on the first day, or is renewed already."""

    code = "not-renewable"
    title_zh, title_en = "不能续签", "Not renewable"
    zh = "协议 {agreement} 不能由此续签：{reason_zh}。"
    en = "Agreement {agreement} cannot be renewed by this one: {reason_en}."


class BelowFarmGateFloor(DomainError):
    """A running agreement promises households more for this produce."""

    code = "below-farm-gate-floor"
    title_zh, title_en = "低于协议约定的农户交售保底价", "Below the farm-gate floor"
    zh = "采购协议约定该商品该等级每公斤至少付农户 {floor_fen_per_kg}，登记为 {asked_fen_per_kg}。"
    en = "An agreement promises households {floor_fen_per_kg} per kg of this grade at least, not {asked_fen_per_kg}."


class NoSuchNotice(DomainError):
    """The agreement has no notice of force majeure of this number."""

    code = "no-such-notice"
    title_zh, title_en = "没有该不可抗力通知", "No such notice"
    zh = "协议 {agreement} 没有第 {number} 号不可抗力通知。"
    en = "Agreement {agreement} has no notice of force majeure {number}."


class NoSuchVersion(NotFoundError):
    """The agreement has no version of this number."""

    code = "no-such-version"
    title_zh, title_en = "没有该版文本", "No such version"
    zh = "协议 {agreement} 没有第 {number} 版文本。"
    en = "Agreement {agreement} has no version {number}."


class MajeureTold(DomainError):
    """The same side told of the same days for the same reason before, and it was not rejected."""

    code = "majeure-told"
    title_zh, title_en = "该不可抗力已通知", "Told already"
    zh = "协议 {agreement} 已有相同的不可抗力通知，第 {number} 号；补充证明请上传为协议文件。"
    en = "Notice {number} of {agreement} says the same already; add more proof to the papers."


class NoProof(DomainError):
    """Force majeure is told with a paper of the agreement that proves it, of the side that tells it or the county."""

    code = "no-proof"
    title_zh, title_en = "缺少不可抗力证明", "No proof"
    zh = "请先在协议 {agreement} 上传“不可抗力证明”，再写明其编号。"
    en = "Add the proof of force majeure to the papers of {agreement} first, and name its code."


class PaperKept(DomainError):
    """A paper's title is never changed, and the same file of the same kind is not kept twice."""

    code = "paper-kept"
    title_zh, title_en = "文件已在协议中", "Paper kept already"
    zh = "同一文件已以另一名称保存，编号 {paper}；名称不能更改。"
    en = "The same file is kept as {paper} under another title; titles are not changed."


class PaperRefused(DomainError):
    """A paper is a PDF, JPEG or PNG of at most 8 MB that only shows something."""

    code = "paper-refused"
    status = 422
    title_zh, title_en = "文件不能收", "Paper refused"
    zh = "只收不超过 8 MB 的 PDF、JPEG、PNG；含脚本、附件或加密的 PDF 不收。"
    en = "Papers are PDF, JPEG or PNG of at most 8 MB; a PDF with scripts, attachments or encryption is not taken."


class TooManyPapers(DomainError):
    """A side adds so many papers to an agreement at most."""

    code = "too-many-papers"
    title_zh, title_en = "文件已满", "Too many papers"
    zh = "每一方至多为协议 {agreement} 上传 {most} 份文件。"
    en = "Each side adds {most} papers to {agreement} at most."


class QuotesRefused(DomainError):
    """A file of quotes has rows that cannot be taken; none of it was recorded."""

    code = "quotes-refused"
    status = 422
    title_zh, title_en = "行情文件未导入", "Quotes refused"
    zh = "行情文件有 {errors_total} 处错误，未导入任何行。"
    en = "The file of quotes has mistakes ({errors_total}); nothing of it was recorded."


class DraftRefused(DomainError):
    """A filled workbook has cells that cannot be taken, each named in `rows`; nothing was drafted."""

    code = "draft-refused"
    status = 422
    title_zh, title_en = "协议表未导入", "Draft refused"
    zh = "协议表有 {errors_total} 处错误，未起草协议。"
    en = "The workbook has mistakes ({errors_total}); nothing was drafted."
