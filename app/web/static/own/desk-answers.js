// The answers beside a ticket follow what is said and what is being written: fetched anew a moment after the customer's next
// words, and while the agent types. Nothing moves under the pointer, and nothing while a word is being composed.

const one = (selector, root = document) => root.querySelector(selector);
const main = one("main.desk[data-url]");
const WAIT = 600;
let timer, running = null, composing = false, last = "";

const panel = () => one("#answers");
const busy = () => {
  const here = panel();
  return !here || here.matches(":hover") || here.contains(document.activeElement) || Boolean(one("#answers-q")?.value);
};
const typed = () => {
  const box = one("#reply");
  if (!box || box.dataset.slash || one("#composer")?.dataset.mode === "note") return "";
  return one("#chips")?.childElementCount ? "" : box.value.trim().slice(-300);
};

async function renew() {
  if (busy()) { timer = setTimeout(renew, 3 * WAIT); return; }
  const words = typed();
  running?.abort();
  running = new AbortController();
  try {
    const answer = await fetch(`${main.dataset.url}/answers?${new URLSearchParams({ typed: words })}`, { headers: { "HX-Request": "true" }, signal: running.signal });
    if (!answer.ok || busy()) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("answers");
    const ids = (root) => [...root.querySelectorAll("[data-answer]")].map((a) => `${a.dataset.id}${a.dataset.text}${a.className}`).join("|");
    if (!fresh || ids(fresh) === ids(panel())) return;
    panel().replaceWith(fresh);
    window.htmx?.process(fresh);
  } catch { /* the next word asks again */ }
}
function soon() { clearTimeout(timer); timer = setTimeout(renew, WAIT); }

if (main) {
  document.body.addEventListener(`changed:ticket:${main.dataset.ticket}`, soon);
  document.addEventListener("compositionstart", (event) => { composing ||= event.target.id === "reply"; });
  document.addEventListener("compositionend", (event) => { if (event.target.id === "reply") { composing = false; follow(); } });
  document.addEventListener("input", (event) => { if (event.target.id === "reply" && !composing && !event.isComposing) follow(); });
  document.addEventListener("sent", soon);
}
function follow() {
  const words = typed();
  if (words === last || (words.length < 4 && last.length < 4)) return;
  last = words;
  soon();
}
