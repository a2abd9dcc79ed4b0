"""THE TABLE: which reactions each event has. The only place where the domains meet for writes.

A reaction is called once per event, at least once after a crash, with its writes and the mark "done" in one
transaction. One that talks to the outside or works long is marked `@outside` and closes with `with job.done():`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app import (
    account_alarms,
    answer_reactions,
    app_reactions,
    auto_receipts,
    fcr_reactions,
    media_reactions,
    order_notices,
    order_reactions,
    portal_letters,
    scanned,
    wecom_reactions,
    writing_told,
)
from app.answering.events import AnswerSilent, AnswerWanted
from app.calls import reactions as call_reactions
from app.calls import recordings as call_recordings
from app.chat import letters as chat_letters
from app.core import outbox
from app.core.clock import now
from app.core.db import session
from app.core.directory.events import ContactsMerged, ContactsUnmerged, ProductChanged
from app.core.events import Event, Reaction, record
from app.core.outbox import Job, outside
from app.core.permissions import SYSTEM
from app.core.text import pack
from app.kb import asked as asked_reactions
from app.kb import followers, loop_told, rebuilding, release_told, similar
from app.kb import told as knowledge_told
from app.kb.events import TicketIndexRebuildAsked
from app.portal_events import RequestsLinkAsked
from app.reach import reaching
from app.reach import reactions as reach_reactions
from app.reach import words as reach_words
from app.routing import question as routing_question
from app.routing import rules as routing
from app.routing.events import ChoiceDue
from channels import receiving, sending
from channels.calls.events import CallEnded, RecordingWanted
from channels.events import (
    AccountTroubled,
    AnswerWaits,
    ChatEnded,
    CounterCodeWanted,
    DeskWrites,
    MediaWanted,
    MessageNotSent,
    MessageQueued,
    MessageReceived,
    MessageSent,
    PersonMet,
    ReplayAsked,
    SignalHeard,
    TranscriptAsked,
    VisitorSaw,
)
from channels.models import FAILED, SENT, Message
from channels.reaching.events import OutreachDue, OutreachMoved, RungDue
from channels.wecom.events import DoorbellRang
from knowledge.analysis import look_for_words
from knowledge.community.events import FollowerDue, PostHidden, QuestionMoved
from knowledge.editing_events import PublishDue, ReviewAsked, WriterTold
from knowledge.events import ArticleChanged, ArticlePublished, ArticleRetired, IndexRebuildAsked
from knowledge.gate_events import ReleaseFollowerDue, ReleaseFollowersDue, ReleasePublished
from knowledge.index import Index
from knowledge.indexing import refresh
from knowledge.loop.events import AskedChanged, FlagClosed, FlagRaised
from knowledge.term_events import TermChanged
from knowledge.terms import holding, holding_name
from workflows import service as desk
from workflows.call_events import CallTaskStepTaken, WrapUpWritten
from workflows.engine import take
from workflows.events import (
    HoldEnds,
    OrderHoldEnds,
    OrderNoticeDue,
    OrderStepTaken,
    OrderTold,
    SilenceEnds,
    TicketChanged,
    TicketOpened,
    TicketStepTaken,
)
from workflows.fcr_verdicts import RepeatDecided, VerdictMatures
from workflows.models import FollowUp, Ticket
from workflows.rules import RULES
from workflows.ticket_guards import last_question
from workflows.tickets import TICKET

INDEXED_AT_ONCE = 200
"""Articles that go into the index together; so long whoever saves one meanwhile waits."""
_open_index: list[Callable[[], Index]] = []


def use_index(open_index: Callable[[], Index]) -> None:
    """Say once at start which index the reactions write."""
    _open_index[:] = [open_index]


def choose_overdue(event: ChoiceDue) -> None:
    """Nobody answered which ticket was meant: the desk decides, and a person can put it right."""
    if (answer := routing_question.overdue(event.message_id)) is not None:
        routing.settle(answer.messages, answer.ticket, "asked")


@outside
def deliver_message(event: MessageQueued, job: Job) -> None:
    """Send what an agent or the desk wrote."""
    sending.deliver(event.message_id, job)


@outside
def fetch_recording(event: RecordingWanted, job: Job) -> None:
    """Fetch the recording of a call into our files."""
    call_recordings.fetch_recording(event, job)


@outside
def replay_payloads(event: ReplayAsked, job: Job) -> None:
    """Try failed payloads again, a chunk at a time; what is left is the next job."""
    onward = receiving.replay_chunk(event.after, event.up_to)
    with job.done():
        if onward is not None:
            record(ReplayAsked(after=onward, up_to=event.up_to))


def ask_follow_up(event: TicketStepTaken) -> None:
    """Ask the customer whether it is solved: first where they spoke last, then by the other ways to reach them."""
    if event.after != "following_up" or event.before == "following_up":
        return
    ticket = session().get_one(Ticket, event.ticket_id)
    question = last_question(ticket)
    if ticket.state != "following_up" or question is None or question.message_id is not None:
        return
    outreach = reaching.tell_customer(ticket, "rating", f"{reaching.RATING}{question.id}", reach_words.rating(ticket))
    message = reaching.first_message(outreach)
    if message is not None and question.message_id is None:
        desk.question_sent(question, message.id)


def start_silence(event: MessageSent) -> None:
    """From the delivery of a follow-up question on, silence counts. One that only stands on a page was not delivered."""
    message = session().get_one(Message, event.message_id)
    if message.state != SENT:
        return  # it came back before this was read
    if message.conversation.account.kind != "portal" or "@" in (message.to_address or ""):
        desk.question_delivered(event.message_id)


def stop_silence(event: MessageNotSent) -> None:
    """A follow-up question that came back was never asked: silence after it says nothing."""
    if event.state == FAILED:
        desk.question_returned(event.message_id)


def close_silent(event: SilenceEnds) -> None:
    """Nobody answered a delivered question in time: the ticket closes, and says that it closed by silence."""
    question = session().get_one(FollowUp, event.follow_up_id)
    ticket = session().get_one(Ticket, event.ticket_id)
    if question.delivered_at is None or now() - question.delivered_at < RULES.silence:
        return  # it came back, or was sent again: then that delivery has a clock of its own
    if ticket.state == "following_up" and question.state == "asked" and last_question(ticket) is question:
        take(TICKET, ticket, "close", SYSTEM, result="silence", reason=pack("%(n)s 天未答复", n=RULES.silence.days))


def wake_hold(event: HoldEnds) -> None:
    """A hold wakes itself at the moment that was agreed."""
    ticket = session().get_one(Ticket, event.ticket_id)
    if ticket.held and ticket.holds == event.hold and ticket.state not in TICKET.ends:
        take(TICKET, ticket, "resume", SYSTEM, reason="挂起时间已到")


@outside
def mail_requests_link(event: RequestsLinkAsked, job: Job) -> None:
    """Mail somebody the link to their own requests."""
    portal_letters.send_link(event, job)


@outside
def mail_transcript(event: TranscriptAsked, job: Job) -> None:
    """Mail what was said in a web chat to whoever asked for it."""
    chat_letters.send_transcript(event, job)


@outside
def write_index(event: Any, job: Job) -> None:
    """Put an article into the index as it now is, or take it out; with others that changed at the same time."""
    refresh(_open_index[0](), [event.article_id, *(one.article_id for one in outbox.gather(job, INDEXED_AT_ONCE))])


@outside
def cut_again(event: TermChanged, job: Job) -> None:
    """Put the articles that hold the word into the index anew, cut as the word list now says."""
    look_for_words(now=True)
    refresh(_open_index[0](), holding(event.text))


@outside
def cut_name_again(event: ProductChanged, job: Job) -> None:
    """A product's name is a word of the search from now on: older articles that hold it are cut with it too."""
    look_for_words(now=True)
    refresh(_open_index[0](), holding_name(event.product_id))


