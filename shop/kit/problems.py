"""One door for errors: everything leaves as RFC 9457 problem+json with a stable type, in Chinese or English."""

import re
from collections.abc import Callable
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import structlog
from flask import Flask, Response, current_app, request
from flask_smorest import Api
from marshmallow import INCLUDE, Schema, ValidationError, fields
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException

from shop.kit.errors import DomainError, all_errors
from shop.kit.http import json_bytes, language, request_id
from shop.kit.logs import trace_of

PROBLEM_JSON = "application/problem+json"
log = structlog.get_logger("shop")

#: Stable codes of refusals that HTTP itself knows: status -> code, titles and sentences in Chinese and English.
HTTP_CODES: dict[int, tuple[str, str, str, str, str]] = {
    400: ("bad-request", "请求有误", "Bad request", "请求无法理解，请检查格式。", "The request cannot be understood."),
    401: ("unauthorized", "请先登录", "Sign in first", "请先登录，或登录已失效。", "Sign in, or sign in again."),
    403: ("forbidden", "没有权限", "Not allowed", "您的身份不能办理此事。", "Your role does not include this."),
    404: ("not-found", "没有找到", "Not found", "没有找到您要的内容。", "No such thing, or not visible to you."),
    405: ("method-not-allowed", "不支持的操作", "Method not allowed", "此地址不支持这种操作。", "Not possible here."),
    408: ("too-slow", "提交超时", "Too slow", "提交超时，请重试。", "The request took too long to arrive."),
    409: ("conflict", "有冲突", "Conflict", "与已有的记录冲突，没有改动任何内容。",
          "It conflicts with what is recorded; nothing was changed."),
    411: ("length-required", "缺少长度", "Length required", "请求须注明长度。", "Send a Content-Length."),
    413: ("too-large", "内容过大", "Too large", "提交的内容过大。", "The body is too large."),
    414: ("address-too-long", "地址过长", "Address too long", "请求地址过长。", "The address is too long."),
    415: ("unsupported-media-type", "格式不支持", "Unsupported media type", "请以 application/json 提交。",
          "Send application/json in UTF-8."),
    422: ("invalid", "内容不合要求", "Not acceptable", "有字段不合要求，详见 errors。",
          "Some fields are not acceptable, see errors."),
    429: ("too-many-requests", "请求过于频繁", "Too many requests", "请求过于频繁，请稍后再试。",
          "Too many requests; try again later."),
    500: ("internal", "系统出错", "Internal error", "系统出错，已记录，请稍后再试。",
          "Something went wrong on our side; it was recorded."),
    503: ("busy", "系统繁忙", "Busy", "系统繁忙，没有改动任何内容，请稍后再试。",
          "Busy now; nothing was changed, please try again."),
}  # fmt: skip

#: SQLSTATE -> status. Broken constraints and numbers out of range are conflicts; time limits and restarts mean "busy".
SQLSTATES = {
    "23505": 409, "23514": 409, "23503": 409, "23502": 409, "23P01": 409, "22003": 409, "22021": 422, "22P05": 422,
    "55P03": 503, "57014": 503, "40001": 503, "40P01": 503, "53300": 503, "57P01": 503, "57P02": 503, "57P03": 503,
    "25P03": 503,
}  # fmt: skip

