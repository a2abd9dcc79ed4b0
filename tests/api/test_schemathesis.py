"""The API against its own description: whatever is sent, nothing crashes and every answer has the documented shape.

Runs alone with `pytest tests/api/test_schemathesis.py`; HUIYIN_TEST_EXAMPLES sets how many requests each operation gets.
"""

import os
import threading
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.serving import make_server

from app.core.directory import merging
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.kb.index import current_index
from knowledge import indexing
from tests.api.test_orders import bring, upload
from workflows.models import FIRST_NUMBER
from workflows.orders_models import FIRST_ORDER

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

pytestmark = pytest.mark.schemathesis
EXAMPLES = int(os.environ.get("HUIYIN_TEST_EXAMPLES", "10"))
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
    checks.ignored_auth,
]


@pytest.fixture
def described(app, desk, world):
    busy(desk)
    with unit_of_work():
        merging.merge_contacts(SYSTEM, world["wang"], world["li"])
        indexing.rebuild(current_index())

    def apart(environ, start_response):
        """Each request in a context of its own, as under a real server."""
        with app.app_context():
            return app(environ, start_response)

    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", apart)


def busy(desk):
    """Rows of the desk with low numbers: tickets, orders on their way, conversations, an article, files."""
    order = desk.order(desk.working(contact={"name": "赵工", "email": "zhao@chenghu.example.com"}))
    bring(desk, order)
    upload(desk.administrator)
    for _ in range(3):
        desk.order()
    article = desk.editor.post("articles", {"title": "E07", "body": "清灰", "questions": ["E07 是什么"]}).headers["Location"]
    desk.editor.post(f"{article}/steps/publish")


@pytest.fixture
def served(app, desk):
    """The address of a server that really listens, with threads, as the web process has them."""
    busy(desk)
    indexing.rebuild(current_index())
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_every_answer_is_as_described(api, described):
    tried = explore(described, api("administrator").token, EXAMPLES)
    assert {"POST /api/v1/contacts", "PATCH /api/v1/devices/{device_id}"} <= tried
    assert {"POST /api/v1/tickets", "POST /api/v1/orders/{number}/steps/{step}", "GET /api/v1/knowledge/search"} <= tried
    assert len(tried) >= 50


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_every_answer_over_a_socket_is_as_described(api, served):
    described = schemathesis.openapi.from_url(f"{served}/api/v1/openapi.json")
    assert len(explore(described, api("administrator").token, max(2, EXAMPLES // 5))) >= 50


def explore(described, token: str, examples: int) -> set[str]:
    """Send many requests to every operation; returns which ones there were."""
    tried = set()
    for found in described.get_all_operations():
        operation = found.ok()
        tried.add(operation.label)

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), known=st.integers(0, 4))
        def attempt(case, known):
            if known and case.path_parameters:  # rows that exist, most of the time: a 404 teaches little
                first = FIRST_NUMBER if "/tickets/" in case.path else FIRST_ORDER
                there = {name: first + known if name == "number" else known for name in case.path_parameters if name != "step"}
                case.path_parameters = {**case.path_parameters, **there}
            if known and isinstance(case.body, dict):
                case.body.update(
                    {name: known for name in ("organisation", "product", "into", "merge") if name in case.body}
                )
                case.body.pop("site", None), case.body.pop("release", None)
            case.call_and_validate(headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}, checks=CHECKS)

        attempt()
    return tried


def test_the_description_is_open_and_complete(app, client):
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200 and client.get("/openapi.json").get_json() == answer.get_json()
    assert client.get("/api/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    spec = answer.get_json()
    assert spec["openapi"].startswith("3.1")
    described = {(path, method) for path, item in spec["paths"].items() for method in item if method != "parameters"}
    served = {
        (str(rule.rule).replace("<int:", "{").replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == served
    ids = [
        op["operationId"] for item in spec["paths"].values() for method, op in item.items() if method != "parameters"
    ]
    assert len(ids) == len(set(ids))
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                assert operation.get("summary"), f"{method} {path} says nothing"
                assert "x-permissions" in operation or operation["security"] in ([], [{"appUser": []}])


def test_the_docs_page_obeys_the_policy(client):
    page = client.get("/api/docs")
    text = page.get_data(as_text=True)
    assert page.status_code == 200 and page.mimetype == "text/html"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for part in text.split("<script")[1:]:
        assert part.split(">", 1)[0].strip().startswith("src=") and part.split(">", 1)[1].startswith("</script>")
    assert "<style" not in text and "style=" not in text and "http://" not in text and "https://" not in text
    for address in (piece.split('"')[0] for piece in text.split('="/static/')[1:]):
        with client.get("/static/" + address) as asset:
            assert asset.status_code == 200
