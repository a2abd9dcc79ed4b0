"""The mobile-app API: the app's own server vouches, the conversation is the desk's, nothing is lost or doubled."""

import hashlib
import hmac
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask, request
from sqlalchemy import func, select
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from app.core import clock
from app.core.db import session
from app.core.events import DONE, DUE, OutboxRow
from app.core.people import Contact, Identity
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.accounts import add_account, set_account, set_active
from channels.app_models import PushToken
from channels.models import Conversation, Message
from channels.sending import queue_message
from tests.api.conftest import assert_error_shape
from workflows.models import Ticket

SECRET = "s" * 40
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


class Phone:
    """An app on one person's phone."""

    def __init__(self, flask: Flask, slug: str = "app", secret: str = SECRET, **claims: Any) -> None:
        self.flask, self.slug = flask, slug
        self.token = jwt.encode({"sub": "u1", "exp": time.time() + 600, **claims}, secret, "HS256")

    def __call__(self, method: str, path: str, body: Any = None, *, form: Any = None, **headers: str) -> TestResponse:
        sent = {"Authorization": f"Bearer {self.token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        given: dict[str, Any] = {"json": body} if body is not None else {"data": form} if form is not None else {}
        client = self.flask.test_client(use_cookies=False)
        answer = client.open(f"/api/v1/app/{self.slug}{path}", method=method, headers=sent, buffered=True, **given)
        if answer.status_code >= 400:
            assert_error_shape(answer)
        return answer

    def say(self, text: str = "屏黑了", number: str = "m1", **more: Any) -> TestResponse:
        return self("POST", "/messages", {"text": text, "client_msg_id": number, **more})

    def read(self, cursor: str = "", limit: int = 50) -> dict[str, Any]:
        found: dict[str, Any] = self("GET", f"/messages?limit={limit}&cursor={cursor}").get_json()
        return found


@pytest.fixture
def phone(app: Flask) -> Phone:
    with unit_of_work():
        add_account(SYSTEM, "app", "app", {"jwt_secret": SECRET})
    return Phone(app, name="王工")


def answer(text: str = "请停机断电。", **given: Any) -> int:
    with unit_of_work() as s:
        return queue_message(SYSTEM, s.scalars(select(Conversation)).one(), text, **given).id


def count(model: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model)) or 0


def test_a_word_opens_a_ticket_and_the_answer_is_read(phone: Phone, drain: Callable[[], int]) -> None:
    made = phone.say()
    assert made.status_code == 201 and made.get_json()["author"] == {"type": "user", "name": ""}
    assert (made.get_json()["client_msg_id"], made.get_json()["text"]) == ("m1", "屏黑了")
    drain()
    assert session().scalars(select(Ticket)).one().channel == "app"
    assert session().scalars(select(Contact)).one().name == "王工"
    assert session().scalars(select(Identity)).one().verified
    page = phone.read()
    number = answer()
    later = phone.read(page["latest"])
    assert [m["id"] for m in later["items"]] == [number] and later["items"][0]["author"]["type"] == "system"
    assert (later["next"], later["unread"]) == (None, 1)
    assert phone("GET", "").get_json()["unread"] == 1
    assert phone("POST", "/seen", {"last_id": number}).get_json() == {"unread": 0}
    assert session().get_one(Message, number).seen_at is not None
    assert phone.read(later["latest"])["items"] == []


def test_sent_twice_it_is_there_once(phone: Phone) -> None:
    first, again = phone.say(), phone.say()
    assert (first.status_code, again.status_code) == (201, 201) and first.get_json()["id"] == again.get_json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first.headers
    other = phone.say("另一句")
    assert (other.status_code, other.get_json()["code"]) == (409, "conflict")
    keyed = [phone("POST", "/messages", {"text": "三"}, Idempotency_Key="k1") for _ in range(2)]
    assert keyed[0].get_json()["id"] == keyed[1].get_json()["id"]
    assert count(Message) == 2
    assert phone("POST", "/messages", {"text": " "}).status_code == 422
    assert phone("POST", "/messages", {"text": "x" * 10_001}).status_code == 422
    assert phone("POST", "/messages", {"text": "x", "to": "y"}).status_code == 422


