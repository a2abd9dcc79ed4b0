"""What tests of pages share: a small house with articles, and browsers in which somebody is logged in."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.core.people import User
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, build


@pytest.fixture
def house(app: Flask) -> House:
    """Two suppliers, two clients, two products and six articles, indexed."""
    return build(app)


@pytest.fixture
def editor(client: FreshClient, house: House, make_user: Callable[..., User]) -> FreshClient:
    """The test's browser, with an editor logged in."""
    return client.log_in(house.user(make_user, "editor"))


@pytest.fixture
def someone(app: Flask, house: House, make_user: Callable[..., User]) -> Callable[[str], FreshClient]:
    """someone("author") is a browser of its own in which somebody of this role is logged in; author and resident are people
    of the drive's supplier."""

    def make(role: str) -> FreshClient:
        browser = app.test_client()
        assert isinstance(browser, FreshClient)
        return browser.log_in(house.user(make_user, role))

    return make
