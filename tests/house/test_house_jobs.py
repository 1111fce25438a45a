"""Every job has exactly one task, every task one job, and the timetable names nothing else."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import shop
from shop.kit.jobs import all_jobs
from tasks.build import ROOMS_OF_WORK

ROOT = Path(__file__).resolve().parents[2]


def declared() -> list[str]:
    """Names of all jobs, after importing every module that may declare one."""
    for module in walk_packages(shop.__path__, "shop."):
        if module.name.endswith(".jobs"):
            import_module(module.name)
    return all_jobs()


def registered() -> list[str]:
    """The job of each task in `tasks/`, read off the source: `@runs(JOB)` or `@runs(jobs.JOB)`."""
    return sorted(
        ast.unparse(decorator.args[0]).rpartition(".")[2]
        for file in (ROOT / "tasks").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "runs"
    )


def constants() -> dict[str, str]:
    """Constant -> job name, for every `NAME = Job("room.verb")` of the rooms."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / "shop").rglob("job*.py")):
        for node in ast.parse(file.read_text()).body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and ast.unparse(node.value.func) == "Job"
                and isinstance(node.value.args[0], ast.Constant)
            ):
                found[ast.unparse(node.targets[0])] = str(node.value.args[0].value)
    return found


def test_every_job_has_exactly_one_task_and_back() -> None:
    assert sorted(constants().values()) == declared()
    assert registered() == sorted(constants())


def test_the_app_that_shows_the_jobs_knows_them_all() -> None:
    """In a process of its own: here other tests have loaded them all."""
    ask = "import shop.app; from shop.kit.jobs import all_jobs; print(*all_jobs())"
    known = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert known.stdout.split() == declared()


def test_a_worker_loads_the_work_of_every_job() -> None:
    """A room of work that is not loaded has its messages thrown away, without anybody being told."""
    with_work = {file.stem for file in (ROOT / "tasks").glob("*.py") if "@runs(" in file.read_text()}
    assert with_work == set(ROOMS_OF_WORK)


@pytest.mark.parametrize("name", sorted(constants().values()))
def test_a_job_is_named_after_its_place_and_verb(name: str) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)


def test_the_timetable_asks_for_known_jobs_only() -> None:
    timetable = import_module("tasks.schedule").TIMETABLE
    assert {entry.job.name for entry in timetable} <= set(declared())
