// The portal works without this. With it: answers while typing, codes copied by one tap, pictures zoomed.

const field = document.querySelector("[data-answers]");
if (field) {
  const box = document.querySelector(field.dataset.answers);
  let timer, running, last = "";
  const look = async () => {
    const q = field.value.trim();
    if (q === last) return;
    last = q;
    running?.abort();
    if (q.length < 2) { box.replaceChildren(); return; }
    running = new AbortController();
    try {
      const answer = await fetch(`/search?q=${encodeURIComponent(q)}&limit=4`, { headers: { "HX-Request": "true" }, signal: running.signal });
      if (answer.ok && field.value.trim() === q) box.innerHTML = await answer.text();
    } catch { /* The form still leads to the answers. */ }
  };
  // app.js holds back "input" while pinyin is half typed.
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 220); });
}

const label = document.getElementById("words")?.dataset.copy ?? "";
for (const code of document.querySelectorAll("[data-codes] :not(pre) > code")) {
  if (code.textContent.length < 3 || code.closest("a, button")) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "codecopy";
  button.dataset.copy = code.textContent;
  button.title = label.replace("TEXT", code.textContent);
  code.replaceWith(button);
  button.append(code);
}

for (const picture of document.querySelectorAll("[data-zoom] img")) {
  if (picture.closest("a")) continue;
  picture.tabIndex = 0;
  picture.setAttribute("role", "button");
  const zoom = () => {
    const dialog = document.createElement("dialog");
    dialog.className = "wide";
    dialog.append(Object.assign(document.createElement("img"), { src: picture.src, alt: picture.alt }));
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { dialog.remove(); picture.focus(); });
    document.body.append(dialog);
    dialog.showModal();
  };
  picture.addEventListener("click", zoom);
  picture.addEventListener("keydown", (event) => { if (event.key === "Enter") zoom(); });
}
