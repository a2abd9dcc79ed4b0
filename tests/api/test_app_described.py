"""The mobile-app API against its own description, with a real user's token."""

import time

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from channels.accounts import add_account
from tests.api.test_app import SECRET, Phone
from tests.api.test_schemathesis import CHECKS, EXAMPLES, schemathesis

pytestmark = pytest.mark.schemathesis


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_every_answer_is_as_described(app):
    with unit_of_work():
        add_account(SYSTEM, "app", "app", {"jwt_secret": SECRET})
    phone = Phone(app)
    assert phone.say().status_code == 201
    token = jwt.encode({"sub": "u1", "exp": time.time() + 6000}, SECRET, "HS256")

    def apart(environ, start_response):
        with app.app_context():
            return app(environ, start_response)

    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", apart).include(path_regex="/v1/app/")
    tried = []
    for found in described.get_all_operations():
        operation = found.ok()
        tried.append(operation.label)

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), known=st.integers(0, 3))
        def attempt(case, known):
            if known:
                case.path_parameters = {**case.path_parameters, "slug": "app"}
            case.call_and_validate(headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}, checks=CHECKS)

        attempt()
    assert len(tried) == 10
