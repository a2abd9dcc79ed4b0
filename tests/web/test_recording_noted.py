"""Whoever hears a recording is noted, in whatever parts they ask for it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.core.audit import AuditRow
from app.core.clock import frozen, now
from app.core.db import session
from app.core.people import User
from tests.conftest import FreshClient
from tests.web.test_hooks_calls import SOUND, account, recorded

__all__ = ["account"]


@pytest.mark.parametrize("first", ["bytes=0-999999", "bytes=1-", "bytes=-40"])
def test_a_part_that_is_not_the_plain_beginning_is_noted_too(
    client: FreshClient, account: int, make_user: Callable[..., User], tmp_path: Path, first: str
) -> None:
    client.log_in(make_user("leader"))
    (tmp_path / "a.wav").write_bytes(SOUND)
    number = recorded("a.wav", recording_folder=str(tmp_path))
    for part in (first, "bytes=10-19", "bytes=20-"):
        assert client.get(f"/desk/calls/{number}/recording", headers={"Range": part}).status_code == 206
    noted = select(AuditRow).where(AuditRow.action == "call.listened")
    session().rollback()
    assert len(session().scalars(noted).all()) == 1
    with frozen(now() + timedelta(hours=5)):
        client.get(f"/desk/calls/{number}/recording", headers={"Range": "bytes=10-19"})
    session().rollback()
    assert len(session().scalars(noted).all()) == 2
