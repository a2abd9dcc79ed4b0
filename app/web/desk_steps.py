"""Steps of the ticket law as forms and buttons, and what else is changed on a ticket besides its law."""

from typing import Any

from flask import Blueprint, Flask, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import replies, viewer
from app.core.directory.access import access_device
from app.core.errors import DeskError, Invalid, NotFound, Refused, Stale
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import ticket_page, tickets
from app.web import desk_answer as answer
from app.web import desk_forms
from app.web.desk_show import DIRECT, may_claim, ticket_url
from app.web.desk_words import state_word
from app.web.errors import field_errors
from workflows import service
from workflows.access import access_ticket
from workflows.engine import take
from workflows.models import Ticket
from workflows.tickets import TICKET

blueprint = Blueprint("desk_steps", __name__)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/desk/tickets/<int:number>/steps/<step>")
@viewer.needs("desk.use", "ticket.read")
def step_form(number: int, step: str) -> str:
    """The form of a step, or in words why it is not possible now."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    if step not in desk_forms.FORMS:
        raise NotFound()
    return _form(ticket, step, missing=_why_not(ticket, step, actor))


@blueprint.post("/desk/tickets/<int:number>/steps/<step>/with-reply")
@viewer.needs("ticket.work")
def step_form_with_reply(number: int, step: str) -> str:
    """The form that solves a ticket and sends the answer that stands in the composer, both or neither."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    if step not in ("resolve", "solve_now"):
        raise NotFound()
    text = answer.typed("text")
    missing = _why_not(ticket, step, actor) or ([] if text.strip() else [_("先写下给客户的回复。")])
    if any(upload.filename for upload in request.files.getlist("files")):
        missing.append(_("有附件时先发送回复，再标为已解决。"))
    return _form(ticket, step, missing=missing, reply=True)


