"""/community: questions asked in public under a product, their answers, and what readers do with them."""

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app import community as house
from app import viewer
from app.core.db import session
from app.core.errors import DeskError, Invalid, NotFound, Refused
from app.core.permissions import Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.kb import unfollowing
from app.queries import community as queries
from app.queries import portal as products
from app.web import community_show, kept_words, structured
from app.web.errors import field_errors, status_of, words_of
from app.web.my_requests import visitor
from app.web.portal import kept, meta, number_of, root
from app.web.security import check_token, csrf, limiter
from knowledge.community import contacts, finding, following, service
from knowledge.community.access import access_answer, access_question, may_write
from knowledge.community_models import PENDING, SHOWN, Answer, Question

blueprint = Blueprint("community", __name__, url_prefix="/community")
ONE, ASK = "/<int(max=2147483647):number>", "/community/ask"
WRITES = "20 per minute; 100 per hour"
SIMILAR = 4
ONE_CLICKS = "240 per minute"
"""What programs press for their users comes from the few addresses of mail providers."""


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


def writer() -> Actor:
    """Who asks or answers here: the login, or whoever opened the link to their own requests."""
    actor = viewer.current_actor()
    if actor.kind == "user":
        return actor
    identity = visitor()
    return house.visitor_actor(identity) if identity is not None else actor


def too_much() -> Refused:
    """What is said where the words of somebody unknown are more than a browser brings along."""
    return Refused(_("字太多，带不到登录那边。请先复制下来，登录以后再贴上。"))


def wanted() -> bool | None:
    """What a button that turns something on or off stood for when it was shown: pressing it twice is as pressing it once."""
    return {"1": True, "0": False}.get(request.form.get("on", ""))


@blueprint.get("")
@viewer.public
@limiter.limit("240 per minute")
def index() -> Response:
    """The questions, the newest first."""
    actor, args = writer(), request.args
    show = args.get("show", "") if args.get("show") in queries.SHOWS[1:] else "all"
    if show in ("mine", "followed") and not may_write(actor):
        show = "all"
    product = products.find_product(args["product"][:80]) if args.get("product") else None
    found = queries.page(actor, show, product.id if product else None, number_of(args.get("before")))
    given = {k: v for k, v in {"show": show if show != "all" else "", "product": product.code if product else ""}.items() if v}
    address = "/community" + (f"?{urlencode(given)}" if given else "")
    return kept(
        render_template(
            "portal/community.html",
            questions=community_show.lines(actor, found.rows),
            product={"code": product.code, "name": product.name} if product else None,
            tabs=community_show.tabs(show, given, may_write(actor)),
            ask_url="/community/ask" + (f"?{urlencode({'product': product.code})}" if product else ""),
            moderates=actor.kind == "user" and actor.can("community.answer"),
            page={"next": f"/community?{urlencode({**given, 'before': found.next})}" if found.next else None,
                  "first": address if args.get("before") else None, "shown": len(found.rows)},
            meta=meta(address, _("在产品下公开提问，坐席和供应商来回答，好的回答会写成知识。"), show == "all" and not args.get("before")),
        )
    )  # fmt: skip


@blueprint.get("/ask")
@viewer.public
@limiter.limit("240 per minute")
def ask_form() -> str:
    """The form; for a stranger, how to become known."""
    product = products.find_product(request.args["product"][:80]) if request.args.get("product") else None
    given = {"title": clean(request.args.get("title", "")).strip()[:120], "product": str(product.id) if product else ""}
    brought = kept_words.brought(ASK)
    if not given["title"] or given["title"] == brought.get("title"):
        return _form(writer(), {**given, **brought}, brought=bool(brought))
    return _form(writer(), given)


