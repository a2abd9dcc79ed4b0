// Whoever marks words of the text comments on just them. Beside that: unsaved words that were saved meanwhile are forgotten.
const text = document.querySelector("[data-reviewed]"), form = document.querySelector(".newcomment"), LONGEST = 300;

if (text && form) {
  const field = form.elements.quote, shown = form.querySelector("[data-quote]");
  const set = (words) => {
    field.value = words;
    shown.hidden = !words;
    shown.querySelector("span").textContent = words;
  };
  // In a long text the form is far below: a button at the words leads to it.
  const lead = Object.assign(document.createElement("button"), { type: "button", className: "button small primary atwords", textContent: form.dataset.mark, hidden: true });
  document.body.append(lead);
  lead.addEventListener("mousedown", (event) => event.preventDefault());
  lead.addEventListener("click", () => { lead.hidden = true; form.scrollIntoView({ block: "center" }); form.elements.text.focus(); });
  const place = () => {
    const marked = getSelection(), area = text.closest("main")?.getBoundingClientRect();
    lead.hidden = !marked.rangeCount || marked.isCollapsed || !text.contains(marked.getRangeAt(0).commonAncestorContainer);
    if (lead.hidden) return;
    const box = marked.getRangeAt(0).getBoundingClientRect(), top = box.bottom + 6;
    lead.hidden = box.bottom < (area?.top ?? 0) || top + lead.offsetHeight > innerHeight;
    lead.style.top = `${top}px`;
    lead.style.left = `${Math.max(8, Math.min(box.left, innerWidth - lead.offsetWidth - 8))}px`;
  };
  document.addEventListener("scroll", place, { passive: true, capture: true });
  document.addEventListener("selectionchange", () => {
    const marked = getSelection();
    place();
    if (!marked.rangeCount || marked.isCollapsed || !text.contains(marked.getRangeAt(0).commonAncestorContainer)) return;
    set(marked.toString().replace(/\s+/g, " ").trim().slice(0, LONGEST));
  });
  form.querySelector("[data-unquote]").addEventListener("click", () => set(""));
}

for (const key of Object.keys(localStorage).filter((name) => name.startsWith("knowledge-kept:"))) {
  try { if (JSON.parse(localStorage.getItem(key)).sent) localStorage.removeItem(key); } catch { localStorage.removeItem(key); }
}
