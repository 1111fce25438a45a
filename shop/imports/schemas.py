"""Shapes of an import."""

from marshmallow import Schema, fields

from shop.kit.schemas import Code, StrictSchema


class ImportQuery(StrictSchema):
    """`dry_run`: check everything and tell what would be added, write nothing."""

    dry_run = fields.Boolean(load_default=False)


class FileCount(Schema):
    """Rows of one file."""

    file = fields.String()
    new = fields.Integer()
    unchanged = fields.Integer(metadata={"description": "recorded before with the same content"})


class ImportOut(Schema):
    """What was added; with `dry_run` what would be."""

    dry_run = fields.Boolean()
    files = fields.List(fields.Nested(FileCount))
    income_entries = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata={"description": "entries booked, by kind of income"}
    )


class BatchQuery(ImportQuery):
    """The firm whose collection point wrote the slips."""

    firm = Code(required=True)


class BatchOut(Schema):
    """What was added; with `dry_run` what would be. Net grams and fen of the new slips."""

    dry_run = fields.Boolean()
    firm = fields.String()
    file = fields.String()
    new = fields.Integer()
    unchanged = fields.Integer(metadata={"description": "recorded before with the same content"})
    voided = fields.List(
        fields.String(), metadata={"description": "of the unchanged: voided by a correction since, they count nothing"}
    )
    weight_g = fields.Integer()
    amount_fen = fields.Integer()


class SheetQuery(ImportQuery):
    """The buyer whose orders the sheet holds."""

    partner = Code(required=True)


class SheetOrder(Schema):
    """An order of a sheet; without a number in a dry run."""

    reference = fields.String()
    number = fields.String(allow_none=True)
    total_fen = fields.Integer()


class SheetOut(Schema):
    """The orders of a sheet; with `dry_run` what they would be."""

    dry_run = fields.Boolean()
    file = fields.String()
    orders = fields.List(fields.Nested(SheetOrder))
    unchanged = fields.List(fields.String(), metadata={"description": "placed before with the same content"})
