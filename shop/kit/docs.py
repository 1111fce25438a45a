"""The documentation page, served from this project: Swagger UI's files, no script inline, nothing from elsewhere."""

import importlib.util
import json
from pathlib import Path

from flask import Blueprint, Response, redirect, send_from_directory
from werkzeug.wrappers import Response as AnyResponse

from shop.kit.problems import errors_html

blueprint = Blueprint("docs", __name__, url_prefix="/docs")

OPENAPI_URL = "/api/v1/openapi.json"

_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>接口文档 · API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

_SETTINGS = {
    "url": OPENAPI_URL, "dom_id": "#page", "deepLinking": True, "validatorUrl": None, "tryItOutEnabled": True,
    "persistAuthorization": True, "docExpansion": "none",
}  # fmt: skip


def _assets() -> Path:
    """Where the wheel keeps Swagger UI; its own blueprint is not used because its page runs an inline script."""
    spec = importlib.util.find_spec("flask_swagger_ui")
    if spec is None or not spec.origin:
        raise RuntimeError("flask-swagger-ui is not installed")
    return Path(spec.origin).parent / "dist"


@blueprint.route("")
@blueprint.route("/")
def page() -> Response:
    """The page."""
    return Response(_PAGE, content_type="text/html; charset=utf-8")


@blueprint.route("/start.js")
def start() -> Response:
    """What starts it."""
    return Response(f"window.ui = SwaggerUIBundle({json.dumps(_SETTINGS)});\n", content_type="text/javascript")


@blueprint.route("/assets/<path:name>")
def asset(name: str) -> AnyResponse:
    """A file of Swagger UI."""
    return send_from_directory(_assets(), name, max_age=86_400)


@blueprint.route("/errors")
def errors() -> Response:
    """Every refusal: what the `type` of a problem points to."""
    return Response(errors_html(), content_type="text/html; charset=utf-8")


@blueprint.route("/openapi.json")
def openapi() -> AnyResponse:
    """Where people look for it first."""
    return redirect(OPENAPI_URL)
