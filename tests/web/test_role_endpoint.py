"""THE TABLE: who gets through which door. Every endpoint stands here, and every role really knocks on it.

A new endpoint that is not listed fails the first test; a changed role or permission fails the second.
"""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app import viewer
from app.core import tokens
from app.core.people import User
from app.core.permissions import ROLES, SYSTEM
from app.core.uow import unit_of_work
from tests.conftest import FreshClient

EVERYBODY = frozenset({"nobody", *ROLES})
LOGGED_IN = frozenset(ROLES)


def roles(names: str) -> frozenset[str]:
    found = frozenset(names.split())
    assert found <= LOGGED_IN, found - LOGGED_IN
    return found


ADMINISTRATOR = roles("administrator")
SUPERVISOR = roles("supervisor administrator")
LEADER = roles("leader supervisor administrator")
AGENT = roles("agent second_line leader supervisor administrator")
WORKING = AGENT | roles("resident")
DESK = WORKING | roles("manager")
DESK_AND_EDITOR = DESK | roles("editor")
SUPPLIER = roles("dispatcher technician")
REPORTING = roles("leader supervisor manager administrator")
WRITING = roles("editor author administrator")

TABLE: dict[str, frozenset[str]] = {
    # the house
    "static": EVERYBODY,
    "health.healthz": EVERYBODY,
    "health.readyz": EVERYBODY,
    "health.metrics": EVERYBODY,
    "language.choose": EVERYBODY,
    # the chat
    "chat.widget": EVERYBODY,
    "chat.page": EVERYBODY,
    "chat.upload": EVERYBODY,
    "chat.file": EVERYBODY,
    # coming in and going out
    "auth.login_page": EVERYBODY,
    "auth.log_in": EVERYBODY,
    "auth.logout_page": EVERYBODY,
    "auth.log_out": EVERYBODY,
    "auth.password_page": LOGGED_IN,
    "auth.new_password": LOGGED_IN,
    # one's own account
    "me.account": LOGGED_IN,
    "me.preferences": LOGGED_IN,
    "me.password": LOGGED_IN,
    "me.end_session": LOGGED_IN,
    "me.end_other_sessions": LOGGED_IN,
    "me.new_token": LOGGED_IN,
    "me.revoke_token": LOGGED_IN,
    # administration
    "admin_accounts.index": SUPERVISOR,
    "admin_accounts.account_list": ADMINISTRATOR,
    "admin_accounts.create": ADMINISTRATOR,
    "admin_accounts.account": ADMINISTRATOR,
    "admin_accounts.edit": ADMINISTRATOR,
    "admin_accounts.reset_password": ADMINISTRATOR,
    "admin_accounts.unlock": ADMINISTRATOR,
    "admin_accounts.set_active": ADMINISTRATOR,
    "admin_accounts.end_session": ADMINISTRATOR,
    "admin_accounts.end_sessions": ADMINISTRATOR,
    "admin_outbox.rows": ADMINISTRATOR,
    "admin_outbox.retry": ADMINISTRATOR,
    "admin_outbox.settle": ADMINISTRATOR,
    "admin_audit.trail": SUPERVISOR,
    "admin_audit.export": SUPERVISOR,
    # the directory
    "contacts.contact_list": DESK,
    "contacts.contact": DESK,
    "contacts.create": AGENT,
    "contacts.edit": AGENT,
    "contacts.add_identity": AGENT,
    "contacts.remove_identity": AGENT,
    "contacts.share_identity": AGENT,
    "contacts.merge": AGENT,
    "contacts.undo_merge": AGENT,
    "organisations.organisation_list": DESK,
    "organisations.organisation": DESK,
    "organisations.create": SUPERVISOR,
    "organisations.edit": SUPERVISOR,
    "organisations.add_site": SUPERVISOR,
    "organisations.add_contract": SUPERVISOR,
    "organisations.add_device": AGENT,
    "devices.device_list": DESK,
    "devices.device": DESK,
    "devices.edit": AGENT,
    "admin_channels.channels": ADMINISTRATOR,
    "admin_channels.raw": ADMINISTRATOR,
    "admin_channels.payload": ADMINISTRATOR,
    "admin_channels.content": ADMINISTRATOR,
    "admin_channels.replay": ADMINISTRATOR,
    "admin_channels.replay_all": ADMINISTRATOR,
    "admin_mail.new": ADMINISTRATOR,
    "admin_mail.create": ADMINISTRATOR,
    "admin_mail.mailbox": ADMINISTRATOR,
    "admin_mail.edit": ADMINISTRATOR,
    "admin_mail.test": ADMINISTRATOR,
    "admin_mail.active": ADMINISTRATOR,
    # the portal
    "portal.home": EVERYBODY,
    "portal.search": EVERYBODY,
    "portal.robots": EVERYBODY,
    "portal.sitemap": EVERYBODY,
    "articles.article_page": EVERYBODY,
    "articles.verdict": EVERYBODY,
    "ask.form": EVERYBODY,
    "ask.send": EVERYBODY,
    "requests.index": EVERYBODY,
    "requests.ask_link": EVERYBODY,
    "requests.open_link": EVERYBODY,
    "requests.leave": EVERYBODY,
    "requests.devices": WORKING | roles("client"),
    "progress.page": EVERYBODY,
    "progress.answer": EVERYBODY,
    "progress.reply": EVERYBODY,
    "progress.urge": EVERYBODY,
    "progress.pulse": EVERYBODY,
    "progress.file": EVERYBODY,
    # the console
    # service orders
    "orders.order_list": DESK | SUPPLIER,
    "orders.order": DESK | SUPPLIER,
    "orders.step_form": DESK | SUPPLIER,
    "orders.take_step": DESK | SUPPLIER,
    "order_proofs.file": DESK | SUPPLIER,
    "order_proofs.evidence": AGENT | SUPPLIER,
    "order_proofs.worker": EVERYBODY,
    "orders.mail": AGENT | SUPPLIER,
    "orders.assign_several": AGENT | roles("dispatcher"),
    "orders.desk_form": AGENT,
    "orders.desk_step": AGENT,
    "orders.judge_form": AGENT,
    "orders.judge": AGENT,
    "desk_orders.part": DESK,
    # reports
    "reports.index": REPORTING,
    "reports.about": REPORTING,
    "reports.figures_file": REPORTING,
    "reports.rows": REPORTING,
    "reports.rows_file": REPORTING,
    "reports.decide": WORKING,
    "quotes.page": EVERYBODY,
    "quotes.answer": EVERYBODY,
    "desk.queue": DESK_AND_EDITOR,
    "desk.rows": DESK_AND_EDITOR,
    "desk.views": DESK_AND_EDITOR,
    "desk.search": DESK_AND_EDITOR,
    "desk.ticket": DESK_AND_EDITOR,
    "desk.answers": DESK_AND_EDITOR,
    "desk.context": DESK_AND_EDITOR,
    "desk.stepper": DESK_AND_EDITOR,
    "desk.timeline_part": DESK_AND_EDITOR,
    "desk_files.file": DESK_AND_EDITOR,
    "desk_files.html_mail": DESK_AND_EDITOR,
    "desk_new.form": WORKING,
    "desk_new.create": WORKING,
    "desk_new.people": WORKING,
    "desk_new.machines": WORKING,
    "desk_bulk.form": WORKING,
    "desk_bulk.do": WORKING,
    "desk_bulk.undo": WORKING,
    "everything.find": LOGGED_IN,
    "desk_reply.write": WORKING,
    "desk_reply.save_draft": WORKING,
    "desk_reply.again": WORKING,
    "desk_reply.withdraw": WORKING,
    "desk_reply.composer_part": WORKING,
    "desk_steps.step_form": DESK_AND_EDITOR,
    "desk_steps.take_step": DESK_AND_EDITOR,
    "desk_steps.step_form_with_reply": WORKING,
    "desk_steps.classify_form": WORKING,
    "desk_steps.classify": WORKING,
    "desk_person.pick_contact": WORKING,
    "desk_person.people": WORKING,
    "desk_person.set_device": WORKING,
    "desk_person.share": AGENT,
    "desk_person.said": DESK_AND_EDITOR,
    "desk_steps.claim": AGENT,
    "desk_steps.attempt": AGENT,
    "desk_steps.decide": LEADER,
    "desk_steps.supervision_form": WORKING,
    "desk_steps.answer_supervision": WORKING,
    # knowledge
    "knowledge.articles": DESK_AND_EDITOR | roles("author"),
    "knowledge.article": DESK_AND_EDITOR | roles("author"),
    "knowledge.step": WRITING,
    "knowledge.restore": WRITING,
    "stage.stage": EVERYBODY,
    "stage.log_in": EVERYBODY,
    "knowledge_changes.show": WRITING,
    "knowledge_edit.new": WRITING,
    "knowledge_edit.create": WRITING,
    "knowledge_edit.edit": WRITING,
    "knowledge_edit.save": WRITING,
    "knowledge_edit.preview": WRITING,
    # the API
    "api_docs.openapi": EVERYBODY,
    "api_docs.page": EVERYBODY,
    "api_tickets.list_tickets": DESK_AND_EDITOR | roles("client"),
    "api_tickets.read_ticket": DESK_AND_EDITOR | roles("client"),
    "api_tickets.create_ticket": WORKING | roles("client"),
    "api_tickets.take_step": DESK_AND_EDITOR | roles("client"),
    "api_tickets.list_messages": DESK_AND_EDITOR | roles("client"),
    "api_tickets.write": WORKING,
    "api_tickets.list_orders": DESK,
    "api_tickets.escalate": WORKING,
    "api_orders.list_orders": DESK | SUPPLIER,
    "api_orders.read_order": DESK | SUPPLIER,
    "api_orders.take_step": DESK | SUPPLIER,
    "api_orders.list_visits": DESK | SUPPLIER,
    "api_orders.add_evidence": AGENT | SUPPLIER,
    "api_conversations.list_conversations": DESK_AND_EDITOR,
    "api_conversations.read_conversation": DESK_AND_EDITOR,
    "api_conversations.list_messages": DESK_AND_EDITOR,
    "api_files.upload": WORKING | SUPPLIER,
    "api_files.read_file": DESK_AND_EDITOR | SUPPLIER | roles("client"),
    "api_articles.list_articles": LOGGED_IN,
    "api_articles.read_article": LOGGED_IN,
    "api_articles.draft": WRITING,
    "api_articles.change_article": WRITING,
    "api_articles.replace_article": WRITING,
    "api_articles.take_step": WRITING,
    "api_knowledge.search": LOGGED_IN,
    "api_knowledge.suggestions": LOGGED_IN,
    "api_contacts.list_contacts": DESK,
    "api_contacts.read_contact": DESK,
    "api_contacts.create_contact": AGENT,
    "api_contacts.change_contact": AGENT,
    "api_contacts.add_identity": AGENT,
    "api_contacts.change_identity": AGENT,
    "api_contacts.remove_identity": AGENT,
    "api_contacts.merge": AGENT,
    "api_contacts.unmerge": AGENT,
    "api_devices.list_devices": DESK,
    "api_devices.read_device": DESK,
    "api_devices.create_device": AGENT,
    "api_devices.change_device": AGENT,
    "api_organisations.list_organisations": DESK,
    "api_organisations.read_organisation": DESK,
    "api_organisations.create_organisation": SUPERVISOR,
    "api_organisations.change_organisation": SUPERVISOR,
    "api_sites.list_sites": DESK,
    "api_sites.read_site": DESK,
    "api_sites.create_site": SUPERVISOR,
    "api_sites.change_site": SUPERVISOR,
    "api_reports.read_fcr": REPORTING,
    "api_reports.read_overview": REPORTING,
    "api_products.list_products": LOGGED_IN,
    "api_products.read_product": LOGGED_IN,
    "api_products.create_product": ADMINISTRATOR,
    "api_products.change_product": ADMINISTRATOR,
    "api_products.add_release": ADMINISTRATOR,
    "api_products.change_release": ADMINISTRATOR,
}

