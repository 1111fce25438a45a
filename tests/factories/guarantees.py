"""Contracts of 保底收益+二次分红 of F01 over HTTP, in March 2026."""

from typing import Any

from tests.factories.office import Office, scalars


def lands() -> dict[str, int]:
    """Tenths of a mu of three households of F01."""
    codes = [
        row[0]
        for row in scalars(
            "SELECT households.code FROM memberships JOIN households ON households.id = household_id"
            " JOIN firms ON firms.id = firm_id WHERE firms.code = 'F01' ORDER BY households.code LIMIT 3"
        )
    ]
    return dict(zip(codes, (35, 7, 11), strict=True))


def signed(office: Office, status: int = 201, **other: Any) -> Any:
    """Contract BD-001 from 2024 to 2026: 900.01 yuan a mu and 30 % of the profit."""
    body = {
        "code": "BD-001", "firm": "F01", "guaranteed_fen_per_mu": 90_001, "second_bp": 3_000, "from_year": 2024,
        "to_year": 2026, "signed_on": "2024-01-10", "document": "合同（示例）",
        "lands": [{"household": code, "mu_tenths": tenths} for code, tenths in lands().items()],
    }  # fmt: skip
    return office.post("/guarantees", body | other, office.firms["F01"], status)


def paid(office: Office, what: str, status: int = 201, **body: Any) -> Any:
    """A guarantee or second share of BD-001."""
    return office.post(f"/guarantees/BD-001/{what}", body, office.firms["F01"], status)


def told(refusal: dict[str, Any]) -> str:
    """The code of a refusal."""
    return str(refusal["type"]).rpartition("#")[2]
