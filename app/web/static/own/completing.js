// Suggestions while typing, for every field with data-complete. Without this the form still leads to the answers.
// Half-typed pinyin asks nothing: app.js holds "input" back while a word is being composed, and no key is taken meanwhile.

const WAIT = 130, MOST = 7;
const words = document.getElementById("words")?.dataset ?? {};
let number = 0;

for (const field of document.querySelectorAll("[data-complete]")) complete(field);

function complete(field) {
  const form = field.form, list = document.createElement("ul"), said = document.createElement("span"), known = new Map();
  let items = [], at = -1, last = field.value.trim(), timer, running, composing = false;
  list.className = "suggestions";
  list.id = `suggestions-${++number}`;
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", words.suggestions ?? "");
  said.className = "sr";
  said.setAttribute("role", "status");
  if ("completeBelow" in field.dataset) { list.classList.add("below"); form.after(list, said); } else form.append(list, said);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, "aria-haspopup": "listbox" })) field.setAttribute(name, value);

  const close = () => {
    list.hidden = true;
    at = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    said.textContent = "";
  };

  const show = (found) => {
    items = found.slice(0, MOST);
    at = -1;
    field.removeAttribute("aria-activedescendant");
    list.replaceChildren(...items.map((item, place) => {
      const row = document.createElement("li");
      row.id = `${list.id}-${place}`;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", "false");
      row.append(Object.assign(document.createElement("span"), { textContent: item.text }));
      if (item.url.startsWith("/articles/")) row.append(Object.assign(document.createElement("span"), { className: "kind", textContent: words.article ?? "" }));
      // The field keeps the caret: the list closes when it loses it.
      row.addEventListener("mousedown", (event) => event.preventDefault());
      row.addEventListener("click", () => go(item));
      return row;
    }));
    if (!items.length) return close();
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    said.textContent = (words.suggested ?? "").replace("COUNT", items.length);
  };

  const look = async () => {
    const q = field.value.trim();
    if (q === last || composing) return;
    last = q;
    running?.abort();
    if (!q) return close();
    if (known.has(q)) return show(known.get(q));
    running = new AbortController();
    try {
      const answer = await fetch(`${field.dataset.complete}?q=${encodeURIComponent(q.slice(0, 300))}`, { signal: running.signal });
      if (!answer.ok) return;
      const found = (await answer.json()).items;
      known.set(q, found);
      if (field.value.trim() === q && document.activeElement === field) show(found);
    } catch { /* Nothing is suggested, and nothing is lost. */ }
  };

  const go = (item) => {
    if (item.url.startsWith("/articles/")) return location.assign(item.url);
    field.value = item.text;
    last = item.text.trim();
    close();
    form.requestSubmit();
  };

  const move = (step) => {
    const rows = list.children;
    if (at >= 0) rows[at].setAttribute("aria-selected", "false");
    at = at + step < -1 ? rows.length - 1 : at + step >= rows.length ? -1 : at + step;
    if (at < 0) { field.removeAttribute("aria-activedescendant"); return; }
    rows[at].setAttribute("aria-selected", "true");
    rows[at].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", rows[at].id);
  };

  field.addEventListener("compositionstart", () => { composing = true; clearTimeout(timer); });
  field.addEventListener("compositionend", () => { composing = false; });
  field.addEventListener("input", () => { if (composing) return; clearTimeout(timer); timer = setTimeout(look, WAIT); });
  field.addEventListener("blur", () => { clearTimeout(timer); close(); });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return; // a key of the input method
    if (event.key === "Escape" && !list.hidden) { event.preventDefault(); event.stopPropagation(); close(); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (list.hidden && items.length && field.value.trim() === last) show(items);
      if (list.hidden) return;
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && !list.hidden && at >= 0) { event.preventDefault(); go(items[at]); }
    else if (event.key === "Enter") { clearTimeout(timer); running?.abort(); close(); }
  });
}
