// Keys of the ticket page for where words belong: v moves, o takes another channel, y puts a stranger's mail where it belongs.

const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const typing = (target) => target.matches?.("input:not([type='checkbox'], [type='radio']), textarea, select, [contenteditable]");

// The message under the pointer or the focus, else the newest of the customer's.
function chosen() {
  const near = document.activeElement?.closest?.(".message") ?? all(".message:hover").at(-1);
  return (near?.querySelector("[data-move]") ? near : all(".message.in").at(-1))?.querySelector("[data-move]");
}
const keys = {
  v: () => chosen()?.click(),
  o: () => (one("#window [data-way]") ?? one("[data-ways]"))?.click(),
  y: () => one("[data-proposal-yes]")?.click(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (one("dialog[open]") || typing(event.target) || event.target.matches?.("[data-answer]") || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

// A ticket of the list goes into the field; what is typed there unchooses it.
document.addEventListener("change", ({ target }) => {
  const field = target.dataset?.fills && document.getElementById(target.dataset.fills);
  if (field) field.value = target.value;
});
document.addEventListener("input", ({ target }) => {
  if (target.id === "move-into") for (const pick of all("[data-fills='move-into']")) pick.checked = pick.value === target.value.trim().replace(/^#/, "");
});
// One menu at a time, and none while one works elsewhere.
document.addEventListener("click", ({ target }) => { for (const open of all(".whyhere[open]")) if (!open.contains(target) || target.closest("[data-move]")) open.open = false; });
