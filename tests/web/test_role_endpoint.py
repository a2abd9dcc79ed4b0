"""THE TABLE: who gets through which door. Every endpoint stands here, and every role really knocks on it.

A new endpoint that is not listed fails the first test; a changed role or permission fails the second.
"""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app import viewer
from app.core import tokens
from app.core.people import User
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from tests.conftest import FreshClient
from tests.web.door_roles import EVERYBODY
from tests.web.doors import TABLE

MISSING = "2000000000"
"""No row has this id: a role that gets through finds nothing to break."""


def address(rule: Rule) -> str:
    return re.sub(r"<(?:(\w+)[^:>]*:)?\w+>", lambda m: MISSING if m[1] == "int" else "no-such", rule.rule)


def test_every_endpoint_is_in_the_table(app: Flask) -> None:
    there = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert not there - TABLE.keys(), f"say in TABLE who may: {sorted(there - TABLE.keys())}"
    assert not TABLE.keys() - there, f"no longer there: {sorted(TABLE.keys() - there)}"


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_each_door_as_each_role(app: Flask, client: FreshClient, make_user: Callable[..., User], role: str) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False  # a crash is one more wrong answer here
    user = make_user(role) if role != "nobody" else None
    bearer = {}
    if user is not None:
        with unit_of_work():
            bearer = {"Authorization": f"Bearer {tokens.create_token(SYSTEM, user.id)[1]}"}
        client.log_in(user)
    wrong: list[str] = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in TABLE:
            continue  # the test above says so
        api = rule.rule.startswith("/api/")
        for method in viewer.methods_of(rule):
            answer = client.open(address(rule), method=method, headers=bearer if api else {})
            if user is not None and rule.endpoint.startswith("auth."):
                client.log_in(user)  # it may have ended
            allowed = role in TABLE[rule.endpoint]
            asked_to_log_in = answer.status_code == 303 and answer.location.startswith("/login?")
            if allowed and TABLE[rule.endpoint] == EVERYBODY:
                as_wanted = answer.status_code != 403 and not asked_to_log_in
            elif allowed:
                as_wanted = answer.status_code not in (401, 403) and not asked_to_log_in
            elif user is not None:
                as_wanted = answer.status_code == 403
            else:
                as_wanted = answer.status_code == 401 if api else asked_to_log_in
            if not as_wanted or (answer.status_code >= 500 and rule.endpoint != "health.readyz"):
                wrong.append(
                    f"{method} {rule.rule}: {answer.status_code}, {'allowed' if allowed else 'refused'} in TABLE"
                )
    assert not wrong, "\n".join(wrong)
