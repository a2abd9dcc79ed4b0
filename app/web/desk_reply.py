"""The composer: answers to the customer, notes to colleagues, drafts, and sending again what did not go out."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Flask, jsonify, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import replies, viewer
from app.core.errors import DeskError, Invalid, Refused
from app.core.files import StoredFile, put_bytes, store_file
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.kb.article_words import warnings_of
from app.queries import ticket_page, timeline
from app.web import desk_answer as answer
from app.web import desk_ways
from app.web import desk_words as words
from app.web.desk_show import head
from app.web.errors import words_of
from app.web.i18n import show_time
from channels.models import Account, Message
from channels.sending import send_again
from knowledge.models import Article
from workflows import service
from workflows.access import access_ticket
from workflows.models import Draft, Ticket
from workflows.tickets import TICKET

blueprint = Blueprint("desk_reply", __name__)
MOST_FILES, MOST_CARDS = 10, 2
CARDS = frozenset({"wechat", "wecom", "webchat"})
"""Channels that show a link as a card; on others the words hold it."""


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def composer(ticket: Ticket, actor: Actor, problem: DeskError | None = None) -> dict[str, Any]:
    """What the composer shows: whom an answer reaches, what has been begun, and after a refusal what was typed."""
    lines = ticket_page.lines_of(ticket)
    offered = {step.name for step in TICKET.offers(ticket, actor)}
    why = "" if lines else _("没有可以回复的会话。请打电话给客户，经过写成备注。")
    if not actor.can("ticket.work"):
        why = _("你可以看这张工单，不能回复。")
    chosen = answer.number("conversation")
    to = next((line for line in lines if line.conversation.id == chosen), lines[0] if lines else None)
    return {
        "can_write": actor.can("ticket.work"),
        "can_reply": not why,
        "why_not": why,
        "to": _address(to) if to else "",
        "conversation": to.conversation.id if to else "",
        "lines": [
            {"value": line.conversation.id, "label": f"{words.channel_word(line.account.kind)} {_address(line)}"} for line in lines
        ],
        "channel": to.account.kind if to else "",
        "channel_label": words.channel_word(to.account.kind) if to else "",
        **desk_ways.window(ticket, to.conversation if to else None),
        "cards": any(line.account.kind in CARDS for line in lines),
        "error": words_of(problem) if problem else None,
        "chats": [line.conversation.id for line in lines if line.account.kind == "webchat"],
        "solve": next((name for name in ("resolve", "solve_now") if name in offered), "") if not why else "",
    }


def _address(line: ticket_page.Line) -> str:
    if line.account.kind in words.CODED_CHANNELS:
        return line.to_name if line.to_name != line.to_address else words.channel_word(line.account.kind)
    return f"{line.to_name} <{line.to_address}>" if line.to_name and line.to_name != line.to_address else line.to_address


def draft(ticket: Ticket, actor: Actor) -> dict[str, Any]:
    """What this person has begun to write here: the newest of their answer and their note."""
    kept = [d for kind in ("reply", "note") if (d := service.find_draft(actor, ticket, kind))]
    newest: Draft | None = max(kept, key=lambda d: d.saved_at, default=None)
    if newest is None:
        return {"text": "", "note": False, "articles": [], "saved_at": None}
    return {
        "text": newest.text,
        "note": newest.kind == "note",
        "articles": _chips([int(n) for n in newest.articles], actor),
        "saved_at": newest.saved_at,
    }


def _chips(ids: list[int], actor: Actor) -> list[dict[str, Any]]:
    """Articles that may still go out, as chips; one that was taken down meanwhile has none."""
    chips = []
    for number in ids:
        try:
            article = replies.sendable_article(actor, number)
        except Invalid:
            continue
        chips.append({"id": article.id, "title": article.title})
    return chips


def _typed_draft(actor: Actor) -> dict[str, Any]:
    """The composer's content as it was sent to us."""
    note = request.form.get("note") == "1"
    chips = _chips(answer.numbers("articles"), actor)
    return {"text": answer.typed("text"), "note": note, "articles": chips, "saved_at": None}


@blueprint.post("/desk/tickets/<int:number>/messages")
@viewer.needs("ticket.work")
def write(number: int) -> Response:
    """Send an answer or keep a note. Whoever answers without having seen the customer's newest words is told them first."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    note = request.form.get("note") == "1"
    sent: Message | None = None
    try:
        files = [] if note else _uploads()
        if not note:
            _check_seen(ticket, actor)
        with unit_of_work():
            ticket = access_ticket(actor, number)
            if note:
                service.add_note(actor, ticket, _text())
                service.drop_draft(actor, ticket, "note")
            else:
                sent = _reply(ticket, actor, files)
    except DeskError as problem:
        return answer.again(problem, lambda why: _composer_again(access_ticket(actor, number), actor, why))
    if sent is None:
        return answer.done(ticket, _("备注已保存"), sent={"note": True})
    wait = undo_time(sent.conversation.account)
    if not wait:
        return answer.done(ticket, _("回复已发出"), sent={})
    said = _("%(n)s 秒后发出", n=int(wait.total_seconds()))
    return answer.done(ticket, said, undo=f"/desk/messages/{sent.id}/withdraw", seconds=wait.total_seconds() - 1, sent={})


def undo_time(account: Account) -> timedelta:
    """How long an answer on this account waits for being taken back: a mail does, somebody in a chat is waiting."""
    return timedelta(seconds=viewer.settings().undo_seconds) if account.kind == "email" else timedelta(0)


@blueprint.post("/desk/messages/<int:message_id>/withdraw")
@viewer.needs("ticket.work")
def withdraw(message_id: int) -> Response:
    """Take back an own answer that has not gone out; it returns into the draft."""
    actor = viewer.current_actor()
    number = timeline.ticket_of_message(actor, timeline.access_message(actor, message_id)).number

    def take_back(actor: Actor, ticket: Ticket) -> dict[str, Any]:
        replies.take_back(actor, ticket, message_id)
        return {"back": {"page": f"/desk/tickets/{number}", "url": f"/desk/tickets/{number}/composer"}}

    return answer.carried_out(number, take_back, _("已撤回，文字回到草稿"))


@blueprint.get("/desk/tickets/<int:number>/composer")
@viewer.needs("ticket.work")
def composer_part(number: int) -> str:
    """The composer with the draft as it stands on the server."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    return render_template(
        "desk/_composer.html", ticket=head(ticket), composer=composer(ticket, actor), draft=draft(ticket, actor)
    )


