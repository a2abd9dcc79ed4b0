"""/api/v1/contacts: people who ask, their identities, merging and taking apart."""

from typing import Any

from flask import url_for
from flask_babel import gettext as _
from marshmallow import fields, validates_schema
from marshmallow.exceptions import ValidationError

from app.api.base import Resource, heed_if_match
from app.api.fields import Answer, ApiSchema, Choice, Moment, Named, Part, QueryWhole, QueryYes, Ref, Rows, Text, Yes
from app.api.paging import PageArgs, listing, page_of
from app.core.db import session
from app.core.directory import contacts, identities
from app.core.directory.access import access_contact, readable_contacts
from app.core.directory.merging import family_ids, kept, merge_contacts, unmerge_contact
from app.core.errors import Invalid, NotFound
from app.core.people import IDENTITY_KINDS, Contact, Identity
from app.core.uow import unit_of_work
from app.queries.directory import contact_cards, contact_parts, contacts_like
from app.viewer import current_actor, needs

api = Resource("contacts", "People who ask, and the ways we know them.")

MAX_IDENTITIES = 20


class IdentityAnswer(Answer):
    """One of the ways we know a person. A shared one (a switchboard, service@) names the company and not the person.
    `contact` differs from the contact that was asked for where it came by a merge."""

    id = fields.Integer(required=True)
    contact = fields.Integer(attribute="contact_id", required=True)
    kind = fields.String(required=True, metadata={"enum": list(IDENTITY_KINDS)})
    value = fields.String(required=True)
    shown = fields.String(required=True)
    shared = fields.Boolean(required=True)
    verified = fields.Boolean(required=True)
    suspect = fields.Boolean(required=True)


class MergedAnswer(Answer):
    """A contact that was merged into this one and may be taken apart again."""

    contact = fields.Integer(attribute="contact.id", required=True)
    name = fields.String(attribute="contact.label", required=True)
    into = fields.Integer(attribute="merge.kept_id", required=True)
    merged_at = Moment(attribute="merge.merged_at", required=True)
    merged_by = fields.String(attribute="merge.merged_by", required=True)


class ContactAnswer(Answer):
    """A person. `identities` are those of the person and of everybody merged into them; `merged_into` is set on a
    contact that is itself merged and stands for nobody now."""

    id = fields.Integer(attribute="contact.id", required=True)
    name = fields.String(attribute="contact.name", required=True)
    organisation = fields.Nested(Named, attribute="contact.organisation", required=True, allow_none=True)
    title = fields.String(attribute="contact.title", required=True)
    language = fields.String(attribute="contact.language", required=True, allow_none=True)
    note = fields.String(attribute="contact.note", required=True)
    identities = fields.List(fields.Nested(IdentityAnswer), required=True)
    merged_into = fields.Integer(attribute="contact.merged_into_id", required=True, allow_none=True)
    merged = fields.List(fields.Nested(MergedAnswer), attribute="merges", required=True)
    created_at = Moment(attribute="contact.created_at", required=True)
    version = fields.Integer(attribute="contact.version", required=True)


class IdentityNew(ApiSchema):
    """A way to reach somebody: a mail address, a number in any usual form, an id of a channel."""

    kind = Choice(IDENTITY_KINDS, required=True)
    value = Text.of(Identity.value, shortest=1, required=True)
    shown = Text.of(Identity.shown)
    verified = Yes()
    shared = Yes()


class IdentityChange(ApiSchema):
    """Whether several people of the company use it."""

    shared = Yes(required=True)


class ContactChange(ApiSchema):
    """What may be changed. `organisation` is an id."""

    name = Text.of(Contact.name)
    organisation_id = Ref("organisation_id", data_key="organisation", allow_none=True)
    title = Text.of(Contact.title)
    language = Choice(contacts.LANGUAGES, allow_none=True)
    note = Text.of(Contact.note)


class ContactNew(ContactChange):
    """A new person, with a name or at least one identity."""

    identities = Rows(Part(IdentityNew), MAX_IDENTITIES)


class MergeRequest(ApiSchema):
    """Which of the two is kept: `into` names the other one as kept, `merge` names the other one as merged."""

    into = Ref("into")
    merge = Ref("merge")

    @validates_schema
    def one_of_both(self, data: Any, **rest: Any) -> None:
        if len(data) != 1:
            raise ValidationError(_("into 和 merge 要给一个，且只给一个。"), "into")


class ContactArgs(PageArgs):
    q = Text(200, metadata={"description": "part of a name, an address, a number or the company's name"})
    organisation = QueryWhole(1, metadata={"description": "id of the company"})
    email = Text(320, metadata={"description": "exactly this mail address, in any spelling"})
    phone = Text(320, metadata={"description": "exactly this number, in any spelling"})
    merged = QueryYes(load_default=False, metadata={"description": "also those that are merged into others"})


def _card(contact: Contact) -> dict[str, Any]:
    return contact_cards([contact])[0]


@api.route("")
@needs("contact.read")
@api.arguments(ContactArgs, location="query")
@api.response(200, listing(ContactAnswer))
def list_contacts(args: dict[str, Any]) -> Any:
    """The people that you may see, by id."""
    rows = readable_contacts(current_actor()).options(*contact_parts())
    if not args["merged"]:
        rows = rows.where(Contact.merged_into_id.is_(None))
    if args.get("q"):
        rows = rows.where(contacts_like(args["q"]))
    if "organisation" in args:
        rows = rows.where(Contact.organisation_id == args["organisation"])
    for kind in ("email", "phone"):
        if kind in args:
            rows = rows.where(Contact.id == _owner_of(kind, args[kind]))
    page = page_of(rows, args, [Contact.id])
    return {"items": contact_cards(page["items"]), "next": page["next"]}


