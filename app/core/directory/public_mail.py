"""Mail domains that everybody can have: an address there says nothing about the company."""

PUBLIC_MAIL_DOMAINS = frozenset(
    """
    qq.com vip.qq.com foxmail.com 163.com vip.163.com 126.com vip.126.com yeah.net 188.com 163.net netease.com
    sina.com sina.cn sina.com.cn vip.sina.com vip.sina.cn sohu.com vip.sohu.com sogou.com 139.com 189.cn wo.cn wo.com.cn
    aliyun.com 21cn.com 21cn.net tom.com 263.net 263.net.cn x263.net eyou.com chinaren.com hainan.net 2980.com
    gmail.com googlemail.com outlook.com outlook.cn hotmail.com live.com live.cn msn.com msn.cn passport.com
    icloud.com me.com mac.com yahoo.com yahoo.cn yahoo.com.cn yahoo.com.hk yahoo.com.tw yahoo.co.jp yahoo.co.uk ymail.com rocketmail.com
    aol.com proton.me protonmail.com pm.me gmx.com gmx.de gmx.net web.de mail.com mail.ru bk.ru inbox.ru list.ru
    yandex.com yandex.ru ya.ru zoho.com fastmail.com fastmail.fm tutanota.com tuta.io hushmail.com t-online.de orange.fr
    free.fr laposte.net libero.it naver.com daum.net hanmail.net kakao.com rediffmail.com hinet.net pchome.com.tw
    """.split()
)


def is_public(domain: str) -> bool:
    """Whether the (ASCII, lower-case) domain is open to everybody, or no real domain at all."""
    return domain in PUBLIC_MAIL_DOMAINS or "." not in domain or domain.endswith((".local", ".localhost", ".invalid"))
