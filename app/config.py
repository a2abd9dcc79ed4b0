"""Settings of the house: read once, from `HUIYIN_*` variables and `.env`, into one frozen value.

Unknown names and bad values stop the start and are named, because a misspelt setting that is silently
ignored is found on the worst day.
"""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values

PREFIX = "HUIYIN_"


class BadSetting(Exception):
    """A setting is unknown or has a value that cannot be used; the message begins with its name."""


def _text(value: str) -> str:
    return value


def _flag(value: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ValueError("use 1 or 0")
    return known[value.lower()]


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"use a whole number from {low} to {high}")
        return int(value)

    return parse


def _database(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("use sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME")
    return value


def _redis(value: str) -> str:
    if urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("use redis://HOST:PORT/NUMBER")
    return value


_SEARCH = re.compile(
    r"opensearch://([^@/?#\s]+@)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(/[a-z0-9][a-z0-9-]{0,40})?/?(\?tls=[01])?"
)


def _search(value: str) -> str:
    if not _SEARCH.fullmatch(value) or not 0 < (urlsplit(value).port or 9200) < 65536:
        raise ValueError("use opensearch://[USER:PASSWORD@]HOST[:PORT][/NAME][?tls=1]")
    return value


def _absent(what: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        raise ValueError(f"{what}; leave it empty")

    return parse


def _zone(value: str) -> str:
    ZoneInfo(value)
    return value


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError("use one of " + ", ".join(allowed))
        return value

    return parse


def _hours(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError("use HH:MM-HH:MM")
    return value


def _endings(value: str) -> str:
    kinds = [kind for kind in value.lower().replace(",", " ").replace(".", "").split() if kind]
    if not kinds or not all(re.fullmatch(r"[a-z0-9]{1,8}", kind) for kind in kinds):
        raise ValueError("use endings separated by spaces, such as pdf xlsx zip")
    if dangerous := sorted({"html", "htm", "svg", "js", "exe", "xhtml", "mjs", "hta"} & set(kinds)):
        raise ValueError(f"{', '.join(dangerous)}: such files are never kept for readers")
    return " ".join(kinds)


def _days_by_kind(value: str) -> str:
    pairs = [part.split("=") for part in value.replace(" ", "").split(",") if part]
    if not all(len(pair) == 2 and re.fullmatch(r"[a-z_]{1,16}", pair[0]) for pair in pairs):
        raise ValueError("use KIND=DAYS, separated by commas")
    return ",".join(f"{kind}={_between(1, 60)(days)}" for kind, days in pairs)


def setting(default: Any, parse: Callable[[str], Any], doc: str) -> Any:
    """One field of Settings together with how it is read and what it means."""
    return field(default=default, metadata={"parse": parse, "doc": doc})


@dataclass(frozen=True)
class Settings:
    """Every setting, with its default and its meaning. `docs/settings.md` is generated from here."""

    host: str = setting("127.0.0.1", _text, "Address that the web process listens on.")
    port: int = setting(8000, _between(1, 65535), "Port that the web process listens on.")
    data_dir: Path = setting(Path("data"), Path, "Folder of everything that is kept: database, index, files, keys.")
    database_url: str = setting(
        "", _database, "Database. Empty: SQLite in the data folder. PostgreSQL: postgresql+psycopg://USER:PASSWORD@HOST/NAME."
    )
    redis_url: str = setting(
        "", _redis, "Redis for task hand-over and throttles between several processes. Empty: files and memory of this machine."
    )
    search_url: str = setting(
        "", _search, "OpenSearch that several web machines share: opensearch://[USER:PASSWORD@]HOST[:PORT][/NAME][?tls=1]; NAME (huiyin) begins the names of our indexes there. Empty: the embedded index in the data folder. See docs/search.md."
    )
    search_learned: bool = setting(True, _flag, "1: the order of the first hits follows what flask knowledge learn has learned and proven better; 0: the ranking as shipped.")
    files_url: str = setting(
        "", _absent("this version keeps files in the data folder only"), "Reserved for outside file storage; only empty is allowed in this version."
    )
    secret_key: str = setting("", _text, "Key that signs cookies and links. Empty: made on first start and kept in the data folder.")
    demo: bool = setting(False, _flag, "1: demo logins and data are allowed. Never on a machine with real customers.")
    base_url: str = setting("", _text, "Address under which people reach the desk, for links in mails. Empty: http://HOST:PORT.")
    time_zone: str = setting("Asia/Shanghai", _zone, "Time zone of pages and mails for those who have not chosen their own.")
    language: str = setting("zh", _one_of("zh", "en"), "Language for those who have not chosen their own: zh or en.")
    log_level: str = setting("INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR"), "How much is logged.")
    metrics_open: bool = setting(False, _flag, "1: /metrics answers everybody; 0: only this machine.")
    trusted_proxies: int = setting(0, _between(0, 5), "Number of reverse proxies in front whose X-Forwarded-* headers are believed.")
    https: bool = setting(False, _flag, "1: cookies are sent over HTTPS only and HSTS is announced.")
    web_threads: int = setting(
        600, _between(4, 4000), "Threads of the web process; each open page with live hints and each open chat holds one. A fifth (50 at least) is never given to chats."
    )
    max_upload_mb: int = setting(25, _between(1, 500), "Largest request body, in megabytes.")
    session_days: int = setting(14, _between(1, 365), "Days without use after which a login ends.")
    lockout_attempts: int = setting(10, _between(3, 100), "Failed passwords in a row after which a login is locked for 15 minutes.")
    api_per_minute: int = setting(3000, _between(10, 1_000_000), "Requests to the API per minute and address; more are answered 429.")
    silence_days: int = setting(3, _between(1, 60), "Days of silence after a delivered follow-up question that close a ticket.")
    undo_seconds: int = setting(15, _between(0, 120), "Seconds in which a mail of the desk can be taken back before it goes out; 0: none.")
    reopen_days: int = setting(14, _between(0, 365), "Days after closing within which an answer reopens the ticket; later it becomes a new, linked one.")
    fcr_days: int = setting(7, _between(1, 60), "W: days after the first resolution in which the same issue must not come back (docs/fcr.md).")
    fcr_days_by_kind: str = setting(
        "", _days_by_kind, "W for single kinds, e.g. fault=14,consult=3. What is not named has HUIYIN_FCR_DAYS."
    )
    session_hours: int = setting(2, _between(1, 72), "Hours of silence that end a stretch of a conversation.")
    callback_minutes: int = setting(30, _between(1, 10_080), "Minutes after a call that nobody took within which the caller is to be called back.")
    call_retry_minutes: int = setting(60, _between(1, 10_080), "Minutes after which somebody who did not answer is called again.")
    service_seconds: int = setting(20, _between(1, 600), "Seconds within which a call should be answered: the service level of the call reports.")
    reach_quiet: str = setting("22:00-08:00", _hours, "Hours in which nobody's phone is made to ring (alarms excepted), in HUIYIN_TIME_ZONE; 00:00-00:00: none.")
    reach_settle_minutes: int = setting(15, _between(1, 1440), "Minutes after which a message that was taken and did not come back counts as delivered, where a channel tells no more.")
    max_mail_mb: int = setting(50, _between(1, 500), "Largest mail that is fetched, in megabytes; of a larger one the header is kept and shown as not understood.")
    article_four_eyes: bool = setting(False, _flag, "1: who wrote the newest revision of an article may not publish it.")
    article_review_days: int = setting(365, _between(7, 3650), "Days after its last review when an article without a date of its own is due again.")
    article_image_mb: int = setting(8, _between(1, 100), "Largest picture of an article, in megabytes.")
    article_file_mb: int = setting(20, _between(1, 400), "Largest attachment of an article, in megabytes; HUIYIN_MAX_UPLOAD_MB holds as well.")
    article_file_types: str = setting(
        "pdf txt csv zip docx xlsx pptx", _endings, "Endings that attachments of articles may have, besides pictures (png, jpg, gif, webp)."
    )
    outbox_lease_seconds: int = setting(60, _between(1, 3600), "Seconds after which the job of a vanished worker is taken up again.")
    outbox_attempts: int = setting(8, _between(1, 50), "Attempts after which a job is given up and shown as dead.")
    import_rows: int = setting(20_000, _between(100, 200_000), "Rows of one table of a bulk import; a longer one is refused with words.")
    import_pages: int = setting(1000, _between(10, 10_000), "Pages of one PDF of a bulk import.")
    import_seconds: int = setting(180, _between(10, 3600), "Seconds that reading one file of a bulk import may take; it is done in a process of its own.")
    search_per_minute: int = setting(
        600, _between(10, 1_000_000), "Searches and suggestions of the portal per minute and address, typing included; more are answered 429."
    )
    community_first_posts: int = setting(1, _between(0, 20), "Public posts of a customer that a moderator sees before later ones are shown at once; 0: none.")
    community_per_day: int = setting(20, _between(1, 1000), "Public posts of one person in 24 hours.")
    community_waiting_days: int = setting(2, _between(0, 90), "Days after which agents see a public question that nobody answered.")
    search_log_wait_ms: int = setting(1000, _between(50, 60_000), "Milliseconds after which searches that wait in memory are written to the log.")
    search_log_batch: int = setting(100, _between(1, 10_000), "Searches waiting in memory that are written before that time is over.")
    search_log_most: int = setting(5000, _between(100, 1_000_000), "Searches that a process keeps in memory while the database cannot take them; the oldest are lost first.")
    search_log_days: int = setting(400, _between(7, 3650), "Days that single searches are kept; figures by day stay.")
    asked_per_article: int = setting(40, _between(0, 500), "Wordings of customers that find an article, learned from tickets it solved; 0: nothing is learned.")
    asked_length: int = setting(160, _between(20, 400), "Characters that are kept of one such wording.")
    gap_wait_minutes: int = setting(30, _between(0, 1440), "Minutes after which a search whose hits nobody opened counts as a question without an answer.")
    gap_days: int = setting(120, _between(7, 3650), "Days after which a question that was seldom asked, or is closed, leaves the list.")
    flag_days: int = setting(2, _between(1, 60), "Days in which an article that a colleague found wrong is to be put right.")
    figures_days: int = setting(90, _between(7, 730), "Days that the figures and the health of articles look back.")
    event_days: int = setting(90, _between(1, 3650), "Days that finished events and outbox rows are kept.")

    @property
    def fcr_kinds(self) -> dict[str, int]:
        """Days of W by kind, for the kinds that have their own."""
        pairs = (part.partition("=") for part in self.fcr_days_by_kind.split(",") if part)
        return {kind: int(days) for kind, _sign, days in pairs}

    @property
    def database(self) -> str:
        """The database address in force; SQLite beside the other data by default."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'huiyin.sqlite3'}"

    @property
    def site_url(self) -> str:
        """Where people reach the desk, without a slash at the end."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def local_url(self) -> str:
        """Where this machine itself reaches the web process."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{host}:{self.port}"

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite")

    def signing_key(self) -> str:
        """The key in force. Made once with 256 bits, kept readable by the owner only.

        Two processes may start at the same moment: the loser of the exclusive creation reads the winner's key.
        """
        if self.secret_key:
            return self.secret_key
        path = self.data_dir / "secret.key"
        if path.exists():
            return path.read_text().strip()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        draft = self.data_dir / f".secret.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text().strip()


def load_settings(environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
    """Read the settings; real variables win over `.env`. Raises BadSetting with the name of the first wrong one."""
    found: dict[str, str] = {}
    if dotenv is not None and dotenv.is_file():
        found.update({k: v or "" for k, v in dotenv_values(dotenv).items() if k.startswith(PREFIX)})
    source = os.environ if environ is None else environ
    found.update({k: v for k, v in source.items() if k.startswith(PREFIX)})

    known = {PREFIX + f.name.upper(): f for f in fields(Settings)}
    values: dict[str, Any] = {}
    for name, text in sorted(found.items()):
        if name.startswith(PREFIX + "TEST_"):
            continue
        if name not in known:
            near = "".join(f"; did you mean {other}?" for other in get_close_matches(name, known, 1, 0.8))
            raise BadSetting(f"{name}: no such setting (docs/settings.md lists all){near}")
        if text == "":
            continue
        try:
            values[known[name].name] = known[name].metadata["parse"](text)
        except Exception as problem:
            shown = "…" if "KEY" in name or "URL" in name else repr(text)
            raise BadSetting(f"{name}: {shown} cannot be used: {problem}") from None
    return Settings(**values)
