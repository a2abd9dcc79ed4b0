"""Writing down a request that came by telephone or in person: who, how, what, how bad, and what became of it, in one form."""

import secrets
from typing import Any

from flask import Blueprint, Flask, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import noting, viewer
from app.calls import people as call_people
from app.core.db import session
from app.core.directory.access import (
    access_contact,
    access_device,
    access_organisation,
    readable_devices,
    readable_organisations,
)
from app.core.directory.contacts import create_contact
from app.core.directory.identities import find_identity, find_or_create_contact
from app.core.directory.merging import kept
from app.core.errors import DeskError, Invalid, NotFound
from app.core.installed_base import Device
from app.core.people import Contact, Organisation
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.queries import tickets
from app.queries.calls import access_call
from app.web import call_pop, desk_show, new_people
from app.web import desk_answer as answer
from app.web import desk_words as words
from app.web.errors import field_errors, words_of
from workflows import service
from workflows.engine import take
from workflows.kinds import CATEGORIES, IMPACTS, KINDS
from workflows.models import Ticket
from workflows.opening import open_ticket
from workflows.tickets import TICKET

blueprint = Blueprint("desk_new", __name__)
CHANNELS = ("calls", "walk_in", "other")
SPOKEN = ("calls", "walk_in")
"""Ways by which somebody of the desk has already answered in person."""
SOLVED = "solved"


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/desk/tickets/new")
@viewer.needs("desk.use", "ticket.create")
def form() -> str:
    """The empty form, or with a person already chosen (`?contact=`), or filled from a call (`?call=`)."""
    actor = viewer.current_actor()
    if answer.number("call"):
        return _form(actor, {**request.args, **call_pop.prefill(actor, access_call(actor, answer.number("call") or 0))})
    return _form(actor, request.args)


@blueprint.get("/desk/tickets/new/people")
@viewer.needs("ticket.create", "contact.read")
def people() -> str:
    """People for the words typed so far."""
    actor = viewer.current_actor()
    return render_template("desk/_new_people.html", **new_people.choices(actor, request.args.get("who", "")))


@blueprint.get("/desk/tickets/new/machines")
@viewer.needs("ticket.create", "contact.read")
def machines() -> str:
    """The machines of the chosen person's company."""
    actor = viewer.current_actor()
    return render_template("desk/_new_machines.html", device=_device_field(actor, _chosen(actor), request.args))


@blueprint.post("/desk/tickets/new")
@viewer.needs("desk.use", "ticket.create")
def create() -> Response:
    """Open the ticket, with a new contact where there was none, and start on it at once where that is wished."""
    actor = viewer.current_actor()
    try:
        with unit_of_work():
            ticket = _open(actor)
            if answer.number("call"):
                call_people.hang_on(actor, access_call(actor, answer.number("call") or 0), ticket)
    except DeskError as problem:
        return answer.again(problem, lambda why: _form(actor, request.form, why))
    return redirect(desk_show.ticket_url(ticket), 303)


