// The keyboard of the console, inserted answers, drafts. Every key has a button that does the same.

const words = document.getElementById("words")?.dataset ?? {};
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const say = (text) => document.body.dispatchEvent(new CustomEvent("toast", { detail: { text, seconds: 3 }, bubbles: true }));
const main = one("main.desk");
const typing = (target) => target.matches?.("input:not([type='checkbox'], [type='radio']), textarea, select, [contenteditable]");

// Timeline: the newest words are what one came for; a live change keeps the reader's place unless they are at the end.
const scroll = one("#scroll");
// On a phone the whole ticket scrolls, its head with it; on a desk only the timeline.
const pane = scroll && getComputedStyle(scroll).overflowY === "visible" ? one("#ticket") : scroll;
let atEnd = true;
function toEnd() { if (pane) pane.scrollTop = pane.scrollHeight; }
if (scroll) {
  const last = all(".message", scroll).at(-1);
  if (location.hash.startsWith("#m-")) one(location.hash)?.scrollIntoView({ block: "center" });
  else if (last && last.offsetHeight > pane.clientHeight * (pane === scroll ? 1 : 0.6)) { atEnd = false; pane.scrollTop = last.offsetTop - pane.offsetTop - (pane === scroll ? 0 : one("#tickethead .title").offsetHeight); } // a long letter is read from its beginning
  else toEnd();
  pane.addEventListener("scroll", () => { atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 48; }, { passive: true });
  document.addEventListener("htmx:after:swap", () => { if (atEnd) toEnd(); });
  new ResizeObserver(() => { if (atEnd) toEnd(); }).observe(scroll);
}

// Rows: j and k move the focus, so that the browser scrolls and a reader hears the row.
function move(step) {
  const rows = all("[data-row]");
  if (!rows.length) return;
  const here = rows.indexOf(document.activeElement);
  const current = here >= 0 ? here : rows.findIndex((row) => row.closest("[aria-current='true']"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, current + step))];
  next.focus();
  if (main?.dataset.keys === "ticket") next.click();
}

// Composer: reply or note.
const composer = () => one("#composer");
const field = () => one("#reply");
function mode(name) {
  const form = composer();
  const tab = form && one(`[data-mode-set='${name}']`, form);
  if (!tab || tab.disabled) return;
  form.dataset.mode = name;
  form.elements.note.value = name === "note" ? "1" : "0";
  for (const t of all("[data-mode-set]", form)) t.setAttribute("aria-selected", String(t === tab));
  const box = field();
  box.dataset.replyPlaceholder ??= box.placeholder;
  box.placeholder = name === "note" ? box.dataset.notePlaceholder : box.dataset.replyPlaceholder;
}
function write(name) {
  mode(name);
  one("#ticket")?.scrollIntoView({ inline: "start", block: "nearest" });
  const box = field();
  if (!box) return;
  // A draft goes on where it ended, not at its first letter.
  if (!box.dataset.begun) { box.dataset.begun = "1"; box.setSelectionRange(box.value.length, box.value.length); }
  box.focus();
}
if (composer()?.dataset.mode === "note") mode("note");

// Drafts: kept on the server, a moment after the last key; the words stay on the page whatever happens.
let timer, saved;
const status = (text) => { const s = one("#draft-status"); if (s) s.textContent = text; };
async function saveDraft() {
  const form = composer();
  if (!form) return;
  const body = new URLSearchParams(new FormData(form));
  const now = body.toString();
  if (now === saved) return;
  status(words.draftSaving);
  try {
    const answer = await fetch(form.dataset.draft, { method: "POST", body, redirect: "manual", headers: { "X-CSRFToken": one("meta[name='csrf-token']").content, "HX-Request": "true" }, keepalive: true });
    if (!answer.ok) throw new Error(String(answer.status));
    saved = now;
    status(`${words.draftSaved} ${(await answer.json()).shown}`);
  } catch {
    status(words.draftFailed);
  }
}
function touched() {
  clearTimeout(timer);
  timer = setTimeout(saveDraft, 900);
}
document.addEventListener("input", (event) => { if (event.target.id === "reply") touched(); });
document.addEventListener("change", (event) => {
  if (event.target.name === "files") one("#file-names").textContent = [...event.target.files].map((f) => f.name).join(", ");
});
window.addEventListener("pagehide", () => { if (timer) { clearTimeout(timer); saveDraft(); } });

