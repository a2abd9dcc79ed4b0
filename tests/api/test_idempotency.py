"""A POST that is sent again under its key does nothing again and says the same."""

import threading
from datetime import timedelta

from sqlalchemy import func, select

from app.core import clock
from app.core.db import session
from app.core.idempotency import IdempotencyKey, forget_old_keys
from app.core.people import Contact
from app.core.uow import unit_of_work

NEW = {"name": "钱工", "identities": [{"kind": "email", "value": "qian@example.org"}]}


def count(what) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(what)) or 0


def test_the_first_answer_comes_again(api):
    call = api("agent")
    first = call.post("contacts", NEW, Idempotency_Key="k-1")
    again = call.post("contacts", NEW, Idempotency_Key="k-1")
    assert first.status_code == again.status_code == 201
    assert first.get_data() == again.get_data()
    assert {again.headers[name] == first.headers[name] for name in ("ETag", "Location")} == {True}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count(Contact) == 1


def test_another_body_or_address_under_the_key_is_refused(api):
    call = api("agent")
    call.post("contacts", NEW, Idempotency_Key="k-1")
    other = call.post("contacts", {"name": "孙工"}, Idempotency_Key="k-1")
    assert other.status_code == 409 and other.get_json()["code"] == "conflict"
    assert call.post("devices", NEW, Idempotency_Key="k-1").status_code in (409, 422)
    assert count(Contact) == 1


def test_keys_belong_to_their_user(api):
    api("agent").post("contacts", {"name": "甲"}, Idempotency_Key="k-1")
    assert api("agent").post("contacts", {"name": "乙"}, Idempotency_Key="k-1").status_code == 201


def test_a_refusal_is_not_remembered(api, world):
    call = api("agent")
    new = {"organisation": world["lake"], "product": world["drive"], "serial": "V-5", "site": 999}
    assert call.post("devices", new, Idempotency_Key="k-1").status_code == 422
    assert call.post("devices", {**new, "site": None}, Idempotency_Key="k-1").status_code == 201


def test_bad_keys_are_named(api):
    for key in ("", "a b", "x" * 201, "schl\xfcssel"):
        answer = api("agent").post("contacts", NEW, Idempotency_Key=key)
        assert answer.status_code == 422 and list(answer.get_json()["errors"]) == ["Idempotency-Key"]


def test_after_a_day_the_key_is_free(api):
    call = api("agent")
    call.post("contacts", {"name": "甲"}, Idempotency_Key="k-1")
    with clock.frozen(clock.now() + timedelta(hours=25)):
        assert call.post("contacts", {"name": "乙"}, Idempotency_Key="k-1").status_code == 201
        assert count(IdempotencyKey) == 1
    with clock.frozen(clock.now() + timedelta(hours=60)), unit_of_work():
        assert forget_old_keys() == 1


def test_ten_at_once_make_one(api, app):
    call = api("agent")
    answers, start = [], threading.Barrier(10)

    def send() -> None:
        with app.app_context():
            start.wait()
            answers.append(call.post("contacts", NEW, Idempotency_Key="race"))

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.status_code for a in answers] == [201] * 10
    assert len({a.get_data() for a in answers}) == 1
    assert count(Contact) == 1
