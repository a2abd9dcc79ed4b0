"""/ask: asking people instead of articles. Answers are offered while one writes; nothing that was typed is ever lost."""

import secrets
from typing import Any

from flask import Blueprint, Flask, make_response, redirect, render_template, request
from flask import session as cookie
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from limits import parse_many
from werkzeug.wrappers import Response

from app import asking, letters, viewer
from app.asking import Asked, find_tag
from app.core.errors import DeskError, Invalid
from app.core.installed_base import Device
from app.core.people import Contact
from app.core.permissions import Actor
from app.core.text import clean
from app.kb.index import current_index
from app.kb.search_log import note_asker
from app.queries import portal as queries
from app.queries import requests as lists
from app.web import visit
from app.web.errors import field_errors, status_of, words_of
from app.web.hits import Shown, article_url
from app.web.my_requests import visitor
from app.web.security import limiter
from channels.counters import Counter, find_counter
from knowledge import searching
from knowledge.access import reader_for
from knowledge.index import IndexUnavailable
from workflows.kinds import KINDS

blueprint = Blueprint("ask", __name__)
SUGGESTED = 3
LIMITS = parse_many("10 per minute; 60 per hour")
"""Requests from one address; an office shares one, and a person in need sends two."""
IMPACTS = {
    "line_down": _l("整条线停了"),
    "machine_down": _l("一台设备停了"),
    "degraded": _l("还能用，但不正常"),
    "none": _l("不影响生产"),
}
KIND_WORDS = {
    "consult": _l("想问怎么用"),
    "fault": _l("出了故障"),
    "provision": _l("要开通"),
    "change": _l("要变更"),
    "complaint": _l("要投诉"),
    "suggestion": _l("有建议"),
}
FIELDS = ("text", "impact", "name", "email", "phone", "product", "serial", "kind", "article", "once")


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/ask")
@viewer.public
@limiter.limit("240 per minute")
def form() -> str:
    """The form, with whatever led here: the words of a search (`q`), an article that did not help (`article`), the code
    on a machine (`device`) or at a counter (`counter`)."""
    actor = viewer.current_actor()
    words = [clean(request.args.get("q", "")).strip()[: searching.LONGEST_QUERY]]
    article = clean(request.args.get("article", ""))[:200]
    missed = cookie.get("missed")
    if article and isinstance(missed, list) and missed[:1] == [article]:
        words.append(str(missed[1]))
    given = {**_known(actor), "text": "\n".join(w for w in words if w), "article": article, "once": secrets.token_urlsafe(9)}
    given["read"] = ",".join(map(str, visit.read_before()))
    device = find_tag(request.args.get("device", ""))
    product = queries.find_product(request.args.get("product", "")) if request.args.get("product") else None
    if device or product:
        given["product"] = str(device.product_id if device else product.id if product else "")
    return _form(actor, given, device, find_counter(request.args.get("counter", "")))


@blueprint.post("/ask")
@viewer.public
def send() -> Response:
    """Take the request; then its progress page, which says the number."""
    actor = viewer.current_actor()
    given = {name: clean(request.form.get(name, ""))[: asking.LONGEST + 1] for name in FIELDS}
    given["read"] = ",".join(request.form.getlist("read")[: visit.READ_AT_MOST])
    device, counter = find_tag(request.form.get("device", "")), find_counter(request.form.get("counter", ""))
    if request.form.get("step") == "look":
        return make_response(_form(actor, given, device, counter))
    if limiter.enabled and not all(limiter.limiter.hit(limit, "ask", request.remote_addr or "") for limit in LIMITS):
        return make_response(_form(actor, given, device, counter, said=_("提交得太频繁了。你写的都还在，请一分钟后再提交。")), 429)
    files = [
        (file.filename, file.mimetype or "application/octet-stream", file.stream.read(asking.LARGEST_FILE + 1))
        for file in request.files.getlist("files")[: asking.MOST_FILES + 1]
        if file.filename
    ]
    language = "en" if str(get_locale() or "").startswith("en") else "zh"
    asked = Asked(**given, tag=device.tag if device else "", counter=counter.slug if counter else "", language=language, files=files)
    try:
        ticket = asking.submit(actor, asked)
    except DeskError as problem:
        return make_response(_form(actor, given, device, counter, problem, lost=bool(files)), status_of(problem))
    note_asker(ticket.contact_id)
    cookie.pop("missed", None)
    visit.forget_read()
    cookie["sent"] = ticket.number
    return redirect(f"/r/{letters.sign_ticket(ticket.id)}", 303)


