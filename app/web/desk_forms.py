"""The forms of the steps: which fields each one has, how they are shown, and how what was typed is read. Orders use the
same fields (order_forms.py)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.clock import now
from app.core.errors import Invalid
from app.core.permissions import Actor
from app.core.text import clean
from app.queries import orders, ticket_page, tickets, timeline
from app.replies import sendable_article
from app.web import desk_words as words
from app.web.desk_answer import numbers, typed
from app.web.desk_show import closing_results
from app.web.i18n import local, time_zone
from workflows.kinds import CATEGORIES, IMPACTS, KINDS
from workflows.models import Ticket
from workflows.order_kinds import RELATIONS, WORKS
from workflows.ticket_effects import LEVELS, PARTIES

Choices = list[dict[str, Any]]


@dataclass(frozen=True)
class Field:
    """One field. `choices` gives options; `first` what stands in it before anybody typed; `goes` where a value belongs
    in what the step is given (`wrap_up.category`). `codes`: the boxes stand for short words, not for ids."""

    name: str
    label: Any
    kind: str = "text"
    required: bool = True
    hint: Any = ""
    placeholder: Any = ""
    choices: Callable[[Any, Actor], Choices] | None = None
    first: Callable[[Any, Actor], Any] | None = None
    goes: str = ""
    full: bool = False
    rows: int = 4
    longest: int = 4000
    codes: bool = False


@dataclass(frozen=True)
class Form:
    """The form of one step: what its button says, and a sentence on what will happen."""

    fields: tuple[Field, ...]
    submit: Any
    intro: Any = ""
    said: Any = ""
    danger: bool = False
    columns: bool = False


def plain(words_: Mapping[str, str]) -> Callable[[Any, Actor], Choices]:
    """Choices of a closed list, in the reader's language."""
    return lambda ticket, actor: [{"value": key, "label": _(label)} for key, label in words_.items()]


def people(ticket: Ticket, actor: Actor) -> Choices:
    """People who may work on tickets, by team; oneself first."""
    groups: dict[str, Choices] = {}
    for user in ticket_page.workers():
        if user.id == actor.id:
            continue
        option = {"value": user.id, "label": user.label}
        for team in user.teams or ():
            groups.setdefault(team.name, []).append(option)
        if not user.teams:
            groups.setdefault(_("没有团队"), []).append(option)
    me: Choices = [{"value": actor.id, "label": _("我自己（%(name)s）", name=actor.name)}] if actor.can("ticket.work") else []
    return me + [{"label": name, "options": options} for name, options in groups.items()]


def boxes(ticket: Ticket, actor: Actor) -> Choices:
    """The checklist of the kind: of the one just chosen, where the form comes back."""
    chosen = KINDS.get(typed("kind", 20)) or KINDS[ticket.kind]
    return plain(chosen.boxes)(ticket, actor)


def skipping(ticket: Ticket, actor: Actor) -> Choices:
    return [{"value": "", "label": ""}] if boxes(ticket, actor) else []


def teams(ticket: Ticket, actor: Actor) -> Choices:
    return [{"value": team.id, "label": team.name} for team in ticket_page.teams()]


def products(ticket: Ticket, actor: Actor) -> Choices:
    return [{"value": number, "label": label} for number, label in tickets.product_choices()]


def devices(ticket: Ticket, actor: Actor) -> Choices:
    found = ticket_page.customer_of(actor, ticket).devices
    return [{"value": d.id, "label": f"{d.label} {d.name}".strip()} for d in found]


def used(ticket: Ticket, actor: Actor) -> Choices:
    """Articles of this ticket's replies, and of the one that goes out together with the step."""
    found = {a.id: a.title for a in timeline.used_articles(ticket).values()}
    for number in [*numbers("articles"), *numbers("reply_articles")]:
        if number not in found:
            try:
                found[number] = sendable_article(actor, number).title
            except Invalid:
                continue
    return [{"value": str(number), "label": title} for number, title in found.items()]


def results(ticket: Ticket, actor: Actor) -> Choices:
    return [{"value": key, "label": str(words.RESULTS[key])} for key in closing_results(ticket, actor)]


