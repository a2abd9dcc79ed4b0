// <script src="https://HOST/widget.js" data-account="SLUG" async></script>: a button that opens the chat in a frame.
// Also: data-lang="zh|en", data-colour="#0b6480", data-side="left". Served without comments and indents, under 3 KB.
(function () {
  var w = window, d = document, s = d.currentScript, o = s && s.dataset;
  if (!o || !o.account || w.huiyinChat) return;
  var host = new URL(s.src).origin, key = "huiyin:" + o.account, phone = w.matchMedia("(max-width:600px)");
  var en = (o.lang || d.documentElement.lang || navigator.language || "").slice(0, 2) == "en", name = en ? "Chat with us" : "在线客服";
  var side = o.side == "left" ? "left" : "right", open = false, unread = 0, kept = "", loaded, frame, button, badge;
  function style(e, text) { e.style.cssText = text; }
  function draw() {
    var full = open && phone.matches;
    button.firstChild.innerHTML = '<svg width="26" height="26" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"><path d="' + (open ? "M6 9l6 6 6-6" : "M3 20l1.3-3.9a8 8 0 1 1 3.4 2.9z") + '"/></svg>';
    button.setAttribute("aria-label", open ? (en ? "Close chat" : "收起会话") : name + (unread ? en ? `, ${unread} new` : `，${unread} 条新消息` : ""));
    button.setAttribute("aria-expanded", open);
    button.style.display = full ? "none" : "grid";
    badge.textContent = unread > 9 ? "9+" : unread;
    badge.hidden = !unread || open;
    if (frame) style(frame, "position:fixed;z-index:2147483001;border:0;color-scheme:normal;" + (open ? "" : "display:none;") + (full ? "inset:0;width:100%;height:100%;height:100dvh" : side + ":20px;bottom:90px;width:384px;max-width:calc(100vw - 40px);height:620px;max-height:calc(100vh - 110px);border-radius:14px;box-shadow:0 12px 40px #0f192342"));
  }
  function tell() { if (loaded) frame.contentWindow.postMessage({ huiyin: open ? "open" : "shut", kept }, host); }
  function load() {
    if (frame) return;
    frame = d.createElement("iframe");
    frame.title = name;
    frame.src = host + "/chat/" + o.account + "?lang=" + (en ? "en" : "zh");
    frame.onload = function () { loaded = 1; tell(); };
    draw();
    d.body.append(frame);
  }
  function toggle(to) {
    open = to;
    load();
    draw();
    tell();
    (open ? frame : button).focus();
  }
  function start() {
    button = d.createElement("button");
    style(button, "position:fixed;z-index:2147483000;" + side + ":20px;bottom:20px;width:56px;height:56px;padding:0;border:0;border-radius:50%;place-content:center;cursor:pointer;color:#fff;background:" + (o.colour || "#0b6480") + ";box-shadow:0 4px 16px #0f19234d");
    button.innerHTML = "<i></i><b></b>";
    style(button.firstChild, "display:flex");
    badge = button.lastChild;
    style(badge, "position:absolute;top:-4px;right:-4px;min-width:10px;padding:0 5px;border-radius:10px;background:#c62828;font:600 12px/20px sans-serif");
    button.onclick = function () { toggle(!open); };
    d.body.append(button);
    phone.onchange = draw;
    w.addEventListener("message", function (e) {
      var m = e.data;
      if (!m || !frame || e.source != frame.contentWindow || e.origin != host) return;
      if (m.huiyin == "unread") unread = m.count | 0, draw();
      if (m.huiyin == "close") toggle(false);
      if (m.huiyin == "keep") try { localStorage[key] = Date.now() + "|" + m.value; } catch (x) {}
    });
    draw();
    // Who chatted today hears of answers with the frame closed, too. Where a browser keeps nothing for frames, we keep it here.
    try { kept = localStorage[key] || ""; } catch (x) {}
    if (Date.now() - parseInt(kept) < 864e5) setTimeout(load, 1500);
  }
  w.huiyinChat = toggle;
  d.body ? start() : d.addEventListener("DOMContentLoaded", start);
})();
