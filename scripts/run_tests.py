"""What `make test`, `make quick` and `make check` run, stage by stage, each with its time.

All stages run even when one fails, and the last lines say which did. What this machine lacks (PostgreSQL, Redis,
Dovecot, Java, Chromium) is installed as root on Debian; elsewhere those tests are skipped and the reason printed. With
CI=true a skipped test is a failure, so that a green run means that everything ran; only OpenSearch may be missing where
Maven Central cannot be reached, and that is said.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services import STANDING, NotObtained, install, services

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CI = os.environ.get("CI", "").lower() in ("1", "true")
WORKERS = str(max(2, min(4, os.cpu_count() or 2)))


@dataclass(frozen=True)
class Stage:
    """One command; `needs` is the HUIYIN_TEST_* variable without which it is skipped, `starts` a service that stands
    beside this stage alone."""

    name: str
    command: Sequence[str]
    needs: str = ""
    env: dict[str, str] = field(default_factory=dict)
    starts: str = ""


def pytest(
    name: str, place: str, *options: str, parallel: bool = True, needs: str = "", starts: str = "", **env: str
) -> Stage:
    """A stage of pytest over one folder, in random order."""
    command = [sys.executable, "-m", "pytest", place, "-q", "-p", "tests.no_skips", "--durations=5", *options]
    return Stage(name, [*command, "-n", WORKERS] if parallel else command, needs, env, starts)


CHECKS = [
    Stage("ruff", [str(BIN / "ruff"), "check", "--quiet", "."]),
    Stage("mypy", [str(BIN / "mypy"), "--no-error-summary"]),
    Stage("floors", [str(BIN / "lint-imports"), "--no-logo"]),
]
QUICK = [
    pytest("unit tests", "tests/unit"),
    pytest("tests on SQLite", "tests", "--ignore=tests/unit", "--ignore=tests/processes", "--ignore=tests/browser",
           "--ignore=tests/channels_live"),
]
FULL = [
    pytest(
        "service tests on PostgreSQL", "tests/service", needs="HUIYIN_TEST_POSTGRES_URL", HUIYIN_TEST_DATABASE="postgresql"
    ),
    pytest(
        "search on OpenSearch", "tests/contracts", "-k", "opensearch", needs="HUIYIN_TEST_OPENSEARCH_URL", starts="opensearch"
    ),
    pytest("mail on a real server", "tests/channels_live", parallel=False, needs="HUIYIN_TEST_IMAP"),
    pytest("processes", "tests/processes", parallel=False),
    pytest("browser", "tests/browser", "--dist", "loadfile", needs="HUIYIN_TEST_CHROMIUM"),  # a house and a browser for each
]


def run(stage: Stage, found: dict[str, str]) -> str:
    """Run one stage; returns passed, failed or skipped."""
    print(f"\n== {stage.name}", flush=True)
    if stage.starts:
        try:
            with services([stage.starts]) as started:
                return _run(stage, found | started)
        except NotObtained as problem:
            print(f"skipped: {stage.starts} cannot be had here: {problem}", flush=True)
            return "skipped"
    return _run(stage, found)


def _run(stage: Stage, found: dict[str, str]) -> str:
    if stage.needs and stage.needs not in found:
        print(f"skipped: {stage.needs} is not set and what it stands for is not on this machine", flush=True)
        return "failed" if CI else "skipped"
    status = subprocess.run(stage.command, cwd=ROOT, env={**os.environ, **found, **stage.env}, check=False).returncode
    return "passed" if status == 0 else "failed"


def run_all(stages: Sequence[Stage], found: dict[str, str]) -> int:
    """Run the stages in order and print what became of each."""
    results = []
    for stage in stages:
        started = time.monotonic()
        results.append((stage.name, run(stage, found), time.monotonic() - started))
    print("\n== summary")
    for name, result, seconds in results:
        print(f"{result:8} {seconds:6.1f} s  {name}")
    print(f"{'':8} {sum(r[2] for r in results):6.1f} s  together", flush=True)
    return int(any(result == "failed" for _, result, _ in results))


def main() -> int:
    """`--check` the checks alone, `--quick` also what needs no server, nothing: everything."""
    # Compiled files of Python are kept, whatever this terminal thinks of it: without them each of some hundred processes
    # reads the house's source anew, and each hand of pytest rewrites all tests again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    only = sys.argv[1:]
    if only == ["--check"]:
        return run_all(CHECKS, {})
    if only == ["--quick"]:
        return run_all([*CHECKS, *QUICK], {})
    if only:
        print("use: run_tests.py [--check | --quick]", file=sys.stderr)
        return 2
    # One visit to Debian's packages for all of them.
    install([*STANDING, "opensearch"])
    with services(STANDING) as found:
        for name, value in found.items():
            print(f"{name}={value}", flush=True)
        return run_all([*CHECKS, *QUICK, *FULL], found)


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
