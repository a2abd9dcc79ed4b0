"""Archives (ZIP, and the office formats that are ZIP inside): opened without trusting a single number in them."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from knowledge.intake.shapes import Limits, Unreadable

_JUNK = re.compile(r"(^|/)(__MACOSX|\.[^/]*|~\$[^/]*|Thumbs\.db|desktop\.ini)($|/)", re.IGNORECASE)
_CHUNK = 1 << 16
_FORBIDDEN = tuple(
    word.encode(charset) for word in ("<!DOCTYPE", "<!ENTITY") for charset in ("ascii", "utf-16-le", "utf-16-be")
)


def opened(content: bytes, limits: Limits) -> zipfile.ZipFile:
    """The archive; raises Unreadable for a damaged one, and for one that would grow out of all proportion."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, IndexError):
        raise Unreadable("压缩包损坏或不是 ZIP，打不开。") from None
    if len(members) > limits.members:
        raise Unreadable("压缩包里有 %(n)s 个文件，最多 %(most)s 个。", n=len(members), most=limits.members)
    size = sum(member.file_size for member in members)
    if size > limits.unpacked_bytes or size > max(len(content), 40_000) * limits.ratio:
        raise Unreadable("压缩包展开后太大（%(mb)s MB），不处理。", mb=size // 1_000_000)
    return archive


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """The bytes of one member. What it says about its size is not believed: reading stops at `most`."""
    if member.flag_bits & 0x1:
        raise Unreadable("压缩包有密码，请去掉密码再导入。")
    out = bytearray()
    try:
        with archive.open(member) as stream:
            while piece := stream.read(_CHUNK):
                out += piece
                if len(out) > most:
                    raise Unreadable("“%(name)s”太大，最多 %(mb)s MB。", name=member.filename[:120], mb=most // 1_000_000)
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError, RuntimeError, zipfile.zlib.error):  # type: ignore[attr-defined]
        raise Unreadable("压缩包里的“%(name)s”损坏。", name=member.filename[:120]) from None
    return bytes(out)


def is_junk(name: str) -> bool:
    """What systems and programs leave beside the files of people: nobody wants to read of it."""
    return _JUNK.search(name.replace("\\", "/")) is not None


def safe_path(name: str) -> str:
    """A member's name as a path that stays inside: no drive, no root, no `..`; empty for what is not worth reading."""
    name = name.replace("\\", "/").replace("\x00", "")
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", ".", "")]
    if not parts or ".." in parts or re.match(r"^[A-Za-z]:", parts[0]) or _JUNK.search("/".join(parts)):
        return ""
    return "/".join(parts)[:300]


def _name(member: zipfile.ZipInfo) -> str:
    """Windows in China writes GBK names without saying so; zipfile then reads them as CP437."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        raw = member.filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    for charset in ("utf-8", "gb18030"):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    return member.filename


def unpacked(content: bytes, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of the files of an archive. Archives inside archives are handed over unopened."""
    archive = opened(content, limits)
    left = limits.unpacked_bytes
    for member in archive.infolist():
        path = safe_path(_name(member))
        if member.is_dir() or not path:
            continue
        found = read_member(archive, member, min(limits.file_bytes, left))
        left -= len(found)
        if left <= 0:
            raise Unreadable("压缩包展开后太大（%(mb)s MB），不处理。", mb=limits.unpacked_bytes // 1_000_000)
        yield path, found


def check_office(content: bytes, needed: str, limits: Limits) -> None:
    """Raise Unreadable unless this is an office file with the part `needed`, of sane size, whose XML defines nothing."""
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable("这是旧格式或加了密码的 Office 文件，请另存为 .docx 或 .xlsx，不设密码。")
    if not content.startswith(b"PK"):
        raise Unreadable("文件内容和扩展名不符，打不开。")
    try:
        archive = opened(content, limits)
    except Unreadable as problem:
        if "mb" in problem.data or "n" in problem.data:
            raise
        raise Unreadable("文件损坏或没有传完，打不开。请用 Word 或 Excel 打开另存一份再试。") from None
    names = set(archive.namelist())
    if needed not in names:
        raise Unreadable("文件内容和扩展名不符，打不开。")
    left = limits.unpacked_bytes
    for member in archive.infolist():
        if not member.filename.lower().endswith((".xml", ".rels")):
            continue
        found = read_member(archive, member, left)
        left -= len(found)
        if any(word in found for word in _FORBIDDEN):
            raise Unreadable("文件里有不允许的 XML 定义，不处理。")
