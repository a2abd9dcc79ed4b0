// What every page can do: theme, copy, dialogs, menus, toasts, and the manners of htmx. Pages work without it.

const words = document.getElementById("words")?.dataset ?? {};
const one = (selector, root = document) => root.querySelector(selector);

// Theme: remembered in a cookie, so that the server draws the page right from the first byte.
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${theme}; Path=/; Max-Age=${theme ? 31536000 : 0}; SameSite=Lax${secure}`;
  for (const b of document.querySelectorAll("[data-theme-set]")) b.setAttribute("aria-checked", String(b.dataset.themeSet === theme));
}

// Pages of orders that a phone keeps for the time without a line (own/orders.js) go with the login that they were kept for,
// from whichever page one logs out.
const forgetPages = () => globalThis.caches?.delete("orders-pages").catch(() => {});
// So do unsaved words of articles (own/knowledge-kept.js): the next person at this machine is another one.
const forgetWords = () => { for (const key of Object.keys(localStorage).filter((name) => name.startsWith("knowledge-kept:"))) localStorage.removeItem(key); };
document.addEventListener("submit", (event) => { if (event.target.matches?.("form[action='/logout']")) { forgetPages(); forgetWords(); } });
if (one("form[action='/login']")) forgetPages();

// Toasts: {text, undo: url, seconds, page}. Also by HX-Trigger: {"toast": {"text": "…"}} and by dispatching "toast" on body.
// One that can be undone counts its seconds and follows the person to the next page.
const UNDO = "undo";
export function toast({ text, undo, seconds = undo ? 15 : 5, page }) {
  const box = document.getElementById("toasts");
  if (!box || !text) return;
  const until = Date.now() + seconds * 1000;
  const item = document.createElement("div");
  item.className = "toast";
  item.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (undo) {
    for (const old of box.querySelectorAll("[data-undo]")) old.closest(".toast").remove();
    sessionStorage.setItem(UNDO, JSON.stringify({ text, undo, until, page }));
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.dataset.undo = undo;
    const count = Object.assign(document.createElement("small"), { className: "num" });
    const tick = () => { count.textContent = String(Math.max(0, Math.ceil((until - Date.now()) / 1000))); };
    button.append(words.undo, " ", count);
    tick();
    const clock = setInterval(() => (item.isConnected ? tick() : clearInterval(clock)), 500);
    button.addEventListener("click", async () => {
      button.disabled = true;
      const wait = [];
      document.dispatchEvent(new CustomEvent("before-undo", { detail: { wait } }));
      await Promise.allSettled(wait);
      sessionStorage.removeItem(UNDO);
      window.htmx?.ajax("POST", undo, { swap: "none" });
      item.remove();
    });
    item.append(button);
  }
  box.append(item);
  while (box.children.length > 3) box.firstChild.remove();
  setTimeout(() => item.remove(), seconds * 1000);
}
document.addEventListener("undo-last", () => [...document.querySelectorAll("#toasts [data-undo]")].at(-1)?.click());
const left = JSON.parse(sessionStorage.getItem(UNDO) ?? "null");
if (left && left.until > Date.now() + 1000) toast({ ...left, seconds: (left.until - Date.now()) / 1000 });
else sessionStorage.removeItem(UNDO);
document.addEventListener("toast", (event) => toast(event.detail ?? {}));

// Dialogs: <dialog>, opened by data-open="id", closed by data-close, Esc, or a click beside it.
const back = new WeakMap();
function open(dialog) {
  if (!dialog || dialog.open) return;
  // From a menu, which closes: what opened it is hidden by then, and hidden things take no focus back.
  const from = document.activeElement, menu = from?.closest?.("details.menu");
  for (const each of document.querySelectorAll("details.menu[open]")) each.open = false;
  back.set(dialog, (menu && one("summary", menu)) ?? from);
  dialog.showModal();
  enter(dialog);
}
// Where one goes on writing: what is wrong, else the first field. Not on a phone, where it would push the keyboard up.
function enter(dialog) {
  const first = one("[aria-invalid='true']", dialog) ?? one("[autofocus]", dialog) ?? (matchMedia("(pointer: coarse)").matches ? null : one("input:not([type='hidden']), select, textarea", dialog));
  ((first?.type === "radio" && one(`[name="${first.name}"]:checked`, dialog)) || first)?.focus();
}
function close(dialog) {
  if (!dialog?.open) return;
  dialog.close();
  back.get(dialog)?.focus?.();
}
// Esc closes by the browser's own way, which does not know of the menu.
document.addEventListener("close", ({ target }) => {
  const to = back.get(target), here = document.activeElement;
  if (to?.isConnected && (!here || here === document.body || target.contains(here))) to.focus();
}, true);
// A form that came back with errors stands open again.
for (const mark of document.querySelectorAll("[data-open-now]")) open(document.getElementById(mark.dataset.openNow));
// A form that was opened as a page of its own has no dialog to close: it goes back to where it came from.
function leave() {
  const alone = document.querySelector("main #step-form, main #wrap-form"), up = [...document.querySelectorAll(".crumbs a")].pop();
  if (alone && !alone.closest("dialog, #callpop") && up) location.assign(up.href);
}
// What has been done closes the dialog that it was done in, and no other: whoever sends an answer and presses 解决 at once
// has that form open when the answer's own message arrives. Without a place of its own (its form is gone) it closes all.
document.addEventListener("close-dialog", ({ target }) => {
  const shown = [...document.querySelectorAll("dialog[open]")], own = target.closest?.("dialog");
  if (!shown.length) return leave();
  if (own || target === document || target === document.body) (own ? [own] : shown).forEach(close);
});

// One question before what cannot be taken back. Resolves true or false.
function ask(question, label) {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    dialog.className = "dialog narrow";
    dialog.setAttribute("role", "alertdialog");
    const body = Object.assign(document.createElement("div"), { className: "body" });
    const text = Object.assign(document.createElement("p"), { textContent: question });
    const row = Object.assign(document.createElement("div"), { className: "end-buttons" });
    const no = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: words.cancel });
    const yes = Object.assign(document.createElement("button"), { type: "button", className: "button danger", textContent: label?.trim() || words.confirm });
    row.append(no, yes);
    body.append(text, row);
    dialog.append(body);
    document.body.append(dialog);
    const end = (answer) => { resolve(answer); dialog.close(); dialog.remove(); };
    no.addEventListener("click", () => end(false));
    yes.addEventListener("click", () => end(true));
    dialog.addEventListener("cancel", () => end(false));
    dialog.showModal();
    no.focus();
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https the clipboard is closed; the old way still works.
    const box = Object.assign(document.createElement("textarea"), { value: text, className: "sr" });
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
  toast({ text: words.copied, seconds: 2 });
}
document.addEventListener("copy-text", (event) => copy(event.detail.text));

document.addEventListener("click", (event) => {
  const hit = (selector) => event.target.closest?.(selector);
  const menu = hit("details.menu");
  for (const other of document.querySelectorAll("details.menu[open]")) if (other !== menu) other.open = false;
  let found;
  if ((found = hit("[data-copy]"))) copy(found.dataset.copy);
  if ((found = hit("[data-open]"))) open(document.getElementById(found.dataset.open));
  if ((found = hit("[data-close]"))) { if (found.closest("dialog")) close(found.closest("dialog")); else leave(); }
  if ((found = hit("[data-theme-set]"))) setTheme(found.dataset.themeSet);
  if ((found = hit("[data-fill]"))) {
    const field = document.getElementById(found.dataset.fill);
    if (field) { field.value = found.dataset.value; field.focus(); }
  }
  if (menu && hit(".sheet [role='menuitem']") && !hit("[aria-disabled='true']")) {
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) one("summary", menu)?.focus();  // what is chosen is hidden now; a dialog that it opens gives the focus back to this
  }
  if (event.target.nodeName === "DIALOG" && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) close(event.target);
  }
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (!question || form.dataset.sure) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (await ask(question, (event.submitter ?? one("button", form))?.textContent)) {
    form.dataset.sure = "1";
    form.requestSubmit(event.submitter);
    delete form.dataset.sure;
  }
}, true);

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-autosubmit] select, select[data-autosubmit]")) event.target.form?.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = one("details.menu[open]");
  if (menu) { menu.open = false; one("summary", menu)?.focus(); event.stopImmediatePropagation(); }
});

// The keys of every staff page; the console's own are in desk.js.
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || one("main.desk") || one("dialog[open]")) return;
  if (target.matches?.("input, textarea, select, [contenteditable]")) return;
  const found = { "/": () => one("#top-q, main .search .input")?.focus(), "?": () => one("[data-open='keys']")?.click() }[key];
  if (found) { event.preventDefault(); found(); }
});

// Half-typed pinyin is no query: nothing hears "input" until the word is chosen.
document.addEventListener("input", (event) => { if (event.isComposing) event.stopImmediatePropagation(); }, true);
document.addEventListener("compositionend", (event) => event.target.dispatchEvent(new Event("input", { bubbles: true })));

// htmx: the token of the form check on every request, our dialog for hx-confirm, words for refusals.
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (ctx.request.method !== "GET") ctx.request.headers["X-CSRFToken"] = one("meta[name='csrf-token']")?.content ?? "";
});
document.addEventListener("htmx:confirm", (event) => {
  const { ctx, issueRequest, dropRequest } = event.detail;
  event.preventDefault();
  const button = ctx.request.submitter ?? ctx.sourceElement;
  ask(ctx.confirm, button.matches("button") ? button.textContent : "").then((yes) => (yes ? issueRequest() : dropRequest()));
});
// An error page is never poured into a fragment. 422 (a form with its errors), 409 and 412 (what stands now) may be answers;
// errors/piece.html (marked data-status) is a sentence: it is said inside the open dialog, else as a toast.
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  const { status } = ctx.response;
  const piece = new DOMParser().parseFromString(ctx.text, "text/html").querySelector("[data-status]");
  if (!piece && [409, 412, 422].includes(status)) return;
  ctx.swap = "none";
  const said = { 401: words.expired, 403: words.forbidden, 404: words.missing, 429: words.throttled };
  const text = piece?.textContent.trim() || said[status] || words.failed;
  const form = ctx.sourceElement?.closest?.("dialog[open]")?.querySelector(".form, .body");
  if (!form) return toast({ text, seconds: 8 });
  for (const old of form.querySelectorAll(".notice[data-status]")) old.remove();
  const notice = Object.assign(document.createElement("p"), { className: "notice bad full", textContent: text });
  notice.dataset.status = status;
  notice.setAttribute("role", "alert");
  form.prepend(notice);
});
// A fetch follows the redirect to the login page; the page must not be poured in either.
document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  const answer = ctx.response?.raw;
  if (answer?.redirected && new URL(answer.url).pathname === "/login") {
    ctx.swap = "none";
    ctx.text = "";
    toast({ text: words.expired, seconds: 15 });
  }
});
document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.ctx && !detail.ctx.response) toast({ text: words.offline, seconds: 8 });
});
// A button whose answer fills a dialog opens it when the answer is there, so that nobody sees an empty box. News may have
// replaced the button by then: what it opens is remembered when it is pressed.
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => { ctx.opens = ctx.sourceElement?.dataset?.opens; });
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const id = ctx.opens ?? ctx.sourceElement?.dataset?.opens;
  if (!id) return;
  const dialog = document.getElementById(id);
  open(dialog);
  enter(dialog);
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.response?.status === 422) one("[aria-invalid='true']", ctx.sourceElement?.closest?.("dialog") ?? document)?.focus();
});
