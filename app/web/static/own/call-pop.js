// The telephone rings: a card slides in on any page of the one it rings for. The socket says only which call; the card
// fetches itself. Alt-C goes to it from anywhere; while nobody is typing it takes the keys by itself.

const holder = document.getElementById("callpop");
const one = (selector, root = holder) => root?.querySelector(selector);
const all = (selector, root = holder) => [...(root?.querySelectorAll(selector) ?? [])];
const typing = (target) => target?.matches?.("input:not([type='checkbox'], [type='radio']), textarea, select, [contenteditable]");
const GONE = "calls-put-away", FOLDED = "call-folded";
const putAway = () => JSON.parse(sessionStorage.getItem(GONE) ?? "[]");

if (holder) {
  let asked = 0, clock;
  const card = () => one("#callcard");

  function tick() {
    for (const sign of all("[data-since]")) {
      const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(sign.dataset.since)) / 1000));
      sign.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    }
  }
  function hide() {
    holder.replaceChildren();
    holder.hidden = true;
    clearInterval(clock);
  }
  function fold(on) {
    holder.toggleAttribute("data-folded", on);
    sessionStorage.setItem(FOLDED, on ? card()?.dataset.call ?? "" : "");
    if (on) document.activeElement?.blur?.();
  }
  function show(html, { arrives }) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("callcard");
    if (!fresh || putAway().includes(fresh.dataset.call)) return hide();
    const before = card();
    const same = before?.dataset.call === fresh.dataset.call;
    // What is being typed is kept: a card that only learns who it is must not empty the line.
    const note = same ? one("#call-note", before) : null, kept = note && { text: note.value, at: note.selectionStart, here: note === document.activeElement };
    const inside = same && before.contains(document.activeElement);
    if (same && before.dataset.state === "end" && fresh.dataset.state === "end" && inside) return;
    if (before) before.replaceWith(fresh); else holder.append(fresh);
    holder.hidden = false;
    if (!same) fold(sessionStorage.getItem(FOLDED) === fresh.dataset.call && !arrives);
    holder.toggleAttribute("data-arrives", arrives && !same);
    window.htmx?.process(fresh);
    const line = one("#call-note", fresh);
    if (kept && line) { line.value = kept.text; if (kept.here) { line.focus(); line.setSelectionRange(kept.at, kept.at); } }
    tick();
    clearInterval(clock);
    clock = setInterval(tick, 1000);
    if (kept?.here && line) return;
    // Only at the moment of hanging up: on a page that is opened later the card waits beside it and leaves its keys alone.
    if (fresh.dataset.state === "end" && (arrives || same)) { fold(false); if (!typing(document.activeElement) || inside) (one("[name='category']:checked", fresh) ?? one("[name='category']", fresh) ?? fresh).focus({ preventScroll: true }); }
    else if ((arrives || inside) && !typing(document.activeElement) && !document.querySelector("dialog[open]")) fresh.focus({ preventScroll: true });
    if (fresh.dataset.state === "missed") setTimeout(() => { if (card()?.dataset.state === "missed" && card().dataset.call === fresh.dataset.call && !card().contains(document.activeElement)) hide(); }, 8000);
  }
  async function fetchCard(call, arrives = false) {
    const turn = ++asked;
    const saved = one("#call-note");
    if (saved && saved.value !== saved.defaultValue) await keepNote(saved);
    try {
      const answer = await fetch(call ? `/desk/calls/${call}/card` : "/desk/calls/card", { headers: { "HX-Request": "true" }, redirect: "manual" });
      if (!answer.ok || turn !== asked) return;
      show(await answer.text(), { arrives });
    } catch { /* the line is down; the next ring or page asks again */ }
  }
  async function keepNote(field) {
    const form = field.form;
    await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "HX-Request": "true", "X-CSRFToken": document.querySelector("meta[name='csrf-token']").content }, keepalive: true }).catch(() => {});
    field.defaultValue = field.value;
  }

  document.body.addEventListener("ring", ({ detail }) => {
    if (!detail?.call) return;
    const shown = card()?.dataset.call === String(detail.call);
    if (detail.state === "gone") { if (shown) hide(); return; }
    if (detail.state === "ring") { sessionStorage.setItem(GONE, JSON.stringify(putAway().filter((id) => id !== String(detail.call)).slice(-20))); }
    if (detail.state !== "ring" && !shown && card()) return;
    fetchCard(detail.call, true);
  });
  document.body.addEventListener("call-changed", ({ detail }) => { if (card()?.dataset.call === String(detail?.call)) fetchCard(detail.call); });
  document.body.addEventListener("wrapped", ({ detail }) => { if (detail?.kind === "call" && card()?.dataset.call === String(detail.id)) hide(); });
  window.addEventListener("pagehide", () => { const line = one("#call-note"); if (line && line.value !== line.defaultValue) keepNote(line); });
  if (holder.dataset.phone) fetchCard();

  holder.addEventListener("click", ({ target }) => {
    if (target.closest("[data-fold]")) fold(true);
    else if (target.closest("[data-dismiss]")) { sessionStorage.setItem(GONE, JSON.stringify([...putAway(), card().dataset.call].slice(-20))); hide(); }
    else if (holder.hasAttribute("data-folded")) { fold(false); card()?.focus(); }
  });

  // Keys of the card, while it has the focus. They do not reach the page underneath.
  holder.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.isComposing) return;
    if (key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); event.stopPropagation(); one("#wrap-form")?.requestSubmit(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation();
    if (key === "Escape") { if (typing(target)) card().focus(); else fold(true); return; }
    if (target.id === "call-name" && key === "Enter") { event.preventDefault(); pickOrAdd(target); return; }
    if (typing(target)) return;
    if (/^[1-9]$/.test(key)) {
      const people = target.closest("#wrap-form") ? [] : all("[data-pick-caller]").filter((button) => button.offsetParent);
      const found = people.length ? people[Number(key) - 1] : all("#wrap-form [name='category']")[Number(key) - 1];
      if (found) { event.preventDefault(); found.focus(); found.click(); }
      return;
    }
    const act = { a: () => { const field = one("#call-name"); if (field) { field.closest("details").open = true; field.focus(); } }, w: () => one("#call-note")?.focus() }[key] ?? (one(`[data-key='${CSS.escape(key)}']`) && (() => one(`[data-key='${CSS.escape(key)}']`).click()));
    if (act) { event.preventDefault(); act(); }
  });
  // A name that nobody has is a new person; the list for the last letter may not be there yet.
  async function pickOrAdd(field) {
    const name = field.value.trim();
    if (!name) return;
    const exact = all("[data-pick-caller]").filter((b) => b.querySelector("b")?.textContent.trim() === name);
    if (exact.length === 1) { exact[0].click(); return; }
    const action = all("#call-pick form")[0]?.getAttribute("action") ?? `/desk/calls/${card().dataset.call}/contact`;
    window.htmx?.ajax("POST", action, { values: { name }, swap: "none" });
  }
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.code !== "KeyC" || !card()) return;
    event.preventDefault();
    fold(false);
    card().focus();
  });
}
