"""The answer service: answers what is sure and public, asks for the product, and loses no request on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app import answer_reactions, replies, talks
from app.answering import finding
from app.answering.events import AnswerWanted
from app.answering.models import AnswerTalk
from app.core import clock, outbox
from app.core.db import session
from app.core.events import OutboxRow
from app.core.permissions import SYSTEM
from app.core.uow import unit_of_work
from app.queries import answer_reports, fcr_facts
from app.queries import talks as waiting_talks
from app.queries.report_terms import Wanted
from app.routing import rules as routing
from channels import sending
from channels.base import InboundFile
from channels.models import Account, Message, Session
from knowledge import lifecycle
from knowledge.models import Article
from tests.service.answering_line import NOON, PASSAGE, Line, article, product
from workflows.models import Ticket, TicketArticle, TicketConversation, TicketNote


@pytest.mark.parametrize("line", ["webchat", "wechat", "wecom"], indirect=True)
def test_the_steps_go_out_with_their_numbers_and_not_when_to_call_for_repair(line: Line) -> None:
    steps = "".join(f"{n}. 第 {n} 步要做的事，{'慢慢地做，' * 9}做完再往下。\n" for n in range(1, 9))
    made = article("皮带跑偏怎么调", f"皮带跑偏多半是托辊歪了。\n\n## 处理步骤\n\n{steps}\n## 什么时候报修\n\n- 皮带跑偏三次以上，皮带怎么调都跑偏。\n")
    line.shelf.put(made, "皮带", passage="皮带跑偏三次以上，皮带怎么调都跑偏。")
    line.says("皮带跑偏怎么办")
    [out] = line.answers()
    assert "皮带跑偏多半是托辊歪了。\n【处理步骤】\n1. 第 1 步" in out.text and "\n2. 第 2 步" in out.text
    assert "三次以上" not in out.text and "往下。\n…" in out.text, "whole steps only"


@pytest.mark.parametrize("line", ["webchat", "wechat", "wecom"], indirect=True)
def test_a_sure_answer_goes_out_with_two_ways_on_and_opens_nothing(line: Line, password: Article) -> None:
    asked = line.says("我忘记密码了怎么登录")
    [out] = line.answers()
    assert out.kind == "menu" and out.is_auto and out.author_kind == "system"
    assert PASSAGE in out.text and password.title in out.text and f"/articles/{password.slug}" in out.text
    assert [one["text"] for one in out.meta["items"]] == ["解决了", "转人工"]
    assert out.meta["answer"]["article"] == password.id and out.meta["answer"]["confidence"] > 0.6
    assert line.tickets() == [] and asked.placed == "robot"
    if line.kind != "webchat":  # at the visitor's hand already
        assert len(out.meta["head"].encode()) <= 1024 or line.kind == "wechat"
        assert len(line.post.taken) == 1


def test_solved_ends_the_stretch_as_self_served_and_never_becomes_a_ticket(line: Line, password: Article, drain: Callable[[], int]) -> None:
    line.says("我忘记密码了怎么登录")
    tapped = line.says("解决了", line.item(0))
    talk = line.talk()
    assert (talk.state, talk.ticket_id, tapped.placed) == ("solved", None, "self_served")
    stretch = session().get_one(Session, tapped.session_id)
    assert stretch.ended_at is not None and stretch.agent_turns == 0 and stretch.first_user_id is None
    with clock.frozen(NOON + timedelta(hours=3)):
        drain()
    assert line.tickets() == [] and waiting_talks.count(SYSTEM) == 0
    with clock.frozen(NOON + timedelta(hours=4)):
        line.says("解决了", f"answer:{talk.id}:solved")
    assert line.tickets() == [], "a second tap opens nothing"


@pytest.mark.parametrize("words", ["解决了", "解决了，谢谢", "已经好了", "1"])
def test_words_say_solved_as_well_as_the_button(line: Line, password: Article, words: str) -> None:
    line.says("我忘记密码了怎么登录")
    line.says(words)
    assert line.talk().state == "solved" and line.tickets() == []


def test_thanks_alone_end_it_without_counting_as_solved(line: Line, password: Article, drain: Callable[[], int]) -> None:
    line.says("我忘记密码了怎么登录")
    line.says("谢谢")
    assert line.talk().state == "thanked"
    with clock.frozen(NOON + timedelta(hours=1)):
        drain()
    assert line.tickets() == []


@pytest.mark.parametrize(("words", "item"), [("转人工", 1), ("人工", None), ("我要人工", None), ("我要找人工", None), ("2", None), ("0", None), ("催一下", None)])
def test_whoever_wants_a_person_has_one_at_once_who_knows_what_was_shown(
    line: Line, password: Article, words: str, item: int | None
) -> None:
    asked = line.says("我忘记密码了怎么登录")
    line.says(words, line.item(item) if item is not None else "")
    [ticket] = line.tickets()
    assert ticket.subject == "我忘记密码了怎么登录" and ticket.state == "created" and ticket.first_response_at is None
    note = session().scalars(select(TicketNote).where(TicketNote.ticket_id == ticket.id)).one()
    assert password.title in note.text and "把握" in note.text and note.author_id is None
    talk = line.talk()
    assert (talk.state, talk.ticket_id) == ("handed", ticket.id)
    used = session().scalars(select(TicketArticle).where(TicketArticle.ticket_id == ticket.id)).one()
    assert (used.article_id, used.use, used.user_id) == (password.id, "robot", None)
    assert session().get_one(Message, asked.id).placed == "handed"
    assert "转给同事" in line.answers()[-1].text


def test_further_words_are_for_a_person_and_stand_on_one_ticket(line: Line, password: Article) -> None:
    line.says("我忘记密码了怎么登录")
    more = line.says("短信收不到，手机号已经停用")
    [ticket] = line.tickets()
    assert ticket.subject == "我忘记密码了怎么登录" and line.talk().state == "handed"
    linked = session().scalars(select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id)).all()
    assert linked == [more.conversation_id]
    line.says("另外密码规则是什么")
    assert len(line.tickets()) == 1 and len([m for m in line.answers() if m.kind == "menu"]) == 1


def test_silence_leaves_a_ticket(line: Line, password: Article, drain: Callable[[], int]) -> None:
    line.says("我忘记密码了怎么登录")
    assert waiting_talks.count(SYSTEM) == 1, "meanwhile it stands among the talks without a ticket"
    with clock.frozen(NOON + timedelta(minutes=29)):
        drain()
    assert line.tickets() == []
    with clock.frozen(NOON + timedelta(minutes=31)):
        drain()
        drain()
    [ticket] = line.tickets()
    assert line.talk().state == "silent" and "没有回音" in session().scalars(select(TicketNote.text)).one()
    assert ticket.subject == "我忘记密码了怎么登录"


def test_an_agent_takes_it_from_the_list(line: Line, password: Article, actor: Callable[..., Any], drain: Callable[[], int]) -> None:
    message = line.says("我忘记密码了怎么登录")
    with unit_of_work():
        talks.open_from_talk(actor("agent"), session().get_one(Message, message.id).conversation)
    with clock.frozen(NOON + timedelta(hours=1)):
        drain()
    assert len(line.tickets()) == 1 and line.talk().state == "handed"


@pytest.mark.parametrize(
    "words", ["转人工", "你好", "谢谢", "忘记密码，人工处理一下", "密码改不了，产线停线了", "密码界面冒烟了", "我要投诉，密码老丢", "密码" * 200]
)
def test_what_is_no_question_for_a_machine_is_none(line: Line, password: Article, words: str) -> None:
    line.says(words)
    assert session().scalar(select(func.count()).select_from(AnswerTalk)) == 0
    assert all(m.kind != "menu" for m in line.answers())


def test_pictures_and_other_kinds_are_for_people(line: Line, password: Article) -> None:
    line.says("密码界面是这样的", files=(InboundFile("a.png", "image/png", b"\x89PNG\r\n\x1a\n0"),), kind="image")
    assert len(line.tickets()) == 1 and session().scalar(select(func.count()).select_from(AnswerTalk)) == 0


def test_without_the_setting_nothing_changes(line: Line, password: Article) -> None:
    with unit_of_work() as s:
        account = s.scalars(select(Account)).one()
        account.settings = {**account.settings, "answer": "no"}
    line.says("我忘记密码了怎么登录")
    assert len(line.tickets()) == 1 and line.shelf.asked == []


def test_an_article_without_words_for_a_message_is_a_persons(line: Line) -> None:
    line.shelf.put(article("接线图在哪", "![](/files/1)"), "接线图")
    line.says("接线图在哪里看")
    assert line.talk().why == "unsure" and len(line.tickets()) == 1 and line.answers() == []


def test_unsure_dangerous_or_inside_articles_are_never_sent(line: Line) -> None:
    unsure, marked = article("端口怎么改"), article("换风扇", safety=True)
    warned = article("清风道", f"{PASSAGE}\n\n::: warning\n断电等十分钟。\n:::\n")
    inside = article("坐席向导", level="agent")
    for one, words, coverage in ((unsure, "端口", 0.2), (marked, "风扇", 1.0), (warned, "风道", 1.0), (inside, "向导", 1.0)):
        line.shelf.put(one, words, coverage)
    for n, (words, why) in enumerate((("端口怎么改一下", "unsure"), ("风扇怎么更换", "safety"), ("风道怎么清理", "safety"), ("向导怎么打开呢", "nothing")), 1):
        line.who = f"someone-{n}"
        message = line.says(words)
        assert line.talk().state == "passed" and line.talk().why == why
        assert len(line.tickets()) == n and message.placed in ("same_line", "new", ""), message.placed
    assert all(m.kind != "menu" for m in line.answers())
    assert session().scalar(select(func.count()).select_from(TicketNote)) == 0


@pytest.mark.parametrize(("held", "answered"), [(0.95, True), (1.0, False)])
def test_what_is_better_answered_inside_is_a_persons_to_answer(line: Line, held: float, answered: bool) -> None:
    line.shelf.put(article("网关时间"), "时间", 0.9)
    line.shelf.put(article("设备时钟偏差", level="client"), "时间", held)
    line.says("网关时间不准怎么办")
    assert bool(line.answers()) is answered and len(line.tickets()) == (0 if answered else 1)
    assert answered or line.talk().why == "unsure"


def test_a_shared_code_is_answered_only_for_the_product_that_was_named(line: Line) -> None:
    drive, gateway = product("HK-V20", "变频器"), product("TL-G300", "4G 边缘网关")
    hot, card = article("HK-V20 报 E07：过热", "| E-07 | 过热 |", products=(drive,)), article("TL-G300 报 E07：没认到卡", "断电，重新装卡。E07 随后消失。", products=(gateway,))
    line.shelf.put(hot, "E07 E-07 E7", 0.9)
    line.shelf.put(card, "E07 E-07 E7", 1.0)
    line.says("报E-07怎么处理")
    [question] = line.answers()
    assert line.talk().state == "asked" and [one["text"] for one in question.meta["items"]][-1] == "0. 都不是，转人工"
    assert line.tickets() == [] and "重新装卡" not in question.text
    line.says("2. TL-G300 4G 边缘网关", line.item(1))
    talk = line.talk()
    assert (talk.state, talk.article_id, talk.product_id) == ("answered", card.id, gateway)
    assert "重新装卡" in line.answers()[-1].text and line.tickets() == []
    line.who = "someone-2"
    line.says("TL-G300 报 E7 怎么处理")
    assert line.talk().state == "answered" and line.talk().article_id == card.id


@pytest.mark.parametrize(("words", "state"), [("网关那个，就是TL-G300", "answered"), ("2", "answered"), ("我也不清楚", "handed"), ("0", "handed")])
def test_the_product_is_named_by_words_or_number_else_a_person_asks_on(line: Line, words: str, state: str) -> None:
    drive, gateway = product("HK-V20", "变频器"), product("TL-G300", "4G 边缘网关")
    line.shelf.put(article("HK-V20 报 E07：过热", products=(drive,)), "E07 E7")
    line.shelf.put(article("TL-G300 报 E07：没认到卡", products=(gateway,)), "E07 E7")
    line.says("E07")
    line.says(words)
    assert line.talk().state == state and len(line.tickets()) == (state == "handed")


def test_another_code_than_asked_for_is_no_answer(line: Line) -> None:
    line.shelf.put(article("报 E05：过压"), "E09 E05")
    line.says("屏上报E09是什么意思")
    assert line.talk().why == "code" and len(line.tickets()) == 1


def test_the_same_article_goes_out_once_in_a_session_and_answers_are_counted(line: Line, password: Article) -> None:
    line.says("我忘记密码了怎么登录")
    line.says("谢谢")
    line.says("忘记密码还有别的办法吗")
    assert line.talk().why == "again" and len(line.tickets()) == 1
    line.who = "someone-2"
    for n in range(4):
        line.shelf.put(article(f"第 {n} 件事"), f"事情{n}")
        line.says(f"请问事情{n}怎么做")
        line.says("谢谢")
    mine = [t for t in session().scalars(select(AnswerTalk)) if t.article_id and t.article_id != password.id]
    assert len(mine) == 3 and len(line.tickets()) == 2


def test_after_an_agent_spoke_the_machine_is_silent(line: Line, password: Article, actor: Callable[..., Any]) -> None:
    asked = line.says("我忘记密码了怎么登录", drained=False)
    ids = session().scalars(select(OutboxRow.id).order_by(OutboxRow.id)).all()
    with clock.frozen(NOON):
        for number in ids:
            outbox.lease(1, 60)
            outbox.perform(number, 8)
    with unit_of_work():
        sending.queue_message(actor("agent"), session().get_one(Message, asked.id).conversation, "我看一下")
    with clock.frozen(NOON + timedelta(minutes=2)):  # what was leased above and not done is due again
        line.drain()
    assert line.talk().state == "passed" and len(line.tickets()) == 1
    assert [m.author_kind for m in line.answers()] == ["user"]


def test_without_an_index_a_person_has_it_at_once(line: Line, password: Article) -> None:
    line.shelf.broken = True
    line.says("我忘记密码了怎么登录")
    assert line.talk().why == "index" and len(line.tickets()) == 1


def test_an_answer_goes_out_once_however_often_it_is_looked_up(line: Line, password: Article) -> None:
    line.says("我忘记密码了怎么登录")
    talk = line.talk()
    event = AnswerWanted(conversation_id=talk.conversation_id, talk_id=talk.id, search=talk.searches)
    for _time in range(2):
        answer_reactions.answer_question(event, outbox.Job(10**6, "answer_question", 2, event))
    assert len(line.answers()) == 1 and line.tickets() == []


def test_killed_before_the_mark_the_answer_is_looked_up_again_and_sent_once(
    line: Line, password: Article, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(routing, "hand_over", dies)
    with pytest.raises(KeyboardInterrupt):
        line.says("我忘记密码了怎么登录")
    session().rollback()
    assert line.answers() == [] and line.talk().state == "looking"
    monkeypatch.undo()
    monkeypatch.setattr(answer_reactions, "_open_index", [lambda: line.shelf])
    with clock.frozen(NOON + timedelta(minutes=2)):
        line.drain()
    assert len(line.answers()) == 1 and line.talk().state == "answered" and line.tickets() == []


def test_words_that_come_before_the_answer_belong_to_the_question(line: Line, password: Article) -> None:
    line.says("登录不上", drained=False)
    line.says("忘记密码了怎么办")
    assert len(line.answers()) == 1 and line.talk().state == "answered" and len(line.talk().waits) == 2


@pytest.mark.parametrize("line", ["wechat"], indirect=True)
def test_what_the_platform_leaves_for_people_is_not_spent(line: Line, password: Article) -> None:
    with unit_of_work() as s:
        account = s.scalars(select(Account)).one()
        account.settings = {**account.settings, "window_messages": "1", "window_reserve": "1"}
    line.says("我忘记密码了怎么登录")
    assert line.answers() == [] and len(line.tickets()) == 1


def test_the_machine_is_a_line_of_its_own_in_the_figures(line: Line, password: Article, actor: Callable[..., Any]) -> None:
    wanted = Wanted(since=NOON - timedelta(days=1), until=NOON + timedelta(days=1))
    assert answer_reports.answered(SYSTEM, wanted) is None
    for n, words in enumerate(("解决了", "转人工", "")):
        line.who = f"someone-{n}"
        line.says("我忘记密码了怎么登录")
        if words:
            line.says(words)
    line.who = "someone-9"
    line.says("发票怎么开具呢")
    assert answer_reports.answered(SYSTEM, wanted) == answer_reports.Answered(4, 3, 1, 1, 0)
    assert answer_reports.answered(SYSTEM, replace(wanted, channel="wechat")) is None
    assert answer_reports.answered(actor("manager"), wanted) is None


def test_a_ticket_after_the_machine_is_judged_by_its_people(line: Line, password: Article, actor: Callable[..., Any]) -> None:
    line.says("我忘记密码了怎么登录")
    line.says("转人工")
    [ticket] = line.tickets()
    stretch = session().scalars(select(Session)).one()
    assert (stretch.agent_turns, stretch.first_user_id, ticket.first_response_at) == (0, None, None)
    facts = fcr_facts.gather([ticket.id])[0].facts
    assert facts.humans == () and facts.answered is False
    agent = actor("agent")
    with unit_of_work() as s:
        row = s.get_one(Ticket, ticket.id)
        replies.reply(agent, row, session().scalars(select(Message)).first().conversation, "我来看")  # type: ignore[union-attr]
    facts = fcr_facts.gather([ticket.id])[0].facts
    assert [human.user_id for human in facts.humans] == [agent.id] and sum(one.turns for one in facts.stretches) == 1


def test_an_article_taken_down_meanwhile_is_not_sent(line: Line, password: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    found = finding.look_up

    def slow(*given: Any) -> Any:
        answer = found(*given)
        with unit_of_work():
            lifecycle.retire(SYSTEM, session().get_one(Article, password.id), "旧了")
        return answer

    monkeypatch.setattr(answer_reactions, "look_up", slow)
    line.says("我忘记密码了怎么登录")
    assert line.talk().why == "changed" and len(line.tickets()) == 1
