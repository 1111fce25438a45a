"""The people and partners of the demo, each signed up by the real actions. Invented, and marked so."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.access.actions import create_person, ensure_party, grant
from shop.access.models import Party, PartyKind, Role
from shop.channels.actions import create_link, register_partner, set_fee
from shop.channels.models import Campaign, Partner, PartnerKind

#: For the demo only: `make run` prints it beside the logins.
PASSWORD = "wuxiao-2025"  # noqa: S105


@dataclass(frozen=True)
class Login:
    """One sign-in of the demo."""

    login: str
    role: Role
    party_kind: PartyKind
    party_code: str
    name_zh: str


#: The unit whose colleagues buy together, and who organises it.
UNIT, ORGANISER = "B18", "unit"
#: What units file for the year: partner, food of the canteen and goods of the union in fen, members.
FILINGS = (("B12", 60_000_000, 0, 40), ("B13", 0, 12_000_000, 20), (UNIT, 90_000_000, 6_000_000, 20))

LOGINS = (
    Login("operator", Role.OPERATOR, PartyKind.COUNTY, "140829", "县五销办（示例）"),
    Login("manager", Role.MANAGER, PartyKind.COUNTY, "140829", "县领导（示例）"),
    Login("township", Role.MANAGER, PartyKind.TOWNSHIP, "140829101", "常乐镇干事（示例）"),
    Login("firm", Role.FIRM_STAFF, PartyKind.FIRM, "F01", "西太村合作社社员（示例）"),
    Login("buyer", Role.BUYER, PartyKind.BUYER, "B02", "连锁超市采购（示例）"),
    Login(ORGANISER, Role.BUYER, PartyKind.BUYER, UNIT, "中学食堂组织者（示例）"),
    Login("cadre", Role.CADRE, PartyKind.CADRE, "G01", "帮扶干部一（示例）"),
    Login("host", Role.HOST, PartyKind.HOST, "H01", "主播一（示例）"),
    Login("household", Role.HOUSEHOLD, PartyKind.HOUSEHOLD, "农户-0003", "农户-0003"),
    Login("customer", Role.CUSTOMER, PartyKind.CUSTOMER, "C001", "顾客一（示例）"),
)

SHOPS = (
    ("S01", "平陆好物自营店（示例）", 60),
    ("S02", "帮扶产品平台店（示例）", 0),
    ("S03", "短视频平台店（示例）", 200),
)
#: The one whose shelf is our own pages.
OWN_SHOP = "S01"
CADRES = tuple((f"G{n:02d}", f"帮扶干部{n:02d}（示例）") for n in range(1, 9))
HOSTS = tuple((f"H{n:02d}", f"主播{n:02d}（示例）") for n in range(1, 5))
CUSTOMERS = tuple((f"C{n:03d}", f"顾客{n:03d}（示例）") for n in range(1, 121))


def sign_up(session: Session, *, now: datetime) -> bool:
    """Register everybody; doing it twice does it once. Whether it was done now."""
    if session.scalar(select(Partner.id).where(Partner.code == "S01")):
        return False
    campaign_id = session.execute(select(Campaign.id).order_by(Campaign.starts_on, Campaign.id).limit(1)).scalar_one()
    for code, name, fee_bp in SHOPS:
        partner = _partner(session, PartnerKind.SHOP, PartyKind.SHOP, code, name, now, storefront=code == OWN_SHOP)
        set_fee(session, partner, fee_bp, date(2025, 1, 1), actor_id=None, now=now)
        create_link(session, partner, campaign_id, now=now)
    for code, name in CADRES:
        partner = _partner(session, PartnerKind.CADRE, PartyKind.CADRE, code, name, now)
        create_link(session, partner, campaign_id, now=now)
    for code, name in HOSTS:
        _partner(session, PartnerKind.HOST, PartyKind.HOST, code, name, now)
    for code, name in CUSTOMERS:
        ensure_party(session, PartyKind.CUSTOMER, code, name)
    for login in LOGINS:
        party = session.execute(
            select(Party.id).where(Party.kind == login.party_kind, Party.code == login.party_code)
        ).scalar_one()
        person = create_person(session, login=login.login, name_zh=login.name_zh, password=PASSWORD, now=now)
        grant(session, person.id, party, login.role, now=now)
    return True


def _partner(
    session: Session, kind: PartnerKind, party_kind: PartyKind, code: str, name: str, now: datetime, *,
    storefront: bool = False,
) -> Partner:  # fmt: skip
    party = ensure_party(session, party_kind, code, name)
    return register_partner(session, kind, code, party, name, actor_id=None, now=now, storefront=storefront)


def parties(session: Session, kind: PartyKind) -> dict[str, int]:
    """Ids of the parties of a kind by code."""
    return dict(session.execute(select(Party.code, Party.id).where(Party.kind == kind)).all())
