"""A request written on the portal: kept as it came, then a conversation and at once a ticket with all that was said.

The worker does the same from the outbox, so that a crash between the two leaves a ticket and never two.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import portal_letters
from app.core.catalogue import Product
from app.core.db import session
from app.core.directory.access import readable_devices
from app.core.directory.identities import find_identity
from app.core.directory.merging import kept
from app.core.directory.normal_form import normal_form
from app.core.errors import Conflict, Invalid
from app.core.files import get_bytes, put_bytes, safe_name
from app.core.installed_base import Device
from app.core.people import Contact
from app.core.permissions import SYSTEM, Actor
from app.core.text import clean
from app.core.uow import unit_of_work
from app.letters import first_line, signing
from channels import receiving
from channels.counters import find_counter
from channels.models import Conversation, Message, RawPayload
from channels.portal import portal_account, read_form
from knowledge.access import readable_articles
from knowledge.models import Article
from workflows import service as desk
from workflows.kinds import IMPACTS, KINDS
from workflows.models import Ticket
from workflows.opening import open_ticket

LONGEST, MOST_FILES, LARGEST_FILE, READ_AT_MOST = 8000, 6, 10 * 1024 * 1024, 8


@dataclass(frozen=True)
class Asked:
    """What a person wrote into the form. `tag` and `counter` are the words of scanned codes, of a machine
    and of a counter, `serial` what was typed by hand; `read` are the numbers of articles read in this visit, with commas;
    `once` marks the form, so that sending it twice asks once."""

    text: str
    impact: str
    name: str = ""
    email: str = ""
    phone: str = ""
    product: str = ""
    tag: str = ""
    counter: str = ""
    serial: str = ""
    kind: str = ""
    article: str = ""
    read: str = ""
    language: str = "zh"
    once: str = ""
    files: Sequence[tuple[str, str, bytes]] = ()


def submit(actor: Actor, asked: Asked) -> Ticket:
    """Store the request and open its ticket; the same form sent again gives the same ticket. Opens its own units of
    work. Raises Invalid with every field that is wrong."""
    words: dict[str, Any] = {n: clean(getattr(asked, n)).strip() for n in "text name email phone serial article".split()}
    asked = replace(asked, **words)
    fields = _checked(actor, asked)
    # The same form, sent twice: a double click, or a line that broke before the answer came.
    digest = hashlib.sha256(json.dumps([asked.once, fields], sort_keys=True).encode()).hexdigest()
    fields["id"] = f"sha256:{digest}"
    with unit_of_work():
        account_id = portal_account().id
    raw = json.dumps(fields, ensure_ascii=False, sort_keys=True).encode()
    try:
        outcome = receiving.accept(account_id, raw, source="/ask", dedup_key=digest)
    except IntegrityError:  # its twin came at the same moment and was first
        session().rollback()
        outcome = receiving.accept(account_id, raw, source="/ask", dedup_key=digest)
    if outcome.state == receiving.FAILED:
        raise Conflict("请求收下了，但还没有登记成功，同事会处理。急的话请打电话。")
    with unit_of_work():
        rows = select(Message).where(Message.account_id == account_id, Message.external_id == fields["id"])
        return open_request(session().scalars(rows).one())


def _checked(actor: Actor, asked: Asked) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    if not asked.text:
        errors["text"] = ["写下发生了什么，一句话也行。"]
    if len(asked.text) > LONGEST:
        errors["text"] = ["太长了，请留下要点，其余作为文件附上。"]
    if asked.impact not in IMPACTS:
        errors["impact"] = ["选一项，我们据此安排先后。"]
    if asked.kind and asked.kind not in KINDS:
        errors["kind"] = ["没有这个类别。"]
    values = {}
    for kind, typed in (("email", asked.email), ("phone", asked.phone)):
        try:
            values[kind] = normal_form(kind, typed).value if typed else ""
        except Invalid as problem:
            errors[kind] = problem.errors["value"]
    if not asked.email and not asked.phone:
        errors["email"] = ["留一个邮箱或手机号，我们才能答复你。"]
    product = find_product(asked.product)
    if asked.product and product is None:
        errors["product"] = ["没有这个产品。"]
    if len(asked.files) > MOST_FILES:
        errors["files"] = ["最多 6 个文件。"]
    elif any(len(content) > LARGEST_FILE for _, _, content in asked.files):
        errors["files"] = ["每个文件最大 10 MB。"]
    if errors:
        raise Invalid(errors=errors)
    by = "email" if values["email"] else "phone"
    device = find_tag(asked.tag) if asked.tag else _own_device(actor, asked.serial, product, by, values[by])
    # Who logged in writes for their company, whatever address they leave.
    own = actor.organisation_id if actor.kind == "user" and actor.role == "client" else None
    counter = find_counter(asked.counter)
    files = [{"name": safe_name(n), "mime": m, "sha256": put_bytes(content)} for n, m, content in asked.files]
    return {
        "by": by,
        "value": values[by],
        "email": values["email"],
        "phone": values["phone"],
        "name": asked.name[:120],
        "known": own is not None,
        "subject": first_line(asked.text),
        "text": asked.text,
        "impact": asked.impact,
        "kind": asked.kind or ("consult" if asked.impact == "none" else "fault"),
        "product": product.id if product else device.product_id if device else None,
        "device": device.id if device else None,
        "serial": asked.serial[:80] if device is None else "",
        "organisation": own or (device.organisation_id if device and asked.tag else counter.organisation_id if counter else None),
        **({"counter": counter.id} if counter else {}),
        "article": asked.article[:200],
        "read": [article.id for article in articles_read(actor, asked.read)],
        "language": asked.language if asked.language in ("zh", "en") else "zh",
        "files": files,
    }


def articles_read(actor: Actor, numbers: str) -> list[Article]:
    """The articles of these numbers that this person may read, in the order given."""
    ids = [int(n) for n in numbers.split(",")[:READ_AT_MOST] if n.isascii() and n.isdecimal() and len(n) < 10]
    rows = session().scalars(readable_articles(actor).where(Article.id.in_(ids))) if ids else ()
    found = {article.id: article for article in rows}
    return [found[n] for n in dict.fromkeys(ids) if n in found]


def find_product(text: str) -> Product | None:
    """An offered product by its number."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return session().scalar(select(Product).where(Product.id == int(text), Product.active.is_(True)))


