"""Which revision of the tables the code expects, read from the files: loading Alembic costs time and ten megabytes."""

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "migrations"


def heads() -> list[str]:
    """Revisions that no other builds on, sorted; one, unless two were written side by side."""
    revisions, earlier = set(), set()
    for file in (FOLDER / "versions").glob("*.py"):
        text = file.read_text()
        revisions |= set(re.findall(r"^revision\b.*= [\"'](\w+)[\"']", text, re.MULTILINE))
        earlier |= set(re.findall(r"^down_revision\b.*= [\"'](\w+)[\"']", text, re.MULTILINE))
    return sorted(revisions - earlier)
