"""Shapes of signing in and of oneself."""

from marshmallow import Schema, fields

from shop.kit.schemas import Secret, StrictSchema, Text


class SignIn(StrictSchema):
    """Login and password."""

    login = Text(required=True, high=40)
    password = Secret(required=True)


class Token(Schema):
    """A bearer token: shown once, kept by the client."""

    token = fields.String()
    token_type = fields.String()
    expires_in_s = fields.Integer()


class GrantOut(Schema):
    """A role for a party."""

    role = fields.String()
    party_kind = fields.String()
    party_code = fields.String()
    party_name_zh = fields.String()


class Me(Schema):
    """Who I am here."""

    login = fields.String()
    name_zh = fields.String()
    grants = fields.List(fields.Nested(GrantOut))