def _owner_of(kind: str, value: str) -> int:
    """Id of the kept contact with this address, or 0: an address that nobody has, or that is none, finds nobody."""
    try:
        identity = identities.find_identity(kind, value)
    except Invalid:
        return 0
    return kept(identity.contact).id if identity is not None and identity.contact is not None else 0


@api.route("", methods=["POST"])
@needs("contact.edit")
@api.idempotent
@api.arguments(ContactNew)
@api.response(201, ContactAnswer)
def create_contact(fields: dict[str, Any]) -> Any:
    """Make a person, with identities."""
    with unit_of_work():
        made = contacts.create_contact(current_actor(), **fields)
    return _card(made), {"Location": url_for("api_contacts.read_contact", contact_id=made.id)}


@api.route("/<int:contact_id>")
@needs("contact.read")
@api.response(200, ContactAnswer)
def read_contact(contact_id: int) -> Any:
    """One person, merged or not."""
    return _card(access_contact(current_actor(), contact_id))


@api.route("/<int:contact_id>", methods=["PATCH"])
@needs("contact.edit")
@api.arguments(ContactChange)
@api.response(200, ContactAnswer)
def change_contact(fields: dict[str, Any], contact_id: int) -> Any:
    """Change what is given."""
    with unit_of_work():
        heed_if_match(access_contact(current_actor(), contact_id))
        contact = contacts.update_contact(current_actor(), contact_id, **fields)
    return _card(contact)


@api.route("/<int:contact_id>/identities", methods=["POST"])
@needs("contact.edit")
@api.idempotent
@api.arguments(IdentityNew)
@api.response(201, ContactAnswer)
def add_identity(fields: dict[str, Any], contact_id: int) -> Any:
    """Add a way to reach this person; the answer is the contact. 409 when it belongs to somebody else."""
    with unit_of_work():
        contact = access_contact(current_actor(), contact_id)
        heed_if_match(contact)
        identities.add_identity(current_actor(), contact_id, **fields)
    return _card(contact)


@api.route("/<int:contact_id>/identities/<int:identity_id>", methods=["PATCH"])
@needs("contact.edit")
@api.arguments(IdentityChange)
@api.response(200, ContactAnswer)
def change_identity(fields: dict[str, Any], contact_id: int, identity_id: int) -> Any:
    """Say whether several people of the company use it; the answer is the contact."""
    with unit_of_work():
        contact = _contact_with(contact_id, identity_id)
        heed_if_match(contact)
        if fields["shared"]:
            identities.share_identity(current_actor(), identity_id)
        else:
            identities.unshare_identity(current_actor(), identity_id)
    return _card(contact)


@api.route("/<int:contact_id>/identities/<int:identity_id>", methods=["DELETE"])
@needs("contact.edit")
@api.response(204)
def remove_identity(contact_id: int, identity_id: int) -> Any:
    """Forget a way to reach this person. 409 while messages hang on it."""
    with unit_of_work():
        heed_if_match(_contact_with(contact_id, identity_id))
        identities.remove_identity(current_actor(), identity_id)


@api.route("/<int:contact_id>/merge", methods=["POST"])
@needs("contact.edit")
@api.idempotent
@api.arguments(MergeRequest)
@api.response(200, ContactAnswer)
def merge(fields: dict[str, Any], contact_id: int) -> Any:
    """Say that two contacts are one person; the answer is the one that is kept.

    `{"into": other}` keeps the other one, `{"merge": other}` keeps this one. Nothing is moved or lost: undo it with
    `POST /contacts/{the merged one}/unmerge`.
    """
    keep_id, merge_id = (fields["into"], contact_id) if "into" in fields else (contact_id, fields["merge"])
    with unit_of_work():
        heed_if_match(access_contact(current_actor(), contact_id))
        _check_other(fields)
        done = merge_contacts(current_actor(), keep_id, merge_id)
    return _card(session().get_one(Contact, done.kept_id))


def _check_other(fields: dict[str, Any]) -> None:
    """The other one stands in the body, so that it is a wrong field and not a wrong address."""
    for name, other in fields.items():
        try:
            access_contact(current_actor(), other)
        except NotFound:
            raise Invalid.of(name, _("没有这位联系人。")) from None


@api.route("/<int:contact_id>/unmerge", methods=["POST"])
@needs("contact.edit")
@api.idempotent
@api.response(200, ContactAnswer)
def unmerge(contact_id: int) -> Any:
    """Take a merged contact apart again; the answer is that contact, on its own. 409 when it is not merged."""
    with unit_of_work():
        contact = access_contact(current_actor(), contact_id)
        heed_if_match(contact)
        unmerge_contact(current_actor(), contact_id)
    return _card(contact)


def _contact_with(contact_id: int, identity_id: int) -> Contact:
    contact = access_contact(current_actor(), contact_id)
    if identities.access_identity(current_actor(), identity_id).contact_id not in family_ids(contact):
        raise NotFound()
    return contact
