"""Requests that nobody sends by mistake: without the form's secret, with bytes that are no text, far too much of everything."""

from collections.abc import Callable

import pytest

from app.core.people import User
from tests.conftest import FreshClient
from tests.web.knowledge_house import House

MakeUser = Callable[..., User]
EVIL = ("\x00", "\ud800", "\u202e", "²", "9" * 30, "%", "x" * 5000, "0_99999999999999999", '"><script>alert(1)</script>')


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("path", ["/search", "/search/complete", "/community", "/community/ask", "/ask", "/products/HK-V20"])
def test_no_word_of_a_stranger_breaks_a_page(client: FreshClient, house: House, path: str, evil: str) -> None:
    given = {name: evil.encode("utf-8", "surrogatepass") for name in ("q", "product", "category", "level", "from", "show", "before", "title", "s")}
    answer = client.get(path, query_string=given)
    assert answer.status_code in (200, 302, 303, 404, 414), answer.status_code
    assert "<script>alert(1)" not in answer.text
