"""What the tests need beside Python: PostgreSQL, Redis, a mail server (Dovecot), OpenSearch, Chromium with Chinese fonts.

`services()` starts the servers on free loopback ports, in a temporary folder and as an unprivileged user, and stops
them at the end. What is missing is installed when we are root on Debian or Ubuntu; else it is named together with the
line to type. `python scripts/services.py COMMAND …` runs a command beside them, except OpenSearch; `--opensearch
COMMAND …` beside that alone. Without a command it prints the HUIYIN_TEST_* lines and stays until Ctrl-C.
"""

import ctypes
import glob
import grp
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PACKAGES = {
    "postgres": ["postgresql"],
    "redis": ["redis-server"],
    "imap": ["dovecot-imapd", "dovecot-lmtpd"],
    "chromium": ["chromium", "fonts-noto-cjk"],
    "opensearch": ["default-jre-headless"],
}
STANDING = [part for part in PACKAGES if part != "opensearch"]
"""What stands beside all tests; OpenSearch starts for its own stage."""
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def find(name: str) -> str | None:
    """Where a program is; PostgreSQL's are not on Debian's PATH."""
    versions = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4].split(".")[0]))
    return shutil.which(name, path=os.pathsep.join([*reversed(versions), os.environ.get("PATH", os.defpath)]))


def have(part: str) -> bool:
    """Whether everything that a part needs is on this machine."""
    if part == "postgres":
        return bool(find("initdb") and find("postgres"))
    if part == "redis":
        return bool(find("redis-server"))
    if part == "imap":
        return bool(dovecot()) and all(Path("/usr/lib/dovecot", name).exists() for name in ("imap", "lmtp"))
    if part == "opensearch":
        return bool(find("java"))
    return bool(chromium()) and _has_chinese_font()


def dovecot() -> str | None:
    """Dovecot's master; on Debian it stands where only root looks."""
    return find("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")


def chromium() -> str | None:
    """The browser that tests drive; HUIYIN_TEST_CHROMIUM names another."""
    return os.environ.get("HUIYIN_TEST_CHROMIUM") or find("chromium") or find("chromium-browser")


def _has_chinese_font() -> bool:
    if not find("fc-list"):
        return False
    found = subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip())


