"""The dry run of a long table moves where people see it, and keeps the lease of its worker."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core import clock
from app.core.clock import now
from app.core.db import session
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.kb.imports import work_once
from knowledge.intake import jobs, leases
from knowledge.intake.jobs import begin
from knowledge.intake_models import ImportJob

from .conftest import Market

ROWS = "问题,答案\n" + "".join(f"第 {n} 问怎么办,做第 {n} 步。\n" for n in range(60))


def test_a_long_table_moves_and_stays_its_workers(market: Market, actor: Callable[..., Actor], monkeypatch: pytest.MonkeyPatch) -> None:
    editor = actor("editor")
    with unit_of_work():
        job_id = begin(editor, [("qa.csv", ROWS.encode())]).id
    seen: list[tuple[int, int, bool]] = []
    real = jobs.plans

    def slowly(*given: Any) -> list[dict[str, Any]]:
        session().expire_all()
        job = session().get_one(ImportJob, job_id)
        assert job.leased_until is not None
        seen.append((job.done, job.total, job.leased_until > now()))
        session().rollback()
        found = real(*given)
        clock.advance(leases.LEASE * 0.7)
        return found

    monkeypatch.setattr(jobs, "plans", slowly)
    monkeypatch.setattr(jobs, "PLAN_AT_ONCE", 25)
    with clock.frozen(now()):
        assert work_once()
    assert seen == [(0, 0, True), (25, 60, True), (50, 60, True)]
    session().expire_all()
    job = session().get_one(ImportJob, job_id)
    assert (job.state, job.done, job.total) == ("planned", 0, 60)
