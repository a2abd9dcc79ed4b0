"""Putting right where words stand: a message, what follows it, or a whole conversation moves to another ticket, and back.

A moved message keeps who wrote it and when; the sessions of both sides are counted again and first-contact resolution of
both tickets is judged anew. What a client of another company may not read stays hidden from them: words that came from
another ticket are shown on the portal to the person who wrote them only.
"""

from collections.abc import Sequence

from sqlalchemy import Select, func, select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused
from app.core.permissions import Actor, require
from app.routing.words import ASKED
from channels.models import HELD, QUEUED, SENDING, Conversation, Message
from channels.sessions import by_user, carry, carry_back
from workflows import service
from workflows.access import access_ticket
from workflows.engine import take
from workflows.models import FIRST_NUMBER, Ticket, TicketConversation, TicketLink, TicketNote
from workflows.move_models import MessageMove
from workflows.opening import open_ticket
from workflows.order_links import count_open
from workflows.tickets import TICKET


def move_message(
    actor: Actor, ticket: Ticket, message: Message, *, to: Ticket | None = None, subject: str = "", following: bool = False
) -> MessageMove:
    """Move a message of a ticket, with `following` also all later ones of its conversation, to another open ticket, or
    to a new one with this subject. Raises Refused or Invalid (`into`, `subject`) with the reason."""
    require(actor, "ticket.work")
    source = session().get_one(Conversation, message.conversation_id, with_for_update=True)
    link = _link(ticket, source.id)
    rows = select(Message).where(Message.conversation_id == source.id)
    rows = rows.where(Message.id >= message.id) if following else rows.where(Message.id == message.id)
    moved = list(session().scalars(rows.order_by(Message.id)))
    _check_settled(moved)
    stays = session().scalar(select(func.count()).where(Message.conversation_id == source.id)) or 0
    if len(moved) == stays and _tickets_of(source.id) == 1:
        return move_conversation(actor, ticket, source, to=to, subject=subject)
    target, opened = _target(actor, ticket, source, moved[0], to, subject)
    home = home_of(target, source, None if opened else ticket)
    for one in moved:
        one.conversation_id = home.id
    session().flush()
    before = carry(moved, home.id)
    _spoken(source, home)
    move = MessageMove(
        from_ticket_id=ticket.id, to_ticket_id=target.id, from_conversation_id=source.id, to_conversation_id=home.id,
        message_ids=[one.id for one in moved], sessions={str(k): v for k, v in before.items()}, chain=list(link.came_from),
        opened=opened, by=actor.name, by_id=actor.id,
    )  # fmt: skip
    return _written(actor, move, ticket, target, moved)


def move_conversation(
    actor: Actor, ticket: Ticket, conversation: Conversation, *, to: Ticket | None = None, subject: str = ""
) -> MessageMove:
    """Move all that was said in a conversation of a ticket, and what will be, to another open ticket or to a new one."""
    require(actor, "ticket.work")
    session().refresh(conversation, with_for_update={"of": Conversation})
    link = _link(ticket, conversation.id)
    first = session().scalar(
        select(Message).where(Message.conversation_id == conversation.id).order_by(Message.id).limit(1)
    )
    if first is None:
        raise Refused("这个会话里还没有消息。")
    target, opened = _target(actor, ticket, conversation, first, to, subject)
    chain = list(link.came_from)
    if _links(target.id, conversation.id):
        session().delete(link)  # both had it: the other one keeps it
    else:
        link.ticket_id, link.came_from = target.id, [] if opened else [*chain, ticket.id]
    conversation.token = str(target.number)
    session().flush()
    move = MessageMove(
        from_ticket_id=ticket.id, to_ticket_id=target.id, from_conversation_id=conversation.id,
        to_conversation_id=conversation.id, message_ids=[], chain=chain, opened=opened, by=actor.name, by_id=actor.id,
    )  # fmt: skip
    said = session().scalars(select(Message).where(Message.conversation_id == conversation.id).order_by(Message.id))
    return _written(actor, move, ticket, target, list(said))


