"""What belongs to a team as a whole."""

from app.core.audit import note
from app.core.db import session
from app.core.errors import Invalid, NotFound
from app.core.people import Team
from app.core.permissions import Actor, require

LONGEST = 1000


def sign_team(actor: Actor, team_id: int, text: str) -> Team:
    """Set what stands below the mails that members of a team write; empty: the account's own signature does.

    Raises NotFound, or Invalid on `signature` for a text that is too long."""
    require(actor, "channel.manage")
    team = session().get(Team, team_id)
    if team is None:
        raise NotFound()
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LONGEST:
        raise Invalid.of("signature", "签名最多 1000 个字。")
    if text != team.signature:
        team.signature = text
        session().flush()
        note(actor, "team.signed", team)
    return team