@blueprint.post("/desk/tickets/<int:number>/steps/<step>")
@viewer.needs("desk.use", "ticket.read")
def take_step(number: int, step: str) -> Response:
    """Take the step; refused or stale, the form comes again with the reason and everything that was typed."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    form = desk_forms.FORMS.get(step)
    if form is None and step not in DIRECT:
        raise NotFound()
    try:
        given = desk_forms.read(form) if form else {}
        with unit_of_work():
            ticket = access_ticket(actor, number)
            if answer.typed("reply_text").strip():
                _send(ticket, actor)
                take(TICKET, ticket, step, actor, **given)  # the reply itself counted the version up
            else:
                take(TICKET, ticket, step, actor, version=answer.version(), **given)
    except DeskError as problem:
        if form is None:
            return answer.refused(ticket, problem)
        return answer.again(problem, lambda why: _form(access_ticket(actor, number), step, problem=why))
    said = str(form.said) if form else _("已%(step)s", step=_(TICKET.by_name[step].label))
    if step == "cancel" and ticket.cancelling:
        said = _("已提议撤单，供应商确认后自动撤单")
    events: dict[str, Any] = {"sent": {}} if answer.typed("reply_text").strip() else {}
    return answer.done(ticket, said, **events)


def _send(ticket: Ticket, actor: Actor) -> None:
    """The answer that goes out together with the step; the version is the one that the writer saw."""
    if answer.version() not in (None, ticket.version):
        raise Stale()
    line = next((x for x in ticket_page.lines_of(ticket) if x.conversation.id == answer.number("conversation")), None)
    if line is None:
        raise Refused("这个会话没有可以回复的地址。")  # data
    replies.reply(
        actor, ticket, line.conversation, answer.typed("reply_text"), article_ids=answer.numbers("reply_articles")
    )


def _why_not(ticket: Ticket, step: str, actor: Actor) -> list[str]:
    """Why a step is not possible now, in words; empty when it is."""
    if step in {found.name for found in TICKET.offers(ticket, actor)}:
        return []
    try:
        TICKET.find(ticket, step, actor, {})
    except Invalid:
        return []
    except DeskError as problem:
        return [problem.text(_)]
    return []


def _form(
    ticket: Ticket,
    step: str,
    *,
    problem: DeskError | None = None,
    missing: list[str] | None = None,
    reply: bool = False,
) -> str:
    form, actor = desk_forms.FORMS[step], viewer.current_actor()
    fields = desk_forms.shown(form, ticket, actor, field_errors(problem) if problem else None, kept=problem is not None)
    text, articles = answer.typed("reply_text"), answer.numbers("reply_articles")
    if reply:
        text, articles = answer.typed("text"), answer.numbers("articles")
        for field in fields:
            if field["name"] == "resolution" and not field["value"]:
                field["value"] = text.strip()
    hidden: dict[str, Any] = {}
    if text.strip():
        hidden = {"reply_text": text, "conversation": answer.number("conversation") or ""}
        fields += [{"kind": "hidden", "name": "reply_articles", "value": number} for number in articles]
        fields += [{"kind": "hidden", "name": name, "value": value} for name, value in hidden.items()]
    return _page(
        ticket,
        {
            "title": f"{_(TICKET.by_name[step].label)} #{ticket.number}",
            "intro": _("回复会一并发出：「%(text)s」", text=clean(text).strip()[:60]) if text.strip() else str(form.intro),
            "url": f"{ticket_url(ticket)}/steps/{step}",
            "submit": _("发送并标为已解决") if text.strip() else str(form.submit),
            "danger": form.danger,
            "version": ticket.version,
            "error": _said(ticket, problem),
            "missing": missing or [],
            "fields": fields,
            "columns": form.columns,
        },
    )


def _said(ticket: Ticket, problem: DeskError | None) -> str | None:
    """What is wrong with the whole, with what stands on the ticket now where that is the reason."""
    if problem is None or (isinstance(problem, Invalid) and problem.errors):
        return None
    said = problem.text(_)
    if not isinstance(problem, Stale):
        return said
    who = ticket.assignee.label if ticket.assignee else _("没有人")
    return " ".join([said, _("现在是「%(state)s」，由 %(who)s 负责。", state=state_word(ticket.state), who=who), answer.kept_note()])


def _page(ticket: Ticket, form: dict[str, Any]) -> str:
    template = "desk/_step_form.html" if answer.is_piece() else "desk/step.html"
    return render_template(template, form=form, ticket={"number": ticket.number, "url": ticket_url(ticket)})


@blueprint.post("/desk/tickets/<int:number>/claim")
@viewer.needs("ticket.work", "ticket.dispatch")
def claim(number: int) -> Response:
    """Give a new ticket to oneself and start: two steps, one button, one unit of work."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number)
            if not may_claim(ticket, actor):
                who = ticket.assignee.label if ticket.assignee else _("没有人")
                raise Refused(_("已经是「%(state)s」，由 %(who)s 负责。", state=state_word(ticket.state), who=who))
            # No version is asked for: what matters is that nobody has it, and a picture that arrives meanwhile changes nothing.
            take(TICKET, ticket, "dispatch", actor, assignee=actor.id)
            take(TICKET, ticket, "start", actor)
    except DeskError as problem:
        return answer.refused(ticket, problem)
    return answer.done(ticket, _("已派给你，开始处理"))


@blueprint.get("/desk/tickets/<int:number>/classify")
@viewer.needs("ticket.work")
def classify_form(number: int) -> str:
    """Kind, impact, product and device of a ticket."""
    return _classify(access_ticket(viewer.current_actor(), number))