def _text() -> str:
    text = answer.typed("text")
    if len(text) > replies.LONGEST:
        raise Invalid.of("text", "太长了。")  # data
    return text


def _reply(ticket: Ticket, actor: Actor, files: list[tuple[bytes, str, str]]) -> Message:
    wanted = answer.number("conversation")
    lines = ticket_page.lines_of(ticket)
    line = next((x for x in lines if wanted in (None, x.conversation.id)), None)
    if line is None:
        raise Refused("这个会话没有可以回复的地址。")  # data
    stored: list[StoredFile] = [store_file(content, name, mime) for content, name, mime in files]
    articles = answer.numbers("articles")
    hows = answer.hows()
    cards = [n for n in articles if hows.get(n) == "card" or request.form.get("card") == "1"][:MOST_CARDS]
    cards = cards if line.account.kind in CARDS else []
    text, message = _text(), None
    if text.strip() or stored or not cards:
        message = replies.reply(
            actor, ticket, line.conversation, text, article_ids=articles, files=stored, after=undo_time(line.account), hows=hows
        )
    for number in cards:
        sent = _send_card(actor, ticket, line, replies.sendable_article(actor, number))
        message = message or sent
    assert message is not None
    return message


def _send_card(actor: Actor, ticket: Ticket, line: ticket_page.Line, article: Article) -> Message:
    """An article as a card of its own, where the platform shows such; it counts as a message there."""
    url = f"{viewer.settings().site_url}/articles/{article.slug}"
    contact = line.conversation.contact
    hint = "Open to read it" if contact is not None and contact.language == "en" else "点开看全文"  # data: the reader's language
    if warned := warnings_of(article):  # a warning always comes along
        hint = "；".join(warned)[:400]  # data
    card = {"title": article.title, "text": hint, "url": url}
    return replies.reply(
        actor, ticket, line.conversation, f"{article.title}\n{url}", article_ids=[article.id], kind="card", meta=card
    )


def _uploads() -> list[tuple[bytes, str, str]]:
    """Files that came with the form; their bytes are on disk before the unit of work begins."""
    found = []
    for upload in request.files.getlist("files"):
        if not upload.filename:
            continue
        content = upload.read()
        put_bytes(content)
        found.append((content, upload.filename, upload.mimetype or ""))
    if len(found) > MOST_FILES:
        raise Invalid.of("files", _("一次最多 %(n)s 个附件。", n=MOST_FILES))
    return found


def _check_seen(ticket: Ticket, actor: Actor) -> None:
    """Refuse, with the words, when the customer or a colleague wrote something that this person has not seen yet."""
    seen = answer.number("seen")
    newest = timeline.newest_word(ticket, actor.id)
    if seen is None or newest is None or newest.id <= seen:
        return
    words_ = " ".join(newest.visible_text.split())[:80]
    if newest.direction == "in":
        raise Refused(_("发送前客户又写了：「%(text)s」。看过后再发一次。", text=words_))
    raise Refused(_("发送前%(who)s已经回复：「%(text)s」。看过后再发一次。", who=newest.author_name, text=words_))


def _composer_again(ticket: Ticket, actor: Actor, problem: DeskError) -> str:
    shown = composer(ticket, actor, problem)
    if any(upload.filename for upload in request.files.getlist("files")):
        shown["error"] = _("%(why)s 附件要重新选择。", why=shown["error"])
    newest = timeline.newest_word(ticket, actor.id)
    given = {
        "ticket": head(ticket),
        "composer": shown,
        "draft": _typed_draft(actor),
        "seen": newest.id if newest else 0,
        "is_again": True,
    }
    return render_template("desk/_composer.html" if answer.is_piece() else "desk/composer.html", **given)


@blueprint.post("/desk/tickets/<int:number>/draft")
@viewer.needs("ticket.work")
def save_draft(number: int) -> Response:
    """Keep what is being written; the answer says when it was kept. Not audited: a draft is nobody else's business."""
    actor = viewer.current_actor()
    with unit_of_work():
        ticket = access_ticket(actor, number)
        kind, other = ("note", "reply") if request.form.get("note") == "1" else ("reply", "note")
        saved = service.save_draft(actor, ticket, kind, answer.typed("text"), answer.numbers("articles"))
        service.drop_draft(actor, ticket, other)
    return jsonify({"saved_at": saved.isoformat(), "shown": show_time(saved)})


@blueprint.post("/desk/messages/<int:message_id>/again")
@viewer.needs("ticket.work")
def again(message_id: int) -> Response:
    """Send a failed or undecided message once more; the person was told that it may arrive twice."""
    actor = viewer.current_actor()
    number = timeline.ticket_of_message(actor, timeline.access_message(actor, message_id)).number

    def send(actor: Actor, ticket: Ticket) -> None:
        send_again(actor, timeline.access_message(actor, message_id).id)
        service.changed(ticket)

    return answer.carried_out(number, send, _("已重新交给发送队列"))
