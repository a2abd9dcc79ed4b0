"""The chat that stands on any page: the launcher's script, the page inside its frame, and files of visitors.

Nothing here knows a visitor by cookie: browsers keep those from framed pages. The token travels in a header.
"""

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, Response, g, jsonify, make_response, render_template, request
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as AnyResponse

from app import viewer
from app.assets import STATIC
from app.chat import passes as chat_pass
from app.chat import words as chat_words
from app.core.db import session
from app.core.errors import Invalid, NotFound, Refused
from app.core.files import put_bytes, store_file
from app.core.uow import unit_of_work
from app.queries.briefly import briefly
from app.web.desk_files import deliver
from app.web.errors import words_of
from app.web.i18n import LANGUAGES, language
from app.web.security import csrf, limiter, policy
from channels import visitors
from channels.accounts import find_account
from channels.models import Account
from channels.visitor_proof import prove
from channels.visitors import Visitor
from channels.webchat import KIND, LONGEST
from channels.webchat_files import LARGEST, kind_of
from channels.webchat_hours import Span, hours, zone
from channels.webchat_proof import LONGEST as LONGEST_PROOF
from channels.webchat_proof import Proof, read_proof
from channels.webchat_settings import allowed_sites, number, said, spoken, yes

blueprint = Blueprint("chat", __name__)
_SPACED = re.compile(r" (=|\+|\?|:|==|!=|&&|\|\||<|>|\|) |\n?([{}]) ?\n?|([,;])(?: (?![$\"'])|\n)| ?(\{) ?")
PORTAL_SLUG = "portal"
TOKEN = "X-Huiyin-Visitor"
PERSON_TYPES = "image/png,image/jpeg,image/gif,image/webp,.pdf,.doc,.docx,.xls,.xlsx,.ppt,.pptx,.txt,.csv,.log"


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)
    flask.jinja_env.globals["portal_chat"] = portal_chat


@briefly
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
    """The launcher as it travels: without comment lines, indents, and the spaces round signs (no text of its own has
    such; each statement of its own ends with a semicolon)."""
    lines = (line.strip() for line in script.splitlines())
    return _SPACED.sub(r"\1\2\3\4", "\n".join(line for line in lines if line and not line.startswith("//")))


@blueprint.get("/chat/<slug>")
@viewer.public
def page(slug: str) -> Response:
    """The page inside the frame. Only pages of allowed sites may frame it; an entrance that is closed says so."""
    account = find_account(slug)
    well = account is not None and account.kind == KIND and account.active
    settings: dict[str, Any] = dict(account.settings) if account is not None and well else {}
    asked = request.args.get("lang", "")
    speaks = "en" if (asked if asked in LANGUAGES else language()) == "en" else "zh"
    with force_locale(asked if asked in LANGUAGES else language()):
        html = render_template(
            "chat/page.html",
            slug=slug,
            well=well,
            locale=speaks,
            theme=request.cookies.get("theme") if request.cookies.get("theme") in ("light", "dark") else "",
            title=spoken(settings, "title", speaks) or _("在线客服"),
            welcome=spoken(settings, "welcome", speaks),
            colour=settings.get("colour", ""),
            ask=settings.get("ask") or "no",
            hours=hours_words(hours(str(settings.get("hours", "")))),
            longest=LONGEST,
            largest=largest(settings),
            types=PERSON_TYPES if yes(settings, "files") else "",
            known=chat_pass.sign_pass(g.user, slug) if g.get("user") is not None and slug == PORTAL_SLUG else "",
            who=f"user:{g.user.id}" if g.get("user") is not None and slug == PORTAL_SLUG else "",
            at_home=slug == PORTAL_SLUG,
            verified_only=yes(settings, "verified_only"),
            transcript=said(settings, "transcript") != "no",
            zone=str(zone(settings)),
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


def largest(settings: Mapping[str, Any]) -> int:
    """Bytes of the largest file that the account takes."""
    return min(LARGEST, number(settings, "file_mb") * 1024 * 1024)


@blueprint.post("/chat/<slug>/token")
@csrf.exempt
@viewer.public
@limiter.limit("60 per minute")
def token(slug: str) -> AnyResponse:
    """{"proof": JWT of the site} or {"known": word of our own page} → {"token"}: who the visitor is, said by somebody who
    knows. What the browser had so far comes in the header and is worth nothing afterwards."""
    account = _account(slug)
    given = request.get_json(silent=True)
    given = given if isinstance(given, dict) else {}
    jwt, known = given.get("proof"), given.get("known")
    speaks = "en" if given.get("language") == "en" else "zh"
    try:
        with unit_of_work() as s:
            proof = _proof(account, jwt, known)
            _visitor_row, fresh = prove(s.get_one(Account, account.id), proof, request.headers.get(TOKEN) or None, speaks)
    except Refused as problem:
        return make_response({"ok": False, "code": "verification", "message": words_of(problem)}, 403)
    return jsonify({"ok": True, "token": fresh})


def _proof(account: Account, jwt: Any, known: Any) -> Proof:
    if isinstance(jwt, str) and 0 < len(jwt) <= LONGEST_PROOF:
        return read_proof(account, jwt)
    found = chat_pass.read_pass(known, account.slug) if isinstance(known, str) and account.slug == PORTAL_SLUG else None
    if found is None:
        raise Refused(_("登录证明无效，请刷新页面后再试。"))
    return found


@blueprint.post("/chat/<slug>/files")
@csrf.exempt
@viewer.public
@limiter.limit("60 per minute")
def upload(slug: str) -> AnyResponse:
    """Keep a file of a visitor until a message of theirs takes it along. The header that names them stands in for the
    form's key: no other site can send it."""
    visitor = _visitor(slug)
    try:
        content = _content(find_account(slug))
    except Invalid as problem:
        return make_response({"ok": False, "message": words_of(problem)}, 422)
    put_bytes(content)
    visitor_id, name, mime = visitor.id, request.files["file"].filename or "", kind_of(content) or ""
    with unit_of_work():
        row = store_file(content, name, mime, owner="visitor", owner_id=visitor_id)
        answer = {"ok": True, **chat_words.file(row)}
    return jsonify(answer)


def _content(account: Account | None) -> bytes:
    """The file's bytes. Raises Invalid when there is none, when it is too large, or of a kind that we do not take."""
    settings: Mapping[str, Any] = account.settings if account is not None else {}
    if not yes(settings, "files"):
        raise Invalid.of("file", _("这里不收文件。"))
    most = largest(settings)
    given = request.files.get("file")
    content = b""
    if given is not None:
        content = given.stream.read(most + 1)
        given.close()  # a large one lies in a temporary file
    if not content:
        raise Invalid.of("file", _("文件是空的。"))
    if len(content) > most:
        raise Invalid.of("file", _("一个文件最大 %(n)s MB。", n=most // 1024 // 1024))
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
    """Who holds the token of the header, on this account; whoever does not is told that there is nothing. Where only
    verified people are received, a nameless token opens nothing here either."""
    account = _account(slug)
    found = visitors.find_visitor(account.id, request.headers.get(TOKEN, ""))
    if found is None or (yes(account.settings, "verified_only") and not found.verified):
        raise NotFound()
    return found


def _account(slug: str) -> Account:
    account = find_account(slug)
    if account is None or account.kind != KIND or not account.active:
        raise NotFound()
    return account