REACTIONS: Mapping[type[Event], Sequence[Reaction]] = {
    DoorbellRang: [wecom_reactions.sync_wecom],
    SignalHeard: [wecom_reactions.follow_wecom, wecom_reactions.keep_answer, media_reactions.greet_follower, reach_reactions.hear_signal, scanned.note_scan],
    VisitorSaw: [reach_reactions.hear_seen],
    OutreachDue: [reach_reactions.climb_ladder],
    RungDue: [reach_reactions.send_rung],
    OutreachMoved: [reach_reactions.follow_ladder],
    CallTaskStepTaken: [reach_reactions.hear_call],
    WrapUpWritten: [asked_reactions.learn_asked],
    CounterCodeWanted: [scanned.fetch_code],
    DeskWrites: [writing_told.show_typing],
    MediaWanted: [media_reactions.fetch_media],
    PersonMet: [media_reactions.ask_who],
    MessageReceived: [routing.route_message, reach_reactions.hear_answer],
    MessageQueued: [deliver_message],
    ReplayAsked: [replay_payloads],
    ChoiceDue: [choose_overdue],
    AnswerWanted: [answer_reactions.answer_question],
    AnswerSilent: [answer_reactions.raise_silent],
    MessageSent: [start_silence, app_reactions.push_app, reach_reactions.hear_sent, chat_letters.watch_answer],
    AnswerWaits: [chat_letters.mail_unseen],
    AccountTroubled: [account_alarms.tell_administrators],
    ChatEnded: [chat_letters.tell_end],
    TranscriptAsked: [mail_transcript],
    MessageNotSent: [stop_silence, reach_reactions.hear_not_sent],
    CallEnded: [call_reactions.follow_call],
    RecordingWanted: [fetch_recording],
    TicketOpened: [fcr_reactions.judge_ticket, auto_receipts.answer_first],
    TicketChanged: [fcr_reactions.judge_ticket, asked_reactions.learn_asked],
    TicketStepTaken: [reach_reactions.drop_needless, ask_follow_up, fcr_reactions.judge_ticket, asked_reactions.learn_asked, similar.index_ticket],
    VerdictMatures: [fcr_reactions.judge_matured],
    RepeatDecided: [fcr_reactions.judge_matured],
    ContactsMerged: [fcr_reactions.judge_person],
    ContactsUnmerged: [fcr_reactions.judge_person],
    HoldEnds: [wake_hold],
    OrderStepTaken: [order_reactions.feed_ticket, order_reactions.tell_appointment, order_reactions.ask_price],
    OrderHoldEnds: [order_reactions.wake_order],
    OrderTold: [order_notices.tell_supplier],
    OrderNoticeDue: [order_notices.send_notice],
    SilenceEnds: [close_silent],
    RequestsLinkAsked: [mail_requests_link],
    ArticlePublished: [write_index, knowledge_told.note_links, asked_reactions.test_gaps],
    AskedChanged: [write_index],
    FlagRaised: [loop_told.tell_owner],
    FlagClosed: [loop_told.tell_reporter],
    ArticleChanged: [write_index, knowledge_told.note_links],
    ArticleRetired: [write_index],
    PublishDue: [knowledge_told.publish_planned],
    WriterTold: [knowledge_told.tell_writer],
    ReviewAsked: [knowledge_told.tell_reviewers],
    IndexRebuildAsked: [rebuilding.rebuild_index],
    TicketIndexRebuildAsked: [rebuilding.rebuild_ticket_index],
    ReleasePublished: [release_told.tell_release],
    ReleaseFollowersDue: [release_told.call_followers],
    ReleaseFollowerDue: [release_told.tell_release_follower],
    QuestionMoved: [followers.gather_news],
    FollowerDue: [followers.tell_follower],
    PostHidden: [followers.take_back],
    TermChanged: [cut_again],
    ProductChanged: [cut_name_again],
}
