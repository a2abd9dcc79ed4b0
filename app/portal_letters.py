"""What the portal writes to customers by mail: the receipt of a request, and the link to all of theirs."""

from datetime import timedelta
from urllib.parse import urlencode

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import func, select

from app.core.clock import now
from app.core.db import session
from app.core.errors import Refused
from app.core.outbox import Job, Retry
from app.core.people import Identity
from app.core.permissions import SYSTEM
from app.letters import progress_link, signing
from app.portal_events import RequestsLinkAsked
from channels import sending
from channels.base import Outbound, SendFailed
from channels.models import Conversation, Message
from channels.portal import MAIL, mail_account
from workflows.models import Ticket

LINK_LIVES = timedelta(hours=24)
RECEIPTS_AN_HOUR = 5
_SALT = "requests"


def sign_identity(identity_id: int) -> str:
    """The word of a link that shows the requests of an identity for a day."""
    return URLSafeTimedSerializer(signing()["key"], salt=_SALT).dumps(identity_id)


def read_identity(signed: str) -> int | None:
    """The identity of such a word, or None when it is not ours or too old."""
    try:
        found = URLSafeTimedSerializer(signing()["key"], salt=_SALT).loads(signed, max_age=int(LINK_LIVES.total_seconds()))
    except BadSignature:
        return None
    return found if isinstance(found, int) else None


def queue_receipt(ticket: Ticket, conversation: Conversation) -> Message | None:
    """Tell the number and the link; None where no mail reaches the person."""
    last = sending.last_inbound(conversation)
    if last is None or "@" not in (last.to_address or "") or mail_account() is None or _many(conversation):
        return None
    name, link = plain_name(last.author_name), progress_link(ticket)
    english = _language(ticket, last) == "en"
    if english:
        text = (
            f"Hello{' ' + name if name else ''},\n\nwe have received your request. Its number is {ticket.number}.\n\n"
            f"See who works on it and what is next, add a word or a file (no password):\n{link}\n\n"
            "Or just answer this mail. If you have not asked us anything, somebody mistyped an address: please ignore it."
        )
    else:
        # data
        text = (
            f"{name or '您'}好：\n\n您的请求已收到，编号 {ticket.number}。\n\n"
            f"打开下面的链接可以看谁在处理、下一步是什么，也可以补充说明和文件（无需密码）：\n{link}\n\n"
            "直接回复这封邮件也可以。如果您没有向我们提过请求，可能是别人写错了邮箱，请忽略。"
        )  # data
    try:
        message = sending.queue_message(SYSTEM, conversation, text, is_auto=True)
    except Refused:
        return None
    message.subject = "We have received your request" if english else "您的请求已收到"  # data
    return message


def plain_name(name: str) -> str:
    """The name as a letter greets it; empty for what is none. Whoever types a stranger's address into the form must not
    have us mail them words or links of theirs."""
    plain = len(name) <= 24 and all(sign.isalpha() or sign in " ·'-" for sign in name)
    return name.strip() if plain else ""


def _many(conversation: Conversation) -> bool:
    """Whether this address has had its share of receipts for now: the form must not be a way to flood a mailbox."""
    rows = select(func.count()).select_from(Conversation).where(Conversation.identity_id == conversation.identity_id)
    recent = rows.where(Conversation.account_id == conversation.account_id, Conversation.started_at > now() - timedelta(hours=1))
    return (session().scalar(recent) or 0) > RECEIPTS_AN_HOUR


def _language(ticket: Ticket, message: Message) -> str:
    return (ticket.contact.language if ticket.contact else None) or "zh"


def mailbox_of(identity: Identity) -> str | None:
    """Where the owner of an identity reads mail: at the address itself, or, for a telephone, at one that the desk
    knows to be theirs. An address that somebody merely typed does not open another's requests."""
    if identity.kind == "email":
        return identity.value
    if identity.contact_id is None or identity.shared:
        return None
    rows = select(Identity).where(
        Identity.contact_id == identity.contact_id, Identity.kind == "email", Identity.suspect.is_(False), Identity.shared.is_(False)
    )
    found = session().scalars(rows.order_by(Identity.verified.desc(), Identity.id).limit(1)).first()
    return found.value if found else None


def send_link(event: RequestsLinkAsked, job: Job) -> None:
    """A reaction: mail the link to somebody's own requests. Outside: it speaks SMTP."""
    identity = session().get(Identity, event.identity_id)
    mailbox, to = mail_account(), mailbox_of(identity) if identity else None
    if identity is None or mailbox is None or to is None:
        with job.done():
            return
    link = f"{signing()['site_url']}/requests/open/{sign_identity(identity.id)}"
    if event.onward:
        link += f"?{urlencode({'next': event.onward})}"
    if event.onward and event.language == "en":
        subject = "Your link"
        text = f"Hello,\n\nthis link takes you back to the page where you were writing, and to your requests (it works for 24 hours, no password):\n{link}\n\nOpen it in the same browser, so that your words are still there. If you have not asked for it, please ignore this mail."
    elif event.onward:
        subject, text = "您要的链接", (
            f"您好：\n\n点开下面的链接，就回到您刚才在写的那一页，也能看您的请求（24 小时内有效，无需密码）：\n{link}\n\n请用刚才的浏览器打开，写好的话都还在。如果不是您要的，请忽略这封邮件。"
        )  # data
    elif event.language == "en":
        subject = "Your requests"
        text = f"Hello,\n\nhere are your requests (the link works for 24 hours, no password):\n{link}\n\nIf you have not asked for it, please ignore this mail."
    else:
        subject, text = "我的请求", (
            f"您好：\n\n点开下面的链接就能看到您的请求（24 小时内有效，无需密码）：\n{link}\n\n如果不是您要的，请忽略这封邮件。"
        )  # data
    domain = str(mailbox.settings["address"]).rpartition("@")[2]
    session().expunge(mailbox)
    session().rollback()
    mail = Outbound(
        external_id=f"requests.{event.key}@{domain}", key=job.key, to=to, to_name="", subject=subject, text=text,
        is_auto=True, language=event.language,
    )  # fmt: skip
    try:
        MAIL.send(mailbox, mail)
    except SendFailed as problem:
        if not problem.final:
            raise Retry(str(problem)) from None
    with job.done():
        pass
