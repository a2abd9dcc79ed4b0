// The portal works without this. With it: answers while typing, codes copied by one tap, pictures zoomed.

// In a form (data-answers-for) the answers stand beside what is being written, and open in a window of their own.
const form = document.querySelector("[data-answers-for]");
const field = document.querySelector("[data-answers]") ?? (form && document.querySelector(form.dataset.answersFor));
if (field) {
  const box = form ? document.getElementById("found") : document.querySelector(field.dataset.answers);
  const product = form && document.querySelector(form.dataset.answersProduct);
  let timer, running, last = form ? `${field.value.trim()} ${product?.value}` : "";
  const show = (html) => {
    box.innerHTML = html;
    if (!form) return;
    for (const link of box.querySelectorAll("a")) { link.target = "_blank"; link.rel = "noopener"; }
    document.getElementById("ready").classList.toggle("filled", !!box.querySelector("a"));
  };
  const look = async () => {
    const q = field.value.trim();
    const asked = form ? `${q} ${product?.value}` : q;
    if (asked === last) return;
    last = asked;
    running?.abort();
    if (q.length < 2) { show(""); return; }
    running = new AbortController();
    const publicly = form && "answersAsked" in form.dataset ? "&asked=1" : "";
    const more = form ? `&limit=3&product=${encodeURIComponent(product?.value ?? "")}${publicly}` : "&limit=4";
    try {
      const answer = await fetch(`/search?q=${encodeURIComponent(q.slice(0, 300))}${more}`, { headers: { "HX-Request": "true" }, signal: running.signal });
      if (answer.ok && field.value.trim() === q) show(await answer.text());
    } catch { /* The form still leads to the answers. */ }
  };
  // app.js holds back "input" while pinyin is half typed.
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, form ? 400 : 220); });
  product?.addEventListener("change", look);
  if (form) for (const link of box.querySelectorAll("a")) { link.target = "_blank"; link.rel = "noopener"; }
}

// A form that is under way is not sent twice; going back to the page makes it usable again.
for (const once of document.querySelectorAll("form[data-once]")) {
  once.addEventListener("submit", () => setTimeout(() => { for (const b of once.querySelectorAll("button")) b.disabled = true; }));
  window.addEventListener("pageshow", () => { for (const b of once.querySelectorAll("button")) b.disabled = false; });
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
