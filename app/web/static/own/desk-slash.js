// A slash at the beginning of a line of the composer finds articles and solved tickets; what is chosen takes the line's place.
// Arrows choose, Enter inserts, Alt-L the link, Alt-D a card, Escape goes back to the text. Not while a word is being composed.

const one = (selector, root = document) => root.querySelector(selector);
const WAIT = 150;
let timer, running = null, composing = false, shut = "";

const box = () => one("#reply");
const list = () => one("#slash-found");
const options = () => [...list().querySelectorAll("[role='option']")];
const isOpen = () => !one("#slash")?.hidden;

// The slash and what follows it on the caret's line: {from, to, words}, or null.
function slash() {
  const field = box();
  if (!field || field.selectionStart !== field.selectionEnd) return null;
  const at = field.selectionStart, from = field.value.lastIndexOf("\n", at - 1) + 1;
  const words = field.value.slice(from, at);
  return words.startsWith("/") && !words.startsWith("//") ? { from, to: at, words: words.slice(1).trim() } : null;
}
function close() {
  clearTimeout(timer);
  running?.abort();
  const pane = one("#slash");
  if (pane) { pane.hidden = true; list().replaceChildren(); }
  const field = box();
  if (field) { field.removeAttribute("aria-activedescendant"); delete field.dataset.slash; }
}
function choose(option) {
  for (const each of options()) each.setAttribute("aria-selected", String(each === option));
  if (option) { box().setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
  else box().removeAttribute("aria-activedescendant");
}
const chosen = () => one("[aria-selected='true']", list());

async function find() {
  const wanted = slash();
  if (!wanted) return close();
  running?.abort();
  running = new AbortController();
  try {
    const answer = await fetch(`${one("#slash").dataset.url}?${new URLSearchParams({ q: wanted.words })}`, { headers: { "HX-Request": "true" }, signal: running.signal });
    if (!answer.ok || !slash()) return;
    list().replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
    choose(options()[0]);
  } catch { /* the next letter asks again */ }
}
function look() {
  if (composing) return;
  const wanted = slash();
  if (!wanted || shut === `${wanted.from}`) { if (isOpen()) close(); if (!wanted) shut = ""; return; }
  one("#slash").hidden = false;
  box().dataset.slash = "1";
  clearTimeout(timer);
  timer = setTimeout(find, WAIT);
}
function take(option, how) {
  const wanted = slash();
  close();
  if (wanted) box().setRangeText("", wanted.from, wanted.to, "end");
  box().focus();
  document.dispatchEvent(new CustomEvent("insert-answer", { detail: { answer: option, how } }));
}

document.addEventListener("compositionstart", (event) => { composing ||= event.target.id === "reply"; });
document.addEventListener("compositionend", (event) => { if (event.target.id === "reply") { composing = false; look(); } });
document.addEventListener("input", (event) => { if (event.target.id === "reply" && !event.isComposing) look(); });
document.addEventListener("keydown", (event) => {
  if (event.target.id !== "reply" || !isOpen() || event.isComposing || event.keyCode === 229) return;
  const all = options(), here = all.indexOf(chosen());
  const deed = {
    ArrowDown: () => choose(all[Math.min(all.length - 1, here + 1)]),
    ArrowUp: () => choose(all[Math.max(0, here - 1)]),
    Enter: () => { if (chosen()) take(chosen(), "text"); },
    Escape: () => { shut = `${slash()?.from}`; close(); },
  }[event.key] ?? (event.altKey && { KeyL: () => chosen() && take(chosen(), "link"), KeyD: () => chosen() && take(chosen(), "card") }[event.code]);
  if (!deed || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  deed();
}, true);
document.addEventListener("mousedown", (event) => {
  const option = event.target.closest?.("#slash-found [role='option']");
  if (option) { event.preventDefault(); take(option, event.altKey ? "link" : "text"); }
});
document.addEventListener("focusout", (event) => { if (event.target.id === "reply" && isOpen()) close(); });
document.addEventListener("click", (event) => { if (event.target.id === "reply" && isOpen() && !slash()) close(); });