@blueprint.post("/ask")
@viewer.public
@limiter.limit(WRITES)
def ask() -> Response:
    """Take the question. What may not be shown at once waits for a moderator, and its author is told."""
    actor = writer()
    given = {name: clean(request.form.get(name, "")).strip()[:9000] for name in ("title", "body", "product", "name")}
    if request.form.get("step") == "look":
        return make_response(_form(actor, given))
    if not may_write(actor):
        return kept_words.take_along(ASK, given, request.form.get("way", "")) or make_response(_form(actor, given, too_much()), 422)
    terms = finding.terms_of(given["title"][:120], given["body"])
    try:
        product = products.find_product(given["product"])
        if product is None:
            raise Invalid.of("product", _("选一个产品。"))
        with unit_of_work():
            number = service.ask(actor, product, given["title"], given["body"], given["name"], terms).id
    except DeskError as problem:
        session().rollback()
        return make_response(_form(actor, _covered(given, problem), problem), status_of(problem))
    return kept_words.forget(redirect(f"/community/{number}", 303))


def _covered(given: dict[str, str], problem: DeskError) -> dict[str, str]:
    """The words again, with what must not stand in public covered, where that was the trouble."""
    fields = [name for name, said in problem.errors.items() if service.MASK_IT in said]
    return {**given, **{name: contacts.masked(given[name]) for name in fields if name in given}}


def _form(actor: Actor, given: dict[str, str], problem: DeskError | None = None, brought: bool = False) -> str:
    product = products.find_product(given["product"]) if given.get("product") else None
    return render_template(
        "portal/community_ask.html",
        known=may_write(actor),
        brought=brought,
        error=words_of(problem) if problem and not problem.errors else "",
        **community_show.ask_fields(actor, given, field_errors(problem) if isinstance(problem, Invalid) else {}),
        similar=[community_show.line(q) for q in finding.similar(given["title"], product.id if product else None, SIMILAR)]
        if given.get("title") else [],
        hits=community_show.articles(actor, given.get("title", ""), product.id if product else None),
        meta={"robots": "noindex"},
    )  # fmt: skip


@blueprint.get(ONE)
@viewer.public
@limiter.limit("240 per minute")
def question(number: int) -> Response:
    """One question. What is pending or hidden is there for its author and the moderators alone. Whoever follows it has
    seen what is new with that."""
    actor = writer()
    page = kept(_page(actor, access_question(actor, number)))
    if following.has_new(actor, access_question(actor, number)):
        with unit_of_work():
            following.saw(actor, access_question(actor, number))
    return page


def _page(actor: Actor, found: Question, given: str = "", problem: DeskError | None = None) -> str:
    answers = queries.answers(actor, found)
    given = given or kept_words.brought(f"/community/{found.id}#write").get("body", "")
    shown = [a for a in answers if a.state == SHOWN]
    public = found.state == SHOWN
    return render_template(
        "portal/community_question.html",
        **community_show.question_page(actor, found, answers, given, problem),
        meta={**meta(f"/community/{found.id}", (found.body or found.title)[:150], public), "language": "zh"},
        data=structured.question(found, [a for a in shown if a.side != "customer"], root()) if public else None,
    )


@blueprint.post(f"{ONE}/answers")
@viewer.public
@limiter.limit(WRITES)
def answer(number: int) -> Response:
    """Answer, or add to one's own question."""
    actor = writer()
    body = clean(request.form.get("body", "")).strip()[:9000]
    if not may_write(actor):
        login = kept_words.take_along(f"/community/{number}#write", {"body": body})
        if login is None:
            raise too_much()
        return login
    found = access_question(actor, number)
    try:
        with unit_of_work():
            row = service.answer(actor, access_question(actor, number), body, request.form.get("name", ""))
            anchor, waits = f"a{row.id}", row.state == PENDING
    except Invalid as problem:
        session().rollback()
        said = service.MASK_IT in problem.errors.get("body", ())
        return make_response(_page(actor, found, contacts.masked(body) if said else body, problem), 422)
    except DeskError as problem:
        session().rollback()
        flash(words_of(problem), "bad")
        return redirect(f"/community/{number}", 303)
    if waits:
        flash(_("已收到，审核后大家就能看到。"), "good")
    return kept_words.forget(redirect(f"/community/{number}#{anchor}", 303))


