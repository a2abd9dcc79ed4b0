"""The chat that stands on any page: the launcher's script, the page inside its frame, and files of visitors.

Nothing here knows a visitor by cookie: browsers keep those from framed pages. The token travels in a header.
"""

import re
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, make_response, render_template, request
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as AnyResponse

from app import chat_words, viewer
from app.assets import STATIC
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.files import put_bytes, store_file
from app.core.uow import unit_of_work
from app.web.desk_files import deliver
from app.web.errors import words_of
from app.web.i18n import LANGUAGES, language
from app.web.security import csrf, limiter, policy
from channels import visitors
from channels.accounts import find_account
from channels.models import Account
from channels.visitors import Visitor
from channels.webchat import KIND, LONGEST
from channels.webchat_files import LARGEST, kind_of
from channels.webchat_settings import Span, allowed_sites, hours

blueprint = Blueprint("chat", __name__)
_SPACED = re.compile(r" (=|\+|\?|:|==|!=|&&|\|\|) ")
PORTAL_SLUG = "portal"
TOKEN = "X-Huiyin-Visitor"
PERSON_TYPES = "image/png,image/jpeg,image/gif,image/webp,.pdf,.doc,.docx,.xls,.xlsx,.ppt,.pptx,.txt,.csv,.log"


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)
    flask.jinja_env.globals["portal_chat"] = portal_chat


def portal_chat() -> str | None:
    """The account whose widget stands on the portal's own pages; None where there is none."""
    wanted = select(Account.slug).where(Account.kind == KIND, Account.slug == PORTAL_SLUG, Account.active.is_(True))
    try:
        return session().scalar(wanted)
    except SQLAlchemyError:  # a page that says what is broken must come all the same
        session().rollback()
        return None


@blueprint.get("/widget.js")
@viewer.public
def widget() -> AnyResponse:
    """The launcher: one small script without dependencies, for pages of any site."""
    response = Response(lean((STATIC / "own" / "widget.js").read_text("utf-8")), content_type="text/javascript; charset=utf-8")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cache-Control"] = "public, max-age=300"
    response.add_etag()
    return response.make_conditional(request)


def lean(script: str) -> str:
    """The launcher as it travels: without comment lines, indents, and the spaces round operators (no text of its own
    has such)."""
    lines = (line.strip() for line in script.splitlines())
    return _SPACED.sub(r"\1", "\n".join(line for line in lines if line and not line.startswith("//")))


@blueprint.get("/chat/<slug>")
@viewer.public
def page(slug: str) -> Response:
    """The page inside the frame. Only pages of allowed sites may frame it; an entrance that is closed says so."""
    account = find_account(slug)
    well = account is not None and account.kind == KIND and account.active
    settings: dict[str, Any] = dict(account.settings) if account is not None and well else {}
    asked = request.args.get("lang", "")
    with force_locale(asked if asked in LANGUAGES else language()):
        html = render_template(
            "chat/page.html",
            slug=slug,
            well=well,
            locale="en" if (asked or language()) == "en" else "zh",
            theme=request.cookies.get("theme") if request.cookies.get("theme") in ("light", "dark") else "",
            title=settings.get("title") or _("在线客服"),
            welcome=settings.get("welcome", ""),
            colour=settings.get("colour", ""),
            ask=settings.get("ask") or "no",
            hours=hours_words(hours(str(settings.get("hours", "")))),
            longest=LONGEST,
            largest=LARGEST,
            types=PERSON_TYPES,
        )
    response = make_response(html, 200 if well else 404)
    sites = " ".join(["'self'", *allowed_sites(settings)]) if allowed_sites(settings) else "*"
    response.headers["Content-Security-Policy"] = policy(frame_ancestors=sites, img_src="'self' data: blob:")
    response.headers["X-Frame-Options"] = ""
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def hours_words(spans: list[Span]) -> str:
    """Opening hours as people say them."""
    days = [_("周一"), _("周二"), _("周三"), _("周四"), _("周五"), _("周六"), _("周日")]

    def said(span: Span) -> str:
        first, last = days[span.first - 1], days[span.last - 1]
        when = first if span.first == span.last else _("%(first)s至%(last)s", first=first, last=last)
        end = "24:00" if span.end.second else span.end.strftime("%H:%M")
        return f"{when} {span.begin.strftime('%H:%M')}–{end}"

    return _("，").join(said(span) for span in spans)


@blueprint.post("/chat/<slug>/files")
@csrf.exempt
@viewer.public
@limiter.limit("60 per minute")
def upload(slug: str) -> AnyResponse:
    """Keep a file of a visitor until a message of theirs takes it along. The header that names them stands in for the
    form's key: no other site can send it."""
    visitor = _visitor(slug)
    try:
        content = _content()
    except Invalid as problem:
        return make_response({"ok": False, "message": words_of(problem)}, 422)
    put_bytes(content)
    visitor_id, name, mime = visitor.id, request.files["file"].filename or "", kind_of(content) or ""
    with unit_of_work():
        row = store_file(content, name, mime, owner="visitor", owner_id=visitor_id)
        answer = {"ok": True, **chat_words.file(row)}
    return jsonify(answer)


def _content() -> bytes:
    """The file's bytes. Raises Invalid when there is none, when it is too large, or of a kind that we do not take."""
    given = request.files.get("file")
    content = b""
    if given is not None:
        content = given.stream.read(LARGEST + 1)
        given.close()  # a large one lies in a temporary file
    if not content:
        raise Invalid.of("file", _("文件是空的。"))
    if len(content) > LARGEST:
        raise Invalid.of("file", _("一个文件最大 %(n)s MB。", n=LARGEST // 1024 // 1024))
    if kind_of(content) is None:
        raise Invalid.of("file", _("只能发图片、PDF、Office 文档和文本。"))
    return content


@blueprint.get("/chat/<slug>/files/<int:file_id>")
@viewer.public
@limiter.limit("600 per minute")
def file(slug: str, file_id: int) -> AnyResponse:
    """A file of the visitor's own conversation."""
    row = visitors.access_visitor_file(_visitor(slug), file_id)
    if row is None:
        raise NotFound()
    return deliver(row)


def _visitor(slug: str) -> Visitor:
    """Who holds the token of the header, on this account; whoever does not is told that there is nothing."""
    account = find_account(slug)
    well = account is not None and account.kind == KIND and account.active
    token = request.headers.get(TOKEN, "")
    found = visitors.find_visitor(account.id, token) if account is not None and well else None
    if found is None:
        raise NotFound()
    return found