MISSING = "2000000000"
"""No row has this id: a role that gets through finds nothing to break."""


def address(rule: Rule) -> str:
    return re.sub(r"<(?:(\w+)[^:>]*:)?\w+>", lambda m: MISSING if m[1] == "int" else "no-such", rule.rule)


def test_every_endpoint_is_in_the_table(app: Flask) -> None:
    there = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert not there - TABLE.keys(), f"say in TABLE who may: {sorted(there - TABLE.keys())}"
    assert not TABLE.keys() - there, f"no longer there: {sorted(TABLE.keys() - there)}"


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_each_door_as_each_role(app: Flask, client: FreshClient, make_user: Callable[..., User], role: str) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False  # a crash is one more wrong answer here
    user = make_user(role) if role != "nobody" else None
    bearer = {}
    if user is not None:
        with unit_of_work():
            bearer = {"Authorization": f"Bearer {tokens.create_token(SYSTEM, user.id)[1]}"}
        client.log_in(user)
    wrong: list[str] = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in TABLE:
            continue  # the test above says so
        api = rule.rule.startswith("/api/")
        for method in viewer.methods_of(rule):
            answer = client.open(address(rule), method=method, headers=bearer if api else {})
            if user is not None and rule.endpoint.startswith("auth."):
                client.log_in(user)  # it may have ended
            allowed = role in TABLE[rule.endpoint]
            asked_to_log_in = answer.status_code == 303 and answer.location.startswith("/login?")
            if allowed and TABLE[rule.endpoint] == EVERYBODY:
                as_wanted = answer.status_code != 403 and not asked_to_log_in
            elif allowed:
                as_wanted = answer.status_code not in (401, 403) and not asked_to_log_in
            elif user is not None:
                as_wanted = answer.status_code == 403
            else:
                as_wanted = answer.status_code == 401 if api else asked_to_log_in
            if not as_wanted or (answer.status_code >= 500 and rule.endpoint != "health.readyz"):
                wrong.append(
                    f"{method} {rule.rule}: {answer.status_code}, {'allowed' if allowed else 'refused'} in TABLE"
                )
    assert not wrong, "\n".join(wrong)
