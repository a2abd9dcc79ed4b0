"""How WeChat and WeCom sign and encrypt callbacks: SHA-1 over sorted parts; AES-256-CBC with PKCS#7 padding to 32 bytes.

A plaintext is 16 random bytes, the length of the message (4 bytes, big-endian), the message, and whom it is for: the
appid, at WeCom the corpid.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from app.core.text import pack, unpack

BLOCK = 32
"""PKCS#7 to 32 bytes, not to the cipher's own 16: a pad byte is 1 to 32."""
HEAD = 20
_KEY = re.compile(r"[A-Za-z0-9+/]{43}")
_SPACES = re.compile(r"[ \t\r\n]+")


class CryptoRefused(ValueError):
    """The signature, the key, the padding or the addressee is wrong; `reason` is one sentence, packed (app.core.text)."""

    def __init__(self, message: str, **data: object) -> None:
        self.reason = pack(message, **data)
        super().__init__(unpack(self.reason))


@dataclass(frozen=True)
class Sealed:
    """An encrypted body with what its envelope names beside it."""

    encrypt: str
    signature: str
    timestamp: str
    nonce: str


def signature(*parts: str) -> str:
    """Lower-case hex SHA-1 of the parts, sorted bytewise and joined."""
    return hashlib.sha1(b"".join(sorted(part.encode("utf-8", "surrogatepass") for part in parts))).hexdigest()


def key_of(aes_key: str) -> bytes:
    """The 32 bytes behind the 43 characters of an EncodingAESKey; stray bits at its end are ignored. Raises CryptoRefused."""
    text = aes_key.strip().removesuffix("=")
    if not _KEY.fullmatch(text):
        raise CryptoRefused("EncodingAESKey 是 43 个字母或数字。")
    return base64.b64decode(text + "=")


class Crypto:
    """Signs, checks, encrypts and decrypts for one account. Cheap to make: one per request.

    While an administrator changes the key both are in use: what the present key does not open, the previous one may,
    and an answer is then encrypted under the key that opened the request.
    """

    def __init__(self, token: str, aes_key: str, receive_id: str, previous_aes_key: str = "") -> None:
        self._token, self._receive_id = token, receive_id
        self._keys = [key_of(one) for one in (aes_key, previous_aes_key) if one]
        self._worked = 0

    def signature(self, *parts: str) -> str:
        """What the platform writes as signature (of timestamp and nonce) or msg_signature (with the ciphertext)."""
        return signature(self._token, *parts)

    def check(self, given: str, timestamp: str, nonce: str, *parts: str) -> None:
        """Compare a signature in constant time. Raises CryptoRefused when it is not ours."""
        wanted = self.signature(timestamp, nonce, *parts)
        if not self._token or not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
            raise CryptoRefused("签名不对。")

    def decrypt(self, encrypt: str) -> bytes:
        """The message inside. Raises CryptoRefused when no key opens it, or it is for somebody else."""
        if not self._keys:
            raise CryptoRefused("还没有设置 EncodingAESKey。")
        try:
            sealed = base64.b64decode(_SPACES.sub("", encrypt).encode("ascii"), validate=True)
        except (binascii.Error, UnicodeError, ValueError):
            raise CryptoRefused("密文不是 base64。") from None
        if not sealed or len(sealed) % 16:
            raise CryptoRefused("密文长度不对。")
        first: CryptoRefused | None = None
        for number, key in enumerate(self._keys):
            try:
                message = self._open(key, sealed)
            except CryptoRefused as problem:
                first = first or problem
                continue
            self._worked = number
            return message
        assert first is not None
        raise first

    def _open(self, key: bytes, sealed: bytes) -> bytes:
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        padded = decryptor.update(sealed) + decryptor.finalize()
        pad = padded[-1]
        if not 1 <= pad <= BLOCK or padded[-pad:] != bytes([pad]) * pad or len(padded) - pad < HEAD:
            raise CryptoRefused("密文解不开：填充不对，多半是 EncodingAESKey 不对。")
        plain = padded[:-pad]
        length = int.from_bytes(plain[16:HEAD], "big")
        if length > len(plain) - HEAD:
            raise CryptoRefused("密文解不开：长度不对。")
        message, receiver = plain[HEAD : HEAD + length], plain[HEAD + length :]
        if not hmac.compare_digest(receiver, self._receive_id.encode()):
            raise CryptoRefused("密文是发给别的账号的。")
        return message

    def encrypt(self, plaintext: bytes, *, timestamp: str, nonce: str, random16: bytes | None = None) -> Sealed:
        """Encrypt an answer under the key that opened the request. Raises CryptoRefused without a key, or when `random16`
        is not 16 bytes."""
        if not self._keys:
            raise CryptoRefused("还没有设置 EncodingAESKey。")
        head = os.urandom(16) if random16 is None else random16
        if len(head) != 16:
            raise CryptoRefused("随机前缀是 16 个字节。")
        plain = head + len(plaintext).to_bytes(4, "big") + plaintext + self._receive_id.encode()
        pad = BLOCK - len(plain) % BLOCK
        key = self._keys[self._worked]
        encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
        sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        text = base64.b64encode(sealed).decode()
        return Sealed(text, self.signature(timestamp, nonce, text), timestamp, nonce)
