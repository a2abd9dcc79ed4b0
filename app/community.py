"""Where public questions meet the rest of the house: who writes, and a question that becomes a ticket."""

from app.core.db import session
from app.core.people import Contact, Identity, User
from app.core.permissions import Actor, require
from app.letters import signing
from knowledge.community import moderation
from knowledge.community_models import Question
from workflows import service as desk
from workflows.models import Ticket
from workflows.opening import open_ticket

VISITOR = "visitor"
"""The kind of an author without a login: the number is that of the mailbox or telephone whose link was opened."""


def visitor_actor(identity: Identity) -> Actor:
    """Somebody who came by the link to their own mailbox, as the first argument of a write."""
    sure = identity.contact if identity.contact is not None and not identity.shared and not identity.suspect else None
    company = sure.organisation_id if sure is not None else None
    return Actor(kind=VISITOR, id=identity.id, name=shown_name(sure.name if sure else ""), organisation_id=company, via="page")


def shown_name(name: str) -> str:
    """How a customer is named in public unless they choose another name: the first sign of the name alone."""
    name = name.strip()
    return f"{name[0]}**" if name else ""


def hand_over(actor: Actor, question: Question) -> Ticket:
    """Open a ticket for a question that nobody answers, with its words and its address; the person is the author, where
    the desk knows them. In a unit of work."""
    require(actor, "ticket.create")
    contact = _author(question)
    ticket = open_ticket(
        actor,
        subject=question.title,
        channel="portal",
        contact=contact,
        organisation_id=question.organisation_id,
        product_id=question.product_id,
    )
    where = f"{signing()['site_url']}/community/{question.id}"
    desk.add_note(actor, ticket, f"来自社区公开提问：{where}\n\n{question.title}\n{question.body}".strip())  # data
    moderation.handed_over(actor, question, ticket.number)
    return ticket


def _author(question: Question) -> Contact | None:
    if question.author_kind == VISITOR:
        identity = session().get(Identity, question.author_id)
        return identity.contact if identity is not None and not identity.shared else None
    user = session().get(User, question.author_id)
    return session().get(Contact, user.contact_id) if user is not None and user.contact_id else None
