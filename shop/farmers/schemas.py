"""Shapes of households on the wire. Land in tenths of a mu (0.1 亩)."""

from marshmallow import Schema, fields

from shop.kit.schemas import Code, PageQuery, StrictSchema, Text


class HouseholdFilter(PageQuery):
    """Households of a firm or a township (code)."""

    firm = Code(load_default=None)
    township = Code(load_default=None)


class HouseholdNeed(StrictSchema):
    """`need`: why the county must know whether the household is assisted; kept with the name of who asked."""

    need = Text(low=2, high=200, load_default=None)


class MembershipOut(Schema):
    """A member shares in the surplus by its capital shares, a contract grower gets a price only."""

    firm = fields.String()
    firm_name_zh = fields.String()
    relation = fields.String()
    share_units = fields.Integer()


class HouseholdOut(Schema):
    """A household by its code. `is_assisted` only where the county said why it needs it."""

    code = fields.String()
    village_zh = fields.String()
    township_zh = fields.String()
    persons = fields.Integer()
    land_mu_tenths = fields.Integer()
    leased_out_mu_tenths = fields.Integer()
    memberships = fields.List(fields.Nested(MembershipOut))
    is_assisted = fields.Boolean()


class HouseholdPage(Schema):
    """A page of households."""

    items = fields.List(fields.Nested(HouseholdOut))
    next = fields.String(allow_none=True)
