"""Rows of an exchange, for the tests of calls."""

CALLER = "13800138000"


def cdr(
    *, unique: str = "1763611200.1", linked: str = "", src: str = CALLER, dst: str = "8001", peer: str = "SIP/301-0001", app: str = "Dial",
    data: str = "SIP/301", said: str = "ANSWERED", start: str = "2026-11-20 11:50:00", answer: str = "2026-11-20 11:50:12",
    end: str = "2026-11-20 11:53:24", billsec: int = 192, sequence: int = 1,
) -> bytes:  # fmt: skip
    """One row of Master.csv with 21 columns."""
    first = ["", src, dst, "in", f'"" <{src}>', "SIP/trunk-0000", peer, app, data, start, answer, end]
    cells = [*first, 204, billsec, said, "3", unique, "", "", linked or unique, sequence]
    return (",".join(str(c) if isinstance(c, int) else '"' + c.replace('"', '""') + '"' for c in cells) + "\n").encode()
