// Whoever marks words of the text comments on just them. Beside that: unsaved words that were saved meanwhile are forgotten.
const text = document.querySelector("[data-reviewed]"), form = document.querySelector(".newcomment"), LONGEST = 300;

if (text && form) {
  const field = form.elements.quote, shown = form.querySelector("[data-quote]");
  const set = (words) => {
    field.value = words;
    shown.hidden = !words;
    shown.querySelector("span").textContent = words;
  };
  document.addEventListener("selectionchange", () => {
    const marked = getSelection();
    if (!marked.rangeCount || marked.isCollapsed || !text.contains(marked.getRangeAt(0).commonAncestorContainer)) return;
    set(marked.toString().replace(/\s+/g, " ").trim().slice(0, LONGEST));
  });
  form.querySelector("[data-unquote]").addEventListener("click", () => set(""));
}

for (const key of Object.keys(localStorage).filter((name) => name.startsWith("knowledge-kept:"))) {
  try { if (JSON.parse(localStorage.getItem(key)).sent) localStorage.removeItem(key); } catch { localStorage.removeItem(key); }
}