// The server says "sent": the box empties. The answer to a POST is 204, so the form itself is still there.
document.addEventListener("sent", (event) => {
  clearTimeout(timer);
  timer = undefined;
  const form = composer();
  if (!form) return;
  field().value = "";
  one("#chips").replaceChildren();
  form.elements.files.value = "";
  one("#file-names").textContent = "";
  saved = new URLSearchParams(new FormData(form)).toString();
  status("");
  atEnd = true;
  mode("reply");
  if (event.detail?.note || !nextAfterSending()) return;
  const rows = all("[data-row]"), here = rows.findIndex((row) => row.closest("[aria-current='true']"));
  const next = rows[here + 1] ?? rows.find((row, n) => n !== here);
  if (next) location.assign(next.href);
});
// A preference of this person: the next ticket of the list after an answer.
const nextAfterSending = () => /(?:^|; )after_send=next(?:;|$)/.test(document.cookie);
function showPreference() { for (const box of all("[data-after-send]")) box.checked = nextAfterSending(); }
document.addEventListener("change", ({ target }) => {
  if (!target.matches?.("[data-after-send]")) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `after_send=${target.checked ? "next" : ""}; Path=/; Max-Age=${target.checked ? 31536000 : 0}; SameSite=Lax${secure}`;
});
document.addEventListener("htmx:after:swap", showPreference);
showPreference();
// What counts as seen is what has been on the screen: the server asks before an answer goes out over something newer.
let seen = 0;
const watcher = scroll && new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting && /^m-\d+$/.test(entry.target.id)) seen = Math.max(seen, Number(entry.target.id.slice(2)));
}, { root: pane });
function watch() { if (watcher) for (const message of all(".message[id^='m-']", scroll)) watcher.observe(message); }
watch();
document.addEventListener("htmx:after:swap", watch);
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement?.id !== "composer" || !seen || !one(".timeline", scroll)) return;
  const body = ctx.request.body;
  const told = Number(body?.get?.("seen") ?? 0);
  if (told > seen && !ctx.sourceElement.querySelector("input[name='seen']")) body.set("seen", String(seen));
});