def _open(actor: Actor) -> Ticket:
    contact = _contact(actor)
    device = access_device(actor, answer.number("device") or 0) if request.form.get("device") else None
    channel = answer.typed("channel", 20)
    words = answer.typed("text").strip()[:50_000]
    subject = answer.typed("subject", 300)[:300].strip() or next((line.strip()[:80] for line in words.splitlines() if line.strip()), "")
    if not subject:
        raise Invalid.of("text", _("写一句发生了什么。"))
    if twin := service.opened_just_now(contact, subject):
        return twin
    product = answer.number("product")
    if product is not None and product not in {n for n, _label in tickets.product_choices()}:
        raise Invalid.of("product", "没有这个产品。")  # data
    call = answer.number("call")
    said = noting.take_down(contact, words, answer.typed("once", 40)[:40] or secrets.token_hex(8)) if words and not call else None
    ticket = open_ticket(
        actor,
        subject=subject,
        channel=channel if channel in CHANNELS else "calls",
        contact=contact,
        organisation_id=device.organisation_id if device else None,
        conversation_id=said.conversation_id if said else None,
        kind=answer.typed("kind", 20) or "consult",
        impact=answer.typed("impact", 20) or "none",
        product_id=product or (device.product_id if device else None),
        device_id=device.id if device else None,
    )
    if said is not None:
        said.conversation.token = str(ticket.number)
    elif words:
        service.add_note(actor, ticket, words)
    if ticket.channel in SPOKEN:
        service.answered(ticket, actor)
    solved = request.form.get("result") == SOLVED
    if (solved or request.form.get("claim") or request.form.get("result") == "claim") and desk_show.may_claim(ticket, actor):
        take(TICKET, ticket, "dispatch", actor, assignee=actor.id)
        take(TICKET, ticket, "start", actor)
    if solved:
        take(
            TICKET, ticket, "solve_now", actor, resolution=answer.typed("resolution"), boxes=request.form.getlist("boxes"),
            skipped=answer.typed("skipped", 300), wrap_up={"category": answer.typed("category", 20), "cause": answer.typed("cause", 300)},
        )  # fmt: skip
    return ticket


def _contact(actor: Actor) -> Contact:
    """The chosen person, or a new one from what was typed; a known telephone or address finds its owner."""
    chosen = request.form.get("contact", "")
    if chosen and chosen != "new":
        try:
            return kept(access_contact(actor, answer.number("contact") or 0))
        except NotFound:
            raise Invalid.of("contact", "没有这位联系人。") from None  # data
    name, phone, email = (answer.typed(field, 320).strip() for field in ("name", "phone", "email"))
    if not (name or phone or email):
        who = answer.typed("who", 100)[:100]
        found = new_people.read(who) if chosen == "new" else new_people.one_of(actor, who)
        if isinstance(found, Contact):
            return found
        name, phone, email = found
    company = answer.number("organisation")
    if company is not None:
        try:
            access_organisation(actor, company)
        except NotFound:
            raise Invalid.of("organisation", "没有这家企业。") from None  # data
    if not (name or phone or email):
        raise Invalid.of("contact", _("选一位联系人，或写下姓名和电话。"))
    contact: Contact | None = None
    for kind, value in (("phone", phone), ("email", email)):
        if not value or contact is not None:
            continue
        try:
            known = find_identity(kind, value)
            contact, _identity = find_or_create_contact(actor, kind, value, name=name[:120], organisation_id=company)
        except Invalid as problem:
            raise Invalid(errors={kind: problem.errors.get("value", [problem.message])}) from None
        if known is not None and contact is not None:
            try:
                access_contact(actor, contact.id)
            except NotFound:
                raise Invalid.of(kind, _("这位联系人不在你能看到的范围里，请交给服务台登记。")) from None
    if contact is None:
        contact = create_contact(actor, name=name, organisation_id=company)
    return contact


def _chosen(actor: Actor, given: Any = None) -> Contact | None:
    named = (given or {}).get("contact")
    try:
        return kept(access_contact(actor, named if isinstance(named, int) else answer.number("contact") or 0))
    except NotFound:
        return None


def _device_field(actor: Actor, person: Contact | None, given: Any) -> dict[str, Any] | None:
    if person is None or person.organisation_id is None:
        return None
    rows = readable_devices(actor).where(Device.organisation_id == person.organisation_id)
    found = session().scalars(rows.order_by(Device.product_id, Device.id).limit(200))
    options = [{"value": d.id, "label": f"{d.label} {d.name}".strip()} for d in found]
    if not options:
        return None
    return {"name": "device", "label": _("设备"), "kind": "select", "required": False, "options": options,
            "value": given.get("device", ""), "placeholder": _("没有指明")}  # fmt: skip


