"""The map: what the house is made of, in the order in which it must be put together."""

import logging

from flask import Flask

import app.models  # noqa: F401  every table is known before the first query
from app import cli, fcr_reactions, health, letters, realtime, viewer, worker
from app.api import mount
from app.chat import visitors
from app.config import Settings, load_settings
from app.core import files, sealing
from app.core.db import db
from app.core.events import set_reactions
from app.core.logs import set_up_logs
from app.kb import index as search_index
from app.kb import search_log as search_logging
from app.queries import fcr_facts
from app.reactions import REACTIONS
from app.simulator import demo as simulated
from app.web import (
    admin_accounts,
    admin_audit,
    admin_call_map,
    admin_channels,
    admin_counters,
    admin_index,
    admin_kinds,
    admin_mail,
    admin_outbox,
    admin_reaching,
    admin_signatures,
    articles,
    ask,
    auth,
    call_recording,
    chat,
    community,
    community_moderation,
    desk,
    desk_chat,
    desk_talks,
    directory_contacts,
    directory_devices,
    directory_organisations,
    errors,
    everything,
    file_links,
    frame,
    hooks_calls,
    hooks_sms,
    hooks_wechat,
    hooks_wecom,
    hooks_weibo,
    i18n,
    knowledge,
    knowledge_changes,
    knowledge_edit,
    knowledge_files,
    knowledge_flags,
    knowledge_gaps,
    knowledge_gate,
    knowledge_hints,
    knowledge_import,
    knowledge_links,
    knowledge_releases,
    knowledge_review,
    knowledge_terms,
    me,
    must_read,
    my_requests,
    order_proofs,
    orders,
    portal,
    product_page,
    progress,
    quotes,
    release_notes,
    report_calls,
    reports,
    robots,
    search_page,
    security,
    softphone,
    stage,
    wechat_phone,
)
from channels import file_links as channel_files
from channels import house, sessions
from channels.reaching import plans
from knowledge import editing_rules
from knowledge.community import rules as community_rules
from knowledge.intake import jobs as imports
from knowledge.intake.shapes import Limits
from workflows import fcr
from workflows.rules import use_rules

log = logging.getLogger("huiyin")


def create_app(settings: Settings | None = None, *, pages: bool = True) -> Flask:
    """Build the application. Opens no socket and starts no thread; raises BadSetting for settings that cannot be used.

    Without `pages` there are only the services and commands: what tests of them need, in a third of the time.
    """
    settings = settings or load_settings()
    flask = Flask("app", root_path=None, template_folder="web/templates", static_folder=None)
    flask.extensions["settings"] = settings
    flask.config.update(
        SECRET_KEY=settings.signing_key(),
        SQLALCHEMY_DATABASE_URI=settings.database,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings),
        MAX_CONTENT_LENGTH=settings.max_upload_mb * 1024 * 1024,
    )
    set_up_logs(settings.log_level)
    sealing.use_key(settings.signing_key())
    files.use_folder(settings.data_dir / "files")
    db.init_app(flask)
    set_reactions(REACTIONS)
    use_rules(
        silence_days=settings.silence_days,
        reopen_days=settings.reopen_days,
        callback_minutes=settings.callback_minutes,
        call_retry_minutes=settings.call_retry_minutes,
    )
    sessions.use_silence(settings.session_hours)
    house.use_house(settings.local_url)
    channel_files.use_site(settings.site_url)
    community_rules.use_rules(settings.community_first_posts, settings.community_per_day, settings.community_waiting_days)
    plans.use_quiet(settings.reach_quiet, settings.time_zone, settings.reach_settle_minutes)
    fcr.use_windows(settings.fcr_days, settings.fcr_kinds, settings.session_hours)
    fcr_reactions.use_facts(fcr_facts)
    editing_rules.use_rules(
        four_eyes=settings.article_four_eyes,
        image_bytes=settings.article_image_mb * 1024 * 1024,
        file_bytes=settings.article_file_mb * 1024 * 1024,
        file_types=tuple(settings.article_file_types.split()),
        review_days=settings.article_review_days,
    )
    imports.use_limits(Limits(rows=settings.import_rows, pages=settings.import_pages, seconds=settings.import_seconds))
    letters.use_settings(key=settings.signing_key(), site_url=settings.site_url, time_zone=settings.time_zone)
    search_index.init_app(flask)
    search_logging.init_app(flask)
    worker.init_app(flask)

    cli.init_app(flask)
    if pages:
        _add_pages(flask)
    return flask


def _add_pages(flask: Flask) -> None:
    """Pages, API and live hints."""
    health.init_app(flask)
    i18n.init_app(flask)
    security.init_app(flask)
    errors.init_app(flask)
    frame.init_app(flask)

    portal.init_app(flask)
    search_page.init_app(flask)
    product_page.init_app(flask)
    robots.init_app(flask)
    community.init_app(flask)
    community_moderation.init_app(flask)
    articles.init_app(flask)
    chat.init_app(flask)
    progress.init_app(flask)
    ask.init_app(flask)
    my_requests.init_app(flask)
    knowledge.init_app(flask)
    knowledge_changes.init_app(flask)
    knowledge_edit.init_app(flask)
    knowledge_flags.init_app(flask)
    knowledge_gaps.init_app(flask)
    must_read.init_app(flask)
    release_notes.init_app(flask)
    knowledge_files.init_app(flask)
    knowledge_hints.init_app(flask)
    knowledge_links.init_app(flask)
    knowledge_review.init_app(flask)
    knowledge_gate.init_app(flask)
    knowledge_import.init_app(flask)
    knowledge_releases.init_app(flask)
    knowledge_terms.init_app(flask)
    auth.init_app(flask)
    desk.init_app(flask)
    desk_talks.init_app(flask)
    desk_chat.init_app(flask)
    orders.init_app(flask)
    everything.init_app(flask)
    order_proofs.init_app(flask)
    quotes.init_app(flask)
    reports.init_app(flask)
    report_calls.init_app(flask)
    directory_contacts.init_app(flask)
    directory_organisations.init_app(flask)
    directory_devices.init_app(flask)
    hooks_calls.init_app(flask)
    call_recording.init_app(flask)
    hooks_wechat.init_app(flask)
    hooks_wecom.init_app(flask)
    hooks_weibo.init_app(flask)
    file_links.init_app(flask)
    me.init_app(flask)
    stage.init_app(flask)
    softphone.init_app(flask)
    wechat_phone.init_app(flask)
    simulated.init_app(flask)
    admin_accounts.init_app(flask)
    admin_outbox.init_app(flask)
    admin_reaching.init_app(flask)
    hooks_sms.init_app(flask)
    admin_audit.init_app(flask)
    admin_index.init_app(flask)
    admin_channels.init_app(flask)
    admin_kinds.init_app(flask)
    admin_counters.init_app(flask)
    admin_mail.init_app(flask)
    admin_signatures.init_app(flask)
    admin_call_map.init_app(flask)
    mount.init_app(flask)

    realtime.init_app(flask)
    visitors.init_app(flask)
    security.trust_proxies(flask)
    viewer.check_routes(flask)


def _engine_options(settings: Settings) -> dict[str, object]:
    """Connections are kept: closing SQLite's last one would write the whole log back each time. Parameters are hidden
    from error messages, because those reach the log and the parameters are people's words."""
    pool: dict[str, object] = {"pool_size": 20, "max_overflow": 40, "hide_parameters": True}
    if settings.is_sqlite:
        return {**pool, "connect_args": {"timeout": 15, "check_same_thread": False}}
    return {**pool, "pool_pre_ping": True, "pool_recycle": 1800}
