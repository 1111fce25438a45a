"""Shapes of the pages' forms. A form's fields are text; what does not fit is said beside its field, in Chinese."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from shop.claims.models import ClaimReason
from shop.kit.problems import in_chinese
from shop.kit.schemas import Code, QueryWhole, StrictSchema, Text
from shop.orders.schemas import MAX_PACKS, Recipient

#: A ticket is a few hundred characters.
MAX_TICKET = 600
#: Far more of anything than one consumer receives.
MAX_CLAIMED = 1_000_000


class At(StrictSchema):
    """At which counter: a session's, one of several shops of ours, or the first of them."""

    live = Code(load_default=None)
    shop = Code(load_default=None)
    presale = Code(load_default=None)


class CodeOrNothing(Code):
    """A code, or a field that was left empty."""

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        """None for nothing but spaces."""
        return (
            None if isinstance(value, str) and not value.strip() else super().deserialize(value, attr, data, **kwargs)
        )


class Chosen(At):
    """How many packs, where, and with which coupon."""

    quantity = QueryWhole(low=1, high=MAX_PACKS, required=True)
    coupon = CodeOrNothing(load_default=None)


class Addressed(Chosen, Recipient):
    """The first screen: where it goes."""


class Confirmed(Addressed):
    """The second screen, confirmed. `agreed`: the buyer knows that fresh produce is outside the seven-day return."""

    ticket = fields.String(required=True, validate=validate.Length(max=MAX_TICKET))
    agreed = fields.String(load_default=None, validate=validate.Equal("1"))


class Followed(StrictSchema):
    """Which order, and the phone it was placed with."""

    number = Code(required=True)
    phone = Text(required=True, high=20)
    ticket = fields.String(required=True, validate=validate.Length(max=MAX_TICKET))


class Pressed(StrictSchema):
    """A button."""

    ticket = fields.String(required=True, validate=validate.Length(max=MAX_TICKET))


class Claimed(StrictSchema):
    """What is wrong with a product of an order; `measure` is what `amount` counts."""

    sku = Code(required=True)
    reason = fields.Enum(ClaimReason, by_value=True, required=True)
    amount = QueryWhole(low=1, high=MAX_CLAIMED, required=True)
    measure = fields.String(required=True, validate=validate.OneOf(["pack", "jin", "gram"]))
    words = Text(low=0, high=200, load_default="")
    ticket = fields.String(required=True, validate=validate.Length(max=MAX_TICKET))


def filled(schema: type[Schema], form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the form says, and for each field that does not fit a sentence. With sentences the first is empty."""
    try:
        return schema().load(dict(form)), {}
    except ValidationError as error:
        told = error.messages if isinstance(error.messages, dict) else {}
        return {}, {str(name): in_chinese(messages[0]) for name, messages in told.items()}