def test_pages_follow_each_other(phone: Phone) -> None:
    for number in range(5):
        phone.say(f"{number}", f"m{number}")
    seen, cursor = [], ""
    while True:
        page = phone.read(cursor, 2)
        seen += [m["text"] for m in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert seen == ["0", "1", "2", "3", "4"]
    assert phone("GET", "/messages?cursor=forged").status_code == 422
    assert phone("GET", "/messages?limit=0").status_code == 422


def test_an_answer_that_waited_is_not_missed(phone: Phone, drain: Callable[[], int]) -> None:
    phone.say()
    drain()
    number = answer(after=timedelta(seconds=15))
    assert len(phone.read()["items"]) == 1
    phone.say("还在吗", "m2")
    page = phone.read()
    assert [m["text"] for m in page["items"]] == ["屏黑了", "还在吗"]
    with clock.frozen(clock.now() + timedelta(seconds=20)):
        drain()
        assert [m["id"] for m in phone.read(page["latest"])["items"]] == [number]


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1_000_000_000}, {"exp": None}, {"sub": ""}, {"sub": "a b"}, {"sub": "x" * 300}],
)
def test_bad_tokens_stay_out(phone: Phone, app: Flask, claims: dict[str, Any]) -> None:
    full = {"sub": "u1", "exp": time.time() + 600, **claims}
    bad = Phone(app)
    bad.token = jwt.encode({k: v for k, v in full.items() if v is not None}, SECRET, "HS256")
    assert bad("GET", "").status_code == 401


def test_forged_tokens_stay_out(phone: Phone, app: Flask) -> None:
    assert Phone(app, secret="f" * 40)("GET", "").status_code == 401
    for token in ("", "x", "a.b.c", jwt.encode({"sub": "u1", "exp": time.time() + 600}, "", "none")):
        phone.token = token
        assert phone("GET", "").status_code == 401
    assert Phone(app, slug="nobody")("GET", "").status_code == 404
    with unit_of_work():
        set_active(SYSTEM, "app", False)
    assert Phone(app)("GET", "").status_code == 404


def test_a_changed_secret_lets_both_in_for_a_while(phone: Phone, app: Flask) -> None:
    with unit_of_work():
        set_account(SYSTEM, "app", {"jwt_secret": "n" * 40, "previous_jwt_secret": SECRET, "issuer": "acme"})
    assert phone("GET", "").status_code == 401
    assert Phone(app, iss="acme")("GET", "").status_code == 200
    assert Phone(app, secret="n" * 40, iss="acme")("GET", "").status_code == 200


def test_nobody_reads_another_persons_words(phone: Phone, app: Flask) -> None:
    phone.say()
    number = answer()
    other = Phone(app, sub="u2")
    assert other.read()["items"] == []
    assert other("POST", "/seen", {"last_id": number}).status_code == 404
    other.say("我也有事", "m1")
    assert [m["text"] for m in other.read()["items"]] == ["我也有事"]
    assert other("POST", "/seen", {"last_id": number}).status_code == 404
    assert count(Conversation) == 2


def test_whom_we_know_by_mail_is_the_same_person(phone: Phone, app: Flask) -> None:
    with unit_of_work() as s:
        known = Contact(name="王工")
        s.add(known)
        s.flush()
        s.add(Identity(kind="email", value="wang@chenghu.example", contact_id=known.id))
        s.add(Identity(kind="phone", value="+8613800138000", contact_id=None, shared=True))
        known_id = known.id
    Phone(app, email="Wang@Chenghu.example", phone="13800138000", name="大王").say()
    said = session().scalars(select(Conversation)).one()
    assert said.contact_id == known_id and session().get_one(Contact, known_id).name == "王工"
    Phone(app, sub="u3", email="not an address").say("x", "m9")
    assert count(Contact) == 2


def test_files_travel_both_ways(phone: Phone, app: Flask) -> None:
    kept = phone("POST", "/files", form={"file": (io.BytesIO(PNG), "屏幕.png")})
    assert kept.status_code == 201 and kept.get_json()["mime"] == "image/png"
    file_id = kept.get_json()["id"]
    assert phone("POST", "/files", form={"file": (io.BytesIO(b"MZ\0\0"), "x.exe")}).status_code == 422
    assert phone("POST", "/files", {"file": 1}).status_code == 415
    stranger = Phone(app, sub="u2")
    assert stranger.say("x", "m1", files=[file_id]).status_code == 422
    assert stranger("GET", f"/files/{file_id}").status_code == 404
    made = phone.say("", "m1", files=[file_id]).get_json()
    (file,) = made["files"]
    assert phone("GET", f"/files/{file['id']}").get_data() == PNG
    assert stranger("GET", f"/files/{file['id']}").status_code == 404
    assert phone.say("", "m1", files=[file_id]).get_json()["id"] == made["id"]


def test_a_request_is_rated_once_it_is_asked(phone: Phone, drain: Callable[[], int]) -> None:
    phone.say()
    drain()
    (card,) = phone("GET", "").get_json()["requests"]
    assert (card["state"], card["asks_rating"]) == ("created", False)
    early = phone("POST", "/ratings", {"request": card["number"], "solved": True, "rating": 5})
    assert early.status_code == 409
    with unit_of_work() as s:
        s.scalars(select(Ticket)).one().state = "following_up"
    assert phone("POST", "/ratings", {"request": card["number"] + 1, "solved": True}).status_code == 404
    assert phone("POST", "/ratings", {"request": card["number"], "solved": True, "rating": 6}).status_code == 422