def move_back(actor: Actor, move_id: int) -> MessageMove:
    """Take a move back. A ticket that was opened for it, and on which nothing else happened, is cancelled."""
    require(actor, "ticket.work")
    move = session().get(MessageMove, move_id, with_for_update=True)
    if move is None:
        raise NotFound()
    ticket = access_ticket(actor, move.from_ticket_id + FIRST_NUMBER)
    target = access_ticket(actor, move.to_ticket_id + FIRST_NUMBER)
    if move.undone_at is not None:
        return move
    if "merged" in (ticket.state, target.state):
        raise Refused("工单已经合并，先撤销合并。")
    source = session().get_one(Conversation, move.from_conversation_id, with_for_update=True)
    if move.message_ids:
        home = session().get_one(Conversation, move.to_conversation_id, with_for_update=True)
        rows = select(Message).where(Message.id.in_(move.message_ids), Message.conversation_id == home.id)
        moved = list(session().scalars(rows.order_by(Message.id)))
        _check_settled(moved)
        for one in moved:
            one.conversation_id = source.id
        session().flush()
        carry_back(moved, {int(k): v for k, v in move.sessions.items()}, source.id)
        _spoken(source, home)
    else:
        moved = list(session().scalars(select(Message).where(Message.conversation_id == source.id)))
        for link in _links(target.id, source.id):
            session().delete(link)
        session().flush()
        if not _links(ticket.id, source.id):
            session().add(TicketConversation(ticket_id=ticket.id, conversation_id=source.id, came_from=list(move.chain)))
        source.token = str(ticket.number)
    move.undone_at = now()
    session().flush()
    note(actor, "ticket.moved_back", ticket, move=move.id, other=target.number)
    note(actor, "ticket.moved_back", target, move=move.id, other=ticket.number)
    _answered(ticket, target, moved)
    if move.opened and target.state not in TICKET.ends and _is_empty(target):
        take(TICKET, target, "cancel", actor, reason="移动已撤销")
    else:
        service.changed(target)
    service.changed(ticket)
    return move


def propose(message: Message) -> int | None:
    """The number of the ticket that a stranger's mail named, while nobody has decided whether it belongs there."""
    named = str(message.meta.get("proposed") or "")
    decided = message.meta.get("proposal")
    return int(named) if not decided and named.isascii() and named.isdecimal() and len(named) < 10 else None


def accept_proposal(actor: Actor, ticket: Ticket, message: Message) -> MessageMove | None:
    """The stranger does belong there: their conversation joins the ticket they named. Where it was all that its own
    ticket held, that ticket is merged (None is returned, and unmerge takes it back); else only the words move."""
    number = propose(message)
    if number is None:
        raise Refused("这条消息已经有人决定过了。")
    target = access_ticket(actor, number)
    message.meta = {**message.meta, "proposal": "yes"}
    session().flush()
    if _tickets_of(message.conversation_id) == 1 and _conversations_of(ticket) == 1:
        try:
            with session().begin_nested():
                take(TICKET, ticket, "merge", actor, into=str(target.number))
            return None
        except (Invalid, Refused):  # another company's ticket, or one that has ended: then only the words move
            session().expire_all()
    return move_conversation(actor, ticket, session().get_one(Conversation, message.conversation_id), to=target)


def refuse_proposal(actor: Actor, ticket: Ticket, message: Message) -> None:
    """The stranger named a ticket that is not theirs: their words stay where they are, and nobody is asked again."""
    require(actor, "ticket.work")
    if propose(message) is None:
        raise Refused("这条消息已经有人决定过了。")
    note(actor, "message.kept_apart", message, after=str(message.meta.get("proposed")))
    message.meta = {**message.meta, "proposal": "no"}
    session().flush()
    service.changed(ticket)


def _link(ticket: Ticket, conversation_id: int) -> TicketConversation:
    found = _links(ticket.id, conversation_id)
    if not found:
        raise NotFound()
    return found[0]


def _links(ticket_id: int, conversation_id: int) -> Sequence[TicketConversation]:
    rows = select(TicketConversation).where(
        TicketConversation.ticket_id == ticket_id, TicketConversation.conversation_id == conversation_id
    )
    return session().scalars(rows).all()


def _tickets_of(conversation_id: int) -> int:
    rows = select(func.count()).where(TicketConversation.conversation_id == conversation_id)
    return session().scalar(rows) or 0


def _conversations_of(ticket: Ticket) -> int:
    return session().scalar(select(func.count()).where(TicketConversation.ticket_id == ticket.id)) or 0


def _check_settled(moved: Sequence[Message]) -> None:
    if any(one.direction == "out" and one.state in (QUEUED, SENDING, HELD) for one in moved):
        raise Refused("里面有一条回复还没有发出，等它发出或撤回以后再移。")


