// The 演示台: plays scenes through the real pages in two frames, with the hands of whoever the beat names.
// An act is [verb, …]. Verbs: login name (nobody: "") · open url · type selector words · before selector words (in front of what stands there) · click selector [words] · choose selector value ·
// pick selector · gone selector · lend (a phone of a known follower: {openid}, {serial}) · tick selector · file selector · sign selector · wait selector [words] · keep name selector|"url" pattern · forget · pause ms.

const root = document.getElementById("stage");
const scenes = JSON.parse(document.getElementById("scenes").dataset.scenes);
const frames = { phone: root.querySelector("#phone"), console: root.querySelector("#console") };
const words = root.dataset;
const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches || root.dataset.fast === "1";
const LONGEST = 45000; // a small machine may be busy; whoever watches sees what is waited for
let scene = null, at = 0, busy = false, kept = {}, stopped = 0, pressed = null;

const nap = (ms) => new Promise((done) => setTimeout(done, ms));
const fill = (text) => String(text).replace(/\{(\w+)\}/g, (all, name) => kept[name] ?? all);
const page = (frame) => frames[frame].contentDocument;
// The chat is a frame within the customer's page.
const pages = (doc) => [doc, ...[...doc.querySelectorAll("iframe")].flatMap((inner) => (inner.contentDocument?.readyState === "complete" ? pages(inner.contentDocument) : []))];

// What htmx has not taken in hand yet (a page that has just come, or a piece of it) would still act as a plain link or form.
const ready = (e) => !e.matches("[hx-get], [hx-post]") || e.hasAttribute("data-htmx-powered") || !e.ownerDocument.querySelector("script[src*='htmx']");

// A page that is being left still answers to a selector: only one that has loaded counts.
async function find(frame, selector, text) {
  const began = Date.now();
  for (;;) {
    const doc = page(frame);
    if (doc?.readyState === "complete" && !frames[frame].dataset.leaving && !doc.querySelector(".htmx-request")) {
      const found = pages(doc).flatMap((one) => [...one.querySelectorAll(fill(selector))]).find((e) => ready(e) && (!text || e.textContent.includes(fill(text))) && (e.getClientRects().length || e.type === "hidden" || e.type === "file"));
      if (found) { pressed = null; return found; }
    }
    // A live change may have taken the button away under the finger: a person would press again.
    if (pressed && pressed.frame === frame && Date.now() - began > 4000) { const again = pressed; pressed = null; (await find(frame, again.selector, again.text)).click(); }
    if (Date.now() - began > LONGEST) throw new Error(`${words.missing} ${selector}${text ? ` 「${fill(text)}」` : ""}`);
    await nap(120);
  }
}

async function point(element) {
  element.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (quiet) return;
  element.animate([{ outline: "3px solid transparent", outlineOffset: "6px" }, { outline: "3px solid #e08a00", outlineOffset: "2px" }, { outline: "3px solid transparent", outlineOffset: "2px" }], { duration: 700 });
  await nap(450);
}

function set(element, value) {
  const proto = Object.getPrototypeOf(element);
  Object.getOwnPropertyDescriptor(proto, "value").set.call(element, value);
  element.dispatchEvent(new Event("input", { bubbles: true }));
  element.dispatchEvent(new Event("change", { bubbles: true }));
}

async function type(element, text) {
  element.focus();
  const step = Math.max(1, Math.ceil(text.length / 24));
  if (!quiet) for (let n = step; n < text.length; n += step) { set(element, text.slice(0, n)); await nap(45); }
  set(element, text);
}

async function open(frame, url) {
  const shown = frames[frame];
  await new Promise((done) => {
    const give = setTimeout(done, LONGEST);
    shown.addEventListener("load", () => { clearTimeout(give); done(); }, { once: true });
    shown.src = fill(url);
  });
}

async function photo(input) {
  const canvas = document.createElement("canvas");
  canvas.width = 640; canvas.height = 420;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#39434a"; pen.fillRect(0, 0, 640, 420);
  pen.fillStyle = "#aab4ba"; pen.fillRect(120, 60, 400, 300);
  pen.fillStyle = "#1c2226"; pen.fillRect(170, 100, 300, 90);
  pen.fillStyle = "#7fe08a"; pen.font = "64px monospace"; pen.fillText("50.0 Hz", 180, 168);
  pen.fillStyle = "#39434a"; for (let n = 0; n < 9; n++) pen.fillRect(170 + n * 34, 230, 18, 100);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.8));
  const bag = new DataTransfer();
  bag.items.add(new File([blob], "hk-v20.jpg", { type: "image/jpeg" }));
  input.files = bag.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