class PushServer:
    """The company's own push server."""

    def __init__(self) -> None:
        self.status, self.gone, self.heard = 200, [], []  # type: ignore[var-annotated]
        self.app = Flask("push")
        self.app.add_url_rule("/huiyin", view_func=self.take, methods=["POST"], endpoint="take")

    def take(self) -> Any:
        self.heard.append((dict(request.headers), request.get_data()))
        return {"gone": self.gone}, self.status


@pytest.fixture
def push() -> Iterator[tuple[PushServer, str]]:
    played = PushServer()
    server = make_server("127.0.0.1", 0, played.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield played, f"http://127.0.0.1:{server.server_port}/huiyin"
    server.shutdown()
    thread.join()
    server.server_close()


def test_phones_are_told_signed_and_again_after_a_failure(
    phone: Phone, push: tuple[PushServer, str], drain: Callable[[], int]
) -> None:
    played, url = push
    with unit_of_work():
        set_account(SYSTEM, "app", {"push_url": url, "push_secret": "p" * 20})
    kept = phone("POST", "/push-tokens", {"platform": "ios", "token": "apns-1", "device": "王工的手机"})
    assert kept.status_code == 201 and "token" not in kept.get_json()
    phone("POST", "/push-tokens", {"platform": "android", "token": "fcm-1"})
    phone.say()
    drain()
    assert played.heard == []
    played.status = 503
    answer()
    drain()
    row = session().scalars(select(OutboxRow).where(OutboxRow.reaction == "push_app")).one()
    assert (len(played.heard), row.state) == (1, DUE)
    played.status, played.gone = 200, ["fcm-1"]
    with clock.frozen(row.due_at):
        drain()
    headers, body = played.heard[-1]
    told = json.loads(body)
    assert (told["user"], told["message"]["text"], told["unread"]) == ("u1", "请停机断电。", 1)
    assert told["tokens"] == [{"platform": "ios", "token": "apns-1"}, {"platform": "android", "token": "fcm-1"}]
    moment, digest = (part.partition("=")[2] for part in headers["X-Huiyin-Signature"].split(","))
    assert digest == hmac.new(b"p" * 20, f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-Huiyin-Delivery"] == told["delivery"] == json.loads(played.heard[0][1])["delivery"]
    session().expire_all()
    assert session().scalars(select(OutboxRow).where(OutboxRow.reaction == "push_app")).one().state == DONE
    assert [one.token for one in session().scalars(select(PushToken))] == ["apns-1"]


def test_what_was_seen_already_is_not_pushed_and_a_preview_can_be_kept_back(
    phone: Phone, push: tuple[PushServer, str], drain: Callable[[], int]
) -> None:
    played, url = push
    with unit_of_work():
        set_account(SYSTEM, "app", {"push_url": url, "push_preview": "no"})
    phone("POST", "/push-tokens", {"platform": "huawei", "token": "hms-1"})
    phone.say()
    drain()
    phone("POST", "/seen", {"last_id": answer()})
    drain()
    assert played.heard == []
    answer()
    drain()
    assert json.loads(played.heard[0][1])["message"]["text"] == ""


def test_a_phone_is_one_persons_at_a_time(phone: Phone, app: Flask) -> None:
    made = phone("POST", "/push-tokens", {"platform": "ios", "token": "apns-1"}).get_json()
    other = Phone(app, sub="u2")
    other("POST", "/push-tokens", {"platform": "ios", "token": "apns-1"})
    assert phone("GET", "/push-tokens").get_json()["items"] == []
    assert phone("DELETE", f"/push-tokens/{made['id']}").status_code == 404
    assert other("DELETE", f"/push-tokens/{made['id']}").status_code == 204
    assert other("GET", "/push-tokens").get_json()["items"] == []
    assert phone("POST", "/push-tokens", {"platform": "fax", "token": "x"}).status_code == 422


def test_the_documents_say_who_gets_in(app: Flask) -> None:
    client = app.test_client()
    spec = client.get("/openapi.json").get_json()
    for path, methods in spec["paths"].items():
        if path.startswith("/api/v1/app/"):
            for name, operation in methods.items():
                if name != "parameters":
                    assert operation["security"] == [{"appUser": []}] and "401" in operation["responses"], (path, name)
    assert spec["components"]["securitySchemes"]["appUser"]["bearerFormat"] == "JWT"
