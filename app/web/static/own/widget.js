// <script src="https://HOST/widget.js" data-account="SLUG" async></script>: a button that opens the chat in a f.
// Also: data-lang="zh|en", data-colour="#0b6480", data-side="left", data-user="JWT" of whoever is logged in on the site.
// huiyinChat(true|false) opens and closes, huiyinChat.user(JWT|"") says who is there now. Served lean, under 3 KB.
(() => {
  // f: the frame, b: the button.
  var w = window, d = document, s = d.currentScript, o = s && s.dataset;
  if (!o || !o.account || w.huiyinChat) return;
  var host = new URL(s.src).origin, key = "huiyin:" + o.account, phone = w.matchMedia("(max-width:600px),(max-height:500px)"),
    en = (o.lang || d.documentElement.lang || navigator.language || "").slice(0, 2) == "en", name = en ? "Chat with us" : "在线客服",
    side = o.side == "left" ? "left" : "right", open = false, unread = 0, kept = "", title = "", loaded, f, b, badge, here, fixed = "position:fixed;z-index:214748300";
  function style(e, text) { e.style.cssText = text; }
  function say(what, value) { b.setAttribute("aria-" + what, value); }
  function draw() {
    var full = open && phone.matches;
    b.firstChild.innerHTML = '<svg width="26" height="26" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"><path d="' + (open ? "M6 9l6 6 6-6" : "M3 20l1.3-3.9a8 8 0 1 1 3.4 2.9z") + '"/></svg>';
    say("label", open ? (en ? "Close chat" : "收起会话") : name + (unread ? en ? ", " + unread + " new" : "，" + unread + " 条新消息" : ""));
    say("expanded", open);
    b.style.display = full ? "none" : "grid";
    badge.textContent = unread > 9 ? "9+" : unread;
    badge.hidden = !unread || open;
    if (d.title != title) here = d.title;
    title = unread ? "(" + unread + ") " + here : here;
    if (d.title != title) d.title = title;
    if (f) style(f, fixed + "1;border:0;color-scheme:normal;" + (open ? "" : "display:none;") + (full ? "inset:0;width:100%;height:100%;height:100dvh" : side + ":20px;bottom:90px;width:384px;max-width:calc(100vw - 40px);height:620px;max-height:calc(100vh - 110px);border-radius:14px;box-shadow:0 12px 40px #0f192342"));
  }
  function tell() { if (loaded) f.contentWindow.postMessage({ huiyin: open ? "open" : "shut", kept, user: o.user, url: location.href, title: here }, host); }
  function load() {
    if (f) return;
    f = d.createElement("iframe");
    f.title = name;
    f.src = host + "/chat/" + o.account + "?lang=" + (en ? "en" : "zh");
    f.onload = () => { loaded = 1; tell(); };
    draw();
    d.body.append(f);
  }
  function toggle(to) {
    open = to;
    load();
    draw();
    tell();
    (open ? f : b).focus();
  }
  function start() {
    b = d.createElement("button");
    style(b, fixed + "0;" + side + ":20px;bottom:20px;width:56px;height:56px;padding:0;border:0;border-radius:50%;place-content:center;cursor:pointer;color:#fff;background:" + (o.colour || "#0b6480") + ";box-shadow:0 4px 16px #0f19234d");
    b.innerHTML = "<i></i><b></b>";
    style(b.firstChild, "display:flex");
    badge = b.lastChild;
    style(badge, "position:absolute;top:-4px;right:-4px;min-width:10px;padding:0 5px;border-radius:10px;background:#c62828;font:600 12px/20px sans-serif");
    b.onclick = () => toggle(!open);
    d.body.append(b);
    phone.onchange = draw;
    w.addEventListener("message", e => {
      var m = e.data;
      if (!m || !f || e.source != f.contentWindow || e.origin != host) return;
      if (m.huiyin == "unread") unread = m.count | 0, draw();
      if (m.huiyin == "close") toggle(false);
      if (m.huiyin == "keep") try { localStorage[key] = Date.now() + "|" + m.value; } catch (x) { }
    });
    draw();
    // Who chatted today hears of answers with the frame closed, too. Where a browser keeps nothing for frames, we keep it here.
    try { kept = localStorage[key] || ""; } catch (x) { }
    if (Date.now() - parseInt(kept) < 864e5) setTimeout(load, 1500);
  }
  w.huiyinChat = toggle;
  toggle.user = jwt => { o.user = jwt; tell(); };
  d.body ? start() : d.addEventListener("DOMContentLoaded", start);
})();