def same_customer(ticket: Ticket, actor: Actor) -> Choices:
    found = ticket_page.open_of_same_customer(actor, ticket)
    return [{"value": str(t.number), "label": f"#{t.number} {t.subject}", "hint": words.state_word(t.state)} for t in found]


def suppliers(ticket: Ticket, actor: Actor) -> Choices:
    return [{"value": number, "label": label} for number, label in orders.supplier_choices()]


def place(ticket: Ticket, actor: Actor) -> str:
    site = ticket.device.site if ticket.device else None
    return f"{site.name} {site.address}".strip() if site else ""


def other_orders(ticket: Ticket, actor: Actor) -> Choices:
    found = orders.of_ticket(actor, ticket)
    names = [(o, _(WORKS[o.work].label), o.supplier.label if o.supplier else "") for o in found]
    return [{"value": str(o.number), "label": f"#{o.number} {work} {owner}".strip()} for o, work, owner in names]


def relations(ticket: Ticket, actor: Actor) -> Choices:
    return plain(RELATIONS)(ticket, actor) if other_orders(ticket, actor) else []


def tomorrow(ticket: Any, actor: Actor) -> str:
    """Nine o'clock of the next day, as the field of the viewer's browser wants it."""
    day = local(now()).date() + timedelta(days=1)
    return datetime.combine(day, time(9)).isoformat(timespec="minutes")


def day_after_due(ticket: Ticket, actor: Actor) -> str:
    return (local(ticket.due_at) + timedelta(days=1)).replace(tzinfo=None).isoformat(timespec="minutes")


_PERSON = Field("assignee", _l("人员"), "select", False, choices=people, placeholder=_l("由团队认领"))
_TEAM = Field("team", _l("团队"), "select", False, choices=teams, placeholder=_l("按人员所在的团队"),
              first=lambda t, a: t.team_id)  # fmt: skip
_REASON = Field("reason", _l("原因"), "textarea", full=True, rows=3, longest=500)
_UNTIL = Field("until", _l("到什么时候"), "datetime", hint=_l("按你的时区填写"), first=tomorrow)
_BOUNCES = {"unclear": _l("信息不全"), "other_team": _l("不归本组"), "double": _l("重复"), "skills": _l("需要别的专长")}
_BOUNCE = Field("why", _l("类型"), "choices", False, full=True,
                choices=lambda t, a: [{"value": key, "label": str(label)} for key, label in _BOUNCES.items()])  # fmt: skip
_WRAP_UP = (
    Field("resolution", _l("怎样解决的"), "textarea", full=True, hint=_l("会写进给客户的回访问题里。"),
          first=lambda t, a: t.resolution or ""),
    Field("kind", _l("类别"), "select", choices=plain({k.code: k.label for k in KINDS.values()}), first=lambda t, a: t.kind),
    Field("category", _l("分类"), "select", choices=plain(CATEGORIES), first=lambda t, a: t.category, goes="wrap_up.category"),
    Field("product", _l("产品"), "select", False, choices=products, first=lambda t, a: t.product_id, goes="wrap_up.product",
          placeholder=_l("与产品无关")),
    Field("cause", _l("原因"), required=False, first=lambda t, a: t.cause or "", goes="wrap_up.cause", longest=300),
    Field("boxes", _l("检查表"), "checkboxes", False, choices=boxes, full=True, codes=True, longest=60,
          first=lambda t, a: [code for code, why in (t.boxes or {}).items() if not why]),
    Field("skipped", _l("没勾的为什么跳过"), "text", False, choices=skipping, full=True, longest=300),
    Field("articles", _l("用到的知识"), "checkboxes", False, choices=used, goes="wrap_up.articles", full=True,
          first=lambda t, a: [option["value"] for option in used(t, a)]),
)  # fmt: skip
_RESTORED = Field("restored_at", _l("什么时候恢复生产"), "datetime", False, hint=_l("先用临时办法恢复的，填那个时间；不填就按现在。"))

