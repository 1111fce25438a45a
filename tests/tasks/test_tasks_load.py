"""What a process loads, it keeps: workers leave out what only HTTP needs, beat nearly everything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def loaded(module: str, data_dir: Path) -> set[str]:
    """Modules in a fresh process that has loaded `module`."""
    environ = os.environ | {"DATABASE_URL": "postgresql://localhost/x", "REDIS_URL": "redis://localhost/0"}
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"], cwd=ROOT, capture_output=True, text=True,
        check=True, env=environ | {"DATA_DIR": str(data_dir)},
    )  # fmt: skip
    return set(said.stdout.split())


@pytest.mark.parametrize(
    ("module", "needed", "left_out"),
    [
        ("tasks.beat", {"celery", "tasks.schedule"}, {"flask", "sqlalchemy", "psycopg", "shop.models"}),
        ("tasks.app", {"celery", "flask", "shop.models"}, {"shop.app", "flask_smorest", "apispec", "limits", "fpdf"}),
        ("wsgi", {"flask", "shop.app"}, {"celery", "alembic", "fpdf", "tasks"}),
    ],
)
def test_a_process_does_not_load_what_it_does_not_need(
    module: str, needed: set[str], left_out: set[str], tmp_path: Path
) -> None:
    modules = loaded(module, tmp_path)
    assert needed <= modules
    assert left_out & modules == set()