def _target(
    actor: Actor, ticket: Ticket, source: Conversation, first: Message, to: Ticket | None, subject: str
) -> tuple[Ticket, bool]:
    if to is not None:
        if to.id == ticket.id:
            raise Invalid.of("into", "它本来就在这张工单里。")
        if to.state in TICKET.ends:
            raise Invalid.of("into", "那张工单已经结束，先重开它再移过去。")
        return to, False
    if not subject.strip():
        raise Invalid.of("subject", "写一个标题。")
    new = open_ticket(
        actor, subject=subject, channel=source.account.kind, contact=source.contact, organisation_id=source.organisation_id,
        product_id=ticket.product_id, device_id=ticket.device_id,
    )  # fmt: skip
    waited = new.created_at - first.created_at  # the customer asked then, not when somebody sorted it out
    new.created_at, new.due_at, new.first_due_at = first.created_at, new.due_at - waited, new.first_due_at - waited
    session().add(TicketLink(from_id=ticket.id, to_id=new.id, kind="split"))
    session().flush()
    return new, True


def home_of(target: Ticket, source: Conversation, came_from: Ticket | None = None) -> Conversation:
    """The conversation of the target with the same person on the same account; a new one where it has none."""
    rows = (
        select(Conversation)
        .join(TicketConversation, TicketConversation.conversation_id == Conversation.id)
        .where(
            TicketConversation.ticket_id == target.id,
            Conversation.account_id == source.account_id,
            Conversation.identity_id == source.identity_id,
            Conversation.id != source.id,
            Conversation.id.in_(_only_of(target)),
        )
    )
    found = session().scalar(rows.order_by(Conversation.id.desc()).limit(1))
    if found is not None:
        session().refresh(found, with_for_update={"of": Conversation})
        return found
    home = Conversation(
        account_id=source.account_id, identity_id=source.identity_id, contact_id=source.contact_id,
        organisation_id=source.organisation_id, subject=source.subject, token=str(target.number),
    )  # fmt: skip
    session().add(home)
    session().flush()
    chain = [came_from.id] if came_from is not None else []
    session().add(TicketConversation(ticket_id=target.id, conversation_id=home.id, came_from=chain))
    session().flush()
    return home


def _only_of(target: Ticket) -> Select[int]:
    """Conversations that belong to no other ticket: words put into a shared one would stand in both."""
    shared = select(TicketConversation.conversation_id).where(TicketConversation.ticket_id != target.id)
    return select(TicketConversation.conversation_id).where(
        TicketConversation.ticket_id == target.id, TicketConversation.conversation_id.not_in(shared)
    )


def _spoken(*conversations: Conversation) -> None:
    """When each was last spoken in: the next message of a channel without threads goes on with the latest."""
    for one in conversations:
        rows = select(func.max(Message.created_at)).where(Message.conversation_id == one.id)
        one.last_message_at = session().scalar(rows) or one.started_at
    session().flush()


def _written(actor: Actor, move: MessageMove, ticket: Ticket, target: Ticket, moved: Sequence[Message]) -> MessageMove:
    session().add(move)
    session().flush()
    count = len(moved)
    for one in moved:
        if one.placed == ASKED:
            one.placed = "new"  # somebody has decided: the clock does not any more
    note(actor, "ticket.moved_out", ticket, move=move.id, other=target.number, count=count)
    note(actor, "ticket.moved_in", target, move=move.id, other=ticket.number, count=count)
    _answered(ticket, target, moved)
    service.changed(ticket)
    service.changed(target)
    return move


def _answered(ticket: Ticket, target: Ticket, moved: Sequence[Message]) -> None:
    """An answer that moved was the first response of the other ticket, perhaps, and not of this one."""
    if not any(by_user(one) for one in moved):
        return
    for one in (ticket, target):
        rows = (
            select(func.min(Message.created_at))
            .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
            .where(
                TicketConversation.ticket_id == one.id, Message.direction == "out", Message.author_kind == "user",
                Message.is_auto.is_(False), Message.state.in_(("sent", "undecided")), Message.created_at >= one.created_at,
            )
        )  # fmt: skip
        one.first_response_at = session().scalar(rows)
    session().flush()


def _is_empty(ticket: Ticket) -> bool:
    """Whether nothing is on a ticket: no words, no notes, no orders."""
    words = (
        select(func.count())
        .select_from(Message)
        .join(TicketConversation, TicketConversation.conversation_id == Message.conversation_id)
        .where(TicketConversation.ticket_id == ticket.id)
    )
    notes = select(func.count()).where(TicketNote.ticket_id == ticket.id)
    return not (session().scalar(words) or session().scalar(notes) or count_open(ticket))

