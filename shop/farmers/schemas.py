"""Shapes of households on the wire. Land in tenths of a mu (0.1 亩)."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from shop.farmers.models import Grade
from shop.kit.schemas import Code, Day, PageQuery, StrictSchema, Text, Whole


class HouseholdFilter(PageQuery):
    """Households of a firm or a township (code)."""

    firm = Code(load_default=None)
    township = Code(load_default=None)


class HouseholdNeed(StrictSchema):
    """`need`: why the county must know whether the household is assisted; kept with the name of who asked."""

    need = Text(low=2, high=200, load_default=None)


class MembershipOut(Schema):
    """A member shares in the surplus by its capital shares, a contract grower gets a price only.

    `joined_on` null: since before the records; `left`: it belongs to the firm no more, since after `left_on`.
    """

    firm = fields.String()
    firm_name_zh = fields.String()
    relation = fields.String()
    share_units = fields.Integer()
    joined_on = fields.Date(allow_none=True)
    left_on = fields.Date(allow_none=True)
    left = fields.Boolean()


class HouseholdOut(Schema):
    """A household by its code. `is_assisted` only where the county said why it needs it.

    `counts_for`: the record of the same family for which it counts; null, it counts for itself.
    """

    code = fields.String()
    counts_for = fields.String(allow_none=True)
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


class HouseholdAsked(StrictSchema):
    """A family by a pseudonym that no other has, the village in which it lives, its land and what it leases out."""

    code = Code(required=True)
    village = Code(required=True)
    persons = Whole(low=1, high=100, required=True)
    land_mu_tenths = Whole(high=1_000_000, required=True)
    leased_out_mu_tenths = Whole(high=1_000_000, load_default=0)


class HouseholdCorrectionAsked(StrictSchema):
    """What a record should say, each only where it says another thing, and why. Shares belong to membership."""

    persons = Whole(low=1, high=100)
    land_mu_tenths = Whole(high=1_000_000)
    leased_out_mu_tenths = Whole(high=1_000_000)
    reason = Text(high=200, required=True)


class VillageAsked(StrictSchema):
    """The village in which a household lives, by its code, and why its record said another one."""

    village = Code(required=True)
    reason = Text(high=200, required=True)


class AssistanceAsked(StrictSchema):
    """Whether a household is assisted from now on (脱贫户、监测户), and why."""

    is_assisted = fields.Boolean(required=True, truthy={True}, falsy={False})
    reason = Text(high=200, required=True)


class AssistanceOut(Schema):
    """What was said of a household."""

    household = fields.String()
    is_assisted = fields.Boolean()


class HouseholdCorrectionFilter(PageQuery):
    """`need`: why the county must know whether the household was assisted; then those changes are listed too."""

    need = Text(low=2, high=200, load_default=None)


class HouseholdCorrection(Schema):
    """What was changed (name of the figure, what it said, what it says), when and why.

    `village`: the codes of the villages before and after; `is_assisted`: what was said of it, where that was changed.
    """

    at = fields.DateTime()
    changed = fields.Dict(keys=fields.String(), values=fields.List(fields.Integer()))
    village = fields.List(fields.String())
    is_assisted = fields.Boolean()
    reason = fields.String()


class HouseholdCorrectionPage(Schema):
    """A page of corrections, newest first."""

    items = fields.List(fields.Nested(HouseholdCorrection))
    next = fields.String(allow_none=True)


class FactorAsked(StrictSchema):
    """What a grade is paid, in basis points of the base price, from a day on; without a firm in the whole county."""

    firm = Code(load_default=None)
    grade = fields.Enum(Grade, by_value=True, required=True)
    valid_from = Day(required=True)
    factor_bp = Whole(low=1, high=30_000, required=True)


class FactorFilter(PageQuery):
    """Factors of a firm; without one the county's."""

    firm = Code(load_default=None)


class FactorOut(Schema):
    """A factor; `firm` null: the county's."""

    firm = fields.String(allow_none=True)
    grade = fields.Enum(Grade, by_value=True)
    valid_from = fields.Date()
    factor_bp = fields.Integer()


class FactorPage(Schema):
    """A page of factors, newest first."""

    items = fields.List(fields.Nested(FactorOut))
    next = fields.String(allow_none=True)


class MergeAsked(StrictSchema):
    """The record of the same family that this one counts for from now on, and why."""

    into = Code(required=True)
    reason = Text(high=200, required=True)


class ReasonAsked(StrictSchema):
    """Why."""

    reason = Text(high=200, required=True)


