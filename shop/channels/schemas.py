"""Shapes of campaigns, channels, partners and links on the wire."""

import re
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shop.catalog.models import Category
from shop.catalog.schemas import MAX_TIERS, BareTier, Flag, TierAsked
from shop.channels.models import PartnerKind
from shop.kit.schemas import Code, Day, PageQuery, StrictSchema, Text, Whole


class Moment(fields.AwareDateTime):
    """An instant with its zone, `2025-07-15T19:00:00+08:00`, in 2000..2100."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        pattern = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})"
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValidationError("Must be YYYY-MM-DDTHH:MM:SS with a zone.")
        moment: datetime = super()._deserialize(value, attr, data, **kwargs)
        if not 2000 <= moment.year <= 2100:
            raise ValidationError("Must lie in 2000 to 2100.")
        return moment


class CampaignAsked(StrictSchema):
    """A campaign, both days included."""

    code = Code(required=True)
    name_zh = Text(required=True)
    name_en = Text(required=True)
    starts_on = Day(required=True)
    ends_on = Day(required=True)

    @validates_schema
    def ends_after_it_began(self, data: dict[str, Any], **_: Any) -> None:
        """The days are in order."""
        if data["ends_on"] < data["starts_on"]:
            raise ValidationError("Must not be before the first day.", "ends_on")


class CampaignOut(Schema):
    """A campaign and whether it is open today."""

    code = fields.String()
    name_zh = fields.String()
    name_en = fields.String()
    starts_on = fields.Date()
    ends_on = fields.Date()
    is_open = fields.Boolean()


class CampaignList(Schema):
    """All campaigns, the youngest first."""

    items = fields.List(fields.Nested(CampaignOut))


class ChannelOut(Schema):
    """One of the five channels: the axes of its policy. `term_days`: invoices are due that long after acceptance."""

    kind = fields.String()
    name_zh = fields.String()
    name_en = fields.String()
    partner_kind = fields.String()
    occasion_kind = fields.String(allow_none=True)
    occasion_required = fields.Boolean()
    price = fields.String()
    approval = fields.String()
    payment = fields.String()
    term_days = fields.Integer()
    hold = fields.String()
    reward = fields.String()


class ChannelList(Schema):
    """The five channels."""

    items = fields.List(fields.Nested(ChannelOut))


class PartnerFilter(PageQuery):
    """Partners of a kind."""

    kind = fields.Enum(PartnerKind, by_value=True, load_default=None)


class PartnerAsked(StrictSchema):
    """A partner to be admitted. `payment_term_days`: of invoices, where it is not the channel's.

    `storefront`: an online shop of our own, sold by our pages `/shop` and `/p/...`.
    """

    kind = fields.Enum(PartnerKind, by_value=True, required=True)
    code = Code(required=True)
    name_zh = Text(required=True)
    payment_term_days = Whole(low=0, high=60, load_default=None, allow_none=True)
    storefront = Flag(load_default=False)


class StorefrontAsked(StrictSchema):
    """Whether the shop's shelf is on our pages."""

    storefront = Flag(required=True)


class PartnerOut(Schema):
    """What everybody may know of a partner."""

    code = fields.String()
    kind = fields.String()
    channel = fields.String()
    name_zh = fields.String()


class PartnerPage(Schema):
    """A page of partners."""

    items = fields.List(fields.Nested(PartnerOut))
    next = fields.String(allow_none=True)


class ApproversAsked(StrictSchema):
    """Logins of those who approve; an empty list = each buyer of the partner."""

    logins = fields.List(Text(high=60), required=True, validate=validate.Length(max=20))


class FeeAsked(StrictSchema):
    """The technical fee of an online shop from a day on, of one category of products or of all."""

    rate_bp = Whole(low=0, high=3_000, required=True)
    valid_from = Day(required=True)
    category = fields.Enum(Category, by_value=True, load_default=None, allow_none=True)


class LinkAsked(StrictSchema):
    """A link of a partner: to a product, a session, both or neither, in a campaign (the present one by default)."""

    partner = Code(required=True)
    campaign = Code(load_default=None, allow_none=True)
    session = Code(load_default=None, allow_none=True)
    sku = Code(load_default=None, allow_none=True)


class LinkFilter(PageQuery):
    """Your links."""


class LinkOut(Schema):
    """A link. A visitor is told apart on one day only, by a keyed hash; `clicks` = `visitors` + `repeats`."""

    code = fields.String()
    path = fields.String()
    partner = fields.String()
    campaign = fields.String()
    session = fields.String(allow_none=True)
    sku = fields.String(allow_none=True)
    clicks = fields.Integer(metadata={"description": "openings by people"})
    visitors = fields.Integer(metadata={"description": "people, each once a day"})
    repeats = fields.Integer(metadata={"description": "openings by who had opened it that day"})
    bots = fields.Integer(metadata={"description": "openings by programs, previews and HEAD; in no other figure"})


class LinkPage(Schema):
    """A page of links."""

    items = fields.List(fields.Nested(LinkOut))
    next = fields.String(allow_none=True)


class LinkRuleAsked(StrictSchema):
    """From a day on: for how many days an opened link counts, and whether cadres are ranked."""

    valid_from = Day(required=True)
    window_days = Whole(low=1, high=90, required=True)
    ranking = Flag(load_default=False, metadata={"description": "by help to buyers outside their own units"})


class LinkRuleList(Schema):
    """All rules, the youngest first, and the days that count without any."""

    items = fields.List(fields.Nested(LinkRuleAsked))
    default_window_days = fields.Integer()


class GroupAsked(StrictSchema):
    """A named list of buyer organisations."""

    code = Code(required=True)
    name_zh = Text(required=True)


class MembersAsked(StrictSchema):
    """Codes of the partners who belong to the group from now on."""

    members = fields.List(Code(), required=True, validate=validate.Length(max=500))


class GroupOut(Schema):
    """A group; its members only for the county."""

    code = fields.String()
    name_zh = fields.String()
    members = fields.List(fields.String())


class GroupList(Schema):
    """All groups."""

    items = fields.List(fields.Nested(GroupOut))


class NamedPricesAsked(StrictSchema):
    """Prices for one `partner` or one `group`, from a day until a day (that day excluded; null = until ended)."""

    partner = Code(load_default=None)
    group = Code(load_default=None)
    valid_from = Day(required=True)
    valid_until = Day(required=True, allow_none=True)
    tiers = fields.List(fields.Nested(TierAsked), required=True, validate=validate.Length(min=1, max=MAX_TIERS))

    @validates_schema
    def one_audience_and_days_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """One audience, and an end after the beginning."""
        if (data["partner"] is None) == (data["group"] is None):
            raise ValidationError("Give partner or group, one of them.", "partner")
        if data["valid_until"] is not None and data["valid_until"] <= data["valid_from"]:
            raise ValidationError("Must be after the first day.", "valid_until")


class NamedPricesOut(Schema):
    """A price list for a buyer or a group. `group`: only for firm and county."""

    id = fields.Integer()
    sku = fields.String()
    firm = fields.String()
    audience = fields.String()
    partner = fields.String(allow_none=True)
    group = fields.String(allow_none=True)
    valid_from = fields.Date()
    valid_until = fields.Date(allow_none=True)
    tiers = fields.List(fields.Nested(BareTier))


class NamedPricesPage(Schema):
    """A page of lists, newest first."""

    items = fields.List(fields.Nested(NamedPricesOut))
    next = fields.String(allow_none=True)


class NamedPricesState(Schema):
    """The number of a list."""

    id = fields.Integer()
