"""Pictures lose what cameras wrote into them, and nothing else."""

import io
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageSequence
from PIL.PngImagePlugin import PngInfo

from app.core.pictures import without_traces

TURN, MAKER, SERIAL, GPS = 0x0112, 0x010F, 0xA431, 0x8825
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SECRET-XMP</x:xmpmeta>"
SECRETS = (b"SECRET", b"GPS", b"http://ns.adobe.com", b"xmpmeta")


def drawn(mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize((40, 24)).convert(mode)


def exif(turn: int = 6) -> Image.Exif:
    found = Image.Exif()
    found[TURN], found[MAKER] = turn, "SECRET-MAKER"
    found.get_ifd(0x8769)[SERIAL] = "SECRET-SERIAL"
    found.get_ifd(GPS).update({1: "N", 2: (31.0, 14.0, 5.0), 3: "E", 4: (121.0, 28.0, 9.0)})
    return found


def written(kind: str, **given: Any) -> bytes:
    out = io.BytesIO()
    drawn(given.pop("mode", "RGB")).save(out, kind, **given)
    return out.getvalue()


def pixels(content: bytes) -> list[bytes]:
    with Image.open(io.BytesIO(content)) as found:
        return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(found)]


def turn_of(content: bytes) -> dict[int, Any]:
    with Image.open(io.BytesIO(content)) as found:
        found.load()
        return dict(found.getexif())


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PNG_TEXT = PngInfo()
PNG_TEXT.add_text("Author", "SECRET-AUTHOR")
PNG_TEXT.add_itxt("XML:com.adobe.xmp", XMP.decode())
CASES = {
    "jpeg": written("JPEG", exif=exif(), xmp=XMP, comment=b"SECRET-COMMENT", icc_profile=PROFILE, dpi=(72, 72)),
    "jpeg progressive": written("JPEG", exif=exif(), progressive=True, quality=95),
    "jpeg cmyk": written("JPEG", mode="CMYK", exif=exif(3)),
    "png": written("PNG", exif=exif(), pnginfo=PNG_TEXT, icc_profile=PROFILE),
    "png palette": written("PNG", mode="P", exif=exif(8), transparency=3),
    "webp": written("WEBP", exif=exif().tobytes(), xmp=XMP, icc_profile=PROFILE),
    "webp lossless": written("WEBP", exif=exif().tobytes(), lossless=True),
}


@pytest.mark.parametrize("name", CASES)
def test_the_traces_go_the_picture_and_its_turn_stay(name: str) -> None:
    before, after = CASES[name], without_traces(CASES[name])
    assert any(secret in before for secret in SECRETS) and not any(secret in after for secret in SECRETS)
    assert pixels(after) == pixels(before)
    assert turn_of(after) == {TURN: turn_of(before)[TURN]}
    with Image.open(io.BytesIO(before)) as was, Image.open(io.BytesIO(after)) as now:
        assert now.info.get("icc_profile") == was.info.get("icc_profile") and now.mode == was.mode
    assert without_traces(after) == after


def test_what_needs_no_turn_says_nothing() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        after = without_traces(written(kind, exif=exif(1).tobytes()))
        assert turn_of(after) == {} and pixels(after) == pixels(written(kind))


def test_a_picture_without_traces_stays_as_it_is() -> None:
    for kind in ("PNG", "GIF", "WEBP"):
        plain = written(kind)
        assert without_traces(plain) == plain
    assert pixels(without_traces(written("JPEG"))) == pixels(written("JPEG"))


def test_what_phones_hang_on_behind_a_picture_goes() -> None:
    plain = written("JPEG")
    assert without_traces(plain + CASES["jpeg"] + b"SECRET-FILM") == without_traces(plain)
    small = b"JFXX\x00\x10SECRET-PREVIEW"
    preview = plain[:2] + b"\xff\xe0" + struct.pack(">H", len(small) + 2) + small + plain[2:]
    parts = plain[:2] + b"\xff\xe2" + struct.pack(">H", 12) + b"MPF\x00SECRET" + plain[2:]
    assert without_traces(preview) == without_traces(parts) == without_traces(plain)
    assert without_traces(written("PNG") + b"SECRET") == written("PNG")


def test_moving_pictures_go_on_moving() -> None:
    frames = [drawn("P").rotate(angle) for angle in (0, 90, 180)]
    for kind, more in (("GIF", {"comment": b"SECRET-COMMENT"}), ("WEBP", {"exif": exif().tobytes()}), ("PNG", {"pnginfo": PNG_TEXT})):
        out = io.BytesIO()
        frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=80, loop=0, **more)
        after = without_traces(out.getvalue())
        assert b"SECRET" in out.getvalue() and b"SECRET" not in after
        assert len(pixels(after)) == 3 and pixels(after) == pixels(out.getvalue())
        with Image.open(io.BytesIO(after)) as found:
            assert found.info.get("loop") == 0


def test_what_is_no_picture_or_broken_comes_back() -> None:
    for content in (b"", b"x", b"%PDF-1.7", b"\xff\xd8\xff", b"GIF89a", b"RIFF\x00\x00\x00\x00WEBP", b"\x89PNG\r\n\x1a\n" + b"0" * 40):
        assert without_traces(content) == content


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(CASES)), st.data())
def test_nothing_that_is_sent_makes_it_fail(name: str, data: st.DataObject) -> None:
    content = bytearray(CASES[name])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    without_traces(bytes(content[:cut]))
    without_traces(bytes(content))
