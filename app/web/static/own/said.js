// Pictures of messages in full: ← → to the next, Esc back. Without this script the link opens the picture itself.

let box, shown = [], at = 0;
const say = document.getElementById("words")?.dataset ?? {};

function button(glyph, label, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: glyph, onclick: act });
  made.setAttribute("aria-label", label);
  return made;
}

function build() {
  box = Object.assign(document.createElement("dialog"), { className: "lightbox" });
  const head = document.createElement("header");
  const name = Object.assign(document.createElement("span"), { className: "cut" });
  const back = button("‹", say.earlierPicture ?? "‹", () => turn(-1)), on = button("›", say.laterPicture ?? "›", () => turn(1));
  head.append(name, back, on, button("×", say.closePicture ?? "×", () => box.close()));
  const img = document.createElement("img");
  box.append(head, img);
  box.addEventListener("click", (event) => { if (event.target === box || event.target === img) box.close(); });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") turn(-1);
    else if (event.key === "ArrowRight") turn(1);
    else return;
    event.preventDefault();
  });
  document.body.append(box);
}

function show() {
  const link = shown[at], img = box.querySelector("img");
  img.src = link.href;
  img.alt = link.dataset.lightbox;
  box.setAttribute("aria-label", link.dataset.lightbox);
  box.querySelector("header .cut").textContent = shown.length > 1 ? `${link.dataset.lightbox} · ${at + 1}/${shown.length}` : link.dataset.lightbox;
  for (const one of [...box.querySelectorAll("header button")].slice(0, 2)) one.hidden = shown.length < 2;
}
function turn(step) { at = (at + step + shown.length) % shown.length; show(); }

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-lightbox]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  if (!box) build();
  shown = [...document.querySelectorAll("a[data-lightbox]")];
  at = shown.indexOf(link);
  show();
  box.showModal();
});
