// The phone of a follower: shows what the simulated platform gave it, and tells the platform what its owner does.
// No cookie goes along: beside it on the stage somebody may be logging in, and an answer under way must not undo that.

const phone = document.querySelector(".handset");
const words = document.getElementById("words")?.dataset ?? {};
const one = (selector) => phone.querySelector(selector);
const screen = one("#screen");
const EVERY = 1000, PAUSE = 300;

if (screen) {
  const api = phone.dataset.api, openid = phone.dataset.openid, mine = `${api}/phones/${openid}`;
  const own = one("#owner-name").textContent.trim().slice(-2);
  let last = 0, before = 0, busy = false;

  const ask = (path, given = {}) => fetch(path, { credentials: "omit", ...given });
  const make = (name, kind = "", text = "") => { const e = document.createElement(name); if (kind) e.className = kind; if (text) e.textContent = text; return e; };
  const sign = (name) => document.getElementById(`template-${name}`).content.cloneNode(true);
  // Pages of this house open on this phone, whatever name the house goes by outside.
  const inside = (url) => (url.startsWith(`${phone.dataset.site}/`) ? url.slice(phone.dataset.site.length) : url);
  const anchor = (url, text) => { const a = make("a", "", text); a.href = inside(url); if (/^https?:/.test(inside(url))) { a.target = "_blank"; a.rel = "noopener noreferrer"; } return a; };

  function linked(text) {
    const box = document.createDocumentFragment();
    for (const part of String(text).split(/(https?:\/\/[^\s，。；）」]+)/)) box.append(/^https?:\/\//.test(part) ? anchor(part, part) : part);
    return box;
  }
  const address = (item) => `${api}/media/${encodeURIComponent(item.media_id)}`;
  const draw = {
    text: (item) => { const b = make("div", "bubble"); b.append(linked(item.text)); return b; },
    image: (item) => { const b = make("div", "bubble bare"), i = make("img"); i.alt = words.picture; i.src = address(item); i.addEventListener("load", down); b.append(i); return b; },
    voice: (item) => { const b = make("div", "bubble"), v = make("span", "voice"); v.append(sign("voice"), words.voice); b.append(v); return b; },
    video: () => make("div", "bubble", words.video),
    location: (item) => { const b = make("div", "bubble"), v = make("span", "voice"); v.append(sign("place"), item.text || words.place); b.append(v); return b; },
    news: (item) => {
      const b = make("div", "bubble card"), a = anchor(item.url, "");
      a.append(make("b", "", item.text));
      if (item.description) a.append(make("small", "", item.description));
      b.append(a);
      return b;
    },
    msgmenu(item) {
      const b = make("div", "bubble menu");
      if (item.text) { const p = make("p"); p.append(linked(item.text)); b.append(p); }
      for (const choice of item.items) { const tap = make("button", "", choice.text); tap.type = "button"; tap.dataset.item = choice.id; b.append(tap); }
      if (item.tail) { const p = make("p", "tail"); p.append(linked(item.tail)); b.append(p); }
      return b;
    },
    template(item) { const b = make("div", "bubble card"); b.append(make("div", "from", words.template)); const a = item.url ? anchor(item.url, "") : make("div"); a.append(item.text); b.append(a); return b; },
  };
  draw.link = (item) => draw.news({ text: item.text, url: item.url });
  draw.miniprogrampage = (item) => draw.text(item);

  const down = () => { screen.scrollTop = screen.scrollHeight; };
  function add(item) {
    if (item.at - before > PAUSE) screen.append(make("li", "when", new Date(item.at * 1000).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" })));
    before = item.at;
    const turn = make("li", `turn${item.by === "me" ? " mine" : ""}`), who = make("span", "who", item.by === "me" ? own : "");
    turn.dataset.kind = item.kind;
    who.setAttribute("aria-hidden", "true");
    if (item.by !== "me") who.append(document.querySelector(".chatbar .logo").cloneNode(true));
    turn.append(who, (draw[item.kind] ?? draw.text)(item));
    screen.append(turn);
    last = item.n;
  }
  function stop(text) { const line = one("#stop"); line.textContent = text; line.hidden = !text; }

  async function look() {
    if (busy) return;
    busy = true;
    try {
      const answer = await ask(`${mine}/messages?after=${last}`);
      if (!answer.ok) return;
      const found = await answer.json();
      for (const item of found.items) add(item);
      if (found.items.length) down();
      one("#typing").hidden = !found.typing;
      phone.dataset.following = found.following ? "yes" : "no";
      one("[data-block]").setAttribute("aria-pressed", String(found.blocked));
      stop(found.blocked ? words.shut : found.following ? "" : words.away);
      one("#left").textContent = words.left.replace("N", found.left);
    } catch { /* the house is being started anew; the next look finds it */ } finally { busy = false; }
  }
  async function act(deed, given = {}, file = null) {
    const form = new FormData();
    if (file) form.append("file", file);
    const body = file ? { body: form } : { body: JSON.stringify(given), headers: { "Content-Type": "application/json" } };
    const answer = await ask(`${mine}/${deed}`, { method: "POST", ...body }).catch(() => null);
    if (!answer?.ok) { stop(words.lost); return; }
    await look();
  }
  async function faults() {
    const state = await (await ask(`${api}/state`)).json();
    for (const sign of phone.querySelectorAll("[data-count]")) { const n = state.faults[sign.dataset.count]; sign.textContent = n ? words.times.replace("N", n) : ""; }
  }
  const deeds = {
    async panel() { act("image", {}, new File([await (await ask(`${api}/panel.png`)).blob()], "panel.png", { type: "image/png" })); },
    voice: () => act("voice"),
    location: () => act("location", JSON.parse(phone.dataset.place)),
    follow: () => act("follow"),
    unfollow: () => act("unfollow"),
  };
  const bag = (on) => { one("#bag").hidden = !on; one("#more").setAttribute("aria-expanded", String(on)); down(); };
  const say = () => {
    const line = one("#words-out"), text = line.value.trim();
    if (!text) return;
    line.value = "";
    act("say", { text });
  };

  phone.addEventListener("click", async ({ target }) => {
    const button = target.closest("button");
    if (!button) { if (!target.closest(".owner")) one("#owner").open = false; return; }
    const { deed, item, fault } = button.dataset;
    if (deed) { deeds[deed](); if (button.closest(".bag")) bag(false); else one("#owner").open = false; }
    else if (item !== undefined) act("tap", { item, text: button.textContent });
    else if (fault) { await ask(`${api}/faults`, { method: "POST", body: JSON.stringify({ name: fault, times: 1 }) }); faults(); }
    else if (button.id === "more") bag(one("#bag").hidden);
    else if (button.hasAttribute("data-block")) act("block", { on: button.getAttribute("aria-pressed") !== "true" });
    else if (button.hasAttribute("data-lend")) {
      const lent = await ask(`${api}/lend`, { method: "POST" });
      if (lent.ok) location.assign(`${api}?phone=${(await lent.json()).openid}`); else stop(words.lost);
    }
  });
  one("#upload").addEventListener("change", ({ target }) => {
    const file = target.files[0];
    if (file) act(file.type.startsWith("audio/") || /\.amr$/i.test(file.name) ? "voice" : file.type.startsWith("video/") ? "video" : "image", {}, file);
    target.value = "";
    bag(false);
  });
  one("#write").addEventListener("submit", (event) => { event.preventDefault(); say(); });
  one("#words-out").addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); say(); } });
  one(".faults").addEventListener("toggle", ({ target }) => { if (target.open) faults(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") one("#owner").open = false; });
  setInterval(() => { if (!document.hidden) look(); }, EVERY);
  look();
}
