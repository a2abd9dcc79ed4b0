// The keyboard of the console, inserted answers, drafts. Every key has a button that does the same.

const words = document.getElementById("words")?.dataset ?? {};
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const say = (text) => document.body.dispatchEvent(new CustomEvent("toast", { detail: { text, seconds: 3 }, bubbles: true }));
const main = one("main.desk");
const typing = (target) => target.matches?.("input:not([type='checkbox'], [type='radio']), textarea, select, [contenteditable]");

// Timeline: the newest words are what one came for; a live change keeps the reader's place unless they are at the end.
const scroll = one("#scroll");
let atEnd = true;
function toEnd() { if (scroll) scroll.scrollTop = scroll.scrollHeight; }
if (scroll) {
  const last = all(".message", scroll).at(-1);
  if (location.hash.startsWith("#m-")) one(location.hash)?.scrollIntoView({ block: "center" });
  else if (last && last.offsetHeight > scroll.clientHeight) { atEnd = false; scroll.scrollTop = last.offsetTop - scroll.offsetTop; } // a long letter is read from its beginning
  else toEnd();
  scroll.addEventListener("scroll", () => { atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 48; }, { passive: true });
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
document.addEventListener("sent", () => {
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
});
// Something unread came in while writing: ask before sending over it.
document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.sourceElement?.id === "composer" && ctx.sourceElement.dataset.unseen && ctx.sourceElement.dataset.mode === "reply") ctx.confirm = ctx.sourceElement.dataset.unseen;
});

// Answers: ⏎ inserts, c copies, o opens; what was inserted is a chip, and taking the chip off takes the words away.
const inserted = new Map();
function insert(answer) {
  const { id, title, text } = answer.dataset;
  if (answer.hasAttribute("data-internal")) return;
  const box = field();
  const chips = one("#chips");
  if (!box) return;
  write("reply");
  if (one(`[data-article='${CSS.escape(id)}']`, chips)) return;
  const { selectionStart: at, value } = box;
  const lead = at > 0 && value[at - 1] !== "\n" ? "\n" : "";
  const words_ = lead + text;
  box.setRangeText(words_, at, box.selectionEnd, "end");
  inserted.set(id, words_);
  const chip = one("#chip-template").content.firstElementChild.cloneNode(true);
  chip.dataset.article = id;
  one(".cut", chip).textContent = title;
  one("input", chip).value = id;
  chips.append(chip);
  touched();
  say(words.inserted.replace("TITLE", title));
}
function takeOff(chip) {
  const box = field();
  const text = inserted.get(chip.dataset.article);
  if (text && box.value.includes(text)) box.value = box.value.replace(text, "");
  inserted.delete(chip.dataset.article);
  chip.remove();
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
  if (hit("[data-insert]")) insert(hit("[data-answer]"));
  if ((found = hit("[data-unchip]"))) takeOff(found.closest(".chip"));
  if ((found = hit(".missing [data-step]"))) { event.preventDefault(); one("[data-next-step]")?.click(); }
  if (hit(".swipe a[href^='#']")) {
    event.preventDefault();
    one(hit(".swipe a").getAttribute("href")).scrollIntoView({ inline: "start", block: "nearest", behavior: "smooth" });
  }
});

// The tab above follows the finger.
const leaves = one(".leaves");
leaves?.addEventListener("scroll", () => {
  const second = leaves.scrollLeft > leaves.clientWidth / 2;
  for (const tab of all(".swipe a[href^='#']")) {
    if ((tab.hash === "#side") === second) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
}, { passive: true });

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
  "/": () => one("#top-q")?.focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const { key, target } = event;
  if (one("dialog[open]")) return;
  if (target.id === "reply") {
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); composer().requestSubmit(); }
    if (event.altKey && event.code === "KeyA") { event.preventDefault(); answers(); }
    if (key === "?" && !target.value) { event.preventDefault(); answers(); }
    if (key === "Escape") target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(target)) { if (key === "Escape") target.blur(); return; }
  if (target.matches?.("[data-answer]")) {
    const act = {
      Enter: () => insert(target),
      c: () => document.dispatchEvent(new CustomEvent("copy-text", { detail: { text: target.dataset.text } })),
      o: () => one("[data-open-answer]", target)?.click(),
      ArrowDown: () => answers(1),
      ArrowUp: () => answers(-1),
      Escape: () => field()?.focus(),
    }[key];
    if (act) { event.preventDefault(); act(); return; }
  }
  // On Chinese and US keyboards "?" is Shift-/: in a ticket the first press goes to the answers, from there to the sheet.
  if (key === "?") {
    event.preventDefault();
    if (one("[data-answer]") && !target.matches?.("[data-answer]")) answers();
    else one("[data-open='keys']")?.click();
    return;
  }
  if (key === "Escape" && main?.dataset.keys === "ticket") { one(".swipe a")?.click(); return; }
  if (keys[key]) { event.preventDefault(); keys[key](); }
});
