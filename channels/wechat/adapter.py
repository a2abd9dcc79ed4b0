"""The official account as a channel: callbacks understood, messages of ours handed over, files fetched."""

import logging
from collections.abc import Sequence
from typing import Any

from app.core.files import StoredFile
from app.core.sealing import CannotOpen
from channels import trouble
from channels.accounts import opened
from channels.base import Inbound, InboundFile, Outbound, RemoteMedia, SendFailed, SendUndecided, Signal, Unparseable
from channels.models import Account, Message
from channels.wechat.api import Platform
from channels.wechat.body import BodyRefused, leaf, read_body
from channels.wechat.crypto import Crypto, CryptoRefused
from channels.wechat.errors import Deed, Refusal, as_failure
from channels.wechat.mapping import meaning
from channels.wechat.outgoing import Call, calls_of, count_parts, with_file
from channels.wechat.settings import whole

log = logging.getLogger("huiyin.wechat")
KIND = "wechat"
TYPING_REFUSED = frozenset({45072, 45080, 45081})


class WeChatChannel:
    """One official account. The platform has no key under which a customer message is taken once (`clientmsgid` belongs
    to mass messages), so an interrupted send is undecided."""

    kind = KIND
    idempotent = False

    def parse(self, account: Account, raw: bytes) -> Inbound | Signal:
        try:
            fields = read_body(raw)
            if leaf(fields, "Encrypt") and not leaf(fields, "MsgType"):
                fields = read_body(self._decrypted(account, leaf(fields, "Encrypt")))
        except (BodyRefused, CryptoRefused) as problem:
            raise Unparseable(problem.reason) from None
        return meaning(fields)

    def _decrypted(self, account: Account, encrypt: str) -> bytes:
        """A payload that no key opened when it came is kept as it was; a better setting may open it now."""
        try:
            return crypto_of(opened(account)).decrypt(encrypt)
        except CannotOpen:
            raise CryptoRefused("保存的密钥解不开：主密钥换过了。请管理员重新填写公众号的密钥。") from None

    def send(self, account: Account, message: Outbound) -> str | None:
        calls = calls_of(message, whole(account.settings, "text_bytes"))
        done, provider_id = 0, None
        try:
            platform = Platform(account)
            for call in calls:
                provider_id = self._one(platform, message.to, call) or provider_id
                done += 1
        except SendFailed as problem:
            trouble.noted(account, problem)
            if done == 0:
                raise
            raise SendUndecided(
                "分 %(n)s 条发送，前 %(done)s 条已送到，后面的没有：%(why)s", n=len(calls), done=done, why=str(problem)
            ) from None
        trouble.cleared(account)
        return provider_id

    def parts(self, account: Account, message: Message, files: Sequence[StoredFile]) -> int:
        """As how many messages the platform counts this one."""
        sizes = [(file.name, file.mime, file.size) for file in files]
        return count_parts(message.kind, message.text, sizes, whole(account.settings, "text_bytes"))

    def _one(self, platform: Platform, to: str, call: Call) -> str | None:
        """Make one call; hands the file over anew once when the platform has lost it."""
        for again in (True, False):
            try:
                media = _upload(platform, call)
                answer = platform.post(call.path, {"touser": to, **(with_file(call, media) if media else call.body)})
            except Refusal as problem:
                if problem.row.deed is Deed.SENT:
                    return None
                if problem.row.deed is Deed.UPLOAD and call.file is not None and again:
                    continue
                raise as_failure(problem) from None
            found = answer.get("msgid")
            return str(found)[:200] if found else None
        raise AssertionError

    def fetch(self, account: Account, media: RemoteMedia) -> InboundFile:
        """The bytes of a file that came with a message; the platform keeps them for three days. Raises SendFailed."""
        try:
            file = Platform(account).download(media.media_id)
        except Refusal as problem:
            if problem.row.deed is Deed.UPLOAD:
                raise SendFailed("文件在微信那边已经失效，取不到了。", final=True) from None
            raise as_failure(problem) from None
        return InboundFile(media.name or file.name or "file", file.mime or media.mime, file.content)

    def typing(self, account: Account, to: str, on: bool) -> bool:
        """Show the customer that somebody writes. The platform lets it be seen for 15 seconds, only soon after an
        exchange; that it does not is no failure. Returns whether it was shown."""
        try:
            Platform(account).post(
                "message/custom/typing", {"touser": to, "command": "Typing" if on else "CancelTyping"}
            )
        except Refusal as problem:
            log.info("typing not shown", extra={"account": account.id, "code": problem.code})
            return False
        except (SendFailed, SendUndecided):
            return False
        return True

    def lasting_code(self, account: Account, scene: str) -> str:
        """The address to be drawn as a code that never ends; who scans it comes with this `scene`. Raises SendFailed."""
        wanted = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": scene[:64]}}}
        try:
            found = str(Platform(account).post("qrcode/create", wanted).get("url") or "")
        except Refusal as problem:
            raise as_failure(problem) from None
        except SendUndecided as problem:  # asking twice does no harm
            raise SendFailed("微信没有答复：%(why)s", final=False, why=str(problem)) from None
        if not found:
            raise SendFailed("微信没有给出二维码。", final=False)
        return found[:400]

    def user_info(self, account: Account, openid: str) -> dict[str, Any]:
        """What the platform says of a person: subscribe, unionid, remark, subscribe_scene. Raises SendFailed."""
        try:
            return Platform(account).get("user/info", openid=openid, lang="zh_CN")
        except Refusal as problem:
            raise as_failure(problem) from None


def crypto_of(settings: dict[str, Any]) -> Crypto:
    """The cryptography of an account whose settings are open. Raises CryptoRefused for a key that is none."""
    return Crypto(
        *(str(settings.get(name) or "") for name in ("token", "aes_key", "appid", "previous_aes_key"))
    )


def _upload(platform: Platform, call: Call) -> str:
    if call.file is None:
        return ""
    return platform.upload(call.native, call.file.name, call.file.mime, call.file.content)