FORMS: Mapping[str, Form] = {
    "dispatch": Form((_TEAM, _PERSON), _l("派工"), said=_l("已派工"), columns=True),
    "solve_now": Form(_WRAP_UP, _l("首解并发出回访"), _l("一张表记完：怎样解决的、属于哪一类。"), _l("已标为首次联系解决"), columns=True),
    "resolve": Form((*_WRAP_UP, _RESTORED), _l("标为已解决"), said=_l("已标为解决"), columns=True),
    "transfer": Form((_TEAM, _PERSON, _BOUNCE, _REASON), _l("转派"), _l("时限照常走，不会重新计时。"), _l("已转派"), columns=True),
    "return": Form((_BOUNCE, _REASON), _l("退回派工"), _l("第三次转派或退回会直接交给班长。"), _l("已退回")),
    "escalate": Form(
        (Field("work", _l("要做什么"), "choices", choices=plain({w.code: w.label for w in WORKS.values()}), full=True,
               first=lambda t, a: "repair"),
         Field("product", _l("产品"), "select", False, choices=products, first=lambda t, a: t.product_id,
               placeholder=_l("与产品无关")),
         Field("supplier", _l("供应商"), "select", False, choices=suppliers, placeholder=_l("按合同，没有就按产品")),
         Field("reason", _l("要供应商做什么"), "textarea", full=True, rows=5, longest=8000,
               hint=_l("供应商看得到；工单的备注他们看不到。")),
         Field("place", _l("地点"), required=False, first=place, full=True, longest=300),
         Field("relation", _l("与这张工单的另一张订单"), "choices", False, choices=relations),
         Field("other", _l("哪一张"), "radio", False, choices=other_orders)),
        _l("转服务订单"), _l("工单还在你手上，可以继续处理；订单结束前不能标为已解决。"), _l("已转服务订单"), columns=True,
    ),
    "raise": Form((Field("to", _l("升级给谁"), "choices", choices=plain(LEVELS), full=True), _REASON), _l("升级"), said=_l("已升级")),
    "supervise": Form((_REASON, _UNTIL), _l("督办"), said=_l("已督办")),
    "extend": Form(
        (Field("until", _l("新的时限"), "datetime", hint=_l("按你的时区填写"), first=day_after_due), _REASON),
        _l("申请延期"), _l("由班长或主管批准；原时限和新时限都会留下。"), _l("已提交"),
    ),
    "hold": Form(
        (Field("party", _l("在等谁"), "choices", choices=plain(PARTIES), full=True), _REASON, _UNTIL),
        _l("挂起"), _l("等客户或等约定日期时停表；等供应商、备件、同事时照走。"), _l("已挂起"),
    ),
    "close": Form(
        (Field("result", _l("结果"), "radio", choices=results, full=True, first=lambda t, a: next(iter(closing_results(t, a)), "")),
         Field("rating", _l("满意度（电话回访时问）"), "choices", False, full=True,
               choices=lambda t, a: [{"value": str(n), "label": str(n)} for n in range(1, 6)], hint=_l("1 很不满意，5 很满意")),
         Field("comment", _l("客户的话"), "textarea", False, full=True, rows=3, longest=2000)),
        _l("结单"), said=_l("已结单"),
    ),
    "reopen": Form((_REASON,), _l("重开"), said=_l("已重开")),
    "cancel": Form((_REASON,), _l("撤单"), _l("撤单后客户在进度页上会看到「已撤单」。"), _l("已撤单"), danger=True),
    "merge": Form(
        (Field("near", _l("同一客户的未结工单"), "radio", False, choices=same_customer, full=True, goes="into"),
         Field("into", _l("或写工单号"), required=False, placeholder="#20012", longest=20)),
        _l("合并过去"), _l("这张工单的会话会移到那一张上；可以撤销。"), _l("已合并"),
    ),
    "split": Form(
        (Field("subject", _l("新工单的标题"), longest=300, full=True),),
        _l("拆分"), _l("新工单带着同样的客户、产品和会话；这一张继续。"), _l("已拆分出新工单"),
    ),
}  # fmt: skip