#: What marshmallow and our schemas say of a value, as a clerk reads it; a house test finds what nobody wrote down.
MESSAGES_ZH: tuple[tuple[str, str], ...] = (
    (r"Missing data for required field\.", "必填。"),
    (r"Field may not be null\.", "不能为空值。"),
    (r"Unknown field\.", "没有这个字段。"),
    (r"(?:Given|Named) twice\.", "重复出现。"),
    (r"Invalid input type\.", "须是一个对象。"),
    (r"Invalid (?:type|value)\.|Not a valid type\.", "类型不对。"),
    (r"Not a valid string\.|Not a valid utf-8 string\.", "须是文字。"),
    (r"Not a valid boolean\.", "须是 true 或 false。"),
    (r"Not a valid (?:list|mapping type)\.", "须是列表或对象。"),
    (r"Not a valid (?:aware )?date\.|Must be YYYY-MM-DD\.", "日期须写作 YYYY-MM-DD，且确有此日。"),
    (r"Must be YYYY-MM\.", "月份须写作 YYYY-MM。"),
    (
        r"Must be YYYY-MM-DDTHH:MM:SS with a zone\.|Not a valid (?:aware )?datetime\.",
        "时间须写作 YYYY-MM-DDTHH:MM:SS 并带时区，如 2025-07-15T19:00:00+08:00。",
    ),
    (r"Must lie in 2000 to 2100\.", "年份须在 2000 至 2100 之间。"),
    (r"(?:Not a valid (?:integer|number)|Must be a whole number|Number too large)\.", "须是整数。"),
    (r"Must be one of: (.+)\.", r"须是以下之一：\1。"),
    (r"Must be equal to (.+)\.", r"须是 \1。"),
    (r"Must be greater than or equal to (\S+) and less than or equal to (\S+)\.", r"须在 \1 至 \2 之间。"),
    (r"Must be greater than or equal to (\S+)\.", r"不能小于 \1。"),
    (r"Must be less than or equal to (\S+)\.", r"不能大于 \1。"),
    (r"Length must be between (\d+) and (\d+)\.", r"长度须为 \1 至 \2。"),
    (r"Longer than maximum length (\d+)\.", r"最多 \1 个。"),
    (r"Shorter than minimum length (\d+)\.", r"至少 \1 个。"),
    (r"Too long\.", "太长。"),
    (r"Too many members\.", "项目过多。"),
    (
        r"Must not start with = \+ - or @, nor look like a phone, identity or card number\.",
        "不能以 = + - @ 开头，也不能是电话、身份证或银行卡号码。",
    ),
    (r"Control characters are not allowed\.", "含有不允许的控制字符。"),
    (r"String does not match expected pattern\.", "只能用字母、数字、汉字、- 和 _。"),
    (r"Send exactly one file\.", "须恰好上传一个文件。"),
    (r"Not a cursor of this list\.", "不是本列表的游标。"),
    # Days and spans.
    (r"Must not (?:be|lie) before (?:the first day|`from`|starts_on)\.", "不能早于开始日期。"),
    (r"Must not lie before from_year\.", "不能早于起始年度（from_year）。"),
    (r"Must be after the first day\.", "须晚于开始日期。"),
    (r"Must be after the (?:start|first instant)\.", "须晚于开始时间。"),
    (r"Must not be before the day of issue\.", "不能早于发证日期。"),
    (r"Must not lie before from, nor years after\.", "不能早于 `from`，也不能超过一年。"),
    (r"Must lie within three years after the first day\.", "须在开始日期之后三年之内。"),
    (r"Give `year`, or `from` and `to`\.", "请填写年份 `year`，或起止月份 `from` 和 `to`，二者选一。"),
    (r"Give both `from` and `to`\.", "`from` 和 `to` 须同时填写。"),
    (r"Give `from` too, not after `to`\.", "起始月份 `from` 也须填写，且不能晚于 `to`。"),
    (r"Give `month`, or `from` and `to`\.", "请填写月份 `month`，或起止月份 `from` 和 `to`，二者选一。"),
    (r"At most (\d+) days\.", r"最多 \1 天。"),
    (r"At most (\d+) months\.", r"最多 \1 个月。"),
    (r"From `from` on, at most (\d+) days\.", r"不能早于 `from`，最多 \1 天。"),
    (
        r"Give `from` and `to`, at most (\d+) months, or `as_of`\.",
        r"请填写起止月份 `from` 和 `to`（最多 \1 个月），协议报表填写截至日 `as_of`。",
    ),
    # Agreements, inquiries and orders.
    (
        r"Not a schedule\.",
        "交货排期须写作 daily（每日）、weekly:1,4（周一、周四）、monthly:5,20（每月）或 once:2026-01-20（一次）。",
    ),
    (r"A single delivery must lie within the term\.", "一次交货的日期须在期限之内。"),
    (r"Only MARKET_PLUS has a margin\.", "只有“市场价加价”（MARKET_PLUS）才填加价率。"),
    (r"Give either committed_g or per_date_g\.", "约定总量（committed_g）与每期数量（per_date_g）须填其一，不能都填。"),
    (r"More than what is committed\.", "多于约定的数量。"),
    (r"Above the floor price\.", "高于保底价。"),
    (r"Must be 0\.01 to 100,000 yuan per kg\.", "每公斤须在 0.01 至 100,000 元之间。"),
    (r"A product is promised twice\.", "同一商品约定了两次。"),
    (r"A product is (?:named|offered) twice\.", "同一商品重复出现。"),
    (r"A grade is named twice\.", "同一等级重复出现。"),
    (r"Give due_on or weight_g\.", "交货日（due_on）与重量（weight_g）至少填一项。"),
    (r"Give either quantity or weight_g\.", "件数（quantity）与重量（weight_g）须填其一，不能都填。"),
    (r"Give packs or weight_g(?:, one of them)?\.", "件数（packs）与重量（weight_g）须填其一，不能都填。"),
    (r"Only grams have a schedule\.", "按重量询价的才填交货计划。"),
    (r"Must not be less than signed_days\.", "不能少于签收后的天数（signed_days）。"),
    (r"Must not be less than least_packs\.", "不能少于最少件数（least_packs）。"),
    (r"Give at least one of phone, staff_number\.", "手机号与工号至少填一项。"),
    # Firms, prices, sales and stock.
    (r"Only for co-operatives and collectives, and needed there\.", "合作社和集体必填，其他企业须留空。"),
    (r"A paper of a batch belongs to its lot\.", "随批次的证件请登记在批次上。"),
    (r"Say why\.", "请写明原因。"),
    (r"Give partner or group, one of them\.", "买方（partner）与分组（group）须填其一，不能都填。"),
    (r"Give at least one of canteen_fen, union_fen\.", "食堂与工会的预留额至少填一项。"),
    (r"Name one thing only\.", "渠道、乡镇、单位只能填一项。"),
    (r"Give at least one of amount_fen, households\.", "目标金额与目标户数至少填一项。"),
    (
        r"Name a template or write a profile, not both\.",
        "现成模板（template）与自定字段对照（profile）须填其一，不能都填。",
    ),
    (r"Name a price, a cap or a top-up\.", "价格、限购、加货至少填一项。"),
    (r"Must be more than the discount\.", "须大于优惠金额。"),
    (r"Must be enough for one order\.", "至少要够一张订单优惠。"),
    (r"Give either deliveries or made_g\.", "交售单（deliveries）与自产重量（made_g）须填其一，不能都填。"),
    (r"A delivery is named twice\.", "同一交售单重复出现。"),
    (r"A lot is named twice\.", "同一批次重复出现。"),
    (r"Less than what is taken\.", "损耗须少于取用的重量。"),
    (r"Grade down one lot at a time\.", "降级一次只能处理一个批次。"),
    (r"Give weight_g or until\.", "重量（weight_g）与截止时间（until）至少填一项。"),
    # Villages, households and their income.
    (r"Name a village or a household\.", "村与农户至少填一项。"),
    (r"Name a village or a pairing\.", "村与结对协议须填其一。"),
    (r"Nothing came in and nothing was spent\.", "收入与支出不能都为零。"),
    (r"A subsidy has no cost\.", "补助没有支出。"),
    (r"Give each floor once\.", "每一档的下限只能填一次。"),
    (r"Give a lowest tier, without a floor\.", "须有不设下限的最低一档。"),
    (r"Give a price or a base price, not both\.", "单价与基价只能填一项。"),
    (r"Name each household once\.", "每户只能填一次。"),
    (
        r"An area has mu_tenths, any other kind amount_fen\.",
        "按面积的填亩数（mu_tenths），其他种类填金额（amount_fen）。",
    ),
    (r"An area is of a product\.", "按面积的须写明商品。"),
    (r"A subsidy names no firm, any other kind does\.", "补助不填企业，工资、租金等须填企业。"),
    (r"A subsidy names its programme\.", "补助须写明项目（source）。"),
    # Reports.
    (r"Must be a code of 9 or 12 digits\.", "须是乡镇代码（9 位数字）或村代码（12 位数字）。"),
    (r"Cash has no channel; ask for sales_reached\.", "现金收入不分渠道；按渠道请看触达农户的销售（sales_reached）。"),
    (r"The gain is of a whole area: ask for `place`\.", "户均增收按整个区域计，请用 `place` 指定乡镇或村。"),
    (r"Only cash has kinds and categories\.", "只有现金收入才分种类和类别。"),
    (r"Not a row of this report\.", "本报表没有这种行。"),
    (r"Not of this report\.", "本报表没有这个条件。"),
)


