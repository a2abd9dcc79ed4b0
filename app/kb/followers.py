"""What followers of a public question hear: one message per question and hour, by the ways in which we know them.

Nobody is told what they may not read, did themselves, or have looked at meanwhile; the message ends with a way out.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from app.core.clock import now
from app.core.db import session
from app.core.events import record
from app.core.people import Contact, User
from app.kb.persons import Person, known, own_marks, who_is
from app.kb.unfollowing import unfollow_link
from app.letters import first_line, signing
from channels.models import HELD, QUEUED, Message
from channels.reaching import ladder
from channels.reaching.models import OPEN, SKIPPED, WITHDRAWN, Outreach
from knowledge.community import following
from knowledge.community.access import readable_questions
from knowledge.community.events import FollowerDue, PostHidden, QuestionMoved
from knowledge.community_models import SHOWN, Answer, Question
from knowledge.mark_models import FOLLOW, QUESTION, SEEN, PersonMark

PAUSE = timedelta(hours=1)
EXCERPT = 200
AT_ONCE = 20
"""So many followers, or messages, are dealt with in one unit of work: it holds SQLite's only write lock."""


def gather_news(event: QuestionMoved) -> None:
    """Note for each follower what there is to tell, and when they are told next; so many at a time that nobody waits
    long for the database."""
    question = session().get(Question, event.question_id)
    item = f"{'b' if event.best else 'a'}{event.answer_id}"
    if question is None or not following.still_true(question, [item]):
        return
    marks = following.followers(question.id, event.after, AT_ONCE)
    for mark in marks:
        if (mark.person_kind, mark.person_id) != (event.by_kind, event.by_id) and following.wait(mark, [item]):
            record(FollowerDue(mark_id=mark.id))
    if len(marks) == AT_ONCE:
        record(replace(event, after=marks[-1].id))


def tell_follower(event: FollowerDue) -> None:
    """Tell one follower what was gathered, not sooner than an hour after the last time."""
    mark = session().get(PersonMark, event.mark_id)
    if mark is None or (mark.mark, mark.about) != (FOLLOW, QUESTION) or not mark.words:
        return
    question, person = session().get(Question, mark.about_id), reader_of(mark)
    if question is None or person is None:
        mark.words = ""
        return
    who = who_is(person)
    marks = own_marks(who, QUESTION, question.id, lock=True)
    if mark not in marks or not mark.words:
        return  # unfollowed, or told by the other mark, meanwhile
    told = list(session().scalars(select(Outreach).where(Outreach.about == _about(question.id, who)).order_by(Outreach.id)))
    last = max((one.created_at for one in told if one.state != WITHDRAWN), default=None)
    if last is not None and now() - last < PAUSE:
        record(FollowerDue(mark_id=mark.id), due_at=last + PAUSE)
        return
    waiting = [item for one in marks for item in one.words.split()]
    for one in marks:
        one.words = ""
    items = [] if _looked(question, marks, who) else following.still_true(question, waiting)
    if items:
        words = _words(question, items, who)
        ladder.reach(
            "news", f"{_about(question.id, who)}-{len(told)}", words,
            contact=person if isinstance(person, Contact) else None, user=person if isinstance(person, User) else None,
            about=_about(question.id, who), params={"subject": question.title[:40], "link": _link(question), "items": " ".join(items)},
        )  # fmt: skip


def take_back(event: PostHidden) -> None:
    """Something is no longer to be read: messages about the question that did not leave yet are not sent, and what is
    still true in them is told again."""
    question = session().get_one(Question, event.question_id)
    about = _about(question.id, "")
    rows = select(Outreach).where(Outreach.about.like(f"{about}%"), Outreach.state == OPEN, Outreach.id > event.after)
    found = list(session().scalars(rows.order_by(Outreach.id).limit(AT_ONCE)))
    for outreach in found:
        # Marks first, then what was made of them: in the order of everybody else who holds both.
        marks = own_marks(outreach.about.removeprefix(about), QUESTION, question.id, lock=True)
        session().refresh(outreach, with_for_update=True)
        if outreach.state != OPEN or not _is_still_here(outreach):
            continue
        ladder.drop(outreach)
        items = following.still_true(question, str(outreach.params.get("items", "")).split())
        if items and marks and following.wait(marks[0], items):
            record(FollowerDue(mark_id=marks[0].id))
    if len(found) == AT_ONCE:
        record(replace(event, after=found[-1].id))


def _is_still_here(outreach: Outreach) -> bool:
    """Whether nothing of a ladder has left yet."""
    for rung in outreach.rungs:
        if rung.state == SKIPPED:
            continue
        message = session().get(Message, rung.message_id) if rung.message_id else None
        if message.state not in (QUEUED, HELD) if message is not None else rung.sending != "due":
            return False
    return True


def reader_of(mark: PersonMark) -> Person | None:
    """Whom a follow mark stands for, if we know them for sure and they may still read the question."""
    found = known(mark)
    if found is None:
        return None
    person, actor = found
    may = readable_questions(actor).where(Question.id == mark.about_id, Question.state == SHOWN)
    return person if session().scalar(may) is not None else None


def _about(question_id: int, who: str) -> str:
    return f"community-{question_id}-{who}"


def _looked(question: Question, marks: Iterable[PersonMark], who: str) -> bool:
    """Whether the person opened the question after the last thing happened to it."""
    pairs = {(mark.person_kind, mark.person_id) for mark in marks}
    seen = [m.at for m in own_marks(who, QUESTION, question.id, SEEN) if (m.person_kind, m.person_id) in pairs]
    return bool(seen) and max(seen) >= question.active_at


def _link(question: Question) -> str:
    return f"{signing()['site_url']}/community/{question.id}"


def _words(question: Question, items: list[str], who: str) -> dict[str, dict[str, str]]:
    best = next((int(i[1:]) for i in items if i[0] == "b"), None)
    new = [int(i[1:]) for i in items if i[0] == "a" and int(i[1:]) != best]
    first = session().get_one(Answer, best or new[0])
    excerpt = first.body if len(first.body) <= EXCERPT else f"{first.body[:EXCERPT]}…"
    said = f"{first.author_name}：\n{excerpt}"
    link = f"{_link(question)}#a{first.id}" if len(items) == 1 else _link(question)
    stop = unfollow_link("question", question.id, who)
    title, count = question.title, len(new)
    if best:
        zh, en = f"有了采纳的回答：{title}", f"Solved: {title}"
        more = (f"另有 {count} 个新回答。\n\n" if count else "", f"Other new answers: {count}.\n\n" if count else "")
    else:
        zh, en = (f"{count} 个新回答：{title}", f"{count} new answers: {title}") if count > 1 else (f"有新回答：{title}", f"New answer: {title}")
        more = ("", "")
    return {
        "zh": {
            "subject": zh[:120],
            "text": f"您关注的公开提问「{title}」{'有了采纳的回答' if best else '有新回答'}。\n\n{said}\n\n{more[0]}{link}\n\n不想再收到这个问题的消息：\n{stop}",
            "short": f"{first_line(zh)[:60]} {link}",
            "unsubscribe": stop,
        },
        "en": {
            "subject": en[:120],
            "text": f"The public question “{title}” that you follow {'is solved' if best else 'has a new answer'}.\n\n{said}\n\n{more[1]}{link}\n\nTo hear no more of this question:\n{stop}",
            "short": f"{first_line(en)[:60]} {link}",
            "unsubscribe": stop,
        },
    }  # data
