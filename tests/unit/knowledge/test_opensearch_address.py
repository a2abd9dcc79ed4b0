"""Where an OpenSearch stands, and what is sent there."""

import pytest

from app.config import BadSetting, load_settings
from knowledge.index import IndexDocument
from knowledge.opensearch.address import Address
from knowledge.opensearch.storing import creation, row


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("opensearch://search", Address("search")),
        ("opensearch://search:9201/desk-2", Address("search", 9201, "desk-2")),
        ("opensearch://a%40b:p%2Fw@search/?tls=1", Address("search", tls=True, user="a@b", password="p/w")),
        ("opensearch://[::1]:9200/huiyin?tls=0", Address("::1")),
    ],
)
def test_an_address_is_read_as_the_settings_take_it(url: str, meant: Address) -> None:
    assert load_settings({"HUIYIN_SEARCH_URL": url}, dotenv=None).search_url == url
    assert Address.parse(url) == meant


def test_a_password_is_never_shown() -> None:
    assert "geheim" not in str(Address.parse("opensearch://desk:geheim@search"))
    with pytest.raises(BadSetting) as problem:
        load_settings({"HUIYIN_SEARCH_URL": "opensearch://desk:geheim@search/UPPER"}, dotenv=None)
    assert "geheim" not in str(problem.value)


def test_no_token_is_stored_to_be_given_back() -> None:
    sent = row(IndexDocument("1", "网关离线", asked=("盒子不亮了",)))
    assert creation("x")["mappings"]["_source"] == {"includes": ["id", "shown"]}
    assert "盒子" not in str(sent["shown"]) and "w盒子" in sent["any"].split()
