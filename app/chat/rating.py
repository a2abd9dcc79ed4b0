"""A visitor's rating in the chat. Where the ticket's own question (回访) is open, the same answer answers it: one survey,
asked once."""

import secrets
from collections.abc import Collection

from sqlalchemy import select

from app import progress
from app.core.db import session
from app.core.errors import Refused
from app.customers import customer
from app.rating_menu import CONTENT, OPEN, asked_ticket
from channels.chat_ends import last_chat, rate_chat
from channels.models import Conversation
from channels.visitor_models import ChatRating
from channels.webchat_settings import yes
from workflows.models import FollowUp


def open_questions(message_ids: Collection[int]) -> set[int]:
    """Which of these messages ask whether it is solved and wait for the answer: the page shows buttons with them."""
    rows = select(FollowUp.message_id).where(FollowUp.message_id.in_(message_ids), FollowUp.state.in_(OPEN))
    return {number for number in session().scalars(rows) if number is not None} if message_ids else set()


def rate(conversation: Conversation, score: int | None, comment: str, solved: bool | None) -> None:
    """Keep the score with the chat and answer the ticket's question with it. `solved`: what the visitor said of that,
    None where they only gave a score. Raises Invalid or Refused; called inside a unit of work."""
    ticket = asked_ticket(conversation)
    if score is not None and (ticket is None or spoken(conversation)):
        rate_chat(customer(conversation.contact), conversation, score, comment)
    if ticket is None:
        if score is None:
            raise Refused("这里没有要回答的问题了。")
        return
    actor = progress.asker(ticket)
    if solved is False:
        progress.deny_solved(actor, ticket, comment, secrets.token_hex(8), rating=score)
    elif solved or (score is not None and score >= CONTENT):
        progress.confirm_solved(actor, ticket, rating=score, comment=comment)


def spoken(conversation: Conversation) -> bool:
    """Whether somebody of the desk spoke in the newest session: before that there is nothing to rate."""
    current = last_chat(conversation.id)
    return current is not None and current.agent_turns > 0


def end_state(conversation: Conversation | None) -> dict[str, bool]:
    """{"ended", "rate"}: whether the newest session is over, and whether the visitor may still rate it."""
    current = last_chat(conversation.id) if conversation is not None else None
    if conversation is None or current is None or current.ended_at is None:
        return {"ended": False, "rate": False}
    rated = session().scalar(select(ChatRating.id).where(ChatRating.session_id == current.id)) is not None
    return {"ended": True, "rate": current.agent_turns > 0 and not rated and yes(conversation.account.settings, "rating")}