class MergeOut(Schema):
    """A record and the one it counts for; null = itself."""

    household = fields.String()
    counts_for = fields.String(allow_none=True)


class JoinAsked(StrictSchema):
    """The firm that a household joins, from which day, with how many capital shares (co-operatives only)."""

    firm = Code(required=True)
    joined_on = Day(required=True)
    share_units = Whole(high=10_000_000, load_default=0)


class LeaveAsked(StrictSchema):
    """The firm that a household leaves, its last day there, and why."""

    firm = Code(required=True)
    left_on = Day(required=True)
    reason = Text(high=200, required=True)


class MembershipReason(StrictSchema):
    """The firm of which a household's last joining or departure never was, and why."""

    firm = Code(required=True)
    reason = Text(high=200, required=True)


class JoiningCorrected(MembershipReason):
    """When a household really joined a firm, with how many capital shares; what is left out stays as it is."""

    joined_on = Day(load_default=None)
    share_units = Whole(high=10_000_000, load_default=None)


class RelationOut(Schema):
    """How a household stands to a firm now; `left_on`: its last day, when it left; `relation` null: never of it."""

    household = fields.String()
    firm = fields.String()
    relation = fields.String(allow_none=True)
    share_units = fields.Integer()
    joined_on = fields.Date(allow_none=True)
    left_on = fields.Date(allow_none=True)
    returned_units = fields.Integer()


class GroupAsked(StrictSchema):
    """A group of households."""

    code = Code(required=True)
    name_zh = Text(high=60, required=True)


class GroupOut(Schema):
    """A group; `households`: how many records are in it now, of those that the reader sees."""

    code = fields.String()
    name_zh = fields.String()
    households = fields.Integer()


class GroupPage(Schema):
    """A page of groups, newest first."""

    items = fields.List(fields.Nested(GroupOut))
    next = fields.String(allow_none=True)


class TieAsked(StrictSchema):
    """The group that a household comes into, from which day."""

    group = Code(required=True)
    starts_on = Day(required=True)


class UntieAsked(StrictSchema):
    """The group that a household is in until `ends_on`, and why no longer."""

    group = Code(required=True)
    ends_on = Day(required=True)
    reason = Text(high=200, required=True)


class TieVoidAsked(StrictSchema):
    """The tie that was keyed wrong, by its group and first day, and why it never was."""

    group = Code(required=True)
    starts_on = Day(required=True)
    reason = Text(high=200, required=True)


class TieFilter(PageQuery):
    """Ties of a household or group."""

    household = Code(load_default=None)
    group = Code(load_default=None)


class TieOut(Schema):
    """A household in a group; `ends_on` null: it is in it now; `void_reason`: why it never was."""

    household = fields.String()
    group = fields.String()
    group_zh = fields.String()
    starts_on = fields.Date()
    ends_on = fields.Date(allow_none=True)
    void_reason = fields.String(allow_none=True)


class TiePage(Schema):
    """A page of ties, newest first."""

    items = fields.List(fields.Nested(TieOut))
    next = fields.String(allow_none=True)


class _Pairing(StrictSchema):
    """Who helps (a cadre or a unit), and whom: a village or a household. No field is for an amount, target or proof."""

    helper = Code(required=True)
    village = Code(load_default=None)
    household = Code(load_default=None)

    @validates_schema
    def one_is_helped(self, data: dict[str, Any], **_: Any) -> None:
        """A village or a household."""
        if (data["village"] is None) == (data["household"] is None):
            raise ValidationError({"village": ["Name a village or a household."]})


class PairingAsked(_Pairing):
    """A pairing from a day on."""

    starts_on = Day(required=True)


class PairingEnded(_Pairing):
    """The last day of a pairing, and why it ends."""

    ends_on = Day(required=True)
    reason = Text(high=200, required=True)


class PairingFilter(PageQuery):
    """Pairings of a helper, a village with its households, a household; or those that stand on a day."""

    helper = Code(load_default=None)
    village = Code(load_default=None)
    household = Code(load_default=None)
    on = Day(load_default=None)


class PairingOut(Schema):
    """Who helps whom; `household` null: the whole village; `ends_on` null: it stands."""

    helper = fields.String()
    helper_zh = fields.String()
    village = fields.String()
    village_zh = fields.String()
    household = fields.String(allow_none=True)
    starts_on = fields.Date()
    ends_on = fields.Date(allow_none=True)


class PairingPage(Schema):
    """A page of pairings, newest first."""

    items = fields.List(fields.Nested(PairingOut))
    next = fields.String(allow_none=True)
