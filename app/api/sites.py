"""/api/v1/sites: the places of companies."""

from typing import Any

from flask import url_for
from marshmallow import fields

from app.api.base import Resource, heed_if_match
from app.api.fields import Answer, ApiSchema, Named, QueryWhole, Ref, Text
from app.api.paging import PageArgs, listing, page_of
from app.core.directory import sites
from app.core.directory.access import access_site, readable_sites
from app.core.installed_base import Site
from app.core.uow import unit_of_work
from app.queries.directory import site_parts, sites_like
from app.viewer import current_actor, needs

api = Resource("sites", "Places of companies: plants, lines, cabinet rooms.")


class SiteAnswer(Answer):
    """A place of a company. `time_zone` is an IANA name; null means that of the house."""

    id = fields.Integer(required=True)
    organisation = fields.Nested(Named, required=True)
    name = fields.String(required=True)
    address = fields.String(required=True)
    time_zone = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True)


class SiteChange(ApiSchema):
    """What may be changed; a site does not change its company."""

    name = Text.of(Site.name, shortest=1)
    address = Text.of(Site.address)
    time_zone = Text.of(Site.time_zone)


class SiteNew(SiteChange):
    """A new place. `organisation` is an id."""

    organisation_id = Ref("organisation_id", data_key="organisation", required=True)
    name = Text.of(Site.name, shortest=1, required=True)


class SiteArgs(PageArgs):
    q = Text(200, metadata={"description": "part of name or address"})
    organisation = QueryWhole(1, metadata={"description": "id of the company"})


@api.route("")
@needs("organisation.read")
@api.arguments(SiteArgs, location="query")
@api.response(200, listing(SiteAnswer))
def list_sites(args: dict[str, Any]) -> Any:
    """The sites that you may see, by id."""
    rows = readable_sites(current_actor()).options(*site_parts())
    if args.get("q"):
        rows = rows.where(sites_like(args["q"]))
    if "organisation" in args:
        rows = rows.where(Site.organisation_id == args["organisation"])
    return page_of(rows, args, [Site.id])


@api.route("", methods=["POST"])
@needs("organisation.edit")
@api.idempotent
@api.arguments(SiteNew)
@api.response(201, SiteAnswer)
def create_site(fields: dict[str, Any]) -> Any:
    """Make a site of a company."""
    with unit_of_work():
        made = sites.create_site(current_actor(), **fields)
    return made, {"Location": url_for("api_sites.read_site", site_id=made.id)}


@api.route("/<int:site_id>")
@needs("organisation.read")
@api.response(200, SiteAnswer)
def read_site(site_id: int) -> Any:
    """One site."""
    return access_site(current_actor(), site_id)


@api.route("/<int:site_id>", methods=["PATCH"])
@needs("organisation.edit")
@api.arguments(SiteChange)
@api.response(200, SiteAnswer)
def change_site(fields: dict[str, Any], site_id: int) -> Any:
    """Change what is given."""
    with unit_of_work():
        heed_if_match(access_site(current_actor(), site_id))
        return sites.update_site(current_actor(), site_id, **fields)
