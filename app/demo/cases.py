"""One case of a pattern: who said what when, by the channel it came on and by the way it went."""

import random
from typing import Any

from app.demo import world
from app.demo.shapes import Contact
from app.demo.story import DAY, Act, Message, Pattern, Satisfaction, Ticket, WrapUp, act, noted, said, told

RIPE = 32 * DAY
RIPENED = {"TL": 0.9, "HK": 0.0}
"""Since then more is solved at first contact, most of all about gateways, whose missing articles were written, and
no more about inverters: the share that is, by the supplier's mark."""

ANSWERED = 0.52
"""The share of customers who answer the question at the end."""

SHIFTS = ((7, ("agent", "agent3", "agent4")), (13, ("agent2", "agent5", "agent6")), (18, ("agent7", "agent8")))
TIERS = {"second": ("second", "second2", "second3"), "tuolian-desk": ("resident",), "mingxi-desk": ("resident2",)}

LATER = (
    ("照做了，今天又来了一次，照片发您。", "照片看清了，第二步没有做到位，请再做一遍，这次等满时间。我下午三点再看一次。"),
    ("还是不行，跟昨天一样。", "我把记录翻了一遍，换个方向：先别动参数，把刚才那一刻的日志导出来给我。"),
    ("好一点，没完全好。", "那说明方向对，再往下走一步，做完您回我一个数就行。"),
    ("现场说没按那个弄，怕弄坏。", "可以理解，不会弄坏。我陪着您做，一步一步来，您说看到什么我再说下一步。"),
    ("夜班又试了，前半段行，后面断。", "前半段能行就排除了硬件，问题在后半段的设置上，我把那一页截图标好发您。"),
    ("我们电工明天才在，先放着？", "可以，我给您记着，明天上午我主动联系他，不用您再打过来。"),
    ("换了一台试，那台是好的。", "这个对比很有用，说明是这台自己的设置，请把两台同一页拍下来对照。"),
)
"""What it took where one round was not enough: what the customer said, and what they heard."""

BACK = ("第二天又是老样子，帮忙再看看。", "好了一天半，刚才又出现了。", "昨晚又来了一次，跟上回一样的。", "还没完，今天一早又有了。")
HANDED = ("一线按文章做完仍有，需要看后台日志。", "要查服务端记录，一线看不到。", "现象少见，请有经验的同事看。", "客户已按步骤做过，不再重复。")
CALLED = ("电话里一步步做完，客户确认恢复。", "通话中客户自己做好了。", "电话讲清楚，客户照做后正常。", "当场查到原因，电话里解决。")
DONE = ("弄好了。", "可以了。", "恢复了。", "行了，正常了。", "现在对了。")


def case(
    number: int, pattern: Pattern, turn: int, contact: Contact, device: str | None, age: int, hour: int, chance: random.Random
) -> Ticket:
    """The `turn`-th case of the pattern, `age` minutes ago, when it was `hour` o'clock there."""
    subject, text = pattern.asks[turn % len(pattern.asks)]
    channel = pattern.channels[(turn + len(pattern.code)) % len(pattern.channels)]
    way = pattern.ways[(turn + number) % len(pattern.ways)]
    if age < RIPE and way not in ("first", "clarify") and chance.random() < RIPENED.get(pattern.product[:2], 0.5):
        way = "first"
    agent = chance.choice(next((crew for start, crew in reversed(SHIFTS) if hour >= start), SHIFTS[-1][1]))
    machine = MACHINES.get(device or "")
    names = {"{device}": machine.name if machine else "", "{serial}": device or "", "{site}": SITES.get(contact.site or "", "")}
    for place, name in names.items():
        subject, text = subject.replace(place, name), text.replace(place, name)
    course = _course(pattern, channel, way, contact, agent, chance)
    resolved: int = course["resolved_after"]
    given: dict[str, Any] = {}
    spoken = channel == "calls"
    if chance.random() < ANSWERED or spoken:
        score, words = chance.choice(pattern.words)
        if way in ("second", "again", "tier") and chance.random() < 0.5:
            score, words = max(1, score - 1), words if score < 5 else ""
        asked = resolved + chance.randint(30, 2000) + (900 if spoken else 0)
        if asked < age:
            given = {"satisfaction": Satisfaction(score, words, asked), "closed_after": asked}
    acts = course.pop("acts")
    ends = given.get("closed_after") or resolved + 3 * DAY + 5
    return Ticket(
        number=number, subject=subject, text=text, contact=contact.code, kind=pattern.kind, impact=pattern.impact,
        product=pattern.product, device=device, age=max(age, resolved + 10),
        state="closed" if ends < age and (given or not spoken) else "following_up",
        wrap_up=WrapUp(*pattern.wrap_up, pattern.product, pattern.articles), resolution=pattern.resolution,
        channel=channel, acts=acts, **course, **given,
    )  # fmt: skip


