"""The API as one thing: every resource, hung under /api/v1."""

from flask import Flask

from app.api import (
    app_chat,
    app_door,
    article_files,
    articles,
    contacts,
    conversations,
    devices,
    docs,
    errors,
    files,
    knowledge,
    orders,
    organisations,
    products,
    reports,
    sites,
    tickets,
)
from app.api.base import Api

RESOURCES = (
    tickets.api, orders.api, conversations.api, files.api, articles.api, article_files.api, knowledge.api,
    organisations.api, contacts.api, products.api, sites.api, devices.api, reports.api, app_chat.api,
)  # fmt: skip


def init_app(flask: Flask) -> None:
    """Register the resources, their documentation and their errors. Called once, before the routes are checked."""
    flask.config.update(API_TITLE="Huiyin", API_VERSION="v1", OPENAPI_VERSION="3.1.0", ETAG_DISABLED=True)
    api = Api(
        flask,
        spec_kwargs={
            "info": {"description": "The service desk. Lists come in pages, single rows carry their version as ETag."},
            "security": [{"bearer": []}],
        },
    )
    bearer = {"type": "http", "scheme": "bearer", "description": "flask desk token --user NAME"}
    api.spec.components.security_scheme("bearer", bearer)
    api.spec.components.security_scheme(app_door.SECURITY, app_door.SCHEME)
    for resource in RESOURCES:
        api.register_blueprint(resource)
        if "csrf" in flask.extensions:  # a bearer token is sent by nobody's browser on its own
            flask.extensions["csrf"].exempt(resource)
    flask.register_blueprint(docs.blueprint)
    flask.extensions["api"] = api
    flask.extensions["api_error"] = errors.answer
