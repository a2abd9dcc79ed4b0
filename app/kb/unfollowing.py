"""The way out that each message to a follower carries: a signed link, good for one person and one thing."""

import re
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select

from app.core.catalogue import Product, Release
from app.core.db import session
from app.kb.persons import names_of, own_marks
from app.letters import signing
from channels.reaching import ladder
from channels.reaching.models import OPEN, Outreach
from knowledge.community_models import SHOWN, Question
from knowledge.mark_models import PRODUCT, QUESTION

_SALT = "unfollow"
_WHO = re.compile(r"[cu][1-9]\d{0,9}")


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
    return f"{signing()['site_url']}/community/unfollow/{_serializer().dumps([post, number, who])}"


def read_unfollow(signed: str) -> Followed | None:
    """What such a link is about; None when it is not ours or the thing is gone."""
    try:
        post, number, who = _serializer().loads(signed)
    except (BadSignature, TypeError, ValueError):
        return None
    if post not in (PRODUCT, QUESTION) or type(number) is not int or not isinstance(who, str) or not _WHO.fullmatch(who):
        return None
    if post == PRODUCT:
        product = session().get(Product, number)
        return Followed(post, number, product.label, f"/products/{product.code}", who) if product is not None else None
    question = session().get(Question, number)
    if question is None:
        return None
    return Followed(post, number, question.title if question.state == SHOWN else "", f"/community/{number}", who)


def follows(one: Followed) -> bool:
    """Whether this person still follows it."""
    return bool(own_marks(one.who, one.post, one.number))


def unfollow(one: Followed) -> None:
    """This person hears no more of it, not even what is still on its way; harmless to repeat. In a unit of work."""
    for mark in own_marks(one.who, one.post, one.number, lock=True):
        session().delete(mark)
    session().flush()
    names = names_of(one.who)  # what is on its way may carry another one
    keys = [Outreach.about.in_([f"community-{one.number}-{name}" for name in names])]
    if one.post == PRODUCT:
        releases = session().scalars(select(Release.id).where(Release.product_id == one.number))
        keys = [Outreach.key.in_([f"release-{number}-{name}" for number in releases for name in names])]
    rows = select(Outreach).where(*keys, Outreach.purpose == "news", Outreach.state == OPEN)
    for outreach in session().scalars(rows.with_for_update()):
        ladder.drop(outreach)


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(signing()["key"], salt=_SALT)
