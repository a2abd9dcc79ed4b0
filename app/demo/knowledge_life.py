"""What is going on in the demo's knowledge on the day it is loaded: a draft in review, a finding, a must-read, reviews that
are due, a release in preparation, and the figures of the last weeks. The rest the worker computes itself."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import update

from app.core.clock import frozen
from app.core.db import session
from app.core.events import DONE, DUE, OutboxRow
from app.demo.world_rows import World
from knowledge import care, gate, lifecycle, reviewing
from knowledge.editing_models import ArticleCare
from knowledge.loop import flags, must_read
from knowledge.loop_models import ArticleDay
from knowledge.models import Article, ArticleFeedback
from knowledge.service import Content, Properties, draft_article

DRAFTS = 1
"""Articles that nobody can read yet."""
TITLE = "TL-G510 改用 eSIM：写入下载码，不用开电柜换卡"
BODY = """TL-G510 硬件 C1 起带 eSIM。换运营商时写入新的下载码就行，不用开柜、不用断电。约 5 分钟。

## 先看能不能用

- 机身标签上有 **EID** 一行（32 位数字）才有 eSIM；没有的仍要换实体卡。
- 固件 1.4 及以上。低于 1.4 先升级。

## 写入下载码

1. 向运营商要 **激活码**，报 EID 和网关型号。
2. 网关网页「网络 → 蜂窝 → eSIM」，粘贴激活码，点「下载」。等 1 到 2 分钟。
3. 选中新的那一行，点「启用」。网关会断网约 30 秒。
4. 看「状态 → 蜂窝」：有注册网络名、有 IP，就好了。

## 常见的失败

| 提示 | 原因 | 怎么办 |
|---|---|---|
| 下载码已使用 | 激活码只能用一次 | 请运营商重发 |
| 没有网络 | 下载要先能上网 | 临时插一张实体卡，或接网线 |

各运营商的 APN 见[运营商 APN 一览](article:carrier-apn-list)；启用后还是离线，见[换卡后离线](article:tl-g300-apn-after-sim-change)。
"""
ASKED = ("网关支持 eSIM 吗", "eSIM 怎么换运营商", "TL-G510 下载码在哪里填", "不开柜能换卡吗")

LOW = "data-gap-output-mismatch"
"""What customers say does not help them: most of their lines have another reason."""
TOLD = (
    ("MES 产量比计数器少", ""), ("MES 产量比计数器少", "我们的差额正好是一个班的"), ("夜班产量算到哪天", "没有讲跨班的怎么算"),
    ("MES 产量对不上", "照着对了还是差 40 件"), ("", ""),
)  # fmt: skip
SHOWN = {"hk-v20-e07-overheat": (61, 38, 31, 22), "tl-g300-apn-after-sim-change": (54, 35, 29, 23), "tl-g300-e07-sim": (37, 19, 15, 10),
         "gateway-offline-checklist": (48, 22, 18, 12), "platform-add-member": (25, 17, 16, 15), "warranty-and-quote": (21, 12, 11, 9),
         "idr-302-prefix-not-authorised": (18, 12, 9, 7), "api-40113-signature-expired": (17, 13, 12, 10), "urge-and-progress": (16, 8, 7, 4),
         "mx-vb3-flat-waveform": (14, 9, 8, 6), LOW: (19, 13, 11, 3), "hk-p3-err-three-blinks": (12, 7, 6, 4),
         "platform-outage-check": (22, 9, 8, 6), "tl-g300-firmware-upgrade": (11, 6, 5, 3)}  # fmt: skip
"""How often searches of four weeks showed an article, it was opened, could be followed, and no ticket came."""
NEVER = frozenset({"supplier-mx-vb3-return"})
"""What no search ever showed."""
TOLD_OF = ("tell_owner", "tell_reviewers", "tell_writer")


def begin(rows: World, articles: Mapping[str, int], loaded: datetime) -> None:
    """Write all of it as it stands at `loaded`. Call it in a unit of work, when the articles are published."""
    with frozen(loaded):
        _draft(rows)
        _finding(rows, articles)
        _must_read(rows, articles, loaded)
        _reviews(rows, articles, loaded)
        _release(rows, articles)
        _figures(articles, loaded)
    session().flush()
    session().execute(
        update(OutboxRow)
        .where(OutboxRow.reaction.in_(TOLD_OF), OutboxRow.state == DUE)
        .values(state=DONE, finished_at=loaded)
        .execution_options(synchronize_session=False)
    )


def _draft(rows: World) -> None:
    """A supplier's author answers what customers search in vain; the editor has looked at it once."""
    author, editor = rows.actor("author"), rows.actor("editor")
    product = rows.products["TL-G510"]
    properties = Properties(kind="howto", category="使用指南", level="public", product_ids=(product.id,), valid_for="TL-G510 硬件 C1，固件 1.4")
    article = draft_article(author, Content(TITLE, BODY, ASKED), properties, slug="tl-g510-esim")
    lifecycle.take_step(author, article, "submit", "eSIM 最近问得多，先写 G510。G300 没有 eSIM，要不要在开头写明？")
    first = reviewing.comment(editor, article, "从哪台序列号开始是硬件 C1？客户看不懂硬件版本。", quote="TL-G510 硬件 C1 起带 eSIM")
    reviewing.comment(author, article, "标签上有 EID 就是，我在第一条里写了；要不要把序列号也写上？", parent_id=first.id)
    reviewing.comment(editor, article, "「运营商 APN 一览」还没有这篇，链接点不开。先去掉，或者一起写。", quote="运营商 APN 一览")