def find_tag(tag: str) -> Device | None:
    """The machine whose code was scanned: who has the tag has stood before it."""
    return session().scalar(select(Device).where(Device.tag == clean(tag)[:64])) if tag else None


def _own_device(actor: Actor, serial: str, product: Product | None, by: str, value: str) -> Device | None:
    """The machine of a typed serial number, where it belongs to the asker's company: a guessed number of another
    company's machine must lead nowhere; the desk reads it in the words."""
    if not serial:
        return None
    if not (actor.kind == "user" and actor.role == "client"):
        known = find_identity(by, value)
        contact = kept(known.contact) if known and known.contact and not known.shared else None
        company = contact.organisation_id if contact else known.organisation_id if known else None
        if company is None:
            return None
        actor = Actor(kind="contact", id=contact.id if contact else None, name="", organisation_id=company)
    rows = readable_devices(actor).where(Device.serial == serial)
    found = list(session().scalars(rows.where(Device.product_id == product.id) if product else rows).unique())
    return found[0] if len(found) == 1 else None


def is_request(message: Message) -> bool:
    """Whether this message came by the form, and so says itself what it is about."""
    return message.raw_id is not None and message.conversation.account.kind == "portal"


def open_request(message: Message) -> Ticket:
    """The ticket of a request, opened now if nobody has. In a unit of work."""
    # Locked: the page and the worker may come at the same moment.
    conversation = session().get_one(Conversation, message.conversation_id, with_for_update=True)
    if known := desk.tickets_of_conversation(conversation.id):
        return known[-1]
    fields = read_form(get_bytes(session().get_one(RawPayload, message.raw_id).sha256))
    contact = conversation.contact
    if contact is not None and contact.language is None and fields["language"] == "en":
        contact.language = "en"
    ticket = open_ticket(
        SYSTEM,
        subject=conversation.subject or first_line(message.visible_text) or "（无主题）",
        channel="portal",
        contact=contact,
        organisation_id=fields["organisation"] or conversation.organisation_id,
        conversation_id=conversation.id,
        kind=fields["kind"],
        impact=fields["impact"],
        product_id=fields["product"],
        device_id=fields["device"],
        counter_id=fields.get("counter"),
    )
    conversation.token = str(ticket.number)
    if fields["organisation"] and conversation.organisation_id is None:
        conversation.organisation_id = fields["organisation"]
    if lines := _beside(fields, contact):
        desk.add_note(SYSTEM, ticket, "\n".join(lines))
    portal_letters.queue_receipt(ticket, conversation)
    return ticket


def _beside(fields: dict[str, Any], contact: Contact | None) -> list[str]:
    """What the person told in the form besides their words, for the colleagues."""
    article = None
    if fields["article"]:
        rows = readable_articles(SYSTEM).where(Article.slug == fields["article"])
        article = session().scalars(rows).one_or_none()
    other = fields["phone"] if fields["by"] == "email" else ""
    # data
    told = [
        ("另留电话：%s", other),
        ("自称：%s", fields["name"] if contact and contact.name and contact.name != fields["name"] else ""),
        ("自填序列号：%s", fields["serial"]),
        ("提交前读过，没解决：%s", _named(article) if article else ""),
    ]
    others = [a for a in articles_read(SYSTEM, ",".join(map(str, fields.get("read", [])))) if a is not article]
    return [line % value for line, value in told if value] + [f"提交前看过：{_named(a)}" for a in others]  # data


def _named(article: Article) -> str:
    """An article as a note names it: with an address that opens it."""
    return f"《{article.title}》 {signing()['site_url']}/articles/{article.slug}"

