"""Finds the signature at the end of a reply: the line `-- `, what a telephone adds, a sign-off with a name."""

import re

from channels.mail.html_text import SIGNATURE

MAX_LINES = 15  # a longer block behind a mark is text
_DELIMITER = re.compile(r"^(?:--|—|__|-- )\s*$|^_{2,}\s*$|^[—─]{2,}\s*$")
_DASHES = re.compile(r"^-{10,}\s*$")  # QQ Mail draws it above the signature
_DEVICE = re.compile(
    r"^\W{0,3}(?:"
    r"sent (?:from|via|with|using) (?:my )?\S|get outlook for |get the \S+ app|"
    r"envoyé (?:de|depuis|à partir d)|télécharger outlook|(?:von|aus) mein\w* .{1,40}gesendet|gesendet (?:von|mit|aus)|"
    r"diese nachricht wurde von mein|holen sie sich outlook|inviato da|ottieni outlook|enviado (?:desde|do|de|via)|obtener outlook|obter o outlook|"
    r"verzonden (?:vanaf|met|vanuit)|sendt fra|sendt med|skickat från|skickades från|lähetetty |wysłan[eo] z|отправлено (?:с|из)|"
    r"(?:发自|發自)(?!内心|肺腑)|(?:来自|來自)(?:我的)?\s*(?:[^，。]{0,24}(?:手机|手機|邮箱|邮件|平板)|iphone|ipad|mac|android|安卓|outlook|windows)|从我的.{1,30}发送|从\s?(?:iphone|ipad|安卓|android|windows|mac|outlook|手机|邮箱)[^，。]{0,16}(?:发送|发出)$|從我的.{1,30}傳送|发送自|傳送自|寄自|由.{1,20}发送$|"
    r"通过.{1,20}发送$|签名由.{1,20}定制$|获取\s*(?:适用于.{1,10}的\s*)?outlook|取得 outlook|下载.{1,12}(?:邮箱|outlook)|"
    r".{1,30}(?:から送信|より送信)$|나의 .{1,20}에서 보냄"
    r").{0,80}$", re.I)
_DEVICE_PROSE = re.compile(r",|，|。|[.!?]\s|[!?]$|\bis\b|\bare\b|\bto all\b")
_SIGN_OFF = (
    r"(?:(?:with )?(?:(?:kind(?:est)?|best|warm(?:est)?|many|cordial) )?(?:regards|wishes)|best|sincerely(?: yours)?"
    r"|yours (?:sincerely|faithfully|truly)|kind regards|respectfully|"
    r"mit (?:freundlichen|besten|herzlichen|vielen) grü(?:ß|ss)en|(?:freundliche|beste|viele|liebe|schöne|herzliche) grü(?:ß|ss)e"
    r"|freundlichen gru(?:ß|ss)|mfg|vg|lg|cordialement|bien cordialement|bien à vous|salutations(?: distinguées)?|sincères salutations"
    r"|cordiali saluti|distinti saluti|saluti|un saludo|saludos(?: cordiales)?|atentamente|atenciosamente|cumprimentos"
    r"|abraços|met vriendelijke groet(?:en)?|vriendelijke groet(?:en)?|groet(?:en|jes)?|mvg|(?:med )?(?:venlig|vennlig|vänlig)\w* hils\w+"
    r"|(?:med )?vänlig\w* hälsning\w*|hilsen|mvh|hälsningar|(?:de )?bedste hilsner|ystävällisin terveisin|terveisin|pozdrawiam"
    r"|z poważaniem|с уважением|с наилучшими пожеланиями|br|rgds|best rgds|(?:many )?thanks (?:&|and|/) ?(?:best |kind |warm )?regards|敬具|よろしくお願い(?:いた|致)?します|"
    r"此致|敬礼|祝好|顺祝?商祺|順頌商祺|顺颂(?:商祺|时祺)|祝商祺|即颂|敬祝.{1,8}|祝工作(?:顺利|愉快)|祝.{1,6}(?:愉快|顺利|安好|健康)|敬上|谨上|此祝.{0,6}"
    r"|致以?敬意|致礼)")
