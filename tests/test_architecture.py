"""The floors of the house and its house rules, held by tests."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "channels", "knowledge", "workflows")
LINT = Path(sys.executable).parent / "lint-imports"
COMMITS = {
    "app/core/uow.py": "the one place that commits the desk's rows",
    "app/core/migrate.py": "migrations run before there is a desk",
    "knowledge/whoosh_store.py": "its writer commits the index, no database",
}
ONLY_LINES = 400


def sources(*places: str) -> list[Path]:
    return sorted(p for place in places for p in (ROOT / place).rglob("*.py"))


def in_git() -> list[Path]:
    """Files that are in git or would be added by `git add .`."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("optional: this is no git work tree")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINT, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources alone, to be broken."""
    folder = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=lambda at, names: [
            n for n in names if (Path(at) / n).is_file() and not n.endswith(".py") or n == "__pycache__"
        ])  # fmt: skip
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_calls_go_down_and_the_domain_speaks_no_http() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("knowledge/index.py", "import workflows.models"),
        ("workflows/engine.py", "import flask"),
        ("app/core/errors.py", "import app.factory"),
    ],
)
def test_a_broken_floor_is_seen(copy: Path, file: str, line: str) -> None:
    path = copy / file
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + f"\n{line}\n", encoding="utf-8")
    try:
        done = lint(copy)
    finally:
        path.write_text(whole, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout


def commits(source: str) -> list[int]:
    """Lines that call `.commit()` of anything."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]


def test_only_the_unit_of_work_commits() -> None:
    assert commits("def f(s):\n    s.commit()\n") == [2]
    found = {
        str(path.relative_to(ROOT)): lines
        for path in sources(*PACKAGES)
        if (lines := commits(path.read_text(encoding="utf-8")))
    }
    assert not found.keys() - COMMITS.keys(), found


def test_files_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources(*PACKAGES, "scripts", "tests")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > ONLY_LINES
    }
    assert not long


def test_no_drawer_for_everything() -> None:
    assert not [p for p in sources(*PACKAGES) if p.stem in ("util", "utils", "helpers", "misc", "common")]
    assert (ROOT / "app" / "__init__.py").read_text() == ""


def test_nothing_in_git_names_a_machine() -> None:
    home = re.compile(r"(?<![\w.~-])/(?:home|root|Users|work|farm|mnt)/[\w.]+")
    index = re.compile(r"--(?:extra-)?index-url|\"resolved\"\s*:\s*\"http|files\.pythonhosted|registry\.npm")
    found = []
    for path in in_git():
        if path == Path(__file__) or "payloads" in path.parts:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if home.search(line) or index.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found


def test_nothing_of_others_is_in_git() -> None:
    foreign = re.compile(r"(^|/)(node_modules|vendor|\.venv)/|\.(woff2?|ttf|otf|min\.js|min\.css|mo)$")
    assert not [p for p in in_git() if foreign.search(str(p.relative_to(ROOT)))]


def test_the_lockfiles_hold_what_the_house_asks_for():
    """A package that is only on the author's machine ends `make run` of everybody else."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())

    def names(wanted: list[str]) -> set[str]:
        return {re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", line, maxsplit=1)[0]).lower() for line in wanted}

    def locked(name: str) -> set[str]:
        return names([line for line in (ROOT / name).read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)])

    run = names(asked["project"]["dependencies"])
    assert run <= locked("requirements.txt"), run - locked("requirements.txt")
    everything = run | names(asked["dependency-groups"]["dev"])
    assert everything <= locked("requirements-dev.txt"), everything - locked("requirements-dev.txt")
