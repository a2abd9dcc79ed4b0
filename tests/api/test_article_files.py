"""Pictures and attachments of articles through the API: who lists, fetches and adds them."""

import hashlib
import io

import pytest
from PIL import Image

from app.core.db import session
from app.core.errors import NotFound
from app.core.files import get_bytes
from app.core.people import Organisation
from tests.api.conftest import Caller
from tests.web.knowledge_house import build

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.fixture
def library(app, api):
    """An article that everybody reads, one that two companies may not, and callers by role."""
    house = build(app)

    def of(company):
        return session().get_one(Organisation, company.id)

    callers = {
        "agent": api("agent"), "editor": api("editor"), "client": api("client", of(house.client)),
        "stranger": api("client", of(house.stranger)), "author": api("author", of(house.supplier)), "nobody": Caller(app, None),
    }  # fmt: skip
    return callers, house.articles


def send(call, article, content=b"%PDF-1.7 x", name="manual.pdf", mime="application/pdf", **headers):
    body = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\nContent-Type: %s\r\n\r\n%s\r\n--cut--\r\n'
    sent = body % (name.encode(), mime.encode(), content)
    return call.post(f"articles/{article}/files", sent, Content_Type="multipart/form-data; boundary=cut", **headers)


def names(call, article):
    return [(row["name"], row["listed"]) for row in call.get(f"articles/{article}/files").get_json()["items"]]


def test_a_file_is_read_once_a_published_text_has_it(library):
    callers, articles = library
    editor, client, hot = callers["editor"], callers["client"], articles["hot"]
    made = send(editor, hot)
    assert made.status_code == 201
    manual, picture = made.get_json(), send(editor, hot, PNG, "panel.png", "image/png").get_json()
    assert set(manual) == {"id", "name", "type", "size", "picture", "listed", "address", "created_at"}
    assert (manual["picture"], picture["picture"], picture["type"], picture["size"]) == (False, True, "image/png", len(PNG))
    assert made.headers["Location"] == f"/api/v1/articles/{hot}/files/{manual['id']}"
    assert names(editor, hot) == [("manual.pdf", False), ("panel.png", False)] and names(client, hot) == []
    assert client.get(f"articles/{hot}/files/{manual['id']}").status_code == 404

    text = editor.get(f"articles/{hot}").get_json()
    drafted = editor.patch(f"articles/{hot}", {"files": [manual["id"]], "body": f"{text['body']}\n\n![]({picture['address']})"}).get_json()
    assert drafted["draft"]["files"] == [manual["id"]] and drafted["files"] == []
    assert names(editor, hot) == [("manual.pdf", True), ("panel.png", False)] and names(client, hot) == []
    assert editor.post(f"articles/{hot}/steps/publish", {}).status_code == 200
    assert names(client, hot) == [("manual.pdf", True), ("panel.png", False)]
    assert [row["id"] for row in client.get(f"articles/{hot}").get_json()["files"]] == [manual["id"]]
    for number, content in ((manual["id"], b"%PDF-1.7 x"), (picture["id"], PNG)):
        got = client.get(f"articles/{hot}/files/{number}")
        assert got.status_code == 200 and got.data == content and got.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in got.headers["Content-Security-Policy"]
    # listing only the text anew keeps what is listed; an empty list takes it away
    assert editor.patch(f"articles/{hot}", {"body": "别的"}).get_json()["draft"]["files"] == [manual["id"]]
    assert editor.patch(f"articles/{hot}", {"files": []}).get_json()["draft"]["files"] == []


def test_of_a_picture_only_what_shows_it_reaches_the_disk(library):
    callers, articles = library
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = "SECRET-MAKER"
    Image.new("RGB", (8, 6), (200, 30, 30)).save(out, "JPEG", exif=exif)
    made = send(callers["editor"], articles["hot"], out.getvalue(), "IMG_1.jpg", "image/jpeg")
    assert made.status_code == 201 and b"SECRET" in out.getvalue()
    with pytest.raises(NotFound):
        get_bytes(hashlib.sha256(out.getvalue()).hexdigest())


def test_the_gatekeeper_of_the_article_stands_before_its_files(library):
    callers, articles = library
    editor, own, hot = callers["editor"], articles["own"], articles["hot"]
    number = send(editor, own).get_json()["id"]
    editor.patch(f"articles/{own}", {"files": [number]})
    editor.post(f"articles/{own}/steps/publish", {})
    for role, status in (("client", 200), ("agent", 200), ("editor", 200), ("stranger", 404), ("author", 404)):
        assert callers[role].get(f"articles/{own}/files").status_code == status, role
        assert callers[role].get(f"articles/{own}/files/{number}").status_code == status, role
    assert callers["client"].get(f"articles/{hot}/files/{number}").status_code == 404, "another article's number"
    for role, status in (("client", 403), ("agent", 403), ("author", 404), ("nobody", 401)):
        assert send(callers[role], own).status_code == status, role
    assert names(editor, own) == [("manual.pdf", True)]
    assert editor.patch(f"articles/{hot}", {"files": [number]}).status_code == 422, "another article's file"
    for path in (f"articles/{own}/files/0", f"articles/{own}/files/2147483647", "articles/99999/files"):
        assert editor.get(path).status_code == 404, path


def test_what_is_no_file_is_refused(library, app):
    callers, articles = library
    editor, hot = callers["editor"], articles["hot"]
    assert editor.post(f"articles/{hot}/files", {"file": "x"}).status_code == 415
    for given in ({"content": b""}, {"content": b"<svg/>", "name": "x.svg", "mime": "image/svg+xml"}, {"content": b"MZ", "name": "x.exe"}):
        assert list(send(editor, hot, **given).get_json()["errors"]) == ["file"], given
    assert send(editor, hot, PNG, "a\u202egnp.exe", "text/html").get_json()["type"] == "image/png", "its bytes decide"
    assert send(editor, hot, b"x" * (app.config["MAX_CONTENT_LENGTH"] + 10)).status_code == 413
    twice = [send(editor, hot, b"%PDF-1.7 y", Idempotency_Key="one").get_json()["id"] for _ in range(2)]
    assert twice[0] == twice[1]
    first = editor.get(f"articles/{hot}/files?limit=1").get_json()
    assert len(first["items"]) == 1 and first["next"]
    assert len(editor.get(f"articles/{hot}/files?limit=1&cursor={first['next']}").get_json()["items"]) == 1
