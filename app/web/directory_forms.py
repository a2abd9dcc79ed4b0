"""The forms of the directory: their fields, what stands in them, and how what was typed is read."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import request
from flask_babel import gettext as _
from sqlalchemy import select

from app.core.catalogue import Product, Release
from app.core.db import session
from app.core.directory.access import readable_organisations, readable_products
from app.core.errors import Invalid
from app.core.installed_base import CONTRACT_LEVELS, Device, Site
from app.core.people import Contact, Organisation
from app.core.permissions import Actor
from app.core.text import clean
from app.queries.directory_pages import managers
from app.web import desk_words
from app.web.directory_show import LANGUAGES, ORGANISATION_KINDS
from knowledge import release_news

Fields = list[dict[str, Any]]
Errors = Mapping[str, list[str]]
LONGEST = 20_000


def text(name: str) -> str:
    """A field as it was typed."""
    return clean(request.form.get(name, ""))[: LONGEST + 1].strip()


def number(name: str) -> int | None:
    """A field that holds an id, or nothing. Raises Invalid when it holds something else."""
    given = request.form.get(name, "").strip()
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 9):
        raise Invalid.of(name, _("格式不对。"))
    return int(given)


def asked(name: str) -> int | None:
    """An id in the address; anything else is nothing."""
    given = request.args.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and 0 < len(given) <= 9 else None


def wanted(name: str) -> str:
    """The words of a search."""
    return clean(request.args.get(name, "")).strip()[:200]


def day(name: str) -> date | None:
    """A day, or nothing. Raises Invalid when it is no day."""
    given = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise Invalid.of(name, _("格式不对。")) from None


def page_links(
    url: str, given: Mapping[str, Any], shown: int, onward: int | None, total: int | None = None
) -> dict[str, Any]:
    """The pager of a list: the filters that are set go along."""
    kept = {name: value for name, value in given.items() if value not in (None, "") and name != "cursor"}

    def link(more: dict[str, Any]) -> str:
        return f"{url}?{urlencode({**kept, **more})}" if kept or more else url

    return {
        "next": link({"cursor": onward}) if onward else None,
        "first": link({}) if given.get("cursor") else None,
        "shown": shown,
        "total": total,
    }


def filled(fields: Fields, errors: Errors, given: Mapping[str, Any] | None = None) -> Fields:
    """The fields with what is wrong, and with what was typed when the form comes back."""
    for field in fields:
        if given is not None:
            field["value"] = given.get(field["name"], "")
        field["errors"] = errors.get(field["name"], [])
    return fields


def organisation_fields(row: Organisation | None = None) -> Fields:
    people = [{"value": str(user.id), "label": user.label} for user in managers()]
    kinds = [{"value": kind, "label": str(label)} for kind, label in ORGANISATION_KINDS.items()]
    return [
        {"name": "name", "label": _("名称"), "required": True, "maxlength": 200, "value": row.name if row else ""},
        {"name": "short_name", "label": _("简称"), "required": False, "maxlength": 60,
         "value": row.short_name if row else ""},
        {"name": "kind", "label": _("类型"), "kind": "select", "required": True, "options": kinds,
         "value": row.kind if row else "client"},
        {"name": "manager_id", "label": _("客户经理"), "kind": "select", "required": False,
         "options": [{"value": "", "label": _("没有")}, *people], "value": str(row.manager_id or "") if row else ""},
        {"name": "email_domains", "label": _("邮箱域名"), "required": False, "full": True,
         "hint": _("用空格隔开。从这些域名来信的人自动归到这家企业；公共邮箱不能填。"),
         "value": " ".join(row.email_domains) if row else ""},
        {"name": "note", "label": _("备注"), "kind": "textarea", "required": False, "value": row.note if row else ""},
    ]  # fmt: skip


def typed_organisation() -> dict[str, Any]:
    return {
        "name": text("name"),
        "short_name": text("short_name"),
        "kind": text("kind"),
        "manager_id": number("manager_id"),
        "email_domains": text("email_domains").replace(",", " ").replace("，", " ").replace("、", " ").split(),  # data
        "note": text("note"),
    }


def site_fields() -> Fields:
    return [
        {"name": "name", "label": _("名称"), "required": True, "maxlength": 120, "placeholder": _("例如：一号厂区")},
        {"name": "address", "label": _("地址"), "required": False, "maxlength": 300, "full": True},
    ]


def contract_fields(actor: Actor) -> Fields:
    levels = [{"value": level, "label": str(desk_words.CONTRACTS[level])} for level in CONTRACT_LEVELS]
    return [
        {"name": "number", "label": _("合同编号"), "required": True, "maxlength": 40},
        {"name": "level", "label": _("级别"), "kind": "select", "required": True, "options": levels, "value": "basic"},
        {"name": "starts_on", "label": _("开始"), "kind": "date", "required": True},
        {"name": "ends_on", "label": _("结束"), "kind": "date", "required": False, "hint": _("不填就是长期。")},
        {"name": "product_id", "label": _("产品"), "kind": "select", "required": False,
         "options": [{"value": "", "label": _("全部产品")}, *products(actor)]},
        {"name": "supplier_id", "label": _("由谁服务"), "kind": "select", "required": False,
         "options": [{"value": "", "label": _("按产品的供应商")}, *companies(actor, "supplier")]},
    ]  # fmt: skip


def typed_contract() -> dict[str, Any]:
    starts_on = day("starts_on")
    if starts_on is None:
        raise Invalid.of("starts_on", _("这一项要填写。"))
    return {
        "number": text("number"),
        "level": text("level"),
        "starts_on": starts_on,
        "ends_on": day("ends_on"),
        "product_id": number("product_id"),
        "supplier_id": number("supplier_id"),
    }


def device_fields(actor: Actor, organisation_id: int, row: Device | None = None) -> Fields:
    """`row` is the device that is edited; it keeps its company here, so its sites are those of the company."""
    places = session().scalars(select(Site).where(Site.organisation_id == organisation_id).order_by(Site.name))
    sites = [{"value": str(site.id), "label": site.name} for site in places]
    return [
        {"name": "product_id", "label": _("产品"), "kind": "select", "required": True, "options": products(actor),
         "value": str(row.product_id) if row else ""},
        {"name": "release_id", "label": _("版本"), "kind": "select", "required": False,
         "options": [{"value": "", "label": _("不清楚")}, *releases(row)], "value": str(row.release_id or "") if row else ""},
        {"name": "serial", "label": _("序列号"), "required": True, "maxlength": 80, "value": row.serial if row else ""},
        {"name": "model", "label": _("型号"), "required": False, "maxlength": 80, "value": row.model if row else ""},
        {"name": "name", "label": _("现场叫法"), "required": False, "maxlength": 120, "value": row.name if row else "",
         "placeholder": _("例如：3 号线主风机")},
        {"name": "firmware", "label": _("固件"), "required": False, "maxlength": 40, "value": row.firmware if row else ""},
        {"name": "site_id", "label": _("现场"), "kind": "select", "required": False,
         "options": [{"value": "", "label": _("未定")}, *sites], "value": str(row.site_id or "") if row else ""},
        {"name": "installed_on", "label": _("安装于"), "kind": "date", "required": False,
         "value": _day(row.installed_on) if row else ""},
        {"name": "warranty_until", "label": _("质保到"), "kind": "date", "required": False,
         "value": _day(row.warranty_until) if row else ""},
        {"name": "note", "label": _("备注"), "kind": "textarea", "required": False, "value": row.note if row else ""},
    ]  # fmt: skip


def typed_device() -> dict[str, Any]:
    product_id = number("product_id")
    if product_id is None:
        raise Invalid.of("product_id", _("这一项要填写。"))
    return {
        "product_id": product_id,
        "release_id": number("release_id"),
        "site_id": number("site_id"),
        "installed_on": day("installed_on"),
        "warranty_until": day("warranty_until"),
        **{name: text(name) for name in ("serial", "model", "name", "firmware", "note")},
    }


def contact_fields(actor: Actor, row: Contact | None = None) -> Fields:
    """The first addresses are asked for with a new person only; later each has its own button."""
    languages = [{"value": code, "label": label} for code, label in LANGUAGES.items()]
    fields: Fields = [
        {"name": "name", "label": _("姓名"), "required": False, "maxlength": 120, "value": row.name if row else ""},
        {"name": "organisation_id", "label": _("企业"), "kind": "select", "required": False,
         "options": [{"value": "", "label": _("没有")}, *companies(actor)],
         "value": str(row.organisation_id or "") if row else ""},
        {"name": "title", "label": _("职务"), "required": False, "maxlength": 80, "value": row.title if row else ""},
        {"name": "language", "label": _("语言"), "kind": "select", "required": False,
         "options": [{"value": "", "label": _("不清楚")}, *languages], "value": row.language or "" if row else ""},
    ]  # fmt: skip
    if row is None:
        fields += [
            {"name": "phone", "label": _("电话"), "kind": "tel", "required": False, "autocomplete": "off"},
            {"name": "email", "label": _("邮箱"), "kind": "email", "required": False, "autocomplete": "off"},
        ]
    note = {"name": "note", "label": _("备注"), "kind": "textarea", "required": False}
    return [*fields, {**note, "value": row.note if row else ""}]


def typed_contact() -> dict[str, Any]:
    return {
        "organisation_id": number("organisation_id"),
        "language": text("language") or None,
        **{name: text(name) for name in ("name", "title", "note")},
    }


def identity_fields() -> Fields:
    known = {kind: label for kind, (_channel, label) in desk_words.IDENTITIES.items()}
    kinds = [
        {"value": kind, "label": str(label)} for kind, label in known.items() if kind in ("phone", "email", "wecom")
    ]
    return [
        {"name": "kind", "label": _("渠道"), "kind": "select", "required": True, "options": kinds, "value": "phone"},
        {"name": "value", "label": _("号码或地址"), "required": True, "maxlength": 320, "autocomplete": "off"},
    ]


def companies(actor: Actor, kind: str = "") -> Fields:
    rows = readable_organisations(actor).order_by(Organisation.name)
    if kind:
        rows = rows.where(Organisation.kind == kind)
    return [{"value": str(row.id), "label": row.name} for row in session().scalars(rows)]


def products(actor: Actor) -> Fields:
    rows = readable_products(actor).where(Product.active.is_(True)).order_by(Product.code)
    return [{"value": str(row.id), "label": row.label} for row in session().scalars(rows)]


def releases(row: Device | None) -> Fields:
    """The releases of a device's product; of all products, named with it, while the product is still open."""
    rows = select(Release, Product).join(Product).order_by(Product.code, Release.id)
    if row is not None:
        rows = rows.where(Release.product_id == row.product_id)
    found = list(session().execute(rows))
    waiting = release_news.waiting_among(release.id for release, _product in found)

    def label(release: Release, product: Product) -> str:
        named = release.name if row is not None else f"{product.code} {release.name}"
        return _("%(release)s（未发布）", release=named) if release.id in waiting else named

    return [{"value": str(release.id), "label": label(release, product)} for release, product in found]


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""
