"""What people do with service orders besides the steps of the law."""

from datetime import datetime

from sqlalchemy import select

from app.core.audit import note
from app.core.clock import now
from app.core.db import session
from app.core.errors import Forbidden, Invalid, NotFound, Refused
from app.core.files import store_file
from app.core.people import Organisation
from app.core.permissions import Actor, require
from workflows import order_links
from workflows.order_access import on_desk, owns, platforms
from workflows.order_effects import decide, give_to
from workflows.order_guards import mine, open_visit
from workflows.order_kinds import EVIDENCE, WITH_FILE
from workflows.order_links import changed
from workflows.order_notices import tell_owner
from workflows.orders_models import OPEN_ORDER, OrderEvidence, OrderMark, OrderQuote, ServiceOrder

LARGEST_FILE = 15 * 1024 * 1024
MOST_EVIDENCE = 60
PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def propose_cancel(actor: Actor, order: ServiceOrder, reason: str) -> bool:
    """The platform asks the supplier to call the order off. True where it was cancelled at once."""
    require(actor, "order.check")
    if not reason.strip():
        raise Invalid.of("reason", "写下原因。")
    if order.state not in OPEN_ORDER:
        raise Refused("订单已经结束。")
    return order_links.propose_cancel(order, actor, reason)


def judge(actor: Actor, order: ServiceOrder, mark_id: int, upheld: bool, verdict: str) -> OrderMark:
    """Decide on 「非我方责任」. Upheld, it counts and the platform goes on; refused, the order returns to who rejected it,
    unless somebody else has taken it on meanwhile."""
    require(actor, "order.check")
    mark = _mark(order, mark_id, "reject")
    if not verdict.strip():
        raise Invalid.of("verdict", "写下依据。")
    decide(mark, actor, upheld, verdict)
    if upheld:
        order.rejected += 1
    elif order.state == "created" and order.accepted_at is None and platforms(order) and mark.supplier_id is not None:
        give_to(order, mark.supplier_id, "person")
        tell_owner(order, "new", actor)
    note(actor, "order.judged", order, after=mark.decision, reason=mark.verdict)
    changed(order)
    return mark


def decide_extension(actor: Actor, order: ServiceOrder, mark_id: int, approved: bool) -> OrderMark:
    """Approve or refuse a later due date that the supplier asked for."""
    require(actor, "order.check")
    mark = _mark(order, mark_id, "extend")
    decide(mark, actor, approved)
    if approved and mark.until and order.state in OPEN_ORDER:
        order.due_at = max(order.due_at, mark.until)
    note(actor, "order.extension_decided", order, after=mark.decision)
    changed(order)
    return mark


def _mark(order: ServiceOrder, mark_id: int, kind: str) -> OrderMark:
    mark = session().get(OrderMark, mark_id)
    if mark is None or mark.order_id != order.id or mark.kind != kind:
        raise NotFound()
    if mark.decision != "asked":
        raise Refused("这件事已经有结论了。")
    return mark


def hand_over(actor: Actor, order: ServiceOrder, supplier_id: int, reason: str) -> None:
    """Give an order that nobody has accepted to another supplier: after a rejection, or because the first was wrong."""
    require(actor, "order.check")
    if not reason.strip():
        raise Invalid.of("reason", "写下原因。")
    found = session().get(Organisation, supplier_id)
    if found is None or found.kind == "client":
        raise Invalid.of("supplier", "没有这家供应商。")
    if order.state != "created" or (order.accepted_at is not None and not platforms(order)):
        raise Refused("供应商已接单，不能转给别家。")
    before = order.supplier.label if order.supplier else None
    give_to(order, found.id, "person")
    tell_owner(order, "new", actor)
    note(actor, "order.handed_over", order, before=before, after=found.label, reason=reason.strip()[:500])
    changed(order)


def wrong_code(order: ServiceOrder) -> None:
    """Count a wrong 验收码, so that nobody finds it by trying. Called in a unit of work of its own after the refusal."""
    order.code_tries += 1
    session().flush()


