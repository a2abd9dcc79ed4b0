"""Cuts quoted history and the signature off an HTML reply, by the containers that mail programs put round them."""

import re

import lxml.html

from channels.mail.html_text import CUT, html_to_text
from channels.mail.quote_marks import FORWARD
from channels.mail.quotes_text import Reply, found_quote, split_reply_text

# The old mail stands inside these …
_QUOTE_CLASSES = {
    "gmail_quote", "gmail_quote_container", "gmail_attr", "yahoo_quoted", "protonmail_quote", "moz-cite-prefix",
    "ntes-mailmaster-quote", "qmbox", "zmail_extra", "tutanota_quote", "sh-quoted-content", "front-blockquote",
    "freescout-quote", "mcntmcntmcnt", "ms-outlook-mobile-reference-message", "qqmail_quote", "acompli_reply_reference",
    "history-quote-wrapper"}
_QUOTE_IDS = {"isreplycontent", "replymessage", "qm_quote", "mail-editor-reference-message-container", "replysplit",
              "origbody", "reply-intro", "ntes-pcmac-quote", "oriquotecontent", "alimail_quote"}
# … and behind these, down to the end.
_CUT_IDS = {"divrplyfwdmsg", "appendonsend", "olk_src_body_section", "stopspelling", "x_divrplyfwdmsg", "x_appendonsend"}
_CUT_CLASSES = {"outlookmessageheader", "gmail_extra_cut", "xm_mail_oringinal_describe"}
_SIGNATURE_CLASSES = {"gmail_signature", "ntes-signature", "__aliyun_signature_wrap", "moz-signature", "protonmail_signature_block", "ntes-mailmaster-signature"}
_SIGNATURE_IDS = {"imail_signature", "signature", "ms-outlook-mobile-signature", "ntes-pcmac-signature", "spnEditorSign".lower()}


def split_reply_html(html: str) -> Reply:
    """The writer's own words of an HTML body, as plain text."""
    marked = html_to_text(html, _role)
    head = marked.split("\n" + CUT)[0] if not marked.startswith(CUT) else ""
    if not head.strip():
        return split_reply_text(html_to_text(html))
    return split_reply_text(marked)


def html_has_quote(html: str) -> bool:
    """True when a client's quote container or one of the plain text marks is seen."""
    return found_quote(html_to_text(html, _role))


def _role(element: lxml.html.HtmlElement) -> str:
    classes = {name.removeprefix("x_") for name in (element.get("class") or "").lower().split()}
    ident = (element.get("id") or "").lower().removeprefix("x_")
    if ident in _CUT_IDS or classes & _CUT_CLASSES:
        return "cut"
    if element.tag == "blockquote" and (element.get("type") or "").lower() == "cite" or (
            classes & _QUOTE_CLASSES or ident in _QUOTE_IDS or element.tag == "includetail"):
        return "" if _forwards(element) else "quote"
    if classes & _SIGNATURE_CLASSES or ident in _SIGNATURE_IDS:
        return "signature"
    return ""


def _forwards(element: lxml.html.HtmlElement) -> bool:
    """A forward stands in the same container as a quote, but is what the mail is about."""
    if any("adit-html-block--header" in (inner.get("class") or "") for inner in element.iter("div")):
        return True  # Lark unfolds what it forwards
    start = ""
    for piece in element.itertext():
        start += piece
        if len(start) > 300:
            break
    first = next((line for line in re.split(r"\s*\n\s*", start.strip()) if line), "")[:120]
    return FORWARD.match(first) is not None or re.match(r"-{2,}\s*Forwarded message", first) is not None
