"""What followers of a product hear when the knowledge of a new release has passed its gate: once for each release."""

from sqlalchemy import or_, select

from app.core.catalogue import Product, Release
from app.core.db import session
from app.core.people import Contact, User
from app.core.permissions import Actor
from app.kb.followers import known, unfollow_link, who_is
from app.letters import signing
from channels.reaching import ladder
from knowledge import gate_check, release_news
from knowledge.access import readable_articles
from knowledge.gate_events import ReleasePublished
from knowledge.gate_models import PUBLISHED, ReleaseGate
from knowledge.models import Article

TITLES = 5


def tell_release(event: ReleasePublished) -> None:
    """Tell whoever follows the product and still uses it, answers for it or makes it."""
    gate, release = session().get(ReleaseGate, event.gate_id), session().get(Release, event.release_id)
    if gate is None or release is None or gate.state != PUBLISHED:
        return  # it was taken back meanwhile
    product = release.product
    documents = [row.article.id for row in gate_check.check(release, gate, None).documents if row.article is not None]
    documents += _notes(release)
    for mark in release_news.followers(product.id):
        found = known(mark)
        if found is None or not release_news.may_follow(found[1], product):
            continue
        person, actor = found
        ladder.reach(
            "news", f"release-{release.id}-{who_is(person)}", _words(product, release, _titles(actor, documents), who_is(person)),
            contact=person if isinstance(person, Contact) else None, user=person if isinstance(person, User) else None,
            about=f"release-{release.id}", params={"subject": f"{product.code} {release.name}"[:40], "link": _link(product)},
        )  # fmt: skip


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
        },
        "en": {
            "subject": en[:120],
            "text": f"{en}.\n\n{en_with}{link}\n\nTo hear no more of this product's releases:\n{stop}",
            "short": f"{en[:60]} {link}",
        },
    }  # data
