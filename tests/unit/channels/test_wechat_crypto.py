"""Signatures and ciphertexts: what we make we can read, what others tampered with we refuse, keys rotate."""

import base64
import io
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from app.commands.parse import parse_files
from channels.wechat.crypto import BLOCK, Crypto, CryptoRefused, signature
from channels.wechat.vectors import answer_vectors

TOKEN, KEY, APPID = "tok3n", "k" * 43, "wx0123456789abcdef"
OLD = "b" * 43


def sealed(plain: bytes, key: str = KEY, appid: str = APPID) -> str:
    return Crypto(TOKEN, key, appid).encrypt(plain, timestamp="1", nonce="2").encrypt


@given(st.binary(max_size=200))
def test_what_was_encrypted_is_read(plain: bytes):
    assert Crypto(TOKEN, KEY, APPID).decrypt(sealed(plain)) == plain


def test_padding_goes_to_32_bytes():
    lengths = {len(base64.b64decode(sealed(b"x" * n))) for n in range(40)}
    assert all(length % BLOCK == 0 for length in lengths) and len(lengths) > 1


def test_signature_sorts_bytewise():
    assert signature("b", "a", "Z") == signature("Z", "b", "a") == signature("a", "Z", "b")
    assert signature("你", "a") == signature("a", "你") != signature("a", "您")


def test_check_compares():
    crypto = Crypto(TOKEN, "", APPID)
    crypto.check(signature(TOKEN, "1", "2"), "1", "2")
    for wrong in ("", "0" * 40, signature(TOKEN, "1", "3"), signature(TOKEN, "1", "2").upper(), "签名"):
        with pytest.raises(CryptoRefused):
            crypto.check(wrong, "1", "2")
    with pytest.raises(CryptoRefused):
        Crypto("", "", APPID).check(signature("", "1", "2"), "1", "2")


def test_previous_key_opens_and_answers():
    crypto = Crypto(TOKEN, KEY, APPID, OLD)
    assert crypto.decrypt(sealed(b"new")) == b"new"
    assert Crypto(TOKEN, KEY, APPID).decrypt(crypto.encrypt(b"answer", timestamp="1", nonce="2").encrypt) == b"answer"
    assert crypto.decrypt(sealed(b"old", OLD)) == b"old"
    assert Crypto(TOKEN, OLD, APPID).decrypt(crypto.encrypt(b"answer", timestamp="1", nonce="2").encrypt) == b"answer"


@pytest.mark.parametrize(
    "encrypt",
    ["", "%%%", "QUJD", base64.b64encode(b"x" * 32).decode(), sealed(b"x", OLD), sealed(b"x", KEY, "wxother"), sealed(b"x")[:-24], "密文"],
    ids=range(8),
)
def test_refused_with_a_sentence(encrypt: str):
    with pytest.raises(CryptoRefused) as problem:
        Crypto(TOKEN, KEY, APPID).decrypt(encrypt)
    assert str(problem.value).endswith("。")


def test_a_length_that_lies_is_refused():
    crypto = Crypto(TOKEN, KEY, APPID)
    plain = b"r" * 16 + (999).to_bytes(4, "big") + b"short" + APPID.encode()
    raw = base64.b64decode(crypto.encrypt(b"", timestamp="1", nonce="2", random16=plain[:16]).encrypt)
    assert len(raw) % 16 == 0
    key = base64.b64decode(KEY + "=")
    pad = BLOCK - len(plain) % BLOCK
    maker = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    lying = maker.update(plain + bytes([pad]) * pad) + maker.finalize()
    with pytest.raises(CryptoRefused):
        crypto.decrypt(base64.b64encode(lying).decode())


@pytest.mark.parametrize("key", ["short", "k" * 44, "k" * 42 + "?"])
def test_a_key_that_is_none(key: str):
    with pytest.raises(CryptoRefused):
        Crypto(TOKEN, key, APPID)


def test_vectors_are_answered_one_by_one(tmp_path: Path):
    common = {"token": TOKEN, "timestamp": "1", "nonce": "2", "encoding_aes_key": KEY, "receive_id": APPID}
    made = Crypto(TOKEN, KEY, APPID).encrypt("你\u2028好".encode(), timestamp="1", nonce="2")
    lines = [
        {"id": "a", "op": "check_signature", "signature": signature(TOKEN, "1", "2"), **common},
        {"id": "b", "op": "decrypt", "encrypt": made.encrypt, "msg_signature": made.signature, **common},
        {"id": "c", "op": "decrypt", "encrypt": made.encrypt, "msg_signature": made.signature, "receive_id_expected": "x", **common},
        {"id": "d", "op": "encrypt", "random16": "r" * 16, "plaintext": "你好", **common},
        {"id": "e", "op": "check_echostr", "encrypt": made.encrypt, "msg_signature": "0" * 40, **common},
        {"id": "f", "op": "dance", **common},
        {"id": "g", "op": "encrypt", **common},
    ]
    file = tmp_path / "vectors.jsonl"
    file.write_text("\n".join([*(json.dumps(line, ensure_ascii=False) for line in lines), "", "broken {"]), "utf-8")
    out = io.StringIO()
    assert parse_files("wechat-crypto", [str(file)], out) == 0
    answers = [json.loads(line) for line in out.getvalue().split("\n") if line]
    assert [a["ok"] for a in answers] == [True, True, False, True, False, False, False, False]
    assert answers[1]["plaintext"] == "你\u2028好" and answers[3]["encrypt"]
    assert all((a["error"] is None) == a["ok"] and (a["ok"] or a["plaintext"] is None) for a in answers)
    assert set(answers[0]) == {"id", "ok", "plaintext", "signature", "encrypt", "error"}


def test_noise_is_answered():
    assert [a["ok"] for a in answer_vectors(b"\xff\xfe\n[1]\n5\nnull\n{}")] == [False] * 5
