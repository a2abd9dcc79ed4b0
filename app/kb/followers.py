"""What followers of a public question hear: one message per question and hour, by the ways in which we know them.

Nobody is told what they may not read, did themselves, or have looked at meanwhile; the message ends with a way out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select

from app.community import visitor_actor
from app.core.catalogue import Product
from app.core.clock import now
from app.core.db import session
from app.core.directory.merging import family_ids, kept
from app.core.events import record
from app.core.people import Contact, Identity, User
from app.core.permissions import Actor
from app.letters import first_line, signing
from channels.models import HELD, QUEUED, Message
from channels.reaching import ladder
from channels.reaching.models import OPEN, SKIPPED, WITHDRAWN, Outreach
from knowledge import release_news
from knowledge.community import following
from knowledge.community.access import readable_questions
from knowledge.community.events import FollowerDue, PostHidden, QuestionMoved
from knowledge.community_models import SHOWN, Answer, CommunityMark, Question

Person = Contact | User
PAUSE = timedelta(hours=1)
EXCERPT = 200
_SALT = "unfollow"


def gather_news(event: QuestionMoved) -> None:
    """Note for each follower what there is to tell, and when they are told next."""
    question = session().get(Question, event.question_id)
    item = f"{'b' if event.best else 'a'}{event.answer_id}"
    if question is None or not following.still_true(question, [item]):
        return
    for mark in following.marks_on(question.id, lock=True):
        if (mark.person_kind, mark.person_id) != (event.by_kind, event.by_id) and following.wait(mark, [item]):
            record(FollowerDue(mark_id=mark.id))


def tell_follower(event: FollowerDue) -> None:
    """Tell one follower what was gathered, not sooner than an hour after the last time."""
    mark = session().get(CommunityMark, event.mark_id)
    question = session().get(Question, mark.post_id) if mark is not None else None
    following_it = following.marks_on(question.id, lock=True) if question is not None else []
    if mark is None or question is None or mark not in following_it or not mark.words:
        return
    person = reader_of(mark)
    if person is None:
        mark.words = ""
        return
    who = who_is(person)
    marks = _own(following_it, who)
    told = list(session().scalars(select(Outreach).where(Outreach.about == _about(question.id, who)).order_by(Outreach.id)))
    last = max((one.created_at for one in told if one.state != WITHDRAWN), default=None)
    if last is not None and now() - last < PAUSE:
        record(FollowerDue(mark_id=mark.id), due_at=last + PAUSE)
        return
    waiting = [item for one in marks for item in one.words.split()]
    for one in marks:
        one.words = ""
    items = [] if _looked(question, marks) else following.still_true(question, waiting)
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
    marks_on_it = following.marks_on(question.id, lock=True)
    rows = select(Outreach).where(Outreach.about.like(f"{_about(question.id, '')}%"), Outreach.state == OPEN)
    for outreach in session().scalars(rows.with_for_update()):
        if not _is_still_here(outreach):
            continue
        ladder.drop(outreach)
        items = following.still_true(question, str(outreach.params.get("items", "")).split())
        marks = _own(marks_on_it, outreach.about.removeprefix(_about(question.id, "")))
        if items and marks and following.wait(marks[0], items):
            record(FollowerDue(mark_id=marks[0].id))


def _is_still_here(outreach: Outreach) -> bool:
    """Whether nothing of a ladder has left yet."""
    for rung in outreach.rungs:
        if rung.state == SKIPPED:
            continue
        message = session().get(Message, rung.message_id) if rung.message_id else None
        if message.state not in (QUEUED, HELD) if message is not None else rung.sending != "due":
            return False
    return True


def reader_of(mark: CommunityMark) -> Person | None:
    """Whom a follow mark stands for, if we know them for sure and they may still read the question."""
    found = known(mark)
    if found is None:
        return None
    person, actor = found
    may = readable_questions(actor).where(Question.id == mark.post_id, Question.state == SHOWN)
    return person if session().scalar(may) is not None else None


def known(mark: CommunityMark) -> tuple[Person, Actor] | None:
    """Whom a mark stands for and what they may, if we know them for sure. A client's login is the person behind it."""
    if mark.person_kind == "user":
        user = session().get(User, mark.person_id)
        if user is None or not user.active:
            return None
        contact = session().get(Contact, user.contact_id) if user.role == "client" and user.contact_id else None
        return kept(contact) if contact is not None else user, user.actor("check")
    identity = session().get(Identity, mark.person_id)
    if identity is None or identity.contact is None or identity.shared or identity.suspect:
        return None
    return kept(identity.contact), visitor_actor(identity)


