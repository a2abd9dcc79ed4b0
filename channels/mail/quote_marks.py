"""The words by which mail programs announce an old mail: separators, attributions, header blocks, forwards."""

import re

_DASH = r"[-‐‑—–_=－─]"
_ORIGINAL = (
    r"original message|original|originalnachricht|original[- ]nachricht|ursprüngliche (?:nachricht|mail|e-mail)"
    r"|message d['’]origine|message original|messaggio originale|mensaje original|mensagem original"
    r"|oorspronkelijk bericht|origineel bericht|oprindelig meddelelse|original meddelelse|originalmeddelelse"
    r"|ursprungligt meddelande|originalmeddelande|opprinnelig melding|opprinnelig e-post|alkuperäinen viesti"
    r"|(?:oryginalna|pierwotna) wiadomość|wiadomość oryginalna|исходное (?:сообщение|письмо)|первоначальное сообщение"
    r"|původní (?:zpráva|e-mail)|eredeti üzenet|mesaj original|orijinal (?:mesaj|ileti)|αρχικό μήνυμα"
    r"|original e-?mail|repl(?:y|ied) message|原来的?邮件|[\u4e00-\u9fff]{0,4}原[\u4e00-\u9fff]{0,3}(?:邮件|郵件|件|信息|消息|訊息|信)[\u4e00-\u9fff]{0,2}"
    r"|原文|(?:回复|回覆|答复|答覆)的?(?:邮件|郵件|信件)(?:信息|原文)?|历史邮件|歷史郵件|往来邮件|元のメッセージ|원본 메시지")
_FORWARD = (
    r"forwarded (?:message|mail|by)|fwd|weitergeleitete (?:nachricht|e-mail)|message transféré|messaggio inoltrato"
    r"|mensaje reenviado|mensagem encaminhada|doorgestuurd bericht|videresendt (?:meddelelse|melding)"
    r"|vidarebefordrat (?:meddelande|brev)|välitetty viesti|wiadomość przekazana|пересланн?ое (?:сообщение|письмо)"
    r"|пересылаемое сообщение|[\u4e00-\u9fff]{0,4}(?:转发|轉發|轉寄|转寄)[\u4e00-\u9fff]{0,6}|転送(?:された)?メッセージ")

SEPARATOR = re.compile(rf"^[\s>*]*{_DASH}{{2,}}\s*(?:{_ORIGINAL})\s*:?\s*{_DASH}*[\s:：*]*$", re.I)
# Without dashes the words are only believed above a header block.
BARE_SEPARATOR = re.compile(rf"^[\s*【\[]*(?:{_ORIGINAL})[\s*:：】\]]*$", re.I)
FORWARD = re.compile(
    rf"^\s*(?:{_DASH}{{2,}}\s*(?:{_FORWARD})\b.{{0,60}}|begin forwarded message\s*[:：]"
    r"|anfang der weitergeleiteten (?:nachricht|e-mail)\s*[:：]|début du message (?:transféré|réexpédié)\s*[:：]"
    r"|(?:开始|以下是|下面是|以下为)?被?转发的?(?:邮件|信息)\s*[:：])\s*$", re.I)
# A ruler that a client draws above the old mail's header; it belongs to the quote.
RULER = re.compile(rf"^[\s*]*(?:{_DASH}{{3,}}|\*{{5,}})[\s*]*$")

