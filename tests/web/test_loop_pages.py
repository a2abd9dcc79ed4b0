"""The loop as people see it: questions without an answer, 「这条有误」, must-read, health in the list."""

import re
from collections.abc import Callable

from app.config import Settings
from app.core.clock import frozen, now
from app.core.db import session
from app.core.people import User
from app.core.uow import unit_of_work
from app.kb import loop_tick
from knowledge.loop_models import AskedWords, KnowledgeGap, MustRead
from knowledge.models import Article, ArticleFeedback, SearchLog
from tests.conftest import FreshClient
from tests.web.knowledge_house import House, version_of

MakeUser = Callable[..., User]


def tick(settings: Settings) -> None:
    from datetime import timedelta

    with frozen(now() + timedelta(hours=1)):
        loop_tick.every_minute(settings)
    session().rollback()


def gap() -> KnowledgeGap:
    session().rollback()
    return session().query(KnowledgeGap).one()


def test_from_a_search_without_hits_to_found(
    client: FreshClient, house: House, settings: Settings, make_user: MakeUser, drain: Callable[[], int]
) -> None:
    client.get("/search?q=螺杆异响怎么办", headers={"User-Agent": "Mozilla"})
    tick(settings)
    client.log_in(house.user(make_user, "editor"))
    page = client.get("/knowledge/gaps").text
    assert "螺杆异响怎么办" in page and "搜不到 1" in page and "门户" in page
    number = gap().id
    one = f"/knowledge/gaps/{number}"
    assert "螺杆异响怎么办" in client.get(one).text
    client.post(f"{one}/steps/take", data={"version": gap().version})
    assert "有人在写" in client.get(one).text and "放回" in client.get(one).text
    written = client.post(f"{one}/steps/write", data={"version": gap().version})
    article_id = int(re.search(r"/knowledge/(\d+)/edit", written.location)[1])  # type: ignore[index]
    assert "螺杆异响怎么办" in client.get(written.location).text
    assert client.post(f"{one}/steps/test").status_code == 303 and "前十没有" in client.get(one).text, "a draft is not found"
    client.post(f"/knowledge/{article_id}/steps/publish", data={"version": version_of(article_id)})
    drain()
    page = client.get(one).text
    assert "第 1 位" in page and "已搜得到" in page and gap().state == "done"
    assert one not in client.get("/knowledge/gaps").text and one in client.get("/knowledge/gaps?state=done").text
    client.post(f"{one}/steps/reopen", data={"version": gap().version})
    assert gap().state == "taken" and gap().reopened == 1


def test_an_existing_article_is_linked_and_steps_say_what_is_wrong(
    client: FreshClient, editor: FreshClient, house: House, settings: Settings, make_user: MakeUser, drain: Callable[[], int]
) -> None:
    with unit_of_work() as s:
        s.add(ArticleFeedback(article_id=house.articles["sim"], helpful=False, words="没写怎么插", query="卡槽在哪"))
    tick(settings)
    one = f"/knowledge/gaps/{gap().id}"
    assert "看了没解决" in editor.get(one).text and "TL-G300 报 E07" in editor.get(one).text
    linkable = editor.get(f"{one}?q=SIM").text
    assert f'value="{house.articles["sim"]}"' in linkable
    editor.post(f"{one}/steps/ignore", data={"version": gap().version, "reason": ""})
    assert gap().state == "open" and "写明原因" in editor.get(one).text
    editor.post(f"{one}/steps/link", data={"version": gap().version, "article": house.articles["sim"]})
    drain()
    assert gap().state == "done" and gap().result[0]["rank"] == 1
    stale = editor.post(f"{one}/steps/reopen", data={"version": 1}, follow_redirects=True)
    assert "别人刚刚改过" in stale.text and gap().state == "done"
    assert editor.post(f"{one}/steps/nonsense").status_code == 404 and editor.get("/knowledge/gaps/4711").status_code == 404
    client.log_in(house.user(make_user, "author"))
    assert client.get(one).status_code == 403, "what the platform's customers ask is not a supplier's"


def test_filters_empty_states_and_odd_addresses(editor: FreshClient, settings: Settings) -> None:
    assert "最近问的都有答案" in editor.get("/knowledge/gaps").text
    assert "没有这样的问题" in editor.get("/knowledge/gaps?q=x&product=99&channel=zz&kind=zero&mine=1").text
    assert "这里是空的" in editor.get("/knowledge/gaps?state=done").text
    for query in ("state=x", "kind=x", "cursor=%00", "product=x", "cursor=9_9"):
        assert editor.get(f"/knowledge/gaps?{query}").status_code == 200


def test_the_key_of_a_search_goes_with_the_hit_and_marks_it_opened(client: FreshClient, house: House) -> None:
    page = client.get("/search?q=变频器过热").text
    address = re.search(r'href="(/articles/v20-e07\?[^"]*s=([\w-]+)[^"]*)"', page)
    assert address
    client.get(address[1].replace("&amp;", "&"), headers={"User-Agent": "Mozilla"})
    row = session().query(SearchLog).one()
    assert (row.key, row.opened_article_id) == (address[2], house.articles["hot"])
    client.get("/articles/g300-e07?s=nonsense", headers={"User-Agent": "Mozilla"})
    client.get("/articles/g300-e07?s=" + "x" * 500, headers={"User-Agent": "Mozilla"})


