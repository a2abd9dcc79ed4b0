"""Where an OpenSearch stands, as HUIYIN_SEARCH_URL says it."""

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

PORT = 9200
NAME = "huiyin"


@dataclass(frozen=True)
class Address:
    """One cluster and the name under which our indexes stand in it, so that several desks can share a cluster."""

    host: str
    port: int = PORT
    name: str = NAME
    tls: bool = False
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """opensearch://[user:password@]host[:port][/name][?tls=1]; app.config has made sure of the form."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or PORT,
            name=parts.path.strip("/") or NAME,
            tls=parse_qs(parts.query).get("tls") == ["1"],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def __str__(self) -> str:
        """For people: without the password."""
        return f"opensearch://{self.host}:{self.port}/{self.name}"
