"""Fixtures that the tests of services share."""

from tests.service.answering_line import line, password, shelf

__all__ = ["line", "password", "shelf"]