// Taken back: the composer comes again with its text, here or on the page of its ticket.
document.addEventListener("back", async ({ detail }) => {
  if (!main?.dataset.url || main.dataset.url !== detail.page) { location.assign(detail.page); return; }
  if (detail.keep && timer) { clearTimeout(timer); timer = undefined; await saveDraft(); }
  const answer = await fetch(detail.url, { headers: { "HX-Request": "true" } });
  if (!answer.ok) { location.reload(); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("composer");
  clearTimeout(timer);
  timer = undefined;
  composer().replaceWith(fresh);
  window.htmx?.process(fresh);
  saved = undefined;
  write("reply");
});
// Before the server puts the text back, what was begun meanwhile is on the server too.
document.addEventListener("before-undo", (event) => { if (timer) { clearTimeout(timer); timer = undefined; event.detail.wait.push(saveDraft()); } });

// Answers: ⏎ inserts, c copies, o opens; what was inserted is a chip, and taking the chip off takes the words away.
const inserted = new Map();
function insert(answer, how = "text") {
  const { id, title, quoteUrl } = answer.dataset;
  if (quoteUrl) { act(quoteUrl); return; } // how another ticket was solved is for colleagues: it becomes a note
  if (answer.hasAttribute("data-internal")) { say(words.insideOnly); return; }
  const box = field();
  const chips = one("#chips");
  if (!box) return;
  write("reply");
  if (one(`[data-article='${CSS.escape(id)}']`, chips)) return;
  if (how === "card" && !(answer.hasAttribute("data-card") && one("[name='card']", composer()))) how = "link";
  const text = how === "card" ? "" : how === "link" ? answer.dataset.link : answer.dataset.text;
  const { selectionStart: at, value } = box;
  const lead = at > 0 && value[at - 1] !== "\n" ? "\n" : "";
  const words_ = text && lead + text;
  if (text) { box.setRangeText(words_, at, box.selectionEnd, "end"); inserted.set(id, words_); }
  const chip = one("#chip-template").content.firstElementChild.cloneNode(true);
  chip.dataset.article = id;
  one(".cut", chip).textContent = title;
  one("input", chip).value = id;
  chip.dataset.how = how;
  chip.append(Object.assign(document.createElement("input"), { type: "hidden", name: "how", value: `${id}:${how}` }));
  if (how !== "text") one(".cut", chip).after(Object.assign(document.createElement("span"), { className: "quiet small", textContent: how === "card" ? words.cardChip : words.linkChip }));
  chips.append(chip);
  box.required = !one("[data-how='card']", chips);
  touched();
  say(words.inserted.replace("TITLE", title));
}
// A small deed without a form: the answer's events tell the parts of the page.
function act(url, values = {}) {
  window.htmx.ajax("POST", url, { source: document.body, swap: "none", values: { csrf_token: one("meta[name='csrf-token']").content, ...values } });
}
document.addEventListener("insert-answer", ({ detail }) => insert(detail.answer, detail.how));
function takeOff(chip) {
  const box = field();
  const text = inserted.get(chip.dataset.article);
  if (text && box.value.includes(text)) box.value = box.value.replace(text, "");
  inserted.delete(chip.dataset.article);
  chip.remove();
  box.required = !one("#chips [data-how='card']");
  box.focus();
  touched();
}
function answers(step = 0) {
  const list = all("[data-answer]");
  if (!list.length) { one("#answers-q")?.focus(); return; }
  one("#side")?.scrollIntoView({ inline: "start", block: "nearest" });
  const here = list.indexOf(document.activeElement);
  list[Math.min(list.length - 1, Math.max(0, here < 0 ? 0 : here + step))].focus();
}

document.addEventListener("click", (event) => {
  const hit = (selector) => event.target.closest?.(selector);
  let found;
  if ((found = hit("[data-mode-set]"))) write(found.dataset.modeSet);
  if (hit("[data-insert], [data-quote]")) insert(hit("[data-answer]"));
  if ((found = hit("[data-insert-as]"))) insert(hit("[data-answer]"), found.dataset.insertAs);
  if ((found = hit("[data-used]"))) act(found.dataset.usedUrl, { how: found.dataset.used });
  if ((found = hit("[data-unchip]"))) takeOff(found.closest(".chip"));
  if ((found = hit(".missing [data-step]"))) { event.preventDefault(); one("[data-next-step]")?.click(); }
  if (hit(".swipe a[href^='#']")) {
    event.preventDefault();
    one(hit(".swipe a").getAttribute("href")).scrollIntoView({ inline: "start", block: "nearest", behavior: "smooth" });
  }
});

// Three pages on a phone: the one of the ticket stands first in sight, and the tab above follows the finger.
const panes = one(".panes");
if (panes && panes.scrollWidth > panes.clientWidth) panes.scrollLeft = one("#ticket").offsetLeft;
panes?.addEventListener("scroll", () => {
  const at = Math.round(panes.scrollLeft / panes.clientWidth);
  for (const [n, tab] of all(".swipe a").entries()) {
    if (n === at) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
}, { passive: true });

// The column beside the ticket: its tabs jump, and the one in sight is marked.
const side = one("#side");
side?.addEventListener("click", (event) => {
  const tab = event.target.closest(".jump a");
  if (!tab) return;
  event.preventDefault();
  one(tab.hash)?.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
});
function mark() {
  if (!side) return;
  const edge = side.getBoundingClientRect().top + 60, tabs = all(".jump a", side);
  const shown = tabs.map((tab) => [tab, one(tab.hash)]).filter(([, part]) => part && part.offsetHeight);
  const low = side.scrollTop + side.clientHeight >= side.scrollHeight - 2 && side.scrollTop > 0;
  const here = low ? shown.at(-1) : shown.filter(([, part]) => part.getBoundingClientRect().top <= edge).at(-1) ?? shown[0];
  for (const tab of tabs) {
    tab.hidden = !shown.some(([known]) => known === tab);
    if (tab === here?.[0]) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
}
side?.addEventListener("scroll", mark, { passive: true });
document.addEventListener("htmx:after:swap", mark);
mark();

// Who asks: c goes to the choice, a digit takes one.
function who() {
  const change = one(".change-person");
  if (change) change.open = true;
  one("#side")?.scrollIntoView({ inline: "start", block: "nearest" });
  one("#customer")?.scrollIntoView({ block: "start" });
  const first = one("[data-pick]") ?? one("#people-q");
  first?.focus();
}
function pick(digit) {
  if (!document.activeElement?.closest?.(".picker")) return false;
  const found = all("[data-pick]")[Number(digit) - 1];
  found?.click();
  return Boolean(found);
}

const step = (name) => one(`[data-step='${name}']:not([aria-disabled='true'])`);
const press = (...names) => names.map(step).find(Boolean)?.click();
const keys = {
  j: () => (document.activeElement?.matches?.("[data-answer]") ? answers(1) : move(1)),
  k: () => (document.activeElement?.matches?.("[data-answer]") ? answers(-1) : move(-1)),
  r: () => write("reply"),
  n: () => write("note"),
  s: () => one("[data-next-step]")?.click(),
  a: () => press("dispatch", "transfer"),
  e: () => press("escalate", "raise"),
  m: () => press("merge"),
  p: () => press("classify"),
  c: who,
  h: () => one("[data-scope]")?.click(),
  u: () => document.dispatchEvent(new CustomEvent("undo-last")),
  x: () => document.dispatchEvent(new CustomEvent("choose-row")),
  "/": () => one("#top-q")?.focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const { key, target } = event;
  if (one("dialog[open]")) return;
  if (target.id === "reply") {
    if (target.hasAttribute("aria-activedescendant") || target.dataset.slash) return; // own/desk-slash.js has the keys
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); composer().requestSubmit(); }
    if (event.altKey && event.code === "KeyA") { event.preventDefault(); answers(); }
    if (key === "?" && !target.value) { event.preventDefault(); answers(); }
    if (key === "Escape") target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(target)) { if (key === "Escape") target.blur(); return; }
  if (target.matches?.("[data-answer]")) {
    const deed = {
      Enter: () => insert(target),
      l: () => insert(target, "link"),
      d: () => insert(target, "card"),
      c: () => {
        document.dispatchEvent(new CustomEvent("copy-text", { detail: { text: target.dataset.text } }));
        if (target.dataset.id && target.dataset.text) act(`${main.dataset.url}/answers/${target.dataset.id}/used`, { how: "copied" });
      },
      o: () => one("[data-open-answer]", target)?.click(),
      f: () => one("[data-flag]", target)?.click(),
      ArrowDown: () => answers(1),
      ArrowUp: () => answers(-1),
      Escape: () => field()?.focus(),
    }[key];
    if (deed) { event.preventDefault(); deed(); return; }
  }
  // On Chinese and US keyboards "?" is Shift-/: in a ticket the first press goes to the answers, from there to the sheet.
  if (key === "?") {
    event.preventDefault();
    if (one("[data-answer]") && !target.matches?.("[data-answer]")) answers();
    else one("[data-open='keys']")?.click();
    return;
  }
  if (/^[1-9]$/.test(key) && pick(key)) { event.preventDefault(); return; }
  if (key === "Escape" && target.closest?.(".picker")) { target.blur(); return; }
  if (key === "Escape" && main?.dataset.back) { location.assign(main.dataset.back); return; }
  if (keys[key]) { event.preventDefault(); keys[key](); }
});
