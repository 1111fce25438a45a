"""The papers say what is there: rooms, commands, links, settings, lives, channels, the timetable, the checks."""

import re
from pathlib import Path

import pytest

from shop.agreements.states import AGREEMENT_LIFE, CALL_OFF_LIFE, MAJEURE_LIFE
from shop.catalog.states import FIRM_LIFE, LISTING_LIFE
from shop.channels.policies import POLICIES
from shop.channels.states import OCCASION_LIFE
from shop.claims.states import CLAIM_LIFE
from shop.income.states import PLAN_LIFE
from shop.inquiries.states import INQUIRY_LIFE
from shop.kit.jobs import all_jobs
from shop.kit.states import Life
from shop.live.states import LIVE_LIFE
from shop.orders.states import ORDER_LIFE, PENALTY_LIFE
from shop.reports.checks import CHECKS
from shop.rounds.states import ROUND_LIFE
from tasks.schedule import TIMETABLE, DailyAt

ROOT = Path(__file__).resolve().parents[2]
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "migrations" / "README.md"])
MAPS = ("README.md", "README.zh-CN.md", "docs/architecture.md")
ROOMS = sorted(path.parent.name for path in (ROOT / "shop").glob("*/__init__.py"))
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"(?:`|^\$ )make ([a-z][a-z-]*)", re.MULTILINE)
LIVES: dict[str, Life[object]] = {
    "ORDER_LIFE": ORDER_LIFE, "AGREEMENT_LIFE": AGREEMENT_LIFE, "CALL_OFF_LIFE": CALL_OFF_LIFE,
    "MAJEURE_LIFE": MAJEURE_LIFE, "PENALTY_LIFE": PENALTY_LIFE,
    "OCCASION_LIFE": OCCASION_LIFE, "CLAIM_LIFE": CLAIM_LIFE, "FIRM_LIFE": FIRM_LIFE, "LISTING_LIFE": LISTING_LIFE,
    "LIVE_LIFE": LIVE_LIFE,
    "PLAN_LIFE": PLAN_LIFE,
    "INQUIRY_LIFE": INQUIRY_LIFE,
    "ROUND_LIFE": ROUND_LIFE,
}  # fmt: skip


def paper(name: str) -> str:
    return (ROOT / name).read_text()


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the table whose head begins with the cell `first`."""
    table = text.partition(f"\n| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


@pytest.mark.parametrize("name", MAPS)
def test_every_room_stands_in_the_map(name: str) -> None:
    assert [room for room in ROOMS if f"`{room}`" not in paper(name)] == []


@pytest.mark.parametrize("file", PAPERS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(file: Path) -> None:
    links = [link for link in LINK.findall(file.read_text()) if "://" not in link and not link.startswith("/")]
    assert [link for link in links if not (file.parent / link).exists()] == []


def test_every_make_command_in_the_papers_exists() -> None:
    known = set(re.findall(r"^([a-z-]+):", paper("Makefile"), re.MULTILINE))
    named = {command for file in PAPERS for command in COMMAND.findall(file.read_text())}
    assert {"run", "test", "check"} <= named
    assert named - known == set()


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_setting_is_in_the_readme(name: str) -> None:
    read = set(re.findall(r"\"([A-Z]+_?[A-Z]+)\"", paper("shop/config.py")))
    assert {"DATABASE_URL", "PORT", "SECRET_KEY"} <= read
    assert [setting for setting in sorted(read) if f"`{setting}`" not in paper(name)] == []


@pytest.mark.parametrize("name", sorted(LIVES))
def test_every_state_and_event_of_a_life_has_a_name_in_chinese(name: str) -> None:
    life = LIVES[name]
    states = {type(state) for state, _ in life.moves}
    assert set(life.states_zh) == {state for kind in states for state in kind}
    assert {event for _, event in life.moves} <= set(life.events_zh)
    assert [word for word in (*life.states_zh.values(), *life.events_zh.values()) if word[:1] < "\u4e00"] == []


def test_the_lives_are_those_of_the_code() -> None:
    written: dict[str, dict[tuple[str, str], str]] = {name: {} for name in LIVES}
    for life, state, moves in rows(paper("docs/architecture.md"), "life"):
        for move in moves.split(" · "):
            event, _, after = move.partition(" → ")
            written[life.split("`")[1]][state, event] = after
    assert written == {
        name: {(str(state), event): str(after) for (state, event), after in life.moves.items()}
        for name, life in LIVES.items()
    }


def test_the_policies_are_those_of_the_code() -> None:
    written = rows(paper("docs/architecture.md"), "channel")
    occasions = {True: "required", False: "optional"}
    assert written == [
        [
            f"`{of.kind}` {of.name_zh}", of.partner.value,
            f"{of.occasion}, {occasions[of.occasion_required]}" if of.occasion else "—", of.payer.value, of.price.value,
            of.approval.value, of.payment.value, str(of.term_days or "—"), of.hold.value, of.reward.value,
            of.goods.value,
        ]
        for of in POLICIES.values()
    ]  # fmt: skip


def test_every_job_and_its_time_are_in_the_papers() -> None:
    written = {job.strip("`"): when for job, when in rows(paper("docs/architecture.md"), "job")}
    assert sorted(written) == all_jobs()
    for entry in TIMETABLE:
        if isinstance(entry, DailyAt):
            said = f"daily, from {entry.at:%H:%M} Beijing"
        else:
            seconds = int(entry.period.total_seconds())
            said = {1: "every second", 60: "every minute"}.get(seconds, f"every {seconds} s")
        assert written[entry.job.name] == said


def test_every_check_of_the_books_is_in_its_paper() -> None:
    assert rows(paper("docs/check-books.md"), "check") == [[check.code, check.zh, check.en] for check in CHECKS]


def test_every_name_in_the_glossary_stands_in_the_code() -> None:
    code = "\n".join(file.read_text() for file in sorted((ROOT / "shop").rglob("*.py")))
    known = set(re.findall(r"\w+", code)) | {"_fen", "_bp"}
    cells = [line.split(" | ")[2] for line in paper("docs/glossary.md").splitlines() if line.startswith("| ")]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert len(named) > 80
    assert sorted(named - known) == []


def test_the_readers_of_papers_see_what_is_wrong() -> None:
    assert LINK.findall("see [it](docs/no-such.md#part)") == ["docs/no-such.md"]
    assert COMMAND.findall("`make bread` and\n$ make tea") == ["bread", "tea"]
    assert rows("\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n| 5 |", "a") == [["1", "2"], ["3", "4"]]
    assert len(ROOMS) > 15