def install(parts: list[str]) -> None:
    """Install the Debian packages of what is missing, when that is possible; prints what it does."""
    missing = [name for part in parts if not have(part) for name in PACKAGES[part]]
    if not missing:
        return
    line = "apt-get install --no-install-recommends " + " ".join(missing)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"missing here: {', '.join(missing)}. On Debian or Ubuntu type: sudo {line}", flush=True)
        return
    print(f"{line} (a few minutes the first time)", flush=True)
    # RUNLEVEL=1: the packages must not start servers of their own; ours live in a temporary folder.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    update = ["apt-get", "update", "-qq"]
    for command in (update, ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]):
        done = subprocess.run(
            command, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            print(done.stdout[-2000:], flush=True)
            print(f"failed: {' '.join(command)}", flush=True)
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _before() -> None:
    if _libc is not None:
        _libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: they go with us, however we go


def _user() -> dict[str, object]:
    """The unprivileged user for servers when we are root: PostgreSQL refuses to run as root, and is right."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return {}


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args} did not start:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def _server(command: list[str], port: int, folder: Path, stop: signal.Signals) -> Iterator[None]:
    log = folder / "log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            preexec_fn=_before, **_user(),  # type: ignore[call-overload]
        )
    try:
        _wait_for(port, process, log)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL of our own without any care for power cuts; gives its address."""
    data, port = folder / "data", _free_port()
    initdb = [find("initdb"), "-D", str(data), "-U", "huiyin", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    made = subprocess.run(
        initdb, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **_user()  # type: ignore[call-overload]
    )
    if made.returncode:
        raise RuntimeError(made.stdout)
    options = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "max_connections": 200,
        "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
    }
    command = [find("postgres") or "postgres", "-D", str(data)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with _server(command, port, folder, signal.SIGINT):
        yield f"postgresql+psycopg://huiyin@127.0.0.1:{port}/postgres"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis of our own that keeps nothing; gives its address."""
    port = _free_port()
    command = [find("redis-server") or "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
               "--appendonly", "no", "--dir", str(folder)]  # fmt: skip
    with _server(command, port, folder, signal.SIGTERM):
        yield f"redis://127.0.0.1:{port}/0"


MAIL_PASSWORD = "mail-test"
_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/mail.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_verbose = no
imap_id_log = *
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
namespace inbox {{
  inbox = yes
}}
"""


@contextmanager
def imap(folder: Path, ports: dict[str, int] | None = None) -> Iterator[tuple[str, str]]:
    """A Dovecot of our own, IMAP and LMTP: any user exists and signs in with MAIL_PASSWORD; gives both addresses.
    Its log, `mail.log`, stands beside the mails. `ports`: those of one that stood here before."""
    entry = pwd.getpwuid(int(str(_user().get("user", os.getuid()))))
    group = grp.getgrgid(entry.pw_gid).gr_name
    ports = ports or {"imap": _free_port(), "lmtp": _free_port()}
    mails = folder / "mail"
    mails.mkdir(exist_ok=True)
    os.chown(mails, entry.pw_uid, entry.pw_gid)
    config = folder / "dovecot.conf"
    config.write_text(
        _DOVECOT.format(
            folder=folder, user=entry.pw_name, group=group, uid=entry.pw_uid, gid=entry.pw_gid,
            password=MAIL_PASSWORD, **ports,
        )  # fmt: skip
    )
    with _server([dovecot() or "dovecot", "-c", str(config), "-F"], ports["imap"], folder, signal.SIGTERM):
        yield f"127.0.0.1:{ports['imap']}", f"127.0.0.1:{ports['lmtp']}"


OPENSEARCH = "2.19.6"
OPENSEARCH_SHA256 = "71d6d8b1c637f3faecda0752b184b1cc526fc6eaad59ec1408c6327bb00b9293"
OPENSEARCH_GROUP = "org.opensearch.distribution.integ-test-zip"
_OPENSEARCH_URL = "https://repo.maven.apache.org/maven2/{path}/opensearch/{version}/opensearch-{version}.zip"
_OPENSEARCH_YML = """
cluster.name: huiyin-tests
network.host: 127.0.0.1
http.port: {http}
transport.port: {transport}
discovery.type: single-node
node.store.allow_mmap: false
path.data: {folder}/data
path.logs: {folder}/logs
"""
_OPENSEARCH_LOG = """
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


class NotObtained(Exception):
    """Something cannot be downloaded here; the message says why."""


def fetch_opensearch() -> Path:
    """OpenSearch's distribution for tests from Maven Central (56 MB), kept in the user's cache folder, its sum compared.

    Maven brings it where it is installed, with the mirrors of its settings; else it comes by plain HTTPS, through
    HTTPS_PROXY where that is set.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huiyin"
    kept = cache / f"opensearch-{OPENSEARCH}.zip"
    if kept.is_file() and hashlib.sha256(kept.read_bytes()).hexdigest() == OPENSEARCH_SHA256:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    print(f"fetching OpenSearch {OPENSEARCH} from Maven Central (56 MB, once)", flush=True)
    with tempfile.TemporaryDirectory(dir=cache) as passing:
        brought = Path(passing) / kept.name
        if maven := find("mvn"):
            plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
            wanted = f"-Dartifact={OPENSEARCH_GROUP}:opensearch:{OPENSEARCH}:zip"
            command = [maven, "-B", "-q", "-ntp", plugin, wanted, f"-DoutputDirectory={passing}"]
            subprocess.run(command, cwd=passing, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if not brought.is_file():
            address = _OPENSEARCH_URL.format(path=OPENSEARCH_GROUP.replace(".", "/"), version=OPENSEARCH)
            try:
                with urllib.request.urlopen(address, timeout=60) as source, brought.open("wb") as target:
                    shutil.copyfileobj(source, target)
            except OSError as problem:
                raise NotObtained(f"{address}: {problem}") from None
        if (found := hashlib.sha256(brought.read_bytes()).hexdigest()) != OPENSEARCH_SHA256:
            raise RuntimeError(f"{kept.name} has the sum {found}, not {OPENSEARCH_SHA256}")
        brought.replace(kept)
    return kept


@contextmanager
def opensearch(folder: Path) -> Iterator[str]:
    """An OpenSearch of one node, without security, scripts or reindexing; gives its address."""
    home, config = folder / "home", folder / "config"
    with zipfile.ZipFile(fetch_opensearch()) as packed:
        packed.extractall(folder)
    (folder / f"opensearch-{OPENSEARCH}").rename(home)
    for made in (config, folder / "data", folder / "logs", folder / "tmp"):
        made.mkdir()
        if user := _user():
            os.chown(made, user["user"], user["group"])  # type: ignore[arg-type]
    ports = {"http": _free_port(), "transport": _free_port()}
    (config / "opensearch.yml").write_text(_OPENSEARCH_YML.format(folder=folder, **ports))
    (config / "log4j2.properties").write_text(_OPENSEARCH_LOG)
    shutil.copy(home / "config" / "jvm.options", config)
    command = [
        # A heap and a compiler for a small index that lives a minute; Java 17 to 23 need the security manager allowed.
        find("java") or "java", "-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
        "-Djava.security.manager=allow", "-Dfile.encoding=UTF-8", "-Dlog4j2.disable.jmx=true", f"-Djava.io.tmpdir={folder}/tmp",
        f"-Dopensearch.path.home={home}", f"-Dopensearch.path.conf={config}", "-Dopensearch.distribution.type=zip",
        "-Dopensearch.bundled_jdk=false", "-cp", f"{home}/lib/*", "org.opensearch.bootstrap.OpenSearch",
    ]  # fmt: skip
    with _server(command, ports["http"], folder, signal.SIGTERM):
        address = f"127.0.0.1:{ports['http']}"
        with urllib.request.urlopen(f"http://{address}/_cluster/health?wait_for_status=yellow&timeout=30s", timeout=40):
            yield f"opensearch://{address}/huiyin"


@contextmanager
def services(parts: list[str]) -> Iterator[dict[str, str]]:
    """Start what can be started; gives the HUIYIN_TEST_* variables of what is there."""
    install(parts)
    found: dict[str, str] = {}
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="huiyin-tests-", ignore_cleanup_errors=True)))
        root.chmod(0o755)

        def place(part: str) -> Path:
            folder = root / part
            folder.mkdir()
            if user := _user():
                os.chown(folder, user["user"], user["group"])  # type: ignore[arg-type]
            return folder

        for part, start in (("postgres", postgres), ("redis", redis), ("opensearch", opensearch)):
            if part in parts and have(part):
                found[f"HUIYIN_TEST_{part.upper()}_URL"] = stack.enter_context(start(place(part)))
        if "imap" in parts and have("imap"):
            found["HUIYIN_TEST_IMAP"], found["HUIYIN_TEST_LMTP"] = stack.enter_context(imap(place("imap")))
        if "chromium" in parts and have("chromium") and (browser := chromium()):
            found["HUIYIN_TEST_CHROMIUM"] = browser
        yield found


def main() -> int:
    """Run a command beside the services, or hold them for other terminals."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    command = sys.argv[1:]
    alone = command[:1] == ["--opensearch"]
    with services(["opensearch"] if alone else STANDING) as found:
        for name, value in found.items():
            print(f"{name}={value}", flush=True)
        if command[alone:]:
            return subprocess.run(command[alone:], env={**os.environ, **found}, check=False).returncode
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
