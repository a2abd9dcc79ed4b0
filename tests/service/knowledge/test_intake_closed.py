"""Nothing of an archive is left out in silence: what is not read has a line in the report, or hangs on an article."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.commands.knowledge import knowledge
from app.core.db import session
from app.core.permissions import Actor
from knowledge.files import listed
from knowledge.intake.jobs import counts
from knowledge.intake_models import ImportItem
from knowledge.models import Article
from tests.unit.knowledge.intake_files import zipped

from .conftest import Market
from .test_intake_jobs import results, run

INNER = zipped({"c.md": b"# C\n\ntext"})
ARCHIVE = zipped({
    "a.md": "---\nattachments: [paper.zip]\n---\n# A\n\n正文".encode(),
    "paper.zip": INNER, "inner.zip": INNER, "old.doc": b"\xd0\xcf\x11\xe0", "odd.yml": b"x: 1", "__MACOSX/._a.md": b"x", "sub/pic.png": b"x",
})  # fmt: skip


def test_an_archive_says_what_it_left_closed(market: Market, actor: Callable[..., Actor]) -> None:
    job = run(actor("editor"), {"all.zip": ARCHIVE}, publish=False)
    assert results(job) == {"A": "imported", "inner.zip": "failed", "old.doc": "failed", "odd.yml": "failed"}
    said = {item.title: item.reason for item in session().scalars(select(ImportItem).where(ImportItem.plan == "failed"))}
    assert "压缩包" in said["inner.zip"] and ".doc" in said["old.doc"]
    assert counts(job)["failed"] == 3
    draft = session().scalars(select(Article)).one().draft
    assert len(listed(draft)) == 1, "what a text attaches comes along, closed as it is"


def test_the_command_says_it_too(market: Market, runner: Any, tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(ARCHIVE)
    done = runner.invoke(knowledge, ["import", str(tmp_path / "all.zip"), "--dry-run", "--json"])
    report = json.loads(done.stdout)
    assert [item["file"].rpartition(":")[2] for item in report["failed"]] == ["inner.zip", "old.doc"]
