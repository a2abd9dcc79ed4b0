"""Ctrl-K: everything one may jump to, by the keyboard alone. Steps of the open ticket are added by the page itself."""

from typing import Any

from flask import Blueprint, Flask, render_template, request
from flask_babel import gettext as _

from app import viewer
from app.core.permissions import Actor
from app.core.text import clean
from app.queries import everything
from app.web import desk_answers, desk_show, desk_words, order_words
from app.web.frame import PLACES, Place, exists

blueprint = Blueprint("everything", __name__)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/everything")
@viewer.needs()
def find() -> str:
    """What is found for the words typed so far, in groups; without words the pages of this person."""
    actor = viewer.current_actor()
    q = clean(request.args.get("q", "")).strip()[:100]
    groups = [{"label": _("去哪里"), "items": _places(actor, q)}]
    if q:
        groups = [*_found(actor, q), *groups]
    return render_template("everything.html", q=q, groups=[g for g in groups if g["items"]])


def _more() -> tuple[Place, ...]:
    return (
        Place("new", _("登记工单"), "plus", "/desk/tickets/new", ("ticket.create",)),
        Place("me", _("我的账号、语言、令牌"), "user-cog", "/me", ()),
        Place("accounts", _("用户与角色"), "users", "/admin/accounts", ("user.manage",)),
        Place("channels", _("渠道账号"), "plug", "/admin/channels", ("channel.manage",)),
        Place("raw", _("原始来件"), "inbox", "/admin/raw", ("channel.manage",)),
        Place("outbox", _("待办队列"), "send", "/admin/outbox", ("outbox.manage",)),
        Place("audit", _("审计记录"), "history", "/admin/audit", ("audit.read",)),
        Place("home", _("客户看到的门户"), "world", "/", ()),
    )


def _places(actor: Actor, q: str) -> list[dict[str, Any]]:
    """Pages whose name holds the words; queues are pages too."""
    views = [
        Place(key, _("队列：%(view)s", view=str(label)), "list", f"/desk?view={key}", ("desk.use",))
        for key, label in desk_words.VIEWS.items()
    ]
    found = []
    for place in (*PLACES, *(views if q else ()), *_more()):
        allowed = not place.permissions or any(actor.can(p) for p in place.permissions)
        if allowed and exists(place.url.partition("?")[0]) and q.lower() in str(place.label).lower():
            found.append({"url": place.url, "icon": place.icon, "title": str(place.label), "about": ""})
    return found[:8]


def _found(actor: Actor, q: str) -> list[dict[str, Any]]:
    found = everything.find(actor, q)
    articles = desk_answers.found_articles(actor, q, 4, typing=True) if actor.can("article.read") else []
    return [
        {"label": _("工单"), "items": [
            {"url": desk_show.ticket_url(t), "icon": "ticket", "title": f"#{t.number} {t.subject}",
             "about": _about(t.contact.label if t.contact else "", t.organisation.label if t.organisation else "", desk_words.state_word(t.state))}
            for t in found.tickets]},
        {"label": _("联系人"), "items": [
            {"url": f"/contacts/{c.id}", "icon": "user", "title": c.label,
             "about": _about(c.organisation.label if c.organisation else "", *(i.label for i in c.identities[:2]))}
            for c in found.contacts]},
        {"label": _("企业"), "items": [
            {"url": f"/organisations/{o.id}", "icon": "building", "title": o.name, "about": o.short_name} for o in found.organisations]},
        {"label": _("设备"), "items": [
            {"url": f"/devices/{d.id}", "icon": "building-factory-2", "title": f"{d.model or d.product.code} {d.serial}",
             "about": _about(d.organisation.label if d.organisation else "", d.name)}
            for d in found.devices]},
        {"label": _("服务订单"), "items": [
            {"url": f"/orders/{o.number}", "icon": "tool", "title": f"#{o.number} {o.subject}",
             "about": _about(o.supplier.label if o.supplier else "", order_words.state_word(o.state))}
            for o in found.orders]},
        {"label": _("知识"), "items": [
            {"url": a["url"], "icon": "book-2", "title": a["title"], "about": _about(a["product"] or "", a["audience"])} for a in articles]},
    ]  # fmt: skip


def _about(*words: str) -> str:
    return " · ".join(word for word in words if word)