def _course(pattern: Pattern, channel: str, way: str, contact: Contact, agent: str, chance: random.Random) -> dict[str, Any]:
    """Thread, steps and times."""
    if channel == "calls":
        return _call(pattern, way, agent, chance)
    quick = channel == "webchat"
    who, hello = contact.code, "Dear Mr Weber, " if contact.language == "en" else f"{contact.called}您好，"
    pause = (lambda low, high: chance.randint(1, 3)) if quick else chance.randint
    sent = pattern.articles[:1]
    at = 0 if quick else chance.randint(1, 6)
    started = at + (1 if quick else chance.randint(3, 25))
    at = started + pause(2, 18)
    thread: list[Message] = [told(agent, at, hello + pattern.answer, *sent)]
    acts: list[Act] = []
    if way in ("clarify", "second") or (quick and way == "first" and chance.random() < 0.6):
        at += pause(25, 260)
        thread.append(said(who, at, pattern.more[0]))
        at += pause(6, 45)
        thread.append(told(agent, at, pattern.more[1]))
    if way == "second":
        asked, heard = chance.choice(LATER)
        at += chance.randint(700, 1700)
        thread.append(said(who, at, asked))
        at += chance.randint(8, 60)
        thread.append(told(agent, at, heard))
    if way == "tier":
        helper = chance.choice(TIERS[pattern.tier])
        at += pause(15, 60)
        acts += [
            act(at, "transfer", agent, team=pattern.tier, assignee=helper, reason=chance.choice(HANDED)),
            act(at + chance.randint(20, 200), "start", helper),
        ]
        at = acts[-1].after + chance.randint(15, 300)
        thread.append(told(helper, at, pattern.more[1]))
    if contact.language == "zh" and not quick and chance.random() < 0.35:
        at += pause(10, 200)
        thread.append(said(who, at, chance.choice(DONE)))
    resolved = at + pause(1, 8)
    if way == "again":
        acts.append(act(resolved, "again", agent))
        at = resolved + chance.randint(1100, 2800)
        thread.append(said(who, at, chance.choice(BACK)))
        at += pause(8, 50)
        thread.append(told(agent, at, pattern.more[1]))
        resolved = at + pause(30, 90)
    return {
        "thread": tuple(thread), "acts": tuple(acts), "team": "frontline", "assignee": agent,
        "dispatched_after": 0 if quick else started - 1, "started_after": started, "resolved_after": resolved,
    }  # fmt: skip


def _call(pattern: Pattern, way: str, agent: str, chance: random.Random) -> dict[str, Any]:
    """A call that the agent writes down: solved while it lasts, or looked after later."""
    at = chance.randint(2, 7)
    if way in ("first", "clarify"):
        return {
            "thread": (noted(agent, at, chance.choice(CALLED)),), "acts": (), "assignee": agent, "team": "frontline",
            "resolved_after": at + 1, "at_once": True,
        }  # fmt: skip
    asked, heard = chance.choice(LATER)
    thread = [noted(agent, at, f"已按文章讲过一遍。客户：{pattern.more[0]}")]
    acts: list[Act] = []
    solver = agent
    later = at + chance.randint(600, 1600)
    if way == "tier":
        solver = chance.choice(TIERS[pattern.tier])
        acts = [
            act(at + 2, "transfer", agent, team=pattern.tier, assignee=solver, reason=chance.choice(HANDED)),
            act(at + 60, "start", solver),
        ]
    thread.append(noted(solver, later, f"回电。客户：{asked} 已答：{heard if way != 'tier' else pattern.more[1]}"))
    return {
        "thread": tuple(thread), "acts": tuple(acts), "assignee": agent, "team": "frontline",
        "dispatched_after": 0, "started_after": 1, "resolved_after": later + chance.randint(5, 90),
    }  # fmt: skip


MACHINES = {d.serial: d for d in world.DEVICES}
SITES = {s.code: s.name for s in world.SITES}
