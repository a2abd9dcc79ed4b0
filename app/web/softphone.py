"""/demo/softphone: a small telephone that rings at the desk. It reports ring, answer and hang-up to /hooks/calls/… exactly
as an exchange would. Only where HUIYIN_DEMO=1; elsewhere it is as if there were no such page."""

from flask import Blueprint, Flask, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select

from app import viewer
from app.core.db import session
from app.core.errors import NotFound
from app.core.people import Contact, Identity, User
from app.demo import calls as demo
from app.web.call_words import number_word
from channels.accounts import find_account

blueprint = Blueprint("softphone", __name__)


def init_app(flask: Flask) -> None:
    flask.register_blueprint(blueprint)


@blueprint.get("/demo/softphone")
@viewer.public
def page() -> str:
    """Choose who calls and whose telephone rings; call, answer, hang up."""
    if not viewer.settings().demo:
        raise NotFound()
    account = find_account(demo.SLUG)
    rows = (
        select(Identity, Contact)
        .outerjoin(Contact, Contact.id == Identity.contact_id)
        .where(Identity.kind == "phone", Identity.value.in_(demo.CALLERS))
    )
    found = {identity.value: (identity, contact) for identity, contact in session().execute(rows)}
    callers = [
        {"number": value, "label": f"{_who(*found[value])} · {number_word(value)}"} for value in demo.CALLERS if value in found
    ]
    callers.append({"number": demo.STRANGER, "label": _("陌生号码 · %(number)s", number=number_word(demo.STRANGER))})
    callers.append({"number": "anonymous", "label": _("隐藏号码")})
    phones = session().scalars(select(User).where(User.extension.is_not(None), User.active.is_(True)).order_by(User.extension))
    return render_template(
        "demo/softphone.html",
        there=account is not None,
        hook=f"/hooks/calls/{demo.SLUG}",
        secret=demo.SECRET,
        hotline=demo.HOTLINE,
        callers=callers,
        phones=[{"extension": u.extension, "label": f"{u.extension} {u.label}", "name": u.name} for u in phones],
        wanted=request.args.get("for", ""),
        caller=request.args.get("caller", ""),
        queues=demo.QUEUES,
    )


def _who(identity: Identity, contact: Contact | None) -> str:
    return contact.label if contact is not None and not identity.shared else identity.shown or identity.value
