"""The OpenAPI document: who may call, which refusals, a worked example in each operation, the key header.

It is made when it is asked for, not when the app starts: it costs more than everything else of a start together, and
most processes are never asked.
"""

import threading
from typing import Any

from flask import Flask, Response, json
from flask_smorest import Blueprint

from shop.kit.problems import PROBLEM_JSON, ProblemApi

_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
_STATUS_TEXT = {
    400: "请求有误 · Bad request",
    401: "未登录 · Not signed in",
    403: "没有权限 · Role does not include this",
    404: "没有找到 · Missing or not yours",
    409: "当前状态不允许 · Refused by the state of things",
    415: "格式不支持 · Neither JSON nor, where a file is taken, a form with one",
    422: "字段不合要求 · Fields not acceptable",
    429: "过于频繁 · Too many requests",
    503: "繁忙 · Busy, try again",
}


def _path(rule: str) -> str:
    """A Flask rule as an OpenAPI path: `<string:code>` becomes `{code}`."""
    pieces = rule.split("/")
    return "/".join("{" + p[1:-1].split(":")[-1] + "}" if p.startswith("<") else p for p in pieces)


def schema_name(schema: Any) -> str:
    """`orders.LineOut`: two rooms may use the same word. A variant of a schema is named after what makes it one."""
    kind = schema if isinstance(schema, type) else type(schema)
    room = kind.__module__.split(".")[1]
    name = kind.__name__.removesuffix("Schema")
    variant = ""
    if not isinstance(schema, type):
        variant = "".join(f"-{field}" for field in sorted(schema.only or ())) + ("-partial" if schema.partial else "")
    return ("" if room == "kit" else f"{room}.") + name + variant


class DocumentedApi(ProblemApi):
    """Routes at once, the document at its first reader."""

    def __init__(self, app: Flask, **options: Any):
        self._rooms: list[Blueprint] = []
        self._written: bytes | None = None
        self._writing = threading.Lock()
        super().__init__(app, **options)

    def register_blueprint(self, room: Blueprint) -> None:
        """Register the routes and remember whose words are to be written."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][room.name] = self
        self._app.register_blueprint(room)
        self._rooms.append(room)

    def _openapi_json(self) -> Response:
        with self._writing:
            if self._written is None:
                self._written = self._write()
        return Response(self._written, mimetype="application/json")

    def _write(self) -> bytes:
        for room in self._rooms:
            room.register_views_in_doc(self, self._app, self.spec, name=room.name, parameters=None)
            self.spec.tag({"name": room.name, "description": room.description})
        _finish(self._app, self.spec._paths)
        return json.dumps(self.spec.to_dict(), indent=2, sort_keys=False).encode()


def _finish(app: Flask, paths: dict[str, dict[str, Any]]) -> None:
    """Write what the views remember into the specification."""
    for rule in app.url_map.iter_rules():
        operations = paths.get(_path(rule.rule))
        view = app.view_functions[rule.endpoint]
        if operations is None:
            continue
        for method in (m.lower() for m in rule.methods or ()):
            if method in operations:
                _finish_operation(operations[method], method, view)


def _finish_operation(operation: dict[str, Any], method: str, view: Any) -> None:
    remembered = getattr(view, "documented", {"errors": (), "example": None, "answer": None})
    roles = sorted(str(role.value) for role in getattr(view, "allowed_roles", ()))
    operation["x-roles"] = roles
    if "everyone" in roles:
        operation["security"] = []
    statuses = {400, 503, *(error.status for error in remembered["errors"])}
    if "everyone" not in roles:
        statuses |= {401, 403}
    if method in ("post", "patch", "put"):
        statuses |= {415, 422, 409}
    for status in sorted(statuses):
        codes = sorted(error.code for error in remembered["errors"] if error.status == status)
        described = _STATUS_TEXT.get(status, "") + (": " + ", ".join(codes) if codes else "")
        operation["responses"].setdefault(
            str(status), {"description": described, "content": {PROBLEM_JSON: dict(_PROBLEM)}}
        )
    if getattr(view, "is_idempotent", False):
        operation.setdefault("parameters", []).append(
            {
                "in": "header",
                "name": "Idempotency-Key",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "同一键重复提交只生效一次 · the same key takes effect once",
                "example": "3f0c7c0e-order-1",
            }
        )
    if remembered["example"] is not None and "requestBody" in operation:
        for content in operation["requestBody"]["content"].values():
            content["example"] = remembered["example"]
    for code, response in operation["responses"].items():
        if remembered["answer"] is not None and str(code).startswith("2"):
            for content in response.get("content", {}).values():
                content["example"] = remembered["answer"]
