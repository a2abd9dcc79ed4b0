"""What followers of a product hear when the knowledge of a new release has passed its gate: once for each release.

A product may have thousands of followers: each is told in a unit of work of their own, and they are called up a few at a
time, so that neither the database nor what else waits to be done is held up.
"""

from dataclasses import replace

from sqlalchemy import or_, select

from app.core.catalogue import Product, Release
from app.core.db import session
from app.core.events import record
from app.core.people import Contact, User
from app.core.permissions import Actor
from app.kb.persons import known, who_is
from app.kb.unfollowing import unfollow_link
from app.letters import signing
from channels.reaching import ladder
from knowledge import gate_check, release_news
from knowledge.access import readable_articles
from knowledge.gate_events import ReleaseFollowerDue, ReleaseFollowersDue, ReleasePublished
from knowledge.gate_models import PUBLISHED, ReleaseGate
from knowledge.mark_models import FOLLOW, PRODUCT, PersonMark
from knowledge.models import Article

TITLES = 5
AT_ONCE = 20
"""So many followers are called up in one unit of work; what came meanwhile has its turn before the next."""


def tell_release(event: ReleasePublished) -> None:
    """Find what comes with the release, and begin to tell those who follow the product."""
    found = _published(event.gate_id, event.release_id)
    if found is None:
        return
    gate, release = found
    documents = [row.article.id for row in gate_check.check(release, gate, None).documents if row.article is not None]
    numbers = " ".join(str(number) for number in dict.fromkeys([*documents, *_notes(release)]))
    record(ReleaseFollowersDue(gate_id=gate.id, release_id=release.id, documents=numbers))


def call_followers(event: ReleaseFollowersDue) -> None:
    """Give the next followers each an event of their own."""
    found = _published(event.gate_id, event.release_id)
    marks = release_news.followers(found[1].product_id, event.after, AT_ONCE) if found is not None else []
    for mark in marks:
        record(ReleaseFollowerDue(gate_id=event.gate_id, release_id=event.release_id, documents=event.documents, mark_id=mark.id))
    if len(marks) == AT_ONCE:
        record(replace(event, after=marks[-1].id))


def tell_release_follower(event: ReleaseFollowerDue) -> None:
    """Tell one follower, if they still follow the product and still use it, answer for it or make it."""
    found, mark = _published(event.gate_id, event.release_id), session().get(PersonMark, event.mark_id)
    if found is None or mark is None or (mark.mark, mark.about, mark.about_id) != (FOLLOW, PRODUCT, found[1].product_id):
        return
    release, someone = found[1], known(mark)
    if someone is None or not release_news.may_follow(someone[1], release.product):
        return
    person, actor = someone
    titles = _titles(actor, [int(number) for number in event.documents.split()])
    ladder.reach(
        "news", f"release-{release.id}-{who_is(person)}", _words(release.product, release, titles, who_is(person)),
        contact=person if isinstance(person, Contact) else None, user=person if isinstance(person, User) else None,
        about=f"release-{release.id}", params={"subject": f"{release.product.code} {release.name}"[:40], "link": _link(release.product)},
    )  # fmt: skip


def _published(gate_id: int, release_id: int) -> tuple[ReleaseGate, Release] | None:
    """The release, unless it was taken back meanwhile."""
    gate, release = session().get(ReleaseGate, gate_id), session().get(Release, release_id)
    return (gate, release) if gate is not None and release is not None and gate.state == PUBLISHED else None


def _notes(release: Release) -> list[int]:
    """Release notes that name it."""
    about = (Article.products.any(Product.id == release.product_id), Article.kind == "release", Article.state == "published")
    named = or_(Article.title.icontains(release.name, autoescape=True), Article.valid_for.icontains(release.name, autoescape=True))
    return list(session().scalars(select(Article.id).where(*about, named)))


def _titles(actor: Actor, documents: list[int]) -> list[str]:
    rows = readable_articles(actor).where(Article.id.in_(documents)).order_by(Article.title).limit(TITLES)
    return [article.title for article in session().scalars(rows)]


def _link(product: Product) -> str:
    return f"{signing()['site_url']}/products/{product.code}"


def _words(product: Product, release: Release, titles: list[str], who: str) -> dict[str, dict[str, str]]:
    link, stop = _link(product), unfollow_link("product", product.id, who)
    named = "\n".join(f"· {title}" for title in titles)
    zh, en = f"{product.label} {release.name} 发布了", f"{product.label} {release.name} is out"
    zh_with, en_with = (f"这个版本的资料：\n{named}\n\n", f"What comes with it:\n{named}\n\n") if titles else ("", "")
    return {
        "zh": {
            "subject": zh[:120],
            "text": f"您关注的 {zh}。\n\n{zh_with}{link}\n\n不想再收到这个产品的版本消息：\n{stop}",
            "short": f"{zh[:60]} {link}",
            "unsubscribe": stop,
        },
        "en": {
            "subject": en[:120],
            "text": f"{en}.\n\n{en_with}{link}\n\nTo hear no more of this product's releases:\n{stop}",
            "short": f"{en[:60]} {link}",
            "unsubscribe": stop,
        },
    }  # data
