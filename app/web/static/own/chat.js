// The visitor's side of a chat. What is written is kept in this browser until the server has acknowledged it, and sent
// again after a break under the same client_msg_id: nothing is lost and nothing comes twice.

const { bubble, day, unlink } = window.chatDraw;

const one = (id) => document.getElementById(id);
const say = document.body.dataset;
const slug = say.slug;
const framed = window.parent !== window;
const list = one("list"), log = one("log"), text = one("text"), compose = one("compose"), card = one("contact");

// Many browsers keep nothing for framed pages of another site: then the page around us keeps it, as one text.
const shelf = (() => { try { localStorage.setItem("chat:", ""); localStorage.removeItem("chat:"); return localStorage; } catch { return null; } })();
const memory = new Map();
const begin = `chat:${slug}:`;
const store = {
  get: (name) => (shelf ? shelf.getItem(begin + name) : memory.get(name) ?? null),
  set: (name, value) => {
    try { if (shelf) shelf.setItem(begin + name, value); } catch { /* full: what is written stays on the page */ }
    memory.set(name, value);
    store.hand();
  },
  drop: (name) => { shelf?.removeItem(begin + name); memory.delete(name); store.hand(); },
  names: (prefix) => (shelf ? Object.keys(shelf).filter((k) => k.startsWith(begin)).map((k) => k.slice(begin.length)) : [...memory.keys()]).filter((k) => k.startsWith(prefix)),
  hand: () => { if (!shelf && (messages.size || outbox.size)) host("keep", { value: JSON.stringify([...memory]) }); },
  take: (kept) => { try { for (const [name, value] of JSON.parse(kept.slice(kept.indexOf("|") + 1) || "[]")) if (!memory.has(name)) memory.set(name, value); } catch { /* somebody else wrote there */ } },
};

let token = null, joined = false, refusedFor = "", open = !framed;
let presence = { open: true, why: "" }, contact = { name: "", email: "", phone: "" }, skipped = false;
let deskSeen = 0, mySeen = 0, flying = null, pause = 0;
const messages = new Map(); // key -> message; "m<id>" or "c<client_msg_id>" while it is on its way
const outbox = new Map(); // client_msg_id -> {client_msg_id, text, files, at, failed}
let queue = null, over = null, canRate = false, fields = [], page = null, rateLater = false;
const forms = window.chatForms;
const proof = new window.ChatProof(slug, say, store), sound = new window.ChatSound(one("sound"), say, store);
const files = new window.ChatFiles(slug, () => token, say, one("chips"), trouble, () => ready());

function trouble(words = "") {
  one("trouble").textContent = words;
  one("trouble").hidden = !words;
}
function host(what, more = {}) { if (framed) window.parent.postMessage({ huiyin: what, ...more }, "*"); }

