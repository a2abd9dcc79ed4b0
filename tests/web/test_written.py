"""What the house itself wrote into a row is read in the reader's language, also where the row is old."""

import pytest
from flask import Flask
from flask_babel import force_locale

from app.core.db import session
from app.core.permissions import SYSTEM
from app.core.text import unpack
from app.core.uow import unit_of_work
from app.web.written import name_of, note_of
from knowledge.intake.reading import read_file
from knowledge.models import Article
from knowledge.service import Content, restore_revision, revise
from tests.conftest import FreshClient
from tests.web.knowledge_house import House


@pytest.mark.parametrize(
    ("stored", "zh", "en"),
    [
        ("恢复到修订 3", "恢复到修订 3", "Restored to revision 3"),
        ("恢复到修订 3：新的写错了", "恢复到修订 3：新的写错了", "Restored to revision 3: 新的写错了"),
        ("导入 停机手册.docx", "导入 停机手册.docx", "Imported from 停机手册.docx"),
        ("加上客户的问法", "加上客户的问法", "Added how customers ask"),
        ("换了图", "换了图", "换了图"),
        ("导入", "导入", "导入"),
        ("", "", ""),
    ],
)
def test_notes_of_the_house_are_told_in_the_readers_language(app: Flask, stored: str, zh: str, en: str) -> None:
    with app.test_request_context():
        for language, said in (("zh", zh), ("en", en)):
            with force_locale(language):
                assert note_of(stored) == said


def test_the_house_is_called_by_its_word_and_people_by_name(app: Flask) -> None:
    with app.test_request_context(), force_locale("en"):
        assert (name_of(SYSTEM.name), name_of("许清言")) == ("System", "许清言")


def test_pages_of_an_article_in_english(someone: object, house: House) -> None:
    with unit_of_work() as s:
        article = s.get_one(Article, house.articles["sim"])
        revise(SYSTEM, article, Content("TL-G300 E07", "New words.\n"), "typed by hand")
        restore_revision(SYSTEM, article, 1)
    editor: FreshClient = someone("editor")  # type: ignore[operator]
    editor.set_cookie("lang", "en")
    for address in (f"/knowledge/{house.articles['sim']}", f"/knowledge/{house.articles['sim']}/changes"):
        page = editor.get(address).text
        assert "Restored to revision 1" in page and "恢复到修订" not in page and "系统" not in page, address
        assert "System" in page
    admin: FreshClient = someone("administrator")  # type: ignore[operator]
    admin.set_cookie("lang", "en")
    trail = admin.get("/admin/audit?action=article.revise").text
    assert "Restored to revision 1" in trail and "恢复到修订" not in trail
    assert "Restored to revision 1" in admin.get("/admin/audit.csv?action=article.revise").text
    assert session().get_one(Article, house.articles["sim"]).draft is not None


def test_what_an_import_says_of_a_file_can_be_translated(app: Flask) -> None:
    (entry,) = read_file("a.md", "# 标题\n\n![](gone.png)\n\n正文写在这里。\n".encode(), lookup={}.get).entries
    with app.test_request_context(), force_locale("en"):
        from flask_babel import gettext

        assert [unpack(said, gettext) for said in entry.warnings] == ["Picture not found: gone.png"]