# Some write it in two languages: `Mit freundlichen Grüßen / Kind regards`.
_STRONG = re.compile(rf"^\W{{0,2}}{_SIGN_OFF}(?:\s*[/|]\s*{_SIGN_OFF})?\W{{0,4}}$", re.I)
_WEAK = re.compile(r"^\W{0,2}(?:many thanks|thanks(?: again| a lot| so much)?|thank you(?: very much)?|thx|cheers|danke|vielen dank|merci|grazie|gracias"
                   r"|obrigad[oa]|bedankt|dank|tak|tack|kiitos|dzięki|спасибо|(?:以上[，,。]?\s?)?谢谢(?:您|你|了)?|多谢|感谢|麻烦了|辛苦了)\W{0,3}$", re.I)
_DASH_NAME = re.compile(r"^[-–—]\s?[A-Z][\w.'-]{1,20}(?:\s[A-Z][\w.'-]{0,20}){0,3}\s*$")
_SIGNED = re.compile(r"^[\u4e00-\u9fff]{2,4}\s*(?:敬上|谨上|敬启|拜上)$")
_CARD = re.compile(r"^\|\s*\|")  # NetEase's clients put the writer's card into a table without a head
_NAME_LINE = re.compile(r"^[\s*]*(?:[A-ZÀ-ÞА-Я\u4e00-\u9fff][^.!?。！？,，;；:：]{0,30})$")


def split_signature(text: str) -> tuple[str, str | None]:
    """The text without its signature, and the signature (its mark included) or None when none is seen."""
    lines = text.rstrip().split("\n")
    start = _start(lines)
    if start is None or start == 0 or not "".join(lines[:start]).replace(SIGNATURE, "").strip():
        return text.replace(SIGNATURE, ""), None
    signature = "\n".join(line for line in lines[start:] if line.strip() != SIGNATURE).strip("\n")
    visible = "\n".join(lines[:start]).replace(SIGNATURE, "").rstrip()
    return visible, signature.strip() or None


def is_signature(text: str) -> bool:
    """True when a text is nothing but a signature, such as a list's footer."""
    return _start(text.strip("\n").split("\n")) == 0


def _start(lines: list[str]) -> int | None:
    """The line at which the signature begins; the topmost mark whose rest looks like one."""
    low = max(0, len(lines) - 40)
    for i in range(low, len(lines)):
        line = lines[i].strip()
        if not line:
            continue
        rest = [x.strip() for x in lines[i + 1:] if x.strip()]
        if line == SIGNATURE and len(rest) <= 2 * MAX_LINES:
            return i
        if _DELIMITER.match(lines[i]) and 0 < len(rest) <= MAX_LINES and _short(rest, 120):
            return i
        if _DASHES.match(line) and 0 < len(rest) <= 8 and lines[i + 1].strip() and _short(rest, 50):
            return i
        if _CARD.match(line) and len(rest) <= 12 and _short(rest, 60) and (not rest or rest[-1].endswith("|") or _device(rest[-1])):
            return i
        if _device(line):
            words = [x for x in rest if x.strip("| ")]
            if len(words) <= 3 and _short(words, 80):
                return _card(lines, i)
        if _STRONG.match(line) and 0 < len(rest) <= 10 and _short(rest, 90) and len(rest[0]) <= 60:
            return i
        if _WEAK.match(line) and 0 < len(rest) <= 8 and _NAME_LINE.match(rest[0]) and _short(rest, 60) and _words(rest[0]):
            return i
        if (_DASH_NAME.match(line) or _SIGNED.match(line)) and not rest:
            return i
    return None


def _card(lines: list[str], end: int) -> int:
    """Where the table of names starts that NetEase's client draws above its own line; `end` when there is none."""
    return next((i for i in range(max(0, end - 14), end) if re.fullmatch(r"\|\s*\|?\s*", lines[i].strip())), end)


def _device(line: str) -> bool:
    if len(line) > 110 or not _DEVICE.match(line):
        return False
    bare = re.sub(r"<[^<>]*>|\([^()]*\)|https?://\S+", "", line).rstrip(" .。")
    return not _DEVICE_PROSE.search(bare) and len(bare) <= 70 and len(bare.split()) <= 10


def _short(lines: list[str], limit: int) -> bool:
    return all(len(line) <= limit for line in lines)


def _words(line: str) -> bool:
    return len(line.split()) <= 4 and (line.isascii() or len(line) <= 24)
