"""The API as a caller sees it: `call = api("agent")` speaks with a fresh token of a user of that role."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.core.db import session
from app.core.directory import contacts, devices, organisations, products, sites
from app.core.people import Organisation, User
from app.core.permissions import SYSTEM
from app.core.tokens import create_token
from app.core.uow import unit_of_work


class Caller:
    """Sends JSON with a bearer token and checks that every error has the one shape."""

    def __init__(self, flask: Flask, user: User | None, token: str = "") -> None:
        self.flask, self.user, self.token = flask, user, token
        self.user_id = user.id if user is not None else 0

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        path = path if path.startswith("/api") or path == "/openapi.json" else f"/api/v1/{path}"
        # a request has an app context of its own, as under a real server
        client = self.flask.test_client(use_cookies=False)
        answer = client.open(path, method=method, data=data, headers=sent, buffered=True)  # files are closed at once
        if answer.status_code >= 400:
            assert_error_shape(answer)
        return answer

    def get(self, path: str, **headers: str) -> TestResponse:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        return self("DELETE", path, **headers)


def assert_error_shape(answer: TestResponse) -> None:
    assert answer.mimetype == "application/json", answer.get_data(as_text=True)[:300]
    body = answer.get_json()
    assert set(body) == {"code", "message", "errors"}, body
    assert body["code"] and body["code"] == body["code"].lower().replace(" ", "_")
    assert isinstance(body["message"], str) and body["message"]
    assert isinstance(body["errors"], dict)
    for reasons in body["errors"].values():
        assert isinstance(reasons, list) and all(isinstance(reason, str) and reason for reason in reasons)


@pytest.fixture
def api(app: Flask, make_user: Callable[..., User]) -> Callable[..., Caller]:
    def make(
        role: str = "administrator", organisation: Organisation | None = None, scopes: list[str] | None = None
    ) -> Caller:
        user = make_user(role, organisation=organisation)
        with unit_of_work():
            token = create_token(SYSTEM, user.id, "test", scopes=scopes)[1]
        return Caller(app, user, token)

    return make


@pytest.fixture
def world(app: Flask) -> dict[str, int]:
    """Ids of a small world: two clients, two suppliers with a product each, a site, devices, contacts."""
    with unit_of_work():
        lake = organisations.create_organisation(
            SYSTEM, kind="client", name="澄湖轴承", email_domains=["chenghu.example.com"]
        )
        hill = organisations.create_organisation(SYSTEM, kind="client", name="北岭水泥")
        tuolian = organisations.create_organisation(SYSTEM, kind="supplier", name="拓联通信")
        hongkong = organisations.create_organisation(SYSTEM, kind="supplier", name="宏控自动化")
        gateway = products.create_product(SYSTEM, code="TL-G300", name="4G 边缘网关", supplier_id=tuolian.id)
        drive = products.create_product(SYSTEM, code="HK-V20", name="变频器", supplier_id=hongkong.id)
        release = products.add_release(SYSTEM, drive.id, name="2.1")
        site = sites.create_site(SYSTEM, organisation_id=lake.id, name="一号厂区")
        device = devices.create_device(
            SYSTEM, organisation_id=lake.id, product_id=gateway.id, serial="G-1", site_id=site.id
        )
        other = devices.create_device(SYSTEM, organisation_id=hill.id, product_id=drive.id, serial="V-1")
        wang = contacts.create_contact(
            SYSTEM, name="王工", organisation_id=lake.id, identities=[{"kind": "phone", "value": "138 0013 8000"}]
        )
        li = contacts.create_contact(
            SYSTEM,
            name="李工",
            organisation_id=hill.id,
            identities=[{"kind": "email", "value": "li@beiling.example.com"}],
        )
        ids = {
            "lake": lake.id, "hill": hill.id, "tuolian": tuolian.id, "hongkong": hongkong.id, "gateway": gateway.id,
            "drive": drive.id, "release": release.id, "site": site.id, "device": device.id, "other": other.id,
            "wang": wang.id, "li": li.id,
        }  # fmt: skip
    return ids


@dataclass(frozen=True)
class Desk:
    """A desk at work: callers by role, and the ids of `world`. `lake` is the client, `hongkong` the drive's supplier."""

    ids: dict[str, int]
    agent: Caller
    leader: Caller
    manager: Caller
    editor: Caller
    resident: Caller
    dispatcher: Caller
    technician: Caller
    foreign: Caller
    client: Caller
    stranger: Caller
    author: Caller
    administrator: Caller

    def ticket(self, **given: Any) -> int:
        """The number of a new ticket of the client about the drive."""
        body = {
            "subject": "变频器报 E07", "text": "早上跳停两次", "kind": "fault", "impact": "machine_down",
            "product": self.ids["drive"], "contact": {"id": self.ids["wang"]}, **given,
        }  # fmt: skip
        made = self.agent.post("tickets", body)
        assert made.status_code == 201, made.get_json()
        return int(made.get_json()["number"])

    def working(self, **given: Any) -> int:
        """Likewise, in the hands of the agent."""
        number = self.ticket(**given)
        self.does(self.agent, f"tickets/{number}", "dispatch", assignee=self.agent.user_id)
        self.does(self.agent, f"tickets/{number}", "start")
        return number

    def order(self, number: int | None = None) -> int:
        """The number of a new service order of the drive's supplier."""
        made = self.agent.post(f"tickets/{number or self.working()}/orders", {"reason": "检查风扇"})
        assert made.status_code == 201, made.get_json()
        return int(made.get_json()["number"])

    def does(self, who: Caller, item: str, step: str, **body: Any) -> dict[str, Any]:
        """Take a step that must succeed."""
        answer = who.post(f"{item}/steps/{step}", body)
        assert answer.status_code == 200, (step, answer.get_json())
        found: dict[str, Any] = answer.get_json()
        return found


@pytest.fixture
def desk(api: Callable[..., Caller], world: dict[str, int]) -> Desk:
    def of(name: str) -> Organisation:
        return session().get_one(Organisation, world[name])

    with unit_of_work() as s:
        s.add(Organisation(kind="platform", name="平台"))
    found = Desk(
        ids=world, agent=api("agent"), leader=api("leader"), manager=api("manager"), editor=api("editor"),
        resident=api("resident", of("hongkong")), dispatcher=api("dispatcher", of("hongkong")),
        technician=api("technician", of("hongkong")), foreign=api("dispatcher", of("tuolian")),
        client=api("client", of("lake")), stranger=api("client", of("hill")), author=api("author", of("hongkong")),
        administrator=api("administrator"),
    )  # fmt: skip
    with unit_of_work():
        of("lake").manager_id = found.manager.user_id
    return found
