// The console's side of a web chat: who types, what was read. Pages of other channels have no line for it and do nothing.

const line = () => document.getElementById("visitor-typing");
const chats = () => (line()?.dataset.chats ?? "").split(" ").filter(Boolean).map(Number);
const tell = (name, detail) => document.body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
const words = document.getElementById("words")?.dataset ?? {};

let fade, told = 0, quiet;
document.body.addEventListener("visitor-typing", ({ detail }) => {
  const shown = line();
  if (!shown || !chats().includes(detail?.conversation)) return;
  clearTimeout(fade);
  shown.textContent = detail.on ? words.visitorTyping : "";
  if (detail.on) fade = setTimeout(() => { if (line()) line().textContent = ""; }, 6000);
});

document.addEventListener("input", ({ target }) => {
  const form = target.form;
  if (target.id !== "reply" || form?.dataset.mode !== "reply") return;
  const conversation = Number(form.elements.conversation?.value);
  if (!chats().includes(conversation)) return;
  clearTimeout(quiet);
  quiet = setTimeout(() => { told = 0; tell("chat-typing", { conversation, on: false }); }, 4000);
  if (target.value && Date.now() - told > 2500) { told = Date.now(); tell("chat-typing", { conversation, on: true }); }
});
document.addEventListener("sent", () => {
  clearTimeout(quiet);
  told = 0;
  for (const conversation of chats()) tell("chat-typing", { conversation, on: false });
});

// What stands on a page that somebody looks at has been read.
let last = 0;
function seen() {
  const newest = Number(document.querySelector("input[name='seen']")?.value ?? 0);
  if (document.visibilityState !== "visible" || !newest || newest === last || !chats().length) return;
  last = newest;
  for (const conversation of chats()) tell("chat-seen", { conversation, last_id: newest });
}
document.addEventListener("visibilitychange", seen);
document.addEventListener("htmx:after:swap", seen);
// The line may not be open yet when the page is; it opens within a moment or says it again later.
for (const wait of [300, 1500, 5000]) setTimeout(() => { last = 0; seen(); }, wait);