def add_evidence(
    actor: Actor,
    order: ServiceOrder,
    *,
    kind: str,
    text: str = "",
    content: bytes | None = None,
    name: str = "",
    place: str = "",
    taken_at: datetime | None = None,
    client_id: str | None = None,
) -> OrderEvidence:
    """Keep a piece of evidence with the time it came in. Sent again under the same `client_id`, it stays one piece.

    Raises Invalid for an unknown kind, a photo that is no picture, a reading without words; Refused on an ended order.
    """
    require(actor, "order.work")
    if not on_desk(actor) and (not owns(order, actor) or mine(order, actor, {})):
        raise Forbidden()
    if client_id and (known := _known(order, client_id)):
        return known
    if order.state not in OPEN_ORDER:
        raise Refused("订单已经结束。")
    if order.accepted_at is None and not on_desk(actor):
        raise Refused("先接单。")
    _check(kind, text, content)
    if len(order.evidence) >= MOST_EVIDENCE:
        raise Refused("凭证最多 %(n)s 件。", n=MOST_EVIDENCE)
    visit = open_visit(order)
    row = OrderEvidence(
        order_id=order.id, visit_id=visit.id if visit else None, round=order.reworks, kind=kind, text=text.strip(),
        place=place.strip()[:200], client_id=client_id[:64] if client_id else None, by=actor.name,
        by_id=actor.id if actor.kind == "user" else None, taken_at=taken_at,
    )  # fmt: skip
    if content:
        row.file = store_file(content, name or kind, picture_type(content) or "application/octet-stream", owner="order", owner_id=order.id)
    order.evidence.append(row)
    session().flush()
    note(actor, "order.evidence", order, after=kind, evidence=row.id)
    changed(order)
    return row


def _known(order: ServiceOrder, client_id: str) -> OrderEvidence | None:
    rows = select(OrderEvidence).where(OrderEvidence.order_id == order.id, OrderEvidence.client_id == client_id[:64])
    return session().scalar(rows)


def _check(kind: str, text: str, content: bytes | None) -> None:
    if kind not in EVIDENCE:
        raise Invalid.of("kind", "选择是什么凭证。")
    if kind in WITH_FILE and not content:
        raise Invalid.of("file", "选一张图片。")
    if kind in WITH_FILE and picture_type(content or b"") is None:
        raise Invalid.of("file", "只收 PNG、JPEG、WebP 或 GIF 图片。")
    if kind not in WITH_FILE and not text.strip():
        raise Invalid.of("text", "写点内容。")
    if content and len(content) > LARGEST_FILE:
        raise Invalid.of("file", "文件太大了。")
    if len(text.strip()) > 2000:
        raise Invalid.of("text", "太长了。")


def picture_type(content: bytes) -> str | None:
    """The type of a picture by its first bytes, whatever its name says."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for magic, mime in PICTURES.items() if content.startswith(magic)), None)


def access_quote(token: str) -> OrderQuote:
    """The price question behind a link. Whoever holds the link may answer it. Raises NotFound."""
    found = session().scalar(select(OrderQuote).where(OrderQuote.token == token)) if 20 <= len(token) <= 48 else None
    if found is None:
        raise NotFound()
    return found


def last_quote(order: ServiceOrder) -> OrderQuote | None:
    return session().scalar(select(OrderQuote).where(OrderQuote.order_id == order.id).order_by(OrderQuote.id.desc()).limit(1))


def answer_quote(actor: Actor, quote: OrderQuote, confirmed: bool, remark: str = "") -> None:
    """Write down the customer's answer: by the link, or as told to the desk on the telephone."""
    if actor.kind == "user":
        require(actor, "order.check")
    order = quote.order
    if quote.state != "asked" or order.state not in OPEN_ORDER:
        raise Refused("这份报价已经有答复，或已不再需要。")
    quote.state = order.quote = "confirmed" if confirmed else "refused"
    quote.answered_at, quote.answered_by, quote.answered_via = now(), actor.name[:200], (actor.via or actor.kind)[:16]
    quote.remark = remark.strip()[:500]
    note(actor, "order.quote_answered", order, after=quote.state, amount_cents=quote.amount_cents)
    changed(order)