_KEYS = {
    "from": "from|sender|von|de|da|van|fra|från|lähettäjä|od|от(?: кого)?|差出人|보낸 ?사람|发件人|寄件者|寄件人|发信人|发送人|发送者|寄信人|發件人",
    "date": "sent(?: at| on)?|date|gesendet|datum|envoyé(?: le)?|date d['’]envoi|inviato(?: il)?|data|enviado(?: el| em)?"
            "|enviada em|fecha|verzonden(?: op)?|sendt|dato|skickat|lähetetty|päivämäärä|päiväys|wysłano|отправлено"
            "|дата|送信日時|日時|日付|보낸 ?날짜|发送时间|发送日期|发件时间|日期|时间|發送時間|傳送時間|寄件日期|發件日期",
    "to": "to|an|à|a|para|aan|til|till|vastaanottaja|do|кому|宛先|받는 ?사람|收件人|收件者|收信人",
    "cc": "cc|kopie|copie|copia|kopia|kopi|копия|抄送|抄送人|副本|参照",
    "subject": "subject|betreff|objet|oggetto|asunto|assunto|onderwerp|emne|ämne|aihe|temat|тема|件名|제목|主题|主旨|標題|主題"
               "|标题|邮件主题",
    "reply": "reply[- ]to|importance|priority|attachments?|anlagen?|附件|重要性|优先级|答复|回复至|回复给",
}
_ANY_KEY = "|".join(f"(?P<k_{role}>{words})" for role, words in _KEYS.items())
HEADER_LINE = re.compile(rf"^[\s|>*•·]{{0,12}}(?:{_ANY_KEY})[\s*]{{0,4}}(?:[:：]|\|)", re.I)
_INNER_KEY = re.compile(
    r"(?:(?P<k_from>发件人)|(?P<k_date>日期|发送时间|时间)|(?P<k_to>收件人)|(?P<k_subject>主题|objet|subject))\s*[:：]", re.I)

_MONTH = (r"jan|feb|mar|mär|apr|may|mai|mei|maj|maio|mag|jun|juin|giu|jul|juil|lug|aug|août|ago|sep|set|oct|okt|out|ott|nov"
          r"|dec|dez|dic|déc|gen|ene|fév|avr|stycz|lut|kwie|czerw|lip|sierp|wrze|paź|list|grud|tammi|helmi|maalis|huhti"
          r"|touko|kesä|heinä|elo|syys|loka|marras|joulu|янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек")
DATE = re.compile(
    rf"\d{{1,4}}\s?[-/.年]\s?\d{{1,2}}|\d{{1,2}}[:.h]\d{{2}}|\b(?:19|20)\d\d\b|\d{{1,2}}\s?月\s?\d{{1,2}}"
    rf"|\b\d{{1,2}}\.?\s*(?:de |d['’])?(?:{_MONTH})|(?:{_MONTH})\w*\.?\s+\d{{1,2}}", re.I)
ADDRESS = re.compile(r"[^\s<>\"'(),;:@]{1,64}@[^\s<>\"'(),;:@]{1,255}")
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s"
_VERBS = (
    r"wrote|writes|sent|schrieb|schreibt|hat geschrieben|a écrit|écrit|ha scritto|scrive|escribió|escribe|escreveu|schreef"
    r"|geschreven|skrev|skrifaði|kirjoitti|napisał(?:\(a\)|a|/a)?|pisze|написала?(?:\(а\))?|пишет|写道|寫道|来信写道|说道"
    r"|đã viết|さんは書きました|書きました|のメール|님이 작성|님이 썼습니다|écrivait|a scris|yazdı|írta|napsal(?:\(a\)|a)?")
_VERB_END = re.compile(rf"(?:\b|(?<=[\s>”\"）)，,:\d\u4e00-\u9fff]))(?:{_VERBS})\s*[:：]\s*$", re.I)
_VERB_MIDDLE = re.compile(rf"(?:{_VERBS})\b[^:：]{{0,120}}(?:<[^<>]*>|\([^()]*@[^()]*\))?\s*[:：]\s*$", re.I)
_DASHED_END = re.compile(rf"(?:{_VERBS})\s*[:：]?\s*{_DASH}{{2,}}\s*$", re.I)
_LETTER_END = re.compile(r"(?:来信|來信)\s*[:：]$")
_BARE_VERB_END = re.compile(r"(?:写道|寫道|wrote)$")
_DASHES_END = re.compile(rf"{_DASH}{{2}}$")
STARTER = re.compile(
    rf"^\s*{_DASH}*\s*(?:on|le|am|il|el|em|op|den|på|dnia|w dniu|vào|da|il giorno|a|dne|at|在|于|於)(?=[\s\d“\"'周星])", re.I)