def who_is(person: Person) -> str:
    """The person in a word, for keys and links."""
    return f"{'u' if isinstance(person, User) else 'c'}{person.id}"


def _about(question_id: int, who: str) -> str:
    return f"community-{question_id}-{who}"


def _own(marks: Iterable[CommunityMark], who: str) -> list[CommunityMark]:
    """Those marks that are one person's: somebody may follow by a mailed link and again by a login."""
    number = int(who[1:])
    if who[0] == "u":
        pairs = {("user", number)}
    else:
        contact = session().get(Contact, number)
        ids = family_ids(contact) if contact is not None else [number]
        pairs = {("visitor", n) for n in session().scalars(select(Identity.id).where(Identity.contact_id.in_(ids)))}
        pairs |= {("user", n) for n in session().scalars(select(User.id).where(User.contact_id.in_(ids), User.role == "client"))}
    return [mark for mark in marks if (mark.person_kind, mark.person_id) in pairs]


def _looked(question: Question, marks: Iterable[CommunityMark]) -> bool:
    """Whether the person opened the question after the last thing happened to it."""
    pairs = {(mark.person_kind, mark.person_id) for mark in marks}
    seen = [m.at for m in following.marks_on(question.id, following.SEEN) if (m.person_kind, m.person_id) in pairs]
    return bool(seen) and max(seen) >= question.active_at


def _link(question: Question) -> str:
    return f"{signing()['site_url']}/community/{question.id}"


@dataclass(frozen=True)
class Followed:
    """What a person (`who`) follows: `post` is question or product. `title` is empty where it is not to be read now."""

    post: str
    number: int
    title: str
    url: str
    who: str


def unfollow_link(post: str, number: int, who: str) -> str:
    """The address by which somebody hears no more of a question, or of a product's releases."""
    return f"{signing()['site_url']}/community/unfollow/{URLSafeSerializer(signing()['key'], salt=_SALT).dumps([post, number, who])}"


def read_unfollow(signed: str) -> Followed | None:
    """What such a link is about; None when it is not ours or the thing is gone."""
    try:
        post, number, who = URLSafeSerializer(signing()["key"], salt=_SALT).loads(signed)
    except (BadSignature, TypeError, ValueError):
        return None
    if post == "product":
        product = session().get(Product, number)
        return Followed(post, number, product.label, f"/products/{product.code}", who) if product is not None else None
    question = session().get(Question, number)
    if question is None:
        return None
    return Followed(post, number, question.title if question.state == SHOWN else "", f"/community/{number}", who)


def follows(one: Followed) -> bool:
    """Whether this person still follows it."""
    return bool(_own(_marks_on(one), one.who))


def unfollow(one: Followed) -> None:
    """This person hears no more of it. In a unit of work."""
    for mark in _own(_marks_on(one), one.who):
        session().delete(mark)
    session().flush()


def _marks_on(one: Followed) -> list[CommunityMark]:
    return release_news.followers(one.number) if one.post == "product" else following.marks_on(one.number)


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
        },
        "en": {
            "subject": en[:120],
            "text": f"The public question “{title}” that you follow {'is solved' if best else 'has a new answer'}.\n\n{said}\n\n{more[1]}{link}\n\nTo hear no more of this question:\n{stop}",
            "short": f"{first_line(en)[:60]} {link}",
        },
    }  # data
