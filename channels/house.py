"""Where this house answers itself: an account whose `api_base` begins with a slash speaks to the simulator in the house."""

_base = ["http://127.0.0.1:8000"]


def use_house(base: str) -> None:
    """Say once at start under which address this machine reaches the web process, without a slash at the end."""
    _base[0] = base.rstrip("/")


def address(api_base: str) -> str:
    """A platform's address as it can be called; `/demo/wechat` means this house."""
    return (_base[0] + api_base if api_base.startswith("/") else api_base).rstrip("/")
