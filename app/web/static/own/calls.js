// The keyboard of the pages about calls: j and k move, t takes, r writes the result or the wrap-up, x makes void.

const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const typing = (target) => target.matches?.("input:not([type='checkbox'], [type='radio']), textarea, select, [contenteditable]");

function move(step) {
  const rows = all("[data-row]");
  if (!rows.length) return;
  const here = rows.findIndex((row) => row === document.activeElement || row.closest("li, tr")?.contains(document.activeElement));
  rows[Math.min(rows.length - 1, Math.max(0, here + step))].focus();
}
function act(key) {
  const row = document.activeElement?.closest?.("li, tr") ?? one(".calltask");
  one(`[data-act='${key}']`, row ?? document)?.click();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const { key, target } = event;
  const form = target.closest?.(".stepform");
  if (form && key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(target)) return;
  if (form && /^[1-9]$/.test(key)) {
    const found = all(".choices input[type='radio']", form)[Number(key) - 1];
    if (found) { event.preventDefault(); found.checked = true; found.focus(); found.dispatchEvent(new Event("change", { bubbles: true })); }
    return;
  }
  if (one("dialog[open]")) return;
  const keys = { j: () => move(1), k: () => move(-1), t: () => act("t"), r: () => act("r"), x: () => act("x") };
  if (keys[key]) { event.preventDefault(); keys[key](); }
});
