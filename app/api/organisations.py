"""/api/v1/organisations: the platform, suppliers, clients."""

from typing import Any

from flask import url_for
from marshmallow import fields

from app.api.base import Resource, heed_if_match
from app.api.fields import Answer, ApiSchema, Choice, Moment, Person, QueryWhole, Ref, Rows, Text
from app.api.paging import PageArgs, listing, page_of
from app.core.directory import organisations
from app.core.directory.access import access_organisation, readable_organisations
from app.core.people import ORGANISATION_KINDS, Organisation
from app.core.uow import unit_of_work
from app.queries.directory import organisation_parts, organisations_like
from app.viewer import current_actor, needs

api = Resource("organisations", "Companies: the platform, its suppliers, their clients.")


class OrganisationAnswer(Answer):
    """A company. `manager` is the account manager in whose care it is."""

    id = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"enum": list(ORGANISATION_KINDS)})
    name = fields.String(required=True)
    short_name = fields.String(required=True)
    email_domains = fields.List(fields.String(), required=True)
    manager = fields.Nested(Person, required=True, allow_none=True)
    note = fields.String(required=True)
    created_at = Moment(required=True)
    version = fields.Integer(required=True)


class OrganisationChange(ApiSchema):
    """What may be changed. `manager` is a user's id."""

    kind = Choice(ORGANISATION_KINDS)
    name = Text.of(Organisation.name, shortest=1)
    short_name = Text.of(Organisation.short_name)
    email_domains = Rows(Text(253, shortest=1), organisations.MAX_DOMAINS)
    manager_id = Ref("manager_id", data_key="manager", allow_none=True)
    note = Text.of(Organisation.note)


class OrganisationNew(OrganisationChange):
    """A new company."""

    kind = Choice(ORGANISATION_KINDS, required=True)
    name = Text.of(Organisation.name, shortest=1, required=True)


class OrganisationArgs(PageArgs):
    q = Text(200, metadata={"description": "part of a name or a mail domain"})
    kind = Choice(ORGANISATION_KINDS)
    manager = QueryWhole(1, metadata={"description": "id of the account manager"})


@api.route("")
@needs("organisation.read")
@api.arguments(OrganisationArgs, location="query")
@api.response(200, listing(OrganisationAnswer))
def list_organisations(args: dict[str, Any]) -> Any:
    """The companies that you may see, by id."""
    rows = readable_organisations(current_actor()).options(*organisation_parts())
    if args.get("q"):
        rows = rows.where(organisations_like(args["q"]))
    if "kind" in args:
        rows = rows.where(Organisation.kind == args["kind"])
    if "manager" in args:
        rows = rows.where(Organisation.manager_id == args["manager"])
    return page_of(rows, args, [Organisation.id])


@api.route("", methods=["POST"])
@needs("organisation.edit")
@api.idempotent
@api.arguments(OrganisationNew)
@api.response(201, OrganisationAnswer)
def create_organisation(fields: dict[str, Any]) -> Any:
    """Make a company."""
    with unit_of_work():
        made = organisations.create_organisation(current_actor(), **fields)
    return made, {"Location": url_for("api_organisations.read_organisation", organisation_id=made.id)}


@api.route("/<int:organisation_id>")
@needs("organisation.read")
@api.response(200, OrganisationAnswer)
def read_organisation(organisation_id: int) -> Any:
    """One company."""
    return access_organisation(current_actor(), organisation_id)


@api.route("/<int:organisation_id>", methods=["PATCH"])
@needs("organisation.edit")
@api.arguments(OrganisationChange)
@api.response(200, OrganisationAnswer)
def change_organisation(fields: dict[str, Any], organisation_id: int) -> Any:
    """Change what is given."""
    with unit_of_work():
        heed_if_match(access_organisation(current_actor(), organisation_id))
        return organisations.update_organisation(current_actor(), organisation_id, **fields)