_DATE_FIRST = re.compile(
    rf"^\s*(?:{_DAY}|[^\d\s]{{2,12}},?\s)?\d{{1,4}}\s?[-/.年]\s?\d{{1,2}}|^\s*\w{{2,12}}\.?,?\s+\d{{1,2}}\.\s|^\s*\d{{1,2}}\s+\w{{3,12}}\.?\s+\d{{4}}",
    re.I)
_ADDRESS_END = re.compile(r"[<(\[]\s*(?:mailto:)?[^\s<>@]{1,64}@[^\s<>@]{1,255}[>)\]]?>?\s*(?P<colon>[:：]?)\s*$")
# 「在2024年1月的报告里，张三写道：」 tells of a text; a client puts time, name or address straight after the date.
_ZH_PROSE = re.compile(r"(?:\d\s*(?:年|月|日|号)?|[日号])\s*的|[。！？；]|书中|文中|报告|文章|里，|中，")
_ON_DATE = re.compile(
    rf"\bOn\s+(?:{_DAY}|\d{{1,4}}[-/. ]|(?:{_MONTH})\w*\.?\s+\d)[^\n]{{4,200}}\bwrote\s*:\s*$", re.I)


def header_role(line: str) -> str | None:
    """Which mail header a line shows: from, date, to, cc, subject or reply; None for other lines."""
    match = HEADER_LINE.match(line[:200].replace("\u3000", ""))  # 「主　题」
    if match is None:
        return None
    return next(name[2:] for name, value in match.groupdict().items() if value is not None)


def header_roles(line: str) -> set[str]:
    """All roles of one line; NetEase's client puts several on one."""
    role = header_role(line)
    if role is None:
        return set()
    rest = line[:400].lstrip(" *|>")
    return {role} | {name[2:] for match in _INNER_KEY.finditer(rest)
                     for name, value in match.groupdict().items() if value is not None}


def may_start_attribution(line: str) -> bool:
    """A cheap test before lines are joined."""
    return bool(STARTER.match(line) or _DATE_FIRST.match(line) or "@" in line or "<" in line or DATE.search(line[:200]))


def is_attribution(text: str, *, quoted_next: bool) -> bool:
    """True when `text`, lines joined by a blank, is a client's line above the old mail.

    It needs a date or an address. `quoted_next`: the next line starts with `>`, so weaker forms are believed.
    """
    text = text.strip().strip("*").strip()
    if not 6 <= len(text) <= 400:
        return False
    address = ADDRESS.search(text)
    date = DATE.search(text)
    if not (address or date):
        return False
    starter = STARTER.match(text) is not None
    if starter and re.match(r"\s*[在于於]", text) and _ZH_PROSE.search(ADDRESS.sub("", text)):
        return False
    # These patterns are slow on what they do not fit, so they see the end only, and only one that may fit.
    verb = text.endswith((":", "："))
    if (verb and _VERB_END.search(text[-60:])) or (_DASHES_END.search(text[-4:]) and _DASHED_END.search(text[-120:])):
        first = re.match(r"\s*\S+\s+(.{0,40})", text)
        near = bool(first and DATE.search(first.group(1))) or bool(re.match(rf"\s*\S+\s+{_DAY}", text, re.I))
        return bool(address or near or (_DATE_FIRST.match(text)) or (starter and not text.isascii())
                    or (date and quoted_next))
    if verb and date and (starter or (address and len(text) < 200)) and _VERB_MIDDLE.search(text):
        return True
    if address and date and _DATE_FIRST.match(text) and _LETTER_END.search(text[-10:]):
        return True
    if address and date and quoted_next and _BARE_VERB_END.search(text[-10:]):
        return True
    ending = _ADDRESS_END.search(text)
    if ending is None or date is None:
        return False
    return bool(_DATE_FIRST.match(text) and (ending.group("colon") or quoted_next)
                or ending.group("colon") and quoted_next)


def attribution_inside(line: str) -> int | None:
    """Where `On … wrote:` starts inside a line of text, as clients without line breaks write it; None if nowhere."""
    match = _ON_DATE.search(line[-400:])
    if match is None or not line[:match.start()].strip() or not (DATE.search(match.group()) or ADDRESS.search(match.group())):
        return None
    return max(0, len(line) - 400) + match.start()