CLASSIFY = Form(
    (
        Field("kind", _l("类别"), "select", choices=plain({k.code: k.label for k in KINDS.values()}), first=lambda t, a: t.kind),
        Field("impact", _l("影响"), "choices", choices=plain(IMPACTS), first=lambda t, a: t.impact, full=True,
              hint=_l("影响决定优先级和时限。")),
        Field("product", _l("产品"), "select", False, choices=products, first=lambda t, a: t.product_id, placeholder=_l("与产品无关")),
        Field("device", _l("设备"), "select", False, choices=devices, first=lambda t, a: t.device_id, placeholder=_l("没有指明")),
    ),
    _l("保存"), said=_l("已保存"),
)  # fmt: skip


SUPERVISION = Form(
    (Field("text", _l("答复"), "textarea", full=True, rows=4, longest=500),),
    _l("答复督办"), _l("督办的人会看到；答复留在工单上。"), _l("已答复督办"),
)  # fmt: skip


def shown(
    form: Form, item: Any, actor: Actor, errors: Mapping[str, list[str]] | None = None, kept: bool = False
) -> list[dict[str, Any]]:
    """The fields as templates draw them; `kept`: with what was typed instead of what stands on the ticket or order."""
    fields = []
    for field in form.fields:
        options = field.choices(item, actor) if field.choices else None
        if field.choices and field.kind != "select" and not options:
            continue
        if kept:
            value: Any = _ticked(field) if field.kind == "checkboxes" else typed(field.name, field.longest)
        else:
            value = field.first(item, actor) if field.first else ""
        fields.append(
            {"name": field.name, "label": field.label, "kind": field.kind, "required": field.required, "hint": field.hint,
             "placeholder": field.placeholder, "options": options, "value": value, "full": field.full, "rows": field.rows,
             "errors": _errors_of(field, errors or {})}
        )  # fmt: skip
    if fields and not any(f["errors"] for f in fields):
        fields[0]["autofocus"] = True
    return fields


def _ticked(field: Field) -> list[str]:
    """What of a group of boxes is ticked: ids, or short words."""
    if not field.codes:
        return [str(n) for n in numbers(field.name)]
    return list(dict.fromkeys(clean(text)[: field.longest] for text in request.form.getlist(field.name)[:50]))


def _errors_of(field: Field, errors: Mapping[str, list[str]]) -> list[str]:
    """Reasons of a field; what a whole (wrap-up, window) lacks is said at its first field."""
    found = list(errors.get(field.name, ()))
    if field.goes in ("wrap_up.category", "window.from"):
        found += errors.get(field.goes.partition(".")[0], ())
    return found


def read(form: Form) -> dict[str, Any]:
    """What was typed, as the step wants it. Raises Invalid with each field that is too long or no date."""
    given: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for field in form.fields:
        if field.kind == "checkboxes":
            value: Any = _ticked(field) if field.codes else numbers(field.name)
        else:
            value = typed(field.name, field.longest).strip()
            if len(value) > field.longest:
                errors[field.name] = ["太长了。"]  # data
                continue
        if value in ("", []):
            continue
        if field.kind == "datetime":
            try:
                value = moment(value)
            except (ValueError, OverflowError):  # the first and the last day of all time have no UTC everywhere
                errors[field.name] = ["写成日期和时间。"]  # data
                continue
        if field.name == "rating":
            value = int(value) if value in ("1", "2", "3", "4", "5") else -1
        whole, _dot, part = (field.goes or field.name).partition(".")
        if part:
            given.setdefault(whole, {})[part] = value
        else:
            given[whole] = value
    if errors:
        raise Invalid(errors=errors)
    if _BOUNCE in form.fields and (why := given.pop("why", None)):
        given["reason"] = "：".join(word for word in (str(_BOUNCES.get(why, "")), given.get("reason", "")) if word)  # data
    return given


def moment(text: str) -> str:
    """A date and time of the viewer's zone as ISO 8601 in UTC. Raises ValueError or OverflowError."""
    found = datetime.fromisoformat(text)
    found = found if found.tzinfo else found.replace(tzinfo=time_zone())
    return found.astimezone(UTC).isoformat(timespec="seconds")
