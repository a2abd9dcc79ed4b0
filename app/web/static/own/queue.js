// The queue: several tickets chosen at once, the place one was at, and clocks that turn when their moment comes.

const list = document.querySelector(".at-queue .list");
const queue = () => document.getElementById("queue");

if (list) {
  // Chosen tickets are remembered by number: the list fetches itself again and forgets its ticks.
  const chosen = new Set();
  const bar = document.getElementById("bulk");
  const boxes = () => [...queue().querySelectorAll("input[name='tickets']")];
  let last = null;
  function show() {
    for (const box of boxes()) {
      box.checked = chosen.has(box.value);
      box.closest(".ticketrow").classList.toggle("chosen", box.checked);
    }
    const here = boxes().filter((box) => box.checked).length;
    if (!bar) return;
    bar.hidden = !here;
    list.classList.toggle("choosing", here > 0);
    document.getElementById("bulk-count").textContent = String(here);
  }
  function set(box, on) {
    if (on) chosen.add(box.value); else chosen.delete(box.value);
  }
  function toggle(box, range) {
    const all = boxes(), on = !chosen.has(box.value), from = all.findIndex((b) => b.value === last), to = all.indexOf(box);
    if (range && from >= 0) for (const b of all.slice(Math.min(from, to), Math.max(from, to) + 1)) set(b, true);
    else set(box, on);
    last = box.value;
    show();
  }
  list.addEventListener("click", (event) => {
    const box = event.target.closest("input[name='tickets']");
    if (box) toggle(box, event.shiftKey);
    if (event.target.closest("[data-unselect]")) { chosen.clear(); show(); }
  });
  document.addEventListener("choose-row", () => {
    const row = document.activeElement?.closest?.(".ticketrow");
    const box = row?.querySelector("input[name='tickets']");
    if (box) toggle(box, false);
  });
  document.addEventListener("bulk-done", ({ detail }) => {
    chosen.clear();
    for (const number of detail.left ?? []) chosen.add(String(number));
    show();
    queue().dispatchEvent(new CustomEvent("refresh"));
  });
  document.addEventListener("htmx:after:swap", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chosen.size && !document.querySelector("dialog[open]")) { chosen.clear(); show(); event.stopImmediatePropagation(); }
  }, true);

  // Coming back, one stands where one left.
  const key = `queue:${location.pathname}${location.search}`;
  const kept = JSON.parse(sessionStorage.getItem(key) ?? "null");
  if (kept) {
    list.scrollTop = kept.top;
    document.querySelector(`#row-${kept.row} a[data-row]`)?.focus({ preventScroll: true });
  }
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]")?.closest(".ticketrow");
    if (row) sessionStorage.setItem(key, JSON.stringify({ top: list.scrollTop, row: row.id.slice(4) }));
  });
  show();
}

// A clock changes its colour at the moment it should, not at the next message: its part fetches itself then.
let turning;
function wind() {
  clearTimeout(turning);
  const next = [...document.querySelectorAll("[data-turns]")].map((chip) => [Date.parse(chip.dataset.turns), chip]).filter(([at]) => at > Date.now()).sort((a, b) => a[0] - b[0])[0];
  if (!next || next[0] - Date.now() > 86400000) return;
  turning = setTimeout(() => next[1].closest("[hx-get]")?.dispatchEvent(new CustomEvent("refresh")), next[0] - Date.now() + 500);
}
document.addEventListener("htmx:after:swap", wind);
wind();
