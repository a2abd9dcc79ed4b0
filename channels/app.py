"""Messages of people in a company's own mobile app: in by our API, out by being stored, where the app reads them."""

from collections.abc import Mapping, Sequence

from channels import own_words
from channels.base import Inbound, Outbound, Sender, Unparseable
from channels.models import Account

KIND = "app"
LONGEST, external_id = own_words.LONGEST, own_words.external_id


def packed(user: str, client_msg_id: str, text: str, *, item: str = "", files: Sequence[Mapping[str, str]] = ()) -> bytes:
    """A message as it is kept raw. `user` is the value of the sender's identity; `item` the item of a menu of ours that
    was chosen; `files` are {"sha256", "name", "mime"} of bytes that are stored already."""
    return own_words.packed({"user": user, "client_msg_id": client_msg_id, "text": text, "item": item, "files": list(files)})


class AppChannel:
    """The company's own app."""

    kind = KIND
    idempotent = True

    def parse(self, account: Account, raw: bytes) -> Inbound:
        said = own_words.read(raw, "user")
        if said is None:
            raise Unparseable("不是 App 的消息。")
        return own_words.inbound(said, Sender(KIND, said.who, verified=True))

    def send(self, account: Account, message: Outbound) -> None:
        """The app reads it where it is stored; its phone is told by app/app_reactions.py."""
