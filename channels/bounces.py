"""What a mail server reports of a mail of ours (RFC 3464): came back, is late, has arrived. It is shown at that mail."""

from typing import Any

from app.core.clock import now
from app.core.db import session
from app.core.people import Identity
from app.core.text import pack
from channels.base import Inbound
from channels.mail.bounce import Bounce
from channels.models import Message

_GONE = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4", "5.7.17")
"""Reports after which an address is not worth another try."""
_FULL = ("4.2.2", "5.2.2")


def reason(found: Bounce) -> str:
    """A report as one sentence, packed: what it means, then the server's own words."""
    words = " ".join(part for part in (found.status, found.recipient, found.diagnostic) if part)[:300]
    status = found.status or ""
    if found.action == "delayed":
        return pack("对方邮件服务器暂时不收，还在继续投递（%(words)s）。", words=words)
    if status in _GONE:
        return pack("对方邮箱不存在（%(words)s）。", words=words)
    if status in _FULL:
        return pack("对方邮箱已满（%(words)s），可以稍后重发。", words=words)
    if status.startswith("5.7"):
        return pack("对方邮件服务器按规则拒收（%(words)s）。", words=words)
    if status.startswith("4") or status == "5.3.4":
        return pack("一直送不到，对方服务器已放弃（%(words)s），可以稍后重发。", words=words)
    return pack("对方邮件服务器退回了这封信（%(words)s）。", words=words)


def facts(found: Bounce) -> dict[str, Any]:
    """A report as it is kept with its mail. `soft`: the address may work another time."""
    return {
        "action": found.action, "status": found.status, "recipient": found.recipient, "said": found.diagnostic,
        "soft": found.status not in _GONE,
    }  # fmt: skip


def note_report(message: Message, inbound: Inbound) -> None:
    """Write a report to the mail of ours that it is about. What failed is marked by channels.sending.mark_returned()."""
    report = dict(inbound.meta.get("report") or {})
    if message.direction != "out" or not report:
        return
    key = {"delayed": "delayed", "delivered": "delivered_at", "relayed": "delivered_at"}.get(str(report["action"]), "returned")
    kept = now().isoformat() if key == "delivered_at" else {**report, "reason": inbound.bounce_reason, "at": now().isoformat()}
    message.meta = {**message.meta, key: kept}
    identity = message.conversation.identity
    if inbound.is_bounce and not report["soft"] and _is_of(identity, message.to_address):
        identity.reachable = False  # type: ignore[union-attr]
    session().flush()


def heard_from(identity: Identity | None) -> None:
    """Whoever writes can be reached again."""
    if identity is not None and identity.kind == "email" and not identity.reachable:
        identity.reachable = True


def _is_of(identity: Identity | None, address: str | None) -> bool:
    return identity is not None and identity.kind == "email" and identity.value == (address or identity.value).lower()
