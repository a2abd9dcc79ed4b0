"""Fixtures. Every test gets an empty database of its own, a stopped outbox (`drain()` runs it) and no network."""

import gc
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from huey import MemoryHuey
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine, create_engine, event, text
from werkzeug.routing import Rule

import app.models
from app import realtime, worker
from app.config import Settings
from app.core import passwords, uow
from app.core.db import Base, db
from app.core.logins import LoginSession, token_hash
from app.core.outbox import drain as drain_outbox
from app.core.people import Organisation, User
from app.core.permissions import Actor
from app.core.uow import unit_of_work
from app.factory import create_app
from app.web.security import limiter

POSTGRES = os.environ.get("HUIYIN_TEST_POSTGRES_URL", "")
PASSWORD = "correct-horse-battery"

# An application dies with each test and is rubbish in circles. To look for it after each 700 new objects, among all that
# was ever imported, would be a sixth of the run.
gc.set_threshold(20_000, 20, 20)


def on_postgres() -> bool:
    """Whether this run tests on PostgreSQL (HUIYIN_TEST_DATABASE=postgresql) and not on SQLite."""
    return os.environ.get("HUIYIN_TEST_DATABASE") == "postgresql"


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is here before the first test stays to the end: nobody need look through it for rubbish."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with all tables: a SQLite file to copy, or a PostgreSQL database of this worker to empty."""
    if not on_postgres():
        path = tmp_path_factory.mktemp("template") / "template.sqlite3"
        engine = create_engine(f"sqlite:///{path}")
        Base.metadata.create_all(engine)
        engine.dispose()
        yield str(path)
        return
    assert POSTGRES, "HUIYIN_TEST_DATABASE=postgresql needs HUIYIN_TEST_POSTGRES_URL"
    name = f"huiyin_{secrets.token_hex(6)}"
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = POSTGRES.rsplit("/", 1)[0] + f"/{name}"
    if "?" in POSTGRES:
        url += "?" + POSTGRES.rsplit("?", 1)[1]
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
    yield url
    for kept in (*_emptying.values(), *_first_engine.values()):
        kept.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def settings(template: str, tmp_path: Path) -> Settings:
    """Settings of a house in a folder of this test, with its own empty database."""
    given: dict[str, Any] = {"data_dir": tmp_path / "data", "secret_key": "test-key", "demo": True}
    (tmp_path / "data").mkdir()
    if on_postgres():
        _empty(template)
        return Settings(**given, database_url=template)
    shutil.copyfile(template, tmp_path / "data" / "huiyin.sqlite3")
    return Settings(**given)


def _empty(url: str) -> None:
    """Rows are deleted and numbers begin at one again, on a connection that stays. TRUNCATE would make new files for a
    table, its indexes and all that refer to it, and take longer than most tests. VACUUM gives the pages back: rows of the
    next test stand in the order in which they come, as in a new table."""
    engine = _emptying.get(url) or _emptying.setdefault(url, create_engine(url))
    asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in Base.metadata.tables)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # foreign keys and their order do not matter
        full = [f'"{name}"' for name in connection.execute(text(asked)).scalars()]
        for name in full:
            connection.execute(text(f"DELETE FROM {name}"))
        connection.execute(
            text("SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences WHERE last_value IS NOT NULL")
        )
    if full:
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f"VACUUM {', '.join(full)}"))


_emptying: dict[str, Engine] = {}
_first_engine: dict[str, Engine] = {}


def _share_compiled(engine: Engine) -> None:
    """Each test has an engine of its own, but all have the same statements: to compile them anew each time would be a third
    of the whole run. Compiled statements are found by their dialect, so the tests share that too."""
    first = _first_engine.setdefault(engine.dialect.name, engine)
    if first is not engine:
        engine.dialect = engine.pool._dialect = first.dialect
        engine._compiled_cache = first._compiled_cache
        if on_postgres():  # the same database for all: connections stay open, each new one costs as much as a short test
            engine.pool = first.pool


