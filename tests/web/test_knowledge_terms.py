"""/knowledge/terms: words are added, tried and taken back on the page."""


import pytest

from app.core.db import session
from app.core.permissions import NOBODY
from app.core.uow import unit_of_work
from app.kb.index import current_index
from knowledge.searching import log_search, search
from knowledge.term_models import SynonymGroup, Term
from tests.conftest import FreshClient


def test_a_group_is_tried_added_and_removed(editor: FreshClient) -> None:
    with unit_of_work():
        log_search(NOBODY, "机器烫手", search(current_index(), NOBODY, "机器烫手"), "portal")
    tried = editor.post("/knowledge/terms/synonyms", data={"words": "烫手 = 过热", "act": "preview"})
    assert tried.status_code == 200 and "烫手 = 过热" in tried.text and "1 个问题" in tried.text
    assert session().query(SynonymGroup).count() == 0
    assert editor.post("/knowledge/terms/synonyms", data={"words": "烫手 = 过热", "act": "add"}).status_code == 303
    group = session().query(SynonymGroup).one()
    shown = editor.get("/knowledge/terms")
    assert "烫手" in shown.text and f"/knowledge/terms/synonyms/{group.id}/remove" in shown.text
    assert editor.get(f"/knowledge/terms/synonyms/{group.id}").status_code == 200
    assert editor.get("/knowledge/terms/synonyms/999").status_code == 404
    assert editor.post(f"/knowledge/terms/synonyms/{group.id}/remove").status_code == 303
    assert session().query(SynonymGroup).count() == 0


def test_a_word_is_added_and_removed(editor: FreshClient) -> None:
    assert editor.post("/knowledge/terms", data={"text": "断点续传"}).status_code == 303
    again = editor.post("/knowledge/terms", data={"text": "斷點續傳"})
    assert again.status_code == 409 and "已经在词表里" in again.text
    assert editor.post(f"/knowledge/terms/{session().query(Term).one().id}/remove").status_code == 303
    assert session().query(Term).count() == 0


def test_a_word_is_looked_at_before_it_is_added(editor: FreshClient) -> None:
    with unit_of_work():
        log_search(NOBODY, "散热风扇堵了", search(current_index(), NOBODY, "散热风扇堵了"), "portal")
    tried = editor.post("/knowledge/terms", data={"text": "風扇堵", "act": "preview"})
    assert tried.status_code == 200 and "加入「风扇堵」会怎样" in tried.text and "风扇 / 堵" in tried.text
    assert "散热风扇堵了" in tried.text and session().query(Term).count() == 0
    whole = editor.post("/knowledge/terms", data={"text": "变频器", "act": "preview"})
    assert "现在就是整词" in whole.text
    assert editor.post("/knowledge/terms", data={"text": "堵", "act": "preview"}).status_code == 422


@pytest.mark.parametrize("words", ["", "烫", "只有一个", "a" * 600])
def test_what_is_no_group_is_said_at_the_field(editor: FreshClient, words: str) -> None:
    for act in ("preview", "add"):
        answer = editor.post("/knowledge/terms/synonyms", data={"words": words, "act": act})
        assert answer.status_code == 422 and session().query(SynonymGroup).count() == 0


def test_the_list_of_knowledge_leads_there(editor: FreshClient) -> None:
    assert 'href="/knowledge/terms"' in editor.get("/knowledge").text
