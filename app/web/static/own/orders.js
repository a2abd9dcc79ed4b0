// The phone page of orders. Photos, readings, notes, checklists and signatures go into a small queue in the browser's own
// database, under a key each, and from there to the server as soon as there is a line: sent twice they stay one piece.
// Without this script every form still posts by itself.

const sync = document.getElementById("sync");
const words = sync?.dataset ?? {};
const who = words.who ?? "";
const say = (text, values = {}) => Object.entries(values).reduce((t, [k, v]) => t.replaceAll(k, v), text ?? "");
const toast = (text) => document.dispatchEvent(new CustomEvent("toast", { detail: { text } }));
const SMALL = 1_500_000, LONGEST = 2400, AGAIN = 20_000;

// The queue.
const opened = new Promise((resolve, reject) => {
  const wish = indexedDB.open("huiyin-orders", 1);
  wish.onupgradeneeded = () => wish.result.createObjectStore("queue", { keyPath: "key" });
  wish.onsuccess = () => resolve(wish.result);
  wish.onerror = () => reject(wish.error);
});
async function store(mode, run) {
  const base = await opened;
  return new Promise((resolve, reject) => {
    const deal = base.transaction("queue", mode);
    const wish = run(deal.objectStore("queue"));
    deal.oncomplete = () => resolve(wish.result);
    deal.onerror = deal.onabort = () => reject(deal.error);
  });
}
const waiting = async () => (await store("readonly", (s) => s.getAll())).filter((item) => item.who === who).sort((a, b) => a.at - b.at);
const keep = (item) => store("readwrite", (s) => s.put(item));
const drop = (key) => store("readwrite", (s) => s.delete(key));

let sending = null, share = 0;
async function show() {
  if (!sync) return;
  const items = await waiting();
  const refused = items.filter((item) => item.refused);
  const open = items.length - refused.length;
  const line = sync.querySelector(".word");
  const parts = [];
  if (open) parts.push(say(words.pending, { COUNT: open }));
  if (open && sending) parts.push(`${share} %`);
  if (!navigator.onLine) parts.push(words.offline);
  else if (open && !sending) parts.push(words.retrying);
  line.textContent = parts.join(" · ") || (refused.length ? "" : words.clean);
  sync.dataset.state = refused.length ? "bad" : open || !navigator.onLine ? "wait" : "clean";
  const list = sync.querySelector("ul");
  list.replaceChildren(...refused.map((item) => {
    const row = document.createElement("li");
    const drops = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: words.discard });
    drops.addEventListener("click", async () => { await drop(item.key); show(); });
    row.append(`#${item.order} ${item.label}${item.text ? ` “${item.text.slice(0, 40)}”` : ""}: ${item.refused} `, drops);
    return row;
  }));
  for (const box of document.querySelectorAll("[data-queued]")) {
    const mine = items.filter((item) => item.order === box.dataset.order && item.kind === box.dataset.queued);
    box.replaceChildren(...mine.map((item) => {
      const row = document.createElement("li");
      if (item.thumb) row.append(Object.assign(document.createElement("img"), { src: item.thumb, alt: "" }));
      row.append(Object.assign(document.createElement("span"), { textContent: item.text || item.label }),
        Object.assign(document.createElement("span"), { className: "sub", textContent: item.refused || words.waits }));
      return row;
    }));
  }
}

function post(item, token) {
  return new Promise((resolve) => {
    const form = new FormData();
    for (const name of ["kind", "text"]) form.set(name, item[name] ?? "");
    form.set("client_id", item.key);
    form.set("taken_at", new Date(item.at).toISOString());
    if (item.blob) form.set("file", item.blob, item.name);
    const call = new XMLHttpRequest();
    call.open("POST", item.url);
    call.setRequestHeader("Accept", "application/json");
    call.setRequestHeader("X-CSRFToken", token);
    call.timeout = 120_000;
    call.upload.onprogress = (event) => { if (event.lengthComputable) { share = Math.floor((100 * event.loaded) / event.total); show(); } };
    call.onload = () => resolve({ status: call.responseURL.endsWith("/login") ? 401 : call.status, text: call.responseText });
    call.onerror = call.ontimeout = () => resolve({ status: 0, text: "" });
    call.send(form);
  });
}
async function freshToken() {
  const page = await fetch("/orders", { headers: { Accept: "text/html" }, cache: "no-store" });
  return new DOMParser().parseFromString(await page.text(), "text/html").querySelector("meta[name='csrf-token']")?.content;
}
const token = () => document.querySelector("meta[name='csrf-token']")?.content ?? "";

