// Ctrl-K: everything by the keyboard. The server finds what may be read; steps of the open ticket stand in the page already.

const words = document.getElementById("words")?.dataset ?? {};
const dialog = document.getElementById("palette");
const one = (selector, root = dialog) => root.querySelector(selector);

if (dialog) {
  const field = one("input"), box = one(".found");
  let timer, asked = 0, before;

  // Steps of the ticket on this page: the buttons that are there and can be pressed.
  function steps(q) {
    const found = [];
    for (const button of document.querySelectorAll("#tickethead [data-step]:not([aria-disabled='true'])")) {
      const text = button.querySelector("span")?.firstChild?.textContent.trim() || button.firstChild.textContent.trim();
      if (text && text.toLowerCase().includes(q.toLowerCase()) && !found.some((s) => s.text === text)) found.push({ text, key: button.querySelector("kbd")?.textContent ?? "", press: () => button.click() });
    }
    return q ? found.slice(0, 6) : found;
  }
  function group(label, list) {
    const holder = document.createElement("div");
    holder.setAttribute("role", "group");
    holder.setAttribute("aria-label", label);
    holder.append(Object.assign(document.createElement("div"), { className: "head", textContent: label }));
    for (const step of list) {
      const item = Object.assign(document.createElement("a"), { href: "#", tabIndex: -1 });
      item.setAttribute("role", "option");
      item.append(Object.assign(document.createElement("span"), { className: "cut", textContent: step.text }));
      if (step.key) item.append(Object.assign(document.createElement("kbd"), { textContent: step.key }));
      item.addEventListener("click", (event) => { event.preventDefault(); close(); step.press(); });
      holder.append(item);
    }
    return holder;
  }
  const options = () => [...box.querySelectorAll("[role='option']")];
  function choose(place) {
    const list = options();
    if (!list.length) return field.removeAttribute("aria-activedescendant");
    const number = (place + list.length) % list.length;
    for (const [n, option] of list.entries()) {
      option.id = `palette-${n}`;
      option.setAttribute("aria-selected", String(n === number));
    }
    field.setAttribute("aria-activedescendant", `palette-${number}`);
    list[number].scrollIntoView({ block: "nearest" });
  }
  const chosen = () => options().findIndex((option) => option.getAttribute("aria-selected") === "true");

  async function find() {
    const q = field.value.trim(), turn = ++asked;
    try {
      const answer = await fetch(`/everything?${new URLSearchParams({ q })}`, { headers: { "HX-Request": "true" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (turn !== asked || !dialog.open) return;
      const own = steps(q), found = page.getElementById("found");
      box.replaceChildren(...(own.length ? [group(words.theseSteps, own)] : []), ...found.childNodes);
      if (own.length) one(".none", box)?.remove();
      choose(0);
    } catch {
      if (turn === asked) box.replaceChildren(Object.assign(document.createElement("p"), { className: "none", textContent: words.offline }));
    }
  }
  function open() {
    if (document.querySelector("dialog[open]")) return;
    before = document.activeElement;
    field.value = "";
    dialog.showModal();
    field.focus();
    find();
  }
  function close() {
    dialog.close();
    before?.focus?.();
  }
  // app.js keeps half-typed pinyin away from "input".
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, 120); });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const act = {
      ArrowDown: () => choose(chosen() + 1),
      ArrowUp: () => choose(chosen() - 1),
      Home: () => choose(0),
      End: () => choose(-1),
      Enter: () => {
        const option = options()[chosen()];
        if (!option) return;
        if (event.ctrlKey || event.metaKey) window.open(option.href, "_blank", "noopener");
        else option.click();
      },
    }[event.key];
    if (act && !((event.key === "Home" || event.key === "End") && field.value)) { event.preventDefault(); act(); }
  });
  box.addEventListener("mousemove", (event) => {
    const option = event.target.closest("[role='option']");
    if (option && option.getAttribute("aria-selected") !== "true") choose(options().indexOf(option));
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) close(); else open();
    }
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-palette]")) open(); });
}