// An answer that is still under way would bring the cookie of whoever was there before back after the login.
async function stillness() {
  const asking = () => Object.values(frames).some((frame) => frame.contentDocument && pages(frame.contentDocument).some((doc) => doc.querySelector(".htmx-request")));
  for (let calm = 0, n = 0; calm < 5 && n < 50; n += 1) { await nap(100); calm = asking() ? 0 : calm + 1; }
}

// The token belongs to the cookie, which begins anew with each login.
async function renewed() {
  const fresh = new DOMParser().parseFromString(await (await fetch("/demo")).text(), "text/html");
  document.querySelector("meta[name='csrf-token']").content = fresh.querySelector("meta[name='csrf-token']").content;
  return fresh;
}

// One after the other: who is chosen while a scene begins would take the token from under its feet.
let coming = Promise.resolve();

const verbs = {
  login(frame, name) {
    const mine = coming.catch(() => {}).then(() => verbs.become(frame, name));
    coming = mine;
    return mine;
  },
  async become(frame, name) {
    await stillness();
    if (!name) await renewed();
    const token = document.querySelector("meta[name='csrf-token']").content;
    const answer = await fetch(name ? `/demo/login/${encodeURIComponent(name)}` : "/logout", { method: "POST", headers: { "X-CSRFToken": token } });
    if (!answer.ok) throw new Error(words.noLogin);
    const fresh = await renewed();
    root.querySelector("#who").textContent = fresh.querySelector(`#who-now option[value='${name}']`)?.textContent ?? name;
    root.querySelector("#who-now").value = name;
    // One browser is one person: while the phone is somebody's of the staff, the console beside it stands still.
    root.dataset.lent = String(frame === "phone");
  },
  open,
  async type(frame, selector, text) { const e = await find(frame, selector); await point(e); await type(e, fill(text)); },
  async before(frame, selector, text) { const e = await find(frame, selector); await point(e); await type(e, `${fill(text)}\n\n${e.value}`); },
  async click(frame, selector, text) {
    const e = await find(frame, selector, text);
    await point(e);
    e.click();
    pressed = { frame, selector, text };
    await nap(quiet ? 60 : 350);
  },
  async choose(frame, selector, value) {
    const e = await find(frame, selector);
    await point(e);
    const option = [...e.options].find((o) => o.value === fill(value) || o.textContent.includes(fill(value)));
    if (!option) throw new Error(`${words.missing} ${fill(value)}`);
    set(e, option.value);
  },
  // One box or one of several, whether it was chosen already or not.
  async pick(frame, selector) { const e = await find(frame, selector); await point(e); if (!e.checked) e.click(); },
  async gone(frame, selector) {
    for (const began = Date.now(); pages(page(frame)).some((doc) => [...doc.querySelectorAll(fill(selector))].some((e) => e.getClientRects().length)); await nap(120)) if (Date.now() - began > LONGEST) throw new Error(`${words.stays} ${fill(selector)}`);
  },
  async tick(frame, selector) {
    await find(frame, selector);
    for (const e of page(frame).querySelectorAll(fill(selector))) if (!e.checked) { e.click(); await nap(quiet ? 20 : 200); }
  },
  // A new customer: what the last one's browser kept of the chat is thrown away.
  async forget() { for (const key of Object.keys(localStorage)) if (/^(chat|huiyin):/.test(key)) localStorage.removeItem(key); },
  async lend() {
    const answer = await fetch("/demo/wechat/lend", { method: "POST", credentials: "omit" });
    if (!answer.ok) throw new Error(words.noPhone);
    Object.assign(kept, await answer.json());
  },
  async sign(frame, selector) {
    const e = await find(frame, selector);
    e.scrollIntoView({ block: "center" });
    const box = e.getBoundingClientRect();
    const at = (kind, x, y) => e.dispatchEvent(new PointerEvent(kind, { bubbles: true, cancelable: true, pointerId: 1, pointerType: "touch", isPrimary: true, button: 0, buttons: kind === "pointerup" ? 0 : 1, clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
    at("pointerdown", 0.2, 0.5);
    for (const [x, y] of [[0.3, 0.25], [0.36, 0.7], [0.45, 0.3], [0.55, 0.65], [0.62, 0.35], [0.75, 0.55]]) { at("pointermove", x, y); await nap(quiet ? 10 : 70); }
    at("pointerup", 0.75, 0.55);
  },
  async file(frame, selector) { await photo(await find(frame, selector)); },
  async wait(frame, selector, text) { await point(await find(frame, selector, text)); },
  async keep(frame, name, selector, pattern) {
    const began = Date.now();
    for (;;) {
      const from = selector === "url" ? frames[frame].contentWindow.location.href : (await find(frame, selector)).outerHTML;
      const found = from.match(new RegExp(pattern));
      if (found) { kept[name] = found[1]; return; }
      if (Date.now() - began > LONGEST) throw new Error(`${words.missing} ${name}`);
      await nap(150);
    }
  },
  async pause(frame, ms) { if (!quiet) await nap(Number(ms)); },
};

function draw() {
  for (const card of root.querySelectorAll("[data-scene]")) card.setAttribute("aria-current", String(card.dataset.scene === scene?.key));
  const list = root.querySelector("#beats");
  list.replaceChildren();
  scene?.beats.forEach((beat, number) => {
    const row = document.createElement("li");
    row.dataset.state = number < at ? "done" : number === at ? "here" : "next";
    const who = document.createElement("b");
    who.textContent = words[`who_${beat.who}`] ?? beat.who;
    row.append(who, ` ${beat.words}`);
    list.append(row);
  });
  list.querySelector("[data-state='here']")?.scrollIntoView({ block: "nearest" });
  const next = root.querySelector("#next");
  next.disabled = busy || !scene;
  next.querySelector("span").textContent = !scene ? words.pick : at >= scene.beats.length ? words.again : busy ? words.playing : words.next;
  root.dataset.state = !scene ? "idle" : busy ? "busy" : at >= scene.beats.length ? "done" : "ready";
}

function say(text, bad = false) {
  const line = root.querySelector("#said");
  line.textContent = text;
  line.dataset.bad = String(bad);
}

async function play() {
  if (busy || !scene) return;
  if (at >= scene.beats.length) { begin(scene.key); return; }
  const beat = scene.beats[at], mine = stopped;
  busy = true;
  say("");
  draw();
  frames.phone.closest(".phone").dataset.on = String(beat.frame === "phone");
  frames.console.closest(".console-pane").dataset.on = String(beat.frame === "console");
  root.dataset.show = beat.frame;
  try {
    pressed = null;
    for (const [verb, ...given] of beat.acts) {
      if (mine !== stopped) return;
      // A frame may be named in front of an act that happens elsewhere: ["phone:wait", …].
      const [where, name] = verb.includes(":") ? verb.split(":") : [beat.frame, verb];
      await verbs[name](where, ...given);
    }
    at += 1;
  } catch (problem) {
    say(`${words.stuck} ${problem.message}`, true);
  } finally {
    busy = false;
    draw();
    // Typing has put the focus into a frame, where the next → would not be heard.
    root.querySelector("#next").focus({ preventScroll: true });
  }
}

function begin(key) {
  stopped += 1;
  scene = scenes.find((s) => s.key === key);
  at = 0; busy = false; kept = { now: String(Date.now()).slice(-5) };
  say(scene.shows);
  history.replaceState(null, "", `#${key}`);
  draw();
}

root.addEventListener("click", (event) => {
  const card = event.target.closest("[data-scene]");
  if (card) { begin(card.dataset.scene); root.querySelector("#next").focus(); }
  const app = event.target.closest("[data-app]");
  if (app) frames.phone.src = app.dataset.app;
  const show = event.target.closest("[data-show]");
  if (show && show !== root) root.dataset.show = show.dataset.show;
});
root.querySelector("#next").addEventListener("click", play);
document.addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight" && !event.target.matches("input, select, textarea")) { event.preventDefault(); play(); }
});
root.querySelector("#who-now").addEventListener("change", async (event) => {
  try { await verbs.login("console", event.target.value); await open("console", "/"); } catch (problem) { say(problem.message, true); }
});
for (const frame of Object.values(frames)) {
  frame.addEventListener("load", () => {
    delete frame.dataset.leaving;
    if (frame === frames.phone) for (const app of root.querySelectorAll("[data-app]")) app.setAttribute("aria-current", String(app.dataset.app === frame.contentWindow.location.pathname));
    frame.contentWindow.addEventListener("pagehide", () => { frame.dataset.leaving = "1"; });
  });
}
if (location.hash.length > 1 && scenes.some((s) => s.key === location.hash.slice(1))) begin(location.hash.slice(1));
else draw();
