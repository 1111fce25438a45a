"""The API as the app itself describes it: every route, with an address, a body and who may call it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Rule

from shop.access.guard import EVERYONE, SIGNED_IN
from shop.access.models import Role


@dataclass(frozen=True)
class Route:
    """One operation of `/api/v1`."""

    rule: Rule
    method: str
    view: Callable[..., Any]

    @property
    def name(self) -> str:
        """How the access matrix calls it: `orders.place_order`."""
        return self.rule.endpoint

    @property
    def example(self) -> Any:
        """The worked example of its body; None when it takes none."""
        return getattr(self.view, "documented", {}).get("example") if self.takes_body else None

    @property
    def takes_body(self) -> bool:
        """Whether it reads JSON."""
        parameters = getattr(self.view, "_apidoc", {}).get("arguments", {}).get("parameters", ())
        return any(parameter["in"] == "json" for parameter in parameters)

    @property
    def keyed(self) -> bool:
        """Whether it needs an Idempotency-Key."""
        return bool(getattr(self.view, "is_idempotent", False))

    @property
    def roles(self) -> frozenset[Role]:
        """Roles that may call it; all when it asks for none in particular."""
        audience: frozenset[Any] = self.view.allowed_roles  # type: ignore[attr-defined]
        return frozenset(Role) if audience & {EVERYONE, SIGNED_IN} else audience

    @property
    def public(self) -> bool:
        """Whether nobody in particular may call it."""
        return EVERYONE in self.view.allowed_roles  # type: ignore[attr-defined]

    def url(self, **given: object) -> str:
        """Its address: path parameters as given, else names of things that do not exist."""
        values = {name: given.get(name, _missing(self.rule, name)) for name in self.rule.arguments}
        built = self.rule.build(values, append_unknown=False)
        assert built is not None
        return built[1]


def _missing(rule: Rule, name: str) -> object:
    return 999_999_999 if isinstance(rule._converters[name], IntegerConverter) else "NONE-999"


def routes(app: Flask) -> Iterator[Route]:
    """Every operation of the API, in a fixed order."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        if rule.rule.startswith("/api/v1/") and not rule.endpoint.startswith("api-docs"):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Route(rule, method, app.view_functions[rule.endpoint])