@blueprint.post(f"{ONE}/accept")
@viewer.public
@limiter.limit(WRITES)
def accept(number: int) -> Response:
    """Say which answer solved it; without one, take it back."""
    return _act(number, lambda actor, found, row: service.accept(actor, found, row))


@blueprint.post(f"{ONE}/vote")
@viewer.public
@limiter.limit(WRITES)
def vote(number: int) -> Response:
    """A vote for the question or one of its answers, or its taking back."""
    return _act(number, lambda actor, found, row: service.vote(actor, row or found, wanted()))


@blueprint.post(f"{ONE}/follow")
@viewer.public
@limiter.limit(WRITES)
def follow(number: int) -> Response:
    """Follow the question, or no longer."""
    return _act(number, lambda actor, found, row: service.follow(actor, found, wanted()))


@blueprint.get("/unfollow/<signed>")
@viewer.public
@limiter.limit("60 per minute")
def unfollow_page(signed: str) -> str:
    """The link at the end of a message. It asks first: machines that read mails open links as well."""
    found = unfollowing.read_unfollow(signed)
    if found is None:
        raise NotFound()
    return render_template(
        "portal/community_unfollow.html",
        post=found.post,
        title=found.title,
        url=found.url,
        follows=unfollowing.follows(found),
        action=f"/community/unfollow/{signed}",
        meta={"robots": "noindex"},
    )


def one_click() -> bool:
    """Whether a mail program unsubscribes for its user (RFC 8058): it brings no token of a form and follows no redirect."""
    return request.form.get("List-Unsubscribe") == "One-Click"


@blueprint.post("/unfollow/<signed>")
@csrf.exempt  # the one-click alone; the button of our page is checked below
@viewer.public
@limiter.limit(WRITES, exempt_when=one_click)
@limiter.limit(ONE_CLICKS, exempt_when=lambda: not one_click())
def unfollow(signed: str) -> Response:
    """Hear no more of it; the link is enough."""
    if not one_click():
        check_token()
    with unit_of_work():
        found = unfollowing.read_unfollow(signed)
        if found is None:
            raise NotFound()
        unfollowing.unfollow(found)
    if one_click():
        return make_response("OK\n", 200, {"Content-Type": "text/plain; charset=utf-8"})
    return redirect(f"/community/unfollow/{signed}", 303)


@blueprint.post(f"{ONE}/report")
@viewer.public
@limiter.limit("10 per minute; 40 per hour")
def report(number: int) -> Response:
    """Tell the moderators what is wrong with the question or an answer."""
    reason = request.form.get("reason", "")
    return _act(number, lambda actor, found, row: service.report(actor, row or found, reason), _("谢谢，管理员会看。"))


def _act(number: int, do: Any, said: str = "") -> Response:
    """Do it in one unit of work, for somebody we know; a refusal is said on the page."""
    actor = writer()
    if not may_write(actor):
        return redirect(kept_words.ways(f"/community/{number}")["login"], 303)
    answer_id, anchor = number_of(request.form.get("answer")), ""
    try:
        with unit_of_work():
            found = access_question(actor, number)
            row: Answer | None = access_answer(actor, answer_id) if answer_id else None
            if row is not None and row.question_id != found.id:
                raise NotFound()
            do(actor, found, row)
            anchor = f"#a{row.id}" if row is not None else ""
    except NotFound:
        raise
    except DeskError as problem:
        session().rollback()
        errors = field_errors(problem) if isinstance(problem, Invalid) else {}
        flash(next((said for rows in errors.values() for said in rows), words_of(problem)), "bad")
    else:
        if said:
            flash(said, "good")
    return redirect(f"/community/{number}{anchor}", 303)
