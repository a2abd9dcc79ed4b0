"""With CI=true a skipped test is a failure: a run that left something out must not look green.

A reason that begins with "optional:" stays a skip (the corpora, which only some machines have).
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

CI = os.environ.get("CI", "").lower() in ("1", "true")


def _refuse(report: Any) -> None:
    if not CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith("optional:"):
        report.outcome = "failed"
        report.longrepr = f"{reason} (with CI=true nothing may be skipped)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    _refuse(report)
    return report