@blueprint.post("/desk/tickets/<int:number>/classify")
@viewer.needs("ticket.work")
def classify(number: int) -> Response:
    """Set them; priority and due date follow."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number)
            if answer.version() not in (None, ticket.version):
                raise Stale()
            device = access_device(actor, answer.number("device") or 0) if request.form.get("device") else None
            service.classify(
                actor,
                ticket,
                kind=answer.typed("kind", 20),
                impact=answer.typed("impact", 20),
                product_id=_product(),
                device_id=device.id if device else None,
            )
    except DeskError as problem:
        return answer.again(problem, lambda why: _classify(access_ticket(actor, number), why))
    return answer.done(ticket, str(desk_forms.CLASSIFY.said))


def _product() -> int | None:
    """The chosen product, if it is one that is offered."""
    chosen = answer.number("product")
    if chosen is not None and chosen not in {number for number, _label in tickets.product_choices()}:
        raise Invalid.of("product", "没有这个产品。")  # data
    return chosen


def _classify(ticket: Ticket, problem: DeskError | None = None) -> str:
    form, actor = desk_forms.CLASSIFY, viewer.current_actor()
    errors = field_errors(problem) if problem else None
    return _page(
        ticket,
        {
            "title": _("#%(number)s 是什么问题", number=ticket.number),
            "intro": "",
            "url": f"{ticket_url(ticket)}/classify",
            "submit": str(form.submit),
            "danger": False,
            "version": ticket.version,
            "error": _said(ticket, problem),
            "missing": [],
            "fields": desk_forms.shown(form, ticket, actor, errors, kept=problem is not None),
            "columns": False,
        },
    )


@blueprint.post("/desk/tickets/<int:number>/attempts")
@viewer.needs("ticket.close")
def attempt(number: int) -> Response:
    """Write down that nobody answered the telephone."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number)
            question = service.attempt_failed(actor, ticket)
    except DeskError as problem:
        return answer.refused(ticket, problem)
    return answer.done(ticket, _("已记下第 %(n)s 次没有接通", n=question.attempts))


@blueprint.post("/desk/tickets/<int:number>/extensions/<int:mark>/<decision>")
@viewer.needs("ticket.supervise")
def decide(number: int, mark: int, decision: str) -> Response:
    """Approve or refuse a later due date that somebody asked for."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    if decision not in ("approve", "refuse"):
        raise NotFound()
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number)
            service.decide_extension(actor, ticket, mark, decision == "approve")
    except DeskError as problem:
        return answer.refused(ticket, problem)
    return answer.done(ticket, _("已批准延期") if decision == "approve" else _("没有批准延期"))


@blueprint.get("/desk/tickets/<int:number>/supervisions/<int:mark>")
@viewer.needs("ticket.work")
def supervision_form(number: int, mark: int) -> str:
    """The answer to a supervision."""
    return _supervision(access_ticket(viewer.current_actor(), number), mark)


@blueprint.post("/desk/tickets/<int:number>/supervisions/<int:mark>")
@viewer.needs("ticket.work")
def answer_supervision(number: int, mark: int) -> Response:
    """Give it."""
    actor = viewer.current_actor()
    ticket = access_ticket(actor, number)
    try:
        with unit_of_work():
            ticket = access_ticket(actor, number)
            service.answer_supervision(actor, ticket, mark, answer.typed("text", 500))
    except DeskError as problem:
        return answer.again(problem, lambda why: _supervision(access_ticket(actor, number), mark, why))
    return answer.done(ticket, str(desk_forms.SUPERVISION.said))


def _supervision(ticket: Ticket, mark: int, problem: DeskError | None = None) -> str:
    form, actor = desk_forms.SUPERVISION, viewer.current_actor()
    errors = field_errors(problem) if problem else None
    return _page(
        ticket,
        {
            "title": _("答复督办 #%(number)s", number=ticket.number), "intro": str(form.intro), "submit": str(form.submit),
            "url": f"{ticket_url(ticket)}/supervisions/{mark}", "danger": False, "version": None, "missing": [],
            "error": _said(ticket, problem), "columns": False,
            "fields": desk_forms.shown(form, ticket, actor, errors, kept=problem is not None),
        },
    )  # fmt: skip
