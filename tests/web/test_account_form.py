"""The form of an account: nothing that can be set is lost, and no code is shown where a word belongs."""

from collections import Counter

import pytest
from flask import Flask

from app import doctor
from app.web import account_form, doctor_words
from channels.settings import SPECS

KINDS = sorted(set(SPECS) - {"email"})


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_stands_in_one_named_group(kind: str) -> None:
    named = Counter(name for _title, names, _folded in account_form.GROUPS[kind] for name in names)
    assert named == Counter(one.name for one in SPECS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_account_needs_is_never_folded(kind: str) -> None:
    folded = {name for _title, names, closed in account_form.groups(kind) if closed for name in names}
    assert not folded & {one.name for one in SPECS[kind] if one.required}


@pytest.mark.parametrize("kind", KINDS)
def test_every_choice_has_a_word(kind: str, app: Flask) -> None:
    with app.test_request_context("/"):
        for one in SPECS[kind]:
            for value in one.choices:
                assert account_form.choice(kind, one.name, value) != value, (one.name, value)


def test_the_health_page_speaks_chinese(app: Flask) -> None:
    with app.test_request_context("/"):
        assert doctor_words.detail("64 characters") == "64 个字符"
        assert doctor_words.detail("due 2, dead 0; oldest waits 7 s") == "等着做 2，已放弃 0；最早的等了 7 秒"
        assert doctor_words.detail("support: last read 2026-11-22 01:00 UTC; b: never read") == "support：2026-11-22 09:00 收过；b：还没有收过"
        assert doctor_words.detail("wechat-demo: 1 not sent, 2 undecided") == "wechat-demo：1 条没有发出，2 条不知是否送到"
        assert doctor_words.detail("43 articles, ready (embedded)") == "43 篇知识，可以用（内置引擎）"
        assert doctor_words.detail("away (OpenSearch at search:9200)") == "没有应答（OpenSearch，search:9200）"
        assert doctor_words.detail("/data, or here; somewhere") == "/data，or here；somewhere"
        assert doctor_words.advice("run: flask desk init") == "运行 flask desk init"


def test_every_advice_of_the_doctor_has_words(app: Flask) -> None:
    with app.test_request_context("/"):
        given = {check["name"]: check["advice"] for check in _broken(app)}
        assert given
        assert {name for name, text in given.items() if text and doctor_words.advice(text) == text} == set()


def _broken(app: Flask) -> list[doctor.Check]:
    """Every check with its advice: each look is made to fail."""
    looks = [name for name in vars(doctor) if name.startswith("_") and callable(vars(doctor)[name]) and not name.startswith("__")]
    with pytest.MonkeyPatch.context() as patch:
        for name in looks:
            patch.setattr(doctor, name, lambda *_given: (False, "broken"))
        return doctor.examine(app)