def _finding(rows: World, articles: Mapping[str, int]) -> None:
    """An agent noticed on the telephone that a table lacks a case."""
    flags.raise_flag(
        rows.actor("agent"), articles["tl-g300-e07-sim"], "B3 的 SIM 灯还有蓝色常亮，客户问是什么意思，表里没有。",
        "红色常亮 | 仍未识别", days=2,
    )  # fmt: skip


def _must_read(rows: World, articles: Mapping[str, int], loaded: datetime) -> None:
    row = must_read.ask(
        rows.actor("editor"), articles["agent-guide-line-down"], roles=["agent", "second_line"], team_ids=[],
        due_on=(loaded + timedelta(days=5)).date(), note_text="停线的问法改了：先问几台、几点停的，再问代码。",
    )  # fmt: skip
    for login in ("agent2", "agent3", "second"):
        must_read.confirm(rows.actor(login), row)


def _reviews(rows: World, articles: Mapping[str, int], loaded: datetime) -> None:
    """One article's date has come, one comes in two weeks."""
    for slug, owner, days, words in (
        ("hk-p3-err-three-blinks", "editor", -2, "固件 3.3 出来以后，三闪的次数可能变，复核时问宏控。"),
        ("tl-g300-firmware-upgrade", "author", 14, ""),
    ):
        due = loaded + timedelta(days=days)
        session().add(
            ArticleCare(
                article_id=articles[slug], owner_id=rows.users[owner].id, review_by=due, internal_note=words, reminded_for=due if days < 0 else None
            )
        )  # fmt: skip


def _release(rows: World, articles: Mapping[str, int]) -> None:
    """The supplier prepares a release: some documents are there, one test question finds its article."""
    author, product = rows.actor("author"), rows.products["TL-G300"]
    prepared = gate.add_release(author, product.id, "2.7")
    for code, slug in (("guide", "gateway-offline-checklist"), ("faults", "tl-g300-e07-sim")):
        gate.choose_document(author, prepared, code, articles[slug])
    care.confirm(rows.actor("editor"), session().get_one(Article, articles["gateway-offline-checklist"]), None)
    for text, slug in (("网关报 E07", "tl-g300-e07-sim"), ("换卡以后离线", "tl-g300-apn-after-sim-change"), ("固件怎么升级", "tl-g300-firmware-upgrade")):
        gate.add_query(author, product, text=text, article_id=articles[slug])


def _figures(articles: Mapping[str, int], loaded: datetime) -> None:
    """Four weeks of searches, evenly over the days that are past."""
    days = [(loaded - timedelta(days=n)).date() for n in range(2, 30)]
    for slug, article_id in articles.items():
        if slug in NEVER:
            continue
        sums = SHOWN.get(slug, (3, 1, 1, 1))
        for n, day in enumerate(days):
            counts = [ceil(s * (n + 1) / len(days)) - ceil(s * n / len(days)) for s in sums]
            if any(counts):
                session().add(ArticleDay(article_id=article_id, day=day, shown=counts[0], opened=counts[1], followed=counts[2], deflected=counts[3]))
    article = session().get_one(Article, articles[LOW])
    since = max(article.published_at or loaded, loaded - timedelta(days=20))
    for n, (query, words) in enumerate((*TOLD, ("", ""), ("", ""))):
        at = since + (loaded - since) * (n + 1) / (len(TOLD) + 3)
        session().add(ArticleFeedback(article_id=article.id, helpful=n > 4, words=words, query=query, actor_kind="visitor", at=at))
