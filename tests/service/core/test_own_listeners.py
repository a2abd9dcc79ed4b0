"""A test's commits are heard by its own application alone: those of the tests before would make each test slower than the last."""

import pytest
from flask import Flask

from app.core import uow


@pytest.mark.parametrize("time", ["first", "second"])
def test_no_application_of_a_test_before_hears_of_a_commit(app: Flask, time: str) -> None:
    assert uow._listeners == [app.extensions["poker"].poke]