class ErrorRow(Schema):
    """One unacceptable field."""

    pointer = fields.String(metadata={"description": "RFC 6901, into the body or naming the parameter"})
    detail = fields.String()


class ProblemSchema(Schema):
    """RFC 9457. A refusal's own facts come as further members."""

    class Meta:
        """Settings of marshmallow."""

        unknown = INCLUDE

    type = fields.String(metadata={"description": "stable, relative to this server"})
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    request_id = fields.String()
    errors = fields.List(fields.Nested(ErrorRow), metadata={"description": "with status 422"})


def problem(
    status: int, code: str, title: str, detail: str, *, extra: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """A problem+json answer; a page for a person who opened an address in a browser."""
    if for_a_person():
        response = Response(current_app.extensions["problem_page"](title, detail), status, mimetype="text/html")
    else:
        members = {"type": f"/docs/errors#{code}", "title": title, "status": status, "detail": detail}
        response = json_bytes((extra or {}) | members | {"request_id": request_id()}, status)
        response.content_type = PROBLEM_JSON
    response.headers.update(headers or {})
    return response


def for_a_person() -> bool:
    """Whether a page was asked for: a browser names HTML first, a program does not; the API is for programs."""
    asked = request.accept_mimetypes
    return not request.path.startswith("/api/") and asked.quality("text/html") > asked.quality("application/json")


def http_problem(status: int, detail: str | None = None, detail_zh: str | None = None, **kwargs: Any) -> Response:
    """A problem for a bare HTTP status. `detail`, `detail_zh`: sentences that say more than the status does."""
    code, title_zh, title_en, zh, en = HTTP_CODES.get(
        status, ("http-error", "请求未完成", "Not done", "请求未完成。", "")
    )
    if language() == "zh":
        return problem(status, code, title_zh, detail_zh or zh, **kwargs)
    return problem(status, code, title_en, detail or en, **kwargs)


def busy() -> Response:
    """503: try again in a second."""
    return http_problem(503, headers={"Retry-After": "1"})


def _pointer(steps: tuple[object, ...]) -> str:
    """RFC 6901, safe to print whatever the client called his fields."""
    named = [str(step) for step in steps if step != "_schema"]
    escaped = [step.replace("~", "~0").replace("/", "~1")[:80] for step in named]
    return "".join(f"/{step}" for step in escaped).encode("utf-8", "replace").decode()


def in_chinese(message: object) -> str:
    """What a field's message says in Chinese; as it is when nobody wrote it down."""
    text = str(message)
    for pattern, zh in MESSAGES_ZH:
        if re.fullmatch(pattern, text):
            return re.sub(pattern, zh, text)
    return text


def sentences(tree: Any) -> list[str]:
    """What a schema says of its fields, in Chinese, each sentence once."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    said = [one for branch in tree for one in sentences(branch)] if isinstance(tree, list) else [in_chinese(tree)]
    return list(dict.fromkeys(said))


def _say(message: object) -> str:
    return in_chinese(message) if language() == "zh" else str(message)


def _flatten(tree: Any, steps: tuple[object, ...] = ()) -> list[dict[str, str]]:
    if isinstance(tree, dict):
        return [row for key, branch in tree.items() for row in _flatten(branch, (*steps, key))]
    if isinstance(tree, list):
        return [row for branch in tree for row in _flatten(branch, steps)]
    return [{"pointer": _pointer(steps), "detail": _say(tree)}]


def _without_location(tree: Any) -> Any:
    """webargs nests messages under json/query/headers; a pointer starts below that."""
    if isinstance(tree, dict) and set(tree) <= {"json", "query", "headers", "files", "form", "path"}:
        return list(tree.values())
    return tree


def invalid(tree: Any) -> Response:
    """422 with a pointer for each field."""
    return http_problem(422, extra={"errors": _flatten(_without_location(tree))})


class ProblemApi(Api):
    """flask-smorest, with every error rendered and documented as problem+json."""

    ERROR_SCHEMA = ProblemSchema

    def _register_responses(self) -> None:
        keep = Api.DEFAULT_RESPONSE_CONTENT_TYPE
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM_JSON
        try:
            super()._register_responses()
        finally:
            self.DEFAULT_RESPONSE_CONTENT_TYPE = keep

    def handle_http_exception(self, error: HTTPException) -> Response:
        """webargs puts field messages in `data`; everything else is a plain status."""
        return on_http(error)


def on_http(error: HTTPException) -> Response:
    """Render an HTTPException, keeping Allow, Retry-After, Location and WWW-Authenticate."""
    status = error.code or 500
    tree = (getattr(error, "data", None) or {}).get("messages")
    if tree and status == 422:
        return invalid(tree)
    headers = {k: v for k, v in error.get_headers() if k.lower() not in ("content-type", "content-length")}
    told = error.description if status in (400, 411, 415) else None
    return http_problem(status, told, getattr(error, "zh", None), headers=headers)


def on_domain(error: DomainError) -> Response:
    """Render a refusal with its facts. A 401 says how to sign in, a fact `retry_after_s` becomes Retry-After."""
    lang = language()
    headers = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = WWWAuthenticate("bearer").to_header()
    if "retry_after_s" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after_s"])
    return problem(
        error.status, error.code, error.title(lang), error.sentence(lang), extra=dict(error.facts), headers=headers
    )


def on_database(error: DBAPIError) -> Response:
    """Map what the database refused; its own words may hold somebody's data and stay out of answer and log."""
    state = getattr(error.orig, "sqlstate", None)
    status = SQLSTATES.get(state or "")
    if status is None and state is None and "NUL" in str(error.orig):
        status = 422
    if status is None:
        status = 503 if isinstance(error, (OperationalError, InterfaceError)) else 500
    log.warning("database refused", sqlstate=state, status=status, request_id=request_id(), route=_route())
    return busy() if status == 503 else http_problem(status)


def on_encoding(_: UnicodeEncodeError) -> Response:
    """A lone surrogate reached the driver: no text we can keep."""
    return http_problem(422)


def on_unexpected(error: Exception) -> Response:
    """500 without a word of why; the log has kinds and places, never values."""
    log.error("unexpected", request_id=request_id(), route=_route(), trace=trace_of(error))
    return http_problem(500)


def _route() -> str:
    return request.url_rule.rule if request.url_rule else "unknown"


def install(app: Flask, *, page: Callable[[str, str], str]) -> None:
    """Put the door in. `page` draws a refusal, its title and sentence, for people."""
    app.extensions["problem_page"] = page
    app.register_error_handler(DomainError, on_domain)
    app.register_error_handler(ValidationError, lambda error: invalid(error.messages))
    app.register_error_handler(DBAPIError, on_database)
    app.register_error_handler(PoolTimeout, lambda _: busy())
    app.register_error_handler(UnicodeEncodeError, on_encoding)
    app.register_error_handler(HTTPException, on_http)
    app.register_error_handler(Exception, on_unexpected)


def load_errors() -> None:
    """Import every `errors` module of the project, so that the list of refusals does not depend on who asks."""
    package = import_module("shop")
    for module in walk_packages(package.__path__, "shop."):
        if module.name.endswith(".errors"):
            import_module(module.name)
    import_module("shop.kit.idempotency")


def _rows() -> list[tuple[str, int, str, str]]:
    """Every refusal there is: code, status, Chinese and English sentence; those of the business first."""
    load_errors()
    own = [(kind.code, kind.status, kind.zh, kind.en) for kind in all_errors()]
    known = {code for code, *_ in own}
    return own + [(code, status, zh, en) for status, (code, _, _, zh, en) in HTTP_CODES.items() if code not in known]


def errors_markdown() -> str:
    """`docs/errors.md`: every refusal with its status and its sentences; facts in braces."""
    lines = [
        "# 错误 · Errors",
        "",
        "Generated by `make errors`; a test keeps it current.",
        "",
        "每个拒绝都是 `application/problem+json`（RFC 9457），`type` 为 `/docs/errors#<code>`，其中的 code 长期不变；"
        "默认中文，`Accept-Language: en` 得英文。花括号里的事实同时作为成员给出："
        "句中重量、金额、比率写作公斤、元、%，成员仍为克（_g）、分（_fen）、万分之一（_bp）。",
        "",
        "Every refusal is `application/problem+json` (RFC 9457). `type` is `/docs/errors#<code>`; its code is stable."
        " Chinese by default, English for `Accept-Language: en`. Facts in braces are sent along as members:"
        " a sentence says weights, amounts and rates in kg, yuan and %, members stay in grams, fen and basis points.",
        "",
        "| code | status | 中文 | English |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f'| <a id="{code}"></a>`{code}` | {status} | {zh} | {en} |' for code, status, zh, en in _rows()]
    return "\n".join(lines) + "\n"


def errors_html() -> str:
    """The page behind the `type` of every problem."""
    rows = "".join(
        f'<tr id="{code}"><td><code>{code}</code></td><td>{status}</td><td>{zh}</td><td>{en}</td></tr>'
        for code, status, zh, en in _rows()
    )
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>错误 · Errors</title>'
        '<meta name="viewport" content="width=device-width"><h1>错误 · Errors</h1><table>'
        f"<tr><th>code</th><th>status</th><th>中文</th><th>English</th></tr>{rows}</table></html>"
    )
