"""What the API says about itself: openapi.json and a page to read it and to try."""

import json

from flask import Blueprint, Response, current_app, make_response, render_template, request

from app.viewer import public

blueprint = Blueprint("api_docs", __name__)


@blueprint.get("/openapi.json")
@blueprint.get("/api/v1/openapi.json")
@public
def openapi() -> Response:
    """The OpenAPI 3.1 description."""
    kept: bytes | None = current_app.extensions.get("openapi_json")
    if kept is None:
        kept = json.dumps(current_app.extensions["api"].described(), ensure_ascii=False).encode()
        current_app.extensions["openapi_json"] = kept
    response = make_response(kept)
    response.mimetype = "application/json"
    response.headers["Access-Control-Allow-Origin"] = "*"  # it is open to all, and tools on other hosts read it
    response.add_etag()
    return response.make_conditional(request)  # type: ignore[return-value]


@blueprint.get("/api/docs")
@public
def page() -> str:
    """A page that draws openapi.json, by Swagger UI with an own init file, because the policy allows no inline script."""
    return render_template("api/docs.html")
