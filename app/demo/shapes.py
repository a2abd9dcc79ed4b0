"""The forms that the demo's data has: the rows of its world as plain, frozen values.

References between rows are codes (organisations, sites, products, contacts), logins (staff) or serials (devices).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Organisation:
    """A company; `kind` is platform, supplier or client, `manager` the login of its account manager (clients only)."""

    code: str
    name: str
    kind: str
    domain: str
    manager: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a product; `released_days_ago` counts back from the day of loading."""

    version: str
    released_days_ago: int
    note: str


@dataclass(frozen=True, slots=True)
class Product:
    """What a supplier (or the platform) offers; `models` is empty for software, `releases` runs oldest to newest."""

    code: str
    name: str
    category: str
    organisation: str
    models: tuple[str, ...]
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A plant of a client; `shutdown_window` says in words when machines may be stopped there."""

    code: str
    organisation: str
    name: str
    address: str
    shutdown_window: str


@dataclass(frozen=True, slots=True)
class Device:
    """One machine of the installed base; warranty runs `warranty_days` from the day of installation."""

    serial: str
    product: str
    model: str
    site: str
    name: str
    firmware: str
    installed_days_ago: int
    warranty_days: int


@dataclass(frozen=True, slots=True)
class DevicePattern:
    """A row of like machines at one site, numbered from 1; `serial` and `name` hold the place of the number."""

    serial: str
    product: str
    model: str
    site: str
    name: str
    firmware: str
    count: int
    installed_days_ago: int
    warranty_days: int = 730


@dataclass(frozen=True, slots=True)
class Contract:
    """A client's service contract; `level` is gold, silver or basic (金, 银, 基础)."""

    code: str
    organisation: str
    level: str
    starts_days_ago: int
    ends_in_days: int
    scope: str


@dataclass(frozen=True, slots=True)
class Team:
    """A group that tickets are dispatched to; `line` 1 or 2, `products` it takes first, empty means any."""

    code: str
    name: str
    organisation: str
    line: int
    products: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Staff:
    """A person with a login; `contact` is set where the same person also writes to the desk as a customer."""

    login: str
    name: str
    role: str
    organisation: str
    teams: tuple[str, ...] = ()
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """One way we know a contact: `kind` is email or phone (E.164)."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A person who writes or calls; `language` is the one they read their answers in, zh or en; `called` is how an
    agent addresses them."""

    code: str
    name: str
    organisation: str
    site: str | None
    title: str
    identities: tuple[Identity, ...]
    language: str = "zh"
    called: str = ""


@dataclass(frozen=True, slots=True)
class SharedIdentity:
    """An identity that names a company only; the agent picks the person."""

    kind: str
    value: str
    organisation: str
    label: str


@dataclass(frozen=True, slots=True)
class SupportAccount:
    """The one channel account that the demo's mails arrive on."""

    kind: str
    slug: str
    name: str
    address: str