def test_this_is_wrong_from_the_article_to_its_answer(client: FreshClient, house: House, make_user: MakeUser) -> None:
    agent, number = house.user(make_user, "agent"), house.articles["sim"]
    client.log_in(agent)
    assert "这条有误" in client.get(f"/knowledge/{number}").text
    assert "先拔卡" in client.get(f"/knowledge/{number}/flag?quote=先拔卡").text
    wrong = client.post(f"/knowledge/{number}/flags", data={"words": " ", "quote": "留着的原文"})
    assert wrong.status_code == 422 and "留着的原文" in wrong.text and "aria-invalid" in wrong.text
    assert client.post(f"/knowledge/{number}/flags", data={"words": "<b>反了</b>", "quote": "先拔卡"}).status_code == 303
    piece = client.post(f"/knowledge/{number}/flags", data={"words": "还有一处"}, headers={"HX-Request": "true"}).text
    assert "已记下" in piece and "<html" not in piece
    assert client.get(f"/knowledge/{house.articles['secret']}/flag").status_code == 404, "not theirs to read"
    assert client.post("/knowledge/flags/1/resolved", data={"answer": "x"}).status_code == 403
    client.log_in(house.user(make_user, "editor"))
    page = client.get("/knowledge/flags").text
    assert "&lt;b&gt;反了&lt;/b&gt;" in page and "先拔卡" in page
    assert "2 条「这条有误」还没处理" in client.get(f"/knowledge/{number}").text
    assert "可能有误" in client.get("/knowledge?health=contradicted").text
    client.post("/knowledge/flags/1/resolved", data={"answer": "改了。", "version": 1})
    client.post("/knowledge/flags/2/rejected", data={"answer": ""})
    assert "写明改了什么" in client.get("/knowledge/flags").text
    assert client.post("/knowledge/flags/2/nonsense").status_code == 404
    client.log_in(agent)
    assert "你指出的 1 处有了结果" in client.get("/desk").text
    mine = client.get("/knowledge/flags?view=mine").text
    assert "改了。" in mine and "新结果" in mine
    assert "处有了结果" not in client.get("/desk").text, "seen"


def test_must_read_is_quiet_until_confirmed(client: FreshClient, house: House, make_user: MakeUser) -> None:
    agent, number = house.user(make_user, "agent"), house.articles["guide"]
    client.log_in(house.user(make_user, "editor"))
    one = f"/knowledge/{number}/must-read"
    assert client.post(one, data={"roles": ["agent"], "due_on": "x"}).status_code == 422
    assert client.post(one, data={"due_on": "2999-01-01"}).status_code == 422
    assert client.post(one, data={"roles": ["agent"], "due_on": "2999-01-01", "note": "新规矩", "each": "1"}).status_code == 303
    page = client.get(one).text
    assert "还没读" in page and "新规矩" in page
    asked = session().query(MustRead).one().id
    client.log_in(agent)
    assert "客户说 E07，先问产品" in client.get("/desk").text
    assert "我读过了" in client.get(f"/knowledge/{number}").text
    assert client.post(f"/knowledge/must-read/{asked}/confirm", data={"back": "desk"}).location == "/desk"
    assert "我读过了" not in client.get("/desk").text
    assert client.post(f"/knowledge/must-read/{asked}/end").status_code == 403
    client.log_in(house.user(make_user, "leader"))
    assert "我读过了" not in client.get("/desk").text and client.post(f"/knowledge/must-read/{asked}/confirm").status_code == 404
    client.log_in(house.user(make_user, "editor"))
    assert "1 / 1 人读过" in client.get(one).text
    client.post(f"/knowledge/must-read/{asked}/remind")
    client.post(f"/knowledge/must-read/{asked}/end")
    assert "还没有要求谁读这篇" in client.get(one).text
    assert client.post("/knowledge/must-read/4711/end").status_code == 404


def test_customers_words_are_the_editors_alone(client: FreshClient, house: House, make_user: MakeUser) -> None:
    number = house.articles["hot"]
    with unit_of_work() as s:
        s.add(AskedWords(article_id=number, ticket_id=1, text="嗷嗷叫然后歇菜", folded="嗷嗷叫然后歇菜"))
    for role in ("agent", "author", "leader"):
        client.log_in(house.user(make_user, role))
        assert "嗷嗷叫" not in client.get(f"/knowledge/{number}").text
    assert "嗷嗷叫" not in client.get("/articles/v20-e07").text
    client.log_in(house.user(make_user, "author"))
    assert client.post(f"/knowledge/{house.articles['sim']}/asked/1/remove").status_code == 403
    client.log_in(house.user(make_user, "editor"))
    assert "嗷嗷叫然后歇菜" in client.get(f"/knowledge/{number}").text
    assert client.post(f"/knowledge/{number}/asked/1/remove").status_code == 303
    assert client.post(f"/knowledge/{number}/asked/1/remove").status_code == 404
    assert "嗷嗷叫" not in client.get(f"/knowledge/{number}").text


def test_health_sorts_the_list(editor: FreshClient, house: House, settings: Settings) -> None:
    with unit_of_work() as s:
        s.get_one(Article, house.articles["mes"]).reviewed_at = now().replace(year=2020)
    editor.post(f"/knowledge/{house.articles['sim']}/flags", data={"words": "错"})
    loop_tick.every_hour(settings)
    found = re.findall(r'<a class="main" href="/knowledge/(\d+)">', editor.get("/knowledge?health=sick").text)
    assert [int(n) for n in found] == [house.articles["sim"], house.articles["mes"]]
    assert editor.get("/knowledge?health=sick&cursor=x_y").status_code == 200