// The account's colour, with ink that can be read on it.
if (/^#[0-9a-f]{6}$/i.test(say.colour)) {
  const [r, g, b] = [1, 3, 5].map((n) => parseInt(say.colour.slice(n, n + 2), 16) / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  document.documentElement.style.setProperty("--brand", say.colour);
  document.documentElement.style.setProperty("--on-brand", 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#111" : "#fff");
}

// ---- drawing
function ordered() {
  const kept = [...messages.values()].sort((a, b) => a.id - b.id);
  const waiting = [...outbox.values()].filter((m) => ![...messages.values()].some((k) => k.client_msg_id === m.client_msg_id)).sort((a, b) => a.at - b.at);
  return [...kept, ...waiting.map((m) => ({ ...m, author: { type: "visitor", name: "" }, created_at: new Date(m.at).toISOString(), waiting: true }))];
}
const drawn = new Map(); // key -> {element, state}
function draw() {
  const end = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  const shown = ordered();
  const lastMine = shown.findLast((m) => m.author.type === "visitor" && !m.waiting);
  const wanted = [];
  let before = null;
  for (const m of shown) {
    const name = day(m.created_at, say);
    if (!before || day(before.created_at, say) !== name) {
      if (before) wanted.at(-1).last = true;
      wanted.push({ key: `d${name}`, state: "", make: () => Object.assign(document.createElement("li"), { className: "day", textContent: name }) });
    }
    const first = !before || before.author.type !== m.author.type || before.author.name !== m.author.name || Date.parse(m.created_at) - Date.parse(before.created_at) > 180000;
    let foot = "";
    if (m.failed) foot = "failed";
    else if (m.waiting) foot = joined ? "sending" : "waiting";
    else if (m === lastMine) foot = deskSeen >= m.id ? "seen" : "sent";
    const key = m.author.type === "visitor" && m.client_msg_id ? `c${m.client_msg_id}` : `m${m.id}`;
    if (first && before) wanted.at(-1).last = true;
    wanted.push({ key, first, foot, m });
    before = m;
  }
  if (before) wanted.at(-1).last = true;
  for (const w of wanted.filter((one) => one.m)) {
    const { m, first, foot } = w, time = Boolean(w.last || foot);
    const open = Boolean(m.menu) && !(lastMine && lastMine.id > m.id) && !outbox.size && !over;
    w.state = `${first}${time}${foot}${m.failed ?? ""}${open}`;
    w.make = () => bubble(m, { first, time, foot, say, files, retry, remove, open, pick: (one) => post(one.text, one.id) });
  }
  // Only what changed is touched, so that a screen reader hears new words once.
  if (over && shown.length) wanted.push({ key: "over", state: over, make: () => Object.assign(document.createElement("li"), { className: "day over", textContent: over === "desk" ? say.sayEndedDesk : say.sayEnded }) });
  const keys = new Set(wanted.map((w) => w.key));
  for (const [key, known] of drawn) if (!keys.has(key)) { unlink(known.element); drawn.delete(key); }
  wanted.forEach((w, place) => {
    let known = drawn.get(w.key);
    if (!known || known.state !== w.state) {
      const element = w.make();
      if (known) { for (const part of ["picture", "document"]) [...known.element.getElementsByClassName(part)].forEach((old, n) => element.getElementsByClassName(part)[n]?.replaceWith(old)); known.element.replaceWith(element); }
      known = { element, state: w.state };
      drawn.set(w.key, known);
    }
    if (list.children[place] !== known.element) list.insertBefore(known.element, list.children[place] ?? null);
  });
  if (end) toEnd();
}
let following = true;
function toEnd() { following = true; log.scrollTop = log.scrollHeight; }
log.addEventListener("scroll", () => { following = log.scrollHeight - log.scrollTop - log.clientHeight < 60; }, { passive: true });
// Pictures come later than their message, and a phone's keyboard takes half the page.
const grew = new ResizeObserver(() => { if (following) log.scrollTop = log.scrollHeight; });
for (const grows of [list, log]) grew.observe(grows);

function status() {
  const words = refusedFor || (!joined ? say[token && messages.size ? "sayLost" : "sayConnecting"] : presence.open ? say.sayOn : presence.why === "hours" ? say.sayHours : say.sayAway);
  if (one("state").textContent !== words) one("state").textContent = words;
  const reachable = contact.email || contact.phone, must = fields.some((f) => f.required);
  const before = joined && fields.length > 0;
  const asks = joined && !before && !reachable && (!presence.open || say.ask === "require" || (say.ask === "offer" && !skipped)) && !(skipped && say.ask !== "require");
  const question = [...messages.values()].some((m) => m.ask === "rating");
  const machine = say.ask !== "require" && Boolean(ordered().at(-1)?.menu); // while its answer or question is the last word, nobody needs an address
  const rates = joined && !before && (canRate || question) && !rateLater;
  one("prechat").hidden = !before;
  if (before) forms.prechat(fields, say, contact, (answers, then) => ask("fields", { answers }, then), (known) => { fields = []; contact = { ...contact, ...known }; status(); draw(); text.focus(); pump(); });
  one("solved").hidden = !question;
  one("rating").hidden = !rates;
  card.hidden = !asks || rates || machine;
  compose.classList.toggle("closed", (before && must) || (joined && !reachable && !before && say.ask === "require"));
  one("why").textContent = presence.open ? say.sayAsk : presence.why === "hours" ? say.sayHoursLong : say.sayAwayLong;
  one("hours").hidden = presence.open || !say.hours;
  one("opens").textContent = presence.opens ? say.sayOpens.replace("WHEN", moment(presence.opens)) : "";
  const place = !joined || queue === null || !presence.open ? "" : queue ? say.sayQueue.replace("N", queue) : say.sayNext;
  if (one("queue").textContent !== place) one("queue").textContent = place;
  one("queue").hidden = !place;
  one("more").hidden = !joined || !messages.size;
  ready();
}
function moment(iso) { return new Date(iso).toLocaleString(say.locale === "en" ? "en" : "zh-CN", { weekday: "short", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false, timeZone: say.zone }); }
function ask(event, given, then) { socket.timeout(15000).emit(event, given, (broken, answer) => then(broken ? null : answer)); }

// ---- seen and unread
const looking = () => open && document.visibilityState === "visible";
function unread() {
  const fresh = [...messages.values()].filter((m) => m.author.type !== "visitor" && m.id > mySeen);
  if (fresh.length && looking() && joined) {
    mySeen = Math.max(...fresh.map((m) => m.id));
    socket.emit("seen", { last_id: mySeen });
    fresh.length = 0;
  }
  if (fresh.some((m) => m.id > heard)) { heard = Math.max(...fresh.map((m) => m.id)); sound.ring(); }
  host("unread", { count: fresh.length });
  document.title = fresh.length ? `(${fresh.length}) ${title}` : title;
}
const title = document.title;
let heard = 0; // the newest that was rung for
document.addEventListener("visibilitychange", unread);

// ---- the line
const socket = window.io("/visitor", {
  transports: ["websocket", "polling"], tryAllTransports: true, reconnectionDelay: 500, reconnectionDelayMax: 20000,
  autoConnect: false,
  auth: (give) => give({ account: slug, token, language: say.locale }),
});
socket.on("joined", (given) => {
  joined = true;
  refusedFor = "";
  if (given.token !== token) store.set("token", token = given.token);
  for (const m of given.messages) messages.set(`m${m.id}`, m);
  for (const m of given.messages) if (m.client_msg_id && m.author.type === "visitor") settled(m.client_msg_id);
  deskSeen = given.seen.desk;
  mySeen = Math.max(mySeen, given.seen.visitor);
  contact = given.contact;
  presence = given.presence;
  if (proof.any && !given.verified) return again(); // what we held was over: nobody is to be nameless who is known
  queue = given.queue?.ahead ?? null;
  fields = given.prechat?.fields ?? [];
  over = given.ended ? "visitor" : null;
  canRate = given.rate === true;
  heard = Math.max(heard, ...given.messages.map((m) => m.id), 0);
  look();
  status();
  draw();
  unread();
  pump();
});
socket.on("message", (m) => {
  messages.set(`m${m.id}`, m);
  if (m.author.type !== "visitor") typing(false);
  if (m.ask) rateLater = false;
  over = null;
  canRate = false;
  draw();
  status();
  unread();
});
socket.on("queue", ({ ahead }) => { queue = ahead ?? null; status(); });
socket.on("ended", (given) => { over = given.by; canRate = given.rate === true; queue = null; rateLater = false; draw(); status(); toEnd(); });
socket.on("seen", ({ last_id }) => { deskSeen = Math.max(deskSeen, last_id); draw(); });
socket.on("presence", (given) => { presence = given; status(); });
socket.on("disconnect", (why) => {
  joined = false;
  flying = null;
  typing(false);
  status();
  draw();
  if (why === "io server disconnect") setTimeout(() => socket.connect(), 2000);
});
socket.on("connect_error", (problem) => {
  joined = false;
  const wait = problem.data?.retry_after;
  if (problem.data?.code === "verification" && proof.any && Date.now() - proved > 10000) return again();
  refusedFor = problem.data?.message ?? "";
  status();
  if (problem.data && (wait || problem.data.code !== "unknown_account")) setTimeout(() => socket.connect(), (wait ?? 30) * 1000);
});
window.addEventListener("pageshow", (event) => { if (event.persisted) socket.connect(); });

// ---- sending: one at a time, in order, until acknowledged
function settled(id) { outbox.delete(id); store.drop(`out:${id}`); }
function keep(m) { outbox.set(m.client_msg_id, m); store.set(`out:${m.client_msg_id}`, JSON.stringify(m)); }
function pump() {
  if (!joined || flying || Date.now() < pause) return;
  const next = [...outbox.values()].filter((m) => !m.failed).sort((a, b) => a.at - b.at)[0];
  if (!next) return;
  const mark = flying = {};
  const { client_msg_id, text: words, files: taken, item } = next;
  socket.timeout(15000).emit("message", { client_msg_id, text: words, files: taken.map((f) => f.id), item }, (broken, answer) => {
    if (flying !== mark) return;
    flying = null;
    if (broken || !answer) return setTimeout(pump, 1000);
    if (answer.ok) {
      messages.set(`m${answer.id}`, { ...next, id: answer.id, created_at: answer.created_at, author: { type: "visitor", name: "" } });
      settled(client_msg_id);
      if (shelf) host("keep", { value: "" });
      else store.hand();
      over = null;
      canRate = false;
    } else if (answer.retry_after) {
      pause = Date.now() + answer.retry_after * 1000;
      trouble(answer.message);
      setTimeout(() => { trouble(); pump(); }, answer.retry_after * 1000 + 50);
      return;
    } else keep({ ...next, failed: answer.message || say.sayFailed });
    draw();
    status();
    pump();
  });
}
function retry(id) { const m = outbox.get(id); if (m) { keep({ ...m, failed: undefined }); draw(); pump(); } }
function remove(id) { const m = outbox.get(id); settled(id); if (m && !text.value) { text.value = m.text; grow(); ready(); text.focus(); } draw(); }

function ready() { compose.querySelector(".send").disabled = files.busy || (!text.value.trim() && !files.done.length); }
function grow() { text.style.height = "auto"; text.style.height = `${Math.min(text.scrollHeight, 132)}px`; }
function post(words, item) {
  keep({ client_msg_id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`, text: words, files: item ? [] : files.take(), item, at: Date.now() });
  draw();
  toEnd();
  pump();
}
function send() {
  const words = text.value.trim();
  if (files.busy || (!words && !files.done.length)) return;
  if ([...words].length > Number(say.longest)) return trouble(say.sayLong);
  trouble();
  post(words);
  text.value = "";
  store.drop("draft");
  told = 0;
  grow(); ready();
}
compose.addEventListener("submit", (event) => { event.preventDefault(); send(); });
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) { event.preventDefault(); send(); }
});

// ---- typing, both ways
let told = 0, quiet, fade;
text.addEventListener("input", () => {
  grow();
  ready();
  store.set("draft", text.value);
  clearTimeout(quiet);
  quiet = setTimeout(() => { if (told) { told = 0; socket.emit("typing", { on: false }); } }, 4000);
  if (joined && text.value && Date.now() - told > 2500) { told = Date.now(); socket.emit("typing", { on: true }); }
});
function typing(on) {
  clearTimeout(fade);
  const end = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  one("typing").hidden = !on;
  if ((one("typing-said").textContent === "") === on) one("typing-said").textContent = on ? say.sayTyping : "";
  if (on) fade = setTimeout(() => typing(false), 6000);
  if (on && end) log.scrollTop = log.scrollHeight;
}
socket.on("typing", ({ on }) => typing(on === true));

// ---- a way to be reached
card.addEventListener("submit", (event) => {
  event.preventDefault();
  const given = Object.fromEntries(["name", "email", "phone"].map((n) => [n, card.elements[n].value.trim()]));
  const wrong = (words, field) => {
    one("c-wrong").textContent = words;
    one("c-wrong").hidden = !words;
    for (const name of ["email", "phone"]) card.elements[name].setAttribute("aria-invalid", String(Boolean(words) && name === field));
    if (words) card.elements[field]?.focus();
  };
  if (!given.email && !given.phone) return wrong(say.sayNeed, "email");
  wrong("");
  socket.timeout(15000).emit("contact", given, (broken, answer) => {
    if (broken || !answer?.ok) return wrong(answer?.message || say.sayLost, answer?.field in given ? answer.field : "email");
    contact = given;
    status();
    one("state").textContent = presence.open ? say.sayOn : say.sayThanks;
    text.focus();
  });
});
one("c-skip")?.addEventListener("click", () => { skipped = true; status(); text.focus(); });

// ---- the end: rating, transcript
forms.rating(say, (given, then) => ask("rate", given, then), (done) => {
  rateLater = true;
  canRate = false;
  for (const m of messages.values()) delete m.ask;
  status();
  if (done) one("state").textContent = say.sayRated;
  text.focus();
});
forms.transcript(say, (given, then) => ask("transcript", given, then), (address) => {
  one("transcript").hidden = true;
  if (address) one("state").textContent = say.sayMailed.replace("ADDRESS", address);
  text.focus();
});
one("ask-transcript")?.addEventListener("click", () => { one("more").open = false; one("transcript").hidden = false; one("t-email").value ||= contact.email; one("t-email").focus(); });
one("ask-end").addEventListener("click", () => { one("more").open = false; ask("end", {}, (answer) => { if (!answer?.ok) trouble(answer?.message || say.sayLost); }); });
document.addEventListener("click", (event) => { if (!one("more").contains(event.target)) one("more").open = false; });
one("more").addEventListener("keydown", (event) => { if (event.key === "Escape" && one("more").open) { event.stopPropagation(); one("more").open = false; one("more").querySelector("summary").focus(); } });

window.chatDrops(files, text);

// ---- the frame
const close = one("close");
close.hidden = !framed;
close.addEventListener("click", () => host("close"));
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && framed && !event.isComposing) host("close"); });
window.addEventListener("message", (event) => {
  if (event.source !== window.parent || !framed) return;
  const given = event.data ?? {};
  const other = proof.take(typeof given.user === "string" ? given.user : "");
  if (typeof given.kept === "string" && !begun) { if (!shelf) { store.take(given.kept); sound.again(); } start(); } else if (other && begun) again();
  if (typeof given.url === "string") { page = { url: given.url.slice(0, 4000), title: String(given.title ?? "").slice(0, 300) }; look(); }
  if (event.data?.huiyin === "open") { open = true; unread(); log.scrollTop = log.scrollHeight; (!one("prechat").hidden ? one("prechat-fields").querySelector("input, select, textarea") : card.hidden || presence.open ? text : card.elements.name)?.focus(); }
  if (event.data?.huiyin === "shut") open = false;
});

// What this browser knows of the chat, then the line. Without a shelf of our own the page around us is asked first.
let begun = false;
function start() {
  if (begun) return;
  begun = true;
  for (const name of store.names("out:")) { try { const m = JSON.parse(store.get(name)); if (m?.client_msg_id) outbox.set(m.client_msg_id, m); } catch { store.drop(name); } }
  text.value ||= store.get("draft") ?? "";
  grow();
  draw();
  status();
  connect(false);
}

// The token first, from whoever vouches for the visitor; then the line.
let proved = 0;
async function connect(anew) {
  try {
    const before = store.get("who") ?? "";
    token = await proof.token(anew);
    if (before && (store.get("who") ?? "") !== before) { outbox.clear(); text.value = ""; }
    if (proof.any) proved = Date.now();
    socket.connect();
  } catch (problem) {
    refusedFor = problem.message || say.sayLost;
    status();
    setTimeout(() => connect(anew), problem.message ? 60000 : 5000);
  }
}
// Somebody else is there, or what we held is over.
function again() {
  joined = false;
  socket.disconnect();
  messages.clear();
  mySeen = heard = 0;
  queue = over = null;
  draw();
  status();
  connect(true);
}
let looked = "";
function look() {
  const mark = JSON.stringify(page);
  if (!joined || !page || mark === looked) return;
  looked = mark;
  socket.emit("page", page);
}
// Framed, the page around us says first what it keeps and who is there.
if (!framed) start();
else setTimeout(start, 3000);