def _form(actor: Actor, given: Any, problem: DeskError | None = None) -> str:
    errors = field_errors(problem) if problem else {}
    person = _chosen(actor, given) if actor.can("contact.read") else None

    def field(name: str, label: str, kind: str = "text", required: bool = False, **more: Any) -> dict[str, Any]:
        first = more.pop("first", "")
        value = clean(str(given.get(name, ""))) if problem or name in given else first
        return {"name": name, "label": label, "kind": kind, "required": required, "value": value,
                "errors": errors.get(name, []), **more}  # fmt: skip

    companies = session().scalars(readable_organisations(actor).order_by(Organisation.name).limit(500))
    errors = {("resolution" if name == "wrap_up.resolution" else "category" if name == "wrap_up" else name): said for name, said in errors.items()}
    context = {
        "error": words_of(problem) if problem and not errors else None,
        "errors": errors,
        "who_errors": errors.get("contact", []),
        **new_people.choices(actor, given.get("who", ""), person, new=given.get("contact") == "new"),
        "device": _device_field(actor, person, given) if actor.can("contact.read") else None,
        "newcomer": [
            field("name", _("姓名"), autocomplete="off"),
            field("phone", _("电话"), "tel", autocomplete="off"),
            field("email", _("邮箱"), autocomplete="off"),
            field("organisation", _("企业"), "select", options=[{"value": c.id, "label": c.label} for c in companies],
                  placeholder=_("还不知道")),
        ],
        "how": field("channel", _("怎样来的"), "choices", True, first="calls", full=True,
                     options=[{"value": c, "label": words.channel_word(c)} for c in CHANNELS]),
        "words": field("text", _("客户怎么说"), "textarea", True, full=True, rows=4, placeholder=_("第一行会成为标题"),
                       hint=_("照客户的话写，客户在进度页看得到；给同事的话，登记以后写在备注里。")),
        "about": [
            field("kind", _("类别"), "select", True, first="consult",
                  options=[{"value": k.code, "label": _(k.label)} for k in KINDS.values()]),
            field("product", _("产品"), "select", options=[{"value": n, "label": label} for n, label in tickets.product_choices()],
                  placeholder=_("与产品无关")),
        ],
        "impact": field("impact", _("影响"), "choices", True, first="none", full=True,
                        options=[{"value": key, "label": _(label)} for key, label in IMPACTS.items()]),
        "result": _result(actor, given, problem),
        "solved": _solved(field, str(given.get("kind", "consult"))),
        "once": given.get("once") or secrets.token_urlsafe(9),
        "call": given.get("call", ""),
    }  # fmt: skip
    return render_template("desk/new.html", **context)



def _result(actor: Actor, given: Any, problem: DeskError | None) -> dict[str, Any]:
    """What became of it: solved on the spot, mine, or for whoever comes."""
    mine = actor.can("ticket.dispatch") and actor.can("ticket.work")
    options = [{"value": "open", "label": _("登记，等派工")}]
    if mine:
        options = [{"value": "claim", "label": _("登记，我来办")}, *options, {"value": SOLVED, "label": _("当场解决了")}]
    value = given.get("result") or ("claim" if mine and (not problem or given.get("claim")) else "open")
    return {"name": "result", "label": _("结果"), "kind": "choices", "required": True, "full": True, "options": options, "value": value}


def _solved(field: Any, kind: str) -> list[dict[str, Any]]:
    """What is asked of something that was solved on the spot."""
    boxes = KINDS[kind].boxes if kind in KINDS else {}
    asked = [
        field("resolution", _("怎样解决的"), "textarea", full=True, rows=3, hint=_("会写进给客户的回访问题里。")),
        field("category", _("分类"), "select", options=[{"value": key, "label": _(label)} for key, label in CATEGORIES.items()]),
        field("cause", _("原因"), maxlength=300),
    ]
    for one in asked[:2]:
        del one["required"]  # asked for only where it was solved, and then it must be there
    if boxes:
        options = [{"value": key, "label": _(label)} for key, label in boxes.items()]
        asked += [field("boxes", _("检查表"), "checkboxes", full=True, options=options) | {"value": request.form.getlist("boxes")},
                  field("skipped", _("没勾的为什么跳过"), full=True, maxlength=300)]  # fmt: skip
    return asked
