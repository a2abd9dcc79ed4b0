"""What ladders say, in both languages: a long form for mail and chat, a short one for phones."""

from app import letters, rating_menu
from workflows.models import Ticket
from workflows.orders_models import OrderAppointment, OrderQuote, ServiceOrder

Words = dict[str, dict[str, str]]


def rating(ticket: Ticket) -> Words:
    """Whether it is solved; the only survey."""
    number, link = ticket.number, letters.progress_link(ticket)
    return {
        "zh": {
            "subject": f"您的请求 #{number} 已处理",
            "mail": letters.follow_up_question(ticket, "zh", True),
            "text": letters.follow_up_question(ticket, "zh", False),
            "short": f"您的请求 #{number} 已处理，问题解决了吗？点开告诉我们：{link}",
            **rating_menu.words(ticket, "zh"),
        },
        "en": {
            "subject": f"Your request #{number} has been dealt with",
            "mail": letters.follow_up_question(ticket, "en", True),
            "text": letters.follow_up_question(ticket, "en", False),
            "short": f"Your request #{number} has been dealt with. Is it solved? {link}",
            **rating_menu.words(ticket, "en"),
        },
    }  # data


def appointment(order: ServiceOrder, row: OrderAppointment) -> Words:
    """Who comes and when. The code that ends the work stands in the long form only: a short message is read by others."""
    number, link = order.ticket.number, letters.progress_link(order.ticket)
    when = letters.window(order, row.window_from, row.window_to)
    return {
        "zh": {
            "subject": f"您的请求 #{number} 的上门时间",
            "text": letters.appointment(order, row, "zh"),
            "short": f"请求 #{number} 的上门时间：{when}。详情：{link}",
        },
        "en": {
            "subject": f"The visit for your request #{number}",
            "text": letters.appointment(order, row, "en"),
            "short": f"Request #{number}, visit: {when}. Details: {link}",
        },
    }  # data


def price(order: ServiceOrder, quote: OrderQuote) -> Words:
    """What it costs, to be confirmed behind a link."""
    number, link = order.ticket.number, f"{letters.signing()['site_url']}/quotes/{quote.token}"
    return {
        "zh": {
            "subject": f"您的请求 #{number} 的费用，请确认",
            "text": letters.price_question(order, quote, "zh"),
            "short": f"请求 #{number} 有一笔费用要您确认：{link}",
        },
        "en": {
            "subject": f"Please confirm the price for your request #{number}",
            "text": letters.price_question(order, quote, "en"),
            "short": f"Request #{number}: please confirm the price: {link}",
        },
    }  # data


def answer(ticket: Ticket) -> Words:
    """There is an answer that could not be delivered where it was written."""
    number, link = ticket.number, letters.progress_link(ticket)
    return {
        "zh": {
            "subject": f"您的请求 #{number} 有新的答复",
            "text": f"您好：\n\n您的请求 #{number}（{ticket.subject}）有新的答复，刚才没能送到您那里。\n\n请点开查看（无需密码）：\n{link}",
            "short": f"您的请求 #{number} 有新的答复：{link}",
        },
        "en": {
            "subject": f"There is an answer to your request #{number}",
            "text": f"Hello,\n\nthere is an answer to your request #{number} ({ticket.subject}) that we could not deliver.\n\nPlease read it here (no password):\n{link}",
            "short": f"There is an answer to your request #{number}: {link}",
        },
    }  # data


def late(ticket: Ticket, what: str, due: str) -> Words:
    """The clock of a ticket: `what` is warn (four fifths are gone) or breach; `due` is written for the reader."""
    number, link = ticket.number, f"{letters.signing()['site_url']}/desk/tickets/{ticket.number}"
    who = ticket.assignee.label if ticket.assignee else ""
    zh = f"工单 #{number} {'时限已过' if what == 'breach' else '快到时限'}：{due}"
    en = f"Ticket #{number} {'is overdue' if what == 'breach' else 'is nearly due'}: {due}"
    return {
        "zh": {"subject": zh, "text": f"{ticket.subject}\n优先级 {ticket.priority}，处理人：{who or '还没有'}\n{link}", "short": f"{zh}，{who or '还没有处理人'}"},
        "en": {"subject": en, "text": f"{ticket.subject}\nPriority {ticket.priority}, with {who or 'nobody yet'}\n{link}", "short": f"{en}, {who or 'nobody has it'}"},
    }  # data