def _known(actor: Actor) -> dict[str, str]:
    """Name and addresses of somebody we know: logged in, or come by the link to their own requests."""
    if actor.kind == "user" and actor.role == "client":
        user = viewer.current_user()
        contact = lists.contact_of(user)
        return {"name": user.display_name or user.name, **_addresses(contact), **({"email": user.email} if user.email else {})}
    identity = visitor()
    if identity is None:
        return {}
    name = identity.contact.name if identity.contact and not identity.shared else ""
    return {"name": name, identity.kind: identity.shown or identity.value}


def _addresses(contact: Contact | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for identity in contact.identities if contact else []:
        if identity.kind in ("email", "phone") and not identity.shared:
            found.setdefault(identity.kind, identity.shown or identity.value)
    return found


def _form(
    actor: Actor,
    given: dict[str, str],
    device: Device | None,
    counter: Counter | None,
    problem: DeskError | None = None,
    *,
    said: str = "",
    lost: bool = False,
) -> str:
    errors = field_errors(problem) if isinstance(problem, Invalid) else {}

    def field(name: str, label: str, kind: str = "text", required: bool = False, **more: Any) -> dict[str, Any]:
        return {"name": name, "label": label, "kind": kind, "required": required, "value": given.get(name, ""),
                "errors": errors.get(name, []), **more}  # fmt: skip

    article = queries.find_readable(actor, given["article"]) if given.get("article") else None
    if lost:
        errors.setdefault("files", []).append(_("文件要重新选一次。"))
    return render_template(
        "portal/ask.html",
        error=said or (words_of(problem) if problem and not errors else _("有几处要改，下面标出来了。你写的都还在。") if errors else ""),
        text=field("text", _("发生了什么"), "textarea", True, rows=5, maxlength=asking.LONGEST,
                   placeholder=_("例如：三号线的网关从早上八点起离线，换过卡，绿灯不亮"),
                   hint=_("屏幕上的代码、什么时候开始、做过什么，知道多少写多少。")),
        impact=field("impact", _("影响到生产吗"), "choices", True,
                     options=[{"value": key, "label": label} for key, label in IMPACTS.items()]),
        about=[
            field("product", _("哪个产品"), "select", placeholder=_("不清楚，或与产品无关"),
                  options=[{"value": p.id, "label": p.label} for p in lists.offered_products()]),
            field("serial", _("设备序列号"), maxlength=80, hint=_("在铭牌上。"), autocomplete="off"),
        ],
        kind=field("kind", _("属于哪一种"), "select", placeholder=_("你们看着办"),
                   options=[{"value": k, "label": KIND_WORDS[k]} for k in KINDS]),
        who=[
            field("name", _("怎么称呼你"), maxlength=120, autocomplete="name"),
            field("email", _("邮箱"), "email", maxlength=254, autocomplete="email", inputmode="email"),
            field("phone", _("手机或电话"), "tel", maxlength=40, autocomplete="tel", inputmode="tel"),
        ],
        files=field("files", _("照片、截图或日志"), "file", hint=_("最多 6 个，每个 10 MB。"), errors=errors.get("files", [])),
        once=given.get("once") or secrets.token_urlsafe(9),
        read=[
            {"id": a.id, "title": a.title, "url": article_url(a.slug)}
            for a in asking.articles_read(actor, given.get("read", "")) if article is None or a.id != article.id
        ],
        article={"title": article.title, "slug": article.slug, "url": f"/articles/{article.slug}"} if article else None,
        device={"tag": device.tag, "label": device.label, "product": device.product.label} if device else None,
        counter={"slug": counter.slug, "name": counter.name, "place": counter.place} if counter else None,
        hits=_answers(actor, given, article.id if article else None),
        hotline=queries.reach(),
        meta={"robots": "noindex"},
    )  # fmt: skip


def _answers(actor: Actor, given: dict[str, str], read: int | None) -> list[dict[str, Any]]:
    """The best articles for the words so far, without the one that was read already."""
    words = given.get("text", "").strip()
    if len(words) < 2:
        return []
    product = asking.find_product(given.get("product", ""))
    try:
        hits = searching.search(current_index(), actor, words, product.id if product else None, SUGGESTED + 1)
    except IndexUnavailable:
        return []
    found = Shown([hit for hit in hits if int(hit.id) != read][:SUGGESTED], reader_for(actor))
    return found.as_dicts({"q": words[: searching.LONGEST_QUERY]})