@event.listens_for(Engine, "connect")
def _no_waiting_for_the_disk(connection: Any, record: Any) -> None:
    """A test's database dies with the test; tests/processes, which kill for real, have processes of their own."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF").close()


_builders: dict[Any, Any] = {}
_compile_builder = Rule._compile_builder


def _builder_once(rule: Rule, append_unknown: bool = True) -> Any:
    """Every test has an application of its own, but all have the same addresses: what werkzeug compiles for an address
    knows nothing of its map, and compiling it anew would be a quarter of the run."""
    key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]


Rule._compile_builder = _builder_once  # type: ignore[method-assign]


class FreshClient(FlaskClient):
    """Each request in an app context of its own, as in real life: the test's own context would lend it `g` and rows."""

    def open(self, *given: Any, **named: Any) -> Any:
        db.session.rollback()
        named.setdefault("buffered", True)  # files are closed at once
        with self.application.app_context():
            return super().open(*given, **named)

    def log_in(self, user: User) -> "FreshClient":
        """Sign in as this user without the slow way over a password; returns the client."""
        token = secrets.token_urlsafe(16)
        with unit_of_work() as s:
            s.add(LoginSession(user_id=user.id, token_hash=token_hash(token)))
        with self.session_transaction() as cookie:
            cookie.clear()
            cookie.permanent = True
            cookie["login"] = token
        return self


@pytest.fixture(autouse=True)
def _own_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each application wants to hear of every commit of its process. Those of the tests before are gone: if they heard of
    it too, each test would be slower than the one before, and half of the run would be theirs."""
    monkeypatch.setattr(uow, "_listeners", [])


@pytest.fixture(autouse=True)
def _pokes_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no other process to poke; a file for it would take longer than most tests. Real pokes: tests/processes."""
    monkeypatch.setattr(worker, "make_huey", lambda settings: MemoryHuey("huiyin", results=False))


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(passwords, "_nobody", [])


@pytest.fixture(scope="session")
def template_cache(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Compiled pages, shared by the applications of all tests: compiling them anew would be most of the time."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("pages")))


@pytest.fixture
def app(
    settings: Settings,
    template_cache: FileSystemBytecodeCache,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Flask]:
    """The application, with an app context open for the length of the test. Tests of services get one without pages,
    unless they ask for a client."""
    bare = "service" in request.path.parts and "client" not in request.fixturenames
    flask = create_app(settings, pages=not bare)
    flask.jinja_env.bytecode_cache = template_cache
    flask.testing = True
    flask.test_client_class = FreshClient
    flask.config["WTF_CSRF_ENABLED"] = False
    flask.config["REALTIME_BY_HAND"] = True
    monkeypatch.setattr(limiter, "enabled", False)
    with flask.app_context():
        _share_compiled(db.engine)
        yield flask
        if not bare:
            realtime.hub_of(flask).stop()
        db.session.remove()
        for engine in db.engines.values():
            if not on_postgres() or engine.pool.checkedout():
                engine.dispose()


@pytest.fixture
def client(app: Flask) -> FreshClient:
    found = app.test_client()
    assert isinstance(found, FreshClient)
    return found


@pytest.fixture
def runner(app: Flask) -> Any:
    return app.test_cli_runner()


@pytest.fixture
def drain(app: Flask) -> Callable[[], int]:
    """Do everything that the outbox owes now, as the worker would."""

    def run() -> int:
        total = 0
        while taken := drain_outbox():
            total += taken
        return total

    return run


@pytest.fixture
def make_user(app: Flask) -> Callable[..., User]:
    """make_user("agent") adds an active user of that role; `organisation=` limits it to a company."""

    def make(role: str = "agent", name: str | None = None, organisation: Organisation | None = None, **given: Any) -> User:
        with unit_of_work() as s:
            user = User(
                name=name or f"{role}-{secrets.token_hex(3)}",
                display_name=given.pop("display_name", role),
                role=role,
                organisation_id=organisation.id if organisation else None,
                **given,
            )
            s.add(user)
        return user

    return make


@pytest.fixture
def actor(make_user: Callable[..., User]) -> Callable[..., Actor]:
    """actor("agent") is a saved user of that role as the first argument of a service."""

    def make(role: str = "agent", **given: Any) -> Actor:
        return make_user(role, **given).actor("test")

    return make
