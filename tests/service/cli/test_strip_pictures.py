"""`flask knowledge strip-pictures`: pictures that were stored with where and by whom they were taken lose it, and nothing else
is lost."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from app.config import Settings
from app.core import files as storage
from app.core.db import session
from app.core.errors import NotFound
from app.core.files import StoredFile, get_bytes, put_bytes, store_file
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb import stripping
from channels.accounts import add_account
from channels.models import RawPayload
from knowledge import files
from knowledge.editing_models import ArticleFile
from knowledge.models import Article
from knowledge.service import Content, Properties, draft_article

GPS, TURN = 0x8825, 0x0112
Run = Callable[..., dict[str, int]]


def photo(color: int = 200) -> bytes:
    """A photo as a telephone writes it: with the place, and to be turned."""
    out, exif = io.BytesIO(), Image.Exif()
    exif[TURN], exif[0x010F] = 6, "SECRET-MAKER"
    exif.get_ifd(GPS).update({1: "N", 2: (31.0, 14.0, 7.5), 3: "E", 4: (121.0, 29.0, 9.5)})
    Image.new("RGB", (8, 6), (color, 30, 30)).save(out, "JPEG", exif=exif, comment=b"SECRET-PLACE")
    return out.getvalue()


def place(content: bytes) -> dict[int, Any]:
    with Image.open(io.BytesIO(content)) as found:
        return dict(found.getexif().get_ifd(GPS))


@pytest.fixture
def article(app: Any) -> Article:
    with unit_of_work():
        return draft_article(SYSTEM, Content("换滤棉", "正文", ()), Properties(), "filter")


@pytest.fixture
def run(runner: Any) -> Run:
    def strip(*words: str) -> dict[str, int]:
        session().rollback()
        done = runner.invoke(args=["knowledge", "strip-pictures", "--json", *words])
        assert done.exit_code == 0, done.output
        session().rollback()
        found: dict[str, int] = json.loads(done.stdout)
        return found

    return strip


def stored(article: Article, content: bytes, age: int = 7200) -> ArticleFile:
    """A picture as an earlier release kept it, so many seconds ago."""
    digest = put_bytes(content)
    os.utime(storage._path(digest), (storage._path(digest).stat().st_mtime - age,) * 2)
    with unit_of_work():
        row = files.add_file(SYSTEM, photo(1), "IMG_1.jpg", "image/jpeg", article=article)
        row.file.sha256, row.file.size = digest, len(content)
    return row


def gone(digest: str) -> bool:
    try:
        get_bytes(digest)
    except NotFound:
        return True
    return False


def test_what_was_stored_before_loses_its_place_and_keeps_its_address(article: Article, run: Run) -> None:
    before = photo()
    assert place(before)[2] == (31.0, 14.0, 7.5)
    row, twin = stored(article, before), stored(article, before)
    digest, address = row.file.sha256, files.address_of(row)
    assert run("--dry-run") == {"seen": 2, "stripped": 2, "clean": 0, "missing": 0, "removed": 0, "kept": 0}
    assert get_bytes(row.file.sha256) == before, "a dry run changes nothing"

    assert run() == {"seen": 2, "stripped": 2, "clean": 0, "missing": 0, "removed": 1, "kept": 0}
    row, twin = session().get_one(ArticleFile, row.id), session().get_one(ArticleFile, twin.id)
    kept = get_bytes(row.file.sha256)
    assert place(kept) == {} and b"SECRET" not in kept and row.file.size == len(kept)
    with Image.open(io.BytesIO(kept)) as found:
        assert dict(found.getexif()) == {TURN: 6} and found.size == (8, 6)
    assert files.address_of(row) == address and twin.file.sha256 == row.file.sha256 != digest
    assert gone(digest), "the place is no longer on the disk either"
    assert run() == {"seen": 2, "stripped": 0, "clean": 2, "missing": 0, "removed": 0, "kept": 0}


def test_bytes_that_something_else_names_stay_until_it_is_gone(article: Article, run: Run) -> None:
    row = stored(article, photo())
    digest = row.file.sha256
    with unit_of_work():
        sent = store_file(photo(), "IMG_1.jpg", "image/jpeg", owner="message", owner_id=7)
    os.utime(storage._path(digest), (1, 1))
    assert run() == {"seen": 1, "stripped": 1, "clean": 0, "missing": 0, "removed": 0, "kept": 1}
    assert get_bytes(session().get_one(StoredFile, sent.id).sha256) == photo(), "what a customer sent stays as it came"
    with unit_of_work() as s:
        s.delete(s.get_one(StoredFile, sent.id))
    assert run() == {"seen": 1, "stripped": 0, "clean": 1, "missing": 0, "removed": 1, "kept": 0} and gone(digest)


def test_bytes_that_a_payload_still_to_be_read_names_stay(article: Article, run: Run) -> None:
    row = stored(article, photo())
    digest = row.file.sha256
    with unit_of_work() as s:
        account = add_account(SYSTEM, "email", "support", {"address": "desk@hengchuan.example"})
        told = json.dumps({"files": [{"sha256": digest, "name": "a.jpg"}]}).encode()
        s.add(RawPayload(account_id=account.id, dedup_key="1", sha256=put_bytes(told), size=len(told), state="failed"))
    assert run()["kept"] == 1 and not gone(digest)
    with unit_of_work() as s:
        s.scalars(select(RawPayload)).one().state = "parsed"
    assert run()["removed"] == 1 and gone(digest)


def test_bytes_handed_in_just_now_stay_for_their_row(article: Article, run: Run) -> None:
    row = stored(article, photo())
    digest = row.file.sha256
    put_bytes(photo())  # somebody uploads the same picture: their row comes next
    assert run() == {"seen": 1, "stripped": 1, "clean": 0, "missing": 0, "removed": 0, "kept": 1} and not gone(digest)
    os.utime(storage._path(digest), (1, 1))
    path = storage._path(digest)
    path.rename(path.parent / f".{digest}.gone")  # a run was killed while it dropped them
    assert run()["removed"] == 1 and gone(digest) and list(path.parent.iterdir()) == []


def test_a_run_that_is_killed_is_finished_by_the_next(article: Article, run: Run, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    rows = [stored(article, photo(color)) for color in (10, 20, 30)]
    digests, number = [row.file.sha256 for row in rows], 0
    strip = stripping.strip_picture

    def killed(*given: Any) -> bool:
        nonlocal number
        number += 1
        if number == 2:
            raise SystemExit("kill -9")
        return strip(*given)

    monkeypatch.setattr(stripping, "strip_picture", killed)
    folder = Path(settings.data_dir) / "files"
    session().rollback()
    with pytest.raises(SystemExit):
        stripping.strip_pictures(folder)
    session().rollback()
    assert [place(get_bytes(session().get_one(ArticleFile, row.id).file.sha256)) == {} for row in rows] == [True, False, False]
    assert run() == {"seen": 3, "stripped": 2, "clean": 1, "missing": 0, "removed": 3, "kept": 0}
    assert all(gone(one) for one in digests) and not (folder / ".stripped").exists()


def test_what_is_lost_or_broken_stops_nothing(article: Article, run: Run) -> None:
    lost, broken, fine = stored(article, photo(10)), stored(article, photo(20)[:60]), stored(article, photo(30))
    storage._path(lost.file.sha256).unlink()
    assert run() == {"seen": 3, "stripped": 1, "clean": 1, "missing": 1, "removed": 1, "kept": 0}
    assert place(get_bytes(session().get_one(ArticleFile, fine.id).file.sha256)) == {}
    assert get_bytes(session().get_one(ArticleFile, broken.id).file.sha256) == photo(20)[:60]