// One after the other; what is refused for good waits for a person, everything else is tried again.
async function send() {
  if (sending || !navigator.onLine) return show();
  sending = (async () => {
    const done = new Set();
    let renewed = false;
    for (let item; (item = (await waiting()).find((i) => !i.refused)); ) {
      share = 0;
      show();
      const { status, text } = await post(item, token());
      if (status === 201) { await drop(item.key); done.add(item.id); continue; }
      if (status === 400 && !renewed) {
        renewed = true;
        const fresh = await freshToken().catch(() => null);
        if (fresh) { document.querySelector("meta[name='csrf-token']").content = fresh; continue; }
      }
      if (status === 401) { toast(document.getElementById("words")?.dataset.expired); break; }
      if (![403, 404, 409, 413, 422].includes(status)) break;
      let said = "";
      try { said = JSON.parse(text).message; } catch { said = ""; }
      await keep({ ...item, refused: said || `${words.refused} (${status})` });
    }
    for (const id of done) document.body.dispatchEvent(new CustomEvent(`changed:order:${id}`, { bubbles: true }));
  })();
  await sending.catch(() => {});
  sending = null;
  show();
}
async function enqueue(form, more) {
  const { order, id, label } = form.dataset;
  await keep({ key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`, who, order, id, label, url: form.action,
    kind: form.elements.kind.value, at: Date.now(), ...more });
  await show();
  send();
}

// A photo of a phone is larger than anybody needs; made smaller it also loses where it was taken.
async function smaller(file) {
  try {
    const picture = await createImageBitmap(file);
    const draw = (edge) => {
      const by = Math.min(1, edge / Math.max(picture.width, picture.height));
      const canvas = Object.assign(document.createElement("canvas"), { width: Math.max(1, Math.round(picture.width * by)), height: Math.max(1, Math.round(picture.height * by)) });
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      return canvas;
    };
    const thumb = draw(120).toDataURL("image/jpeg", 0.7);
    if (file.size <= SMALL) return { blob: file, name: file.name, thumb };
    const blob = await new Promise((resolve) => draw(LONGEST).toBlob(resolve, "image/jpeg", 0.86));
    return { blob: blob ?? file, name: file.name.replace(/\.\w+$/, "") + ".jpg", thumb };
  } catch {
    return { blob: file, name: file.name, thumb: "" };
  }
}

// Signing: strokes of finger, pen or mouse on a canvas of the screen's own sharpness.
function signing(box) {
  const canvas = box.querySelector("canvas"), pen = canvas.getContext("2d");
  const empty = () => !box.dataset.signed;
  function clear() {
    const sharp = window.devicePixelRatio || 1, { width, height } = canvas.getBoundingClientRect();
    if (!width) return;
    canvas.width = Math.round(width * sharp);
    canvas.height = Math.round(height * sharp);
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    Object.assign(pen, { lineWidth: 2.4, lineCap: "round", lineJoin: "round", strokeStyle: "#111", fillStyle: "#111" });
    delete box.dataset.signed;
  }
  const at = (event) => { const edge = canvas.getBoundingClientRect(); return [event.clientX - edge.left, event.clientY - edge.top]; };
  let down = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return;
    if (canvas.width < 10 || empty()) clear();
    canvas.setPointerCapture(event.pointerId);
    down = at(event);
    pen.beginPath();
    pen.arc(...down, 1.2, 0, 2 * Math.PI);
    pen.fill();
    box.dataset.signed = "1";
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!down) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) {
      const next = at(part);
      pen.beginPath();
      pen.moveTo(...down);
      pen.lineTo(...next);
      pen.stroke();
      down = next;
    }
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { down = null; });
  box.querySelector("[data-clear]").addEventListener("click", clear);
  return { empty, clear, blob: () => new Promise((resolve) => canvas.toBlob(resolve, "image/png")) };
}

// What is typed or ticked stays in the browser until it is sent.
const place = (form) => `order:${who}:${form.dataset.order}:${form.elements.kind.value}`;
function remember(form) {
  const boxes = [...form.querySelectorAll("[name='done']")];
  try {
    const kept = JSON.parse(localStorage.getItem(place(form)) ?? "{}");
    if (form.elements.text && kept.text && !form.elements.text.value) form.elements.text.value = kept.text;
    for (const box of boxes) if (kept.done?.includes(box.value)) box.checked = true;
  } catch { /* a damaged draft is none */ }
  form.addEventListener("input", () => {
    const now = { text: form.elements.text?.value ?? "", done: boxes.filter((b) => b.checked).map((b) => b.value) };
    try { localStorage.setItem(place(form), JSON.stringify(now)); } catch { /* full: the words are still on the page */ }
  });
}
const forget = (form) => { localStorage.removeItem(place(form)); form.reset(); };

const ready = new WeakSet();
function prepare(form) {
  if (ready.has(form)) return;
  ready.add(form);
  remember(form);
  const pad = form.querySelector(".signing");
  const signature = pad && signing(pad);
  form.classList.add("scripted");
  const files = form.querySelector("input[type='file']");
  if (files && !pad) {
    files.addEventListener("change", async () => {
      for (const file of files.files) await enqueue(form, { text: form.elements.text?.value.trim() ?? "", ...(await smaller(file)) });
      forget(form);
    });
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = form.elements.text?.value.trim() ?? "";
    if (pad) {
      if (signature.empty()) return toast(words.sign);
      await enqueue(form, { text, blob: await signature.blob(), name: "signature.png" });
      signature.clear();
    } else if (form.elements.kind.value === "checklist") {
      const boxes = [...form.querySelectorAll("[name='done']")];
      if (!boxes.some((box) => box.checked)) return toast(words.tick);
      await enqueue(form, { text: boxes.map((box) => `${box.checked ? "✓" : "✗"} ${box.value}`).join("\n") });
    } else if (text) {
      await enqueue(form, { text });
    } else return form.elements.text?.focus();
    forget(form);
  });
}
const prepareAll = () => document.querySelectorAll("form[data-proof]").forEach(prepare);
document.addEventListener("htmx:after:swap", prepareAll);
prepareAll();

// The check-in may carry the place, where its owner wants that.
let spot = "", watching = null, where = null;
function locate() {
  if (watching !== null) navigator.geolocation.clearWatch(watching);
  spot = "";
  watching = where.checked ? navigator.geolocation.watchPosition(
    ({ coords }) => { spot = `${coords.latitude.toFixed(4)},${coords.longitude.toFixed(4)}`; },
    () => { where.checked = false; toast(words.nowhere); }, { maximumAge: 60_000 }) : null;
}
function offerPlace() {
  const found = document.querySelector("[data-place-switch]");
  if (!found || !navigator.geolocation) return;
  found.closest("label").hidden = false;
  if (found === where) return;
  where = found;
  where.checked = localStorage.getItem("order-place") === "1";
  where.addEventListener("change", () => { localStorage.setItem("order-place", where.checked ? "1" : ""); locate(); });
  if (where.checked) locate();
}
document.addEventListener("htmx:after:swap", offerPlace);
offerPlace();
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement?.dataset?.step === "arrive" && spot && ctx.request.body?.set) ctx.request.body.set("place", spot);
});

// Pages at hand without a line: on one's own phone, until one logs out (app.js) or somebody else logs in.
const forgetPages = () => globalThis.caches?.delete("orders-pages");
if (sync && "serviceWorker" in navigator && words.offlinePages) {
  const other = localStorage.getItem("order-who");
  (other && other !== who ? Promise.resolve(forgetPages()) : Promise.resolve())
    .then(() => localStorage.setItem("order-who", who))
    .then(() => navigator.serviceWorker.register("/orders/worker.js", { scope: "/orders" }))
    .then(() => navigator.serviceWorker.ready)
    .then(({ active }) => { if (!navigator.serviceWorker.controller) active.postMessage("claim"); })
    .catch(() => {});
}

if (sync) {
  window.addEventListener("online", send);
  window.addEventListener("offline", show);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) send(); });
  document.addEventListener("htmx:after:swap", show);
  setInterval(send, AGAIN);
  send();
}

// The list: several orders to one technician.
const several = document.getElementById("several");
function count() {
  const n = document.querySelectorAll("input[form='several']:checked").length;
  several.hidden = n === 0;
  several.querySelector("[data-count]").textContent = String(n);
}
if (several) {
  document.addEventListener("change", (event) => { if (event.target.matches?.("input[form='several']")) count(); });
  document.addEventListener("htmx:after:swap", count);
  count();
}
