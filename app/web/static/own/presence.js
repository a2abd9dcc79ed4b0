// Who else looks at this ticket, and who is writing an answer. Said by the server on `present`; told to it on `look`.

const words = document.getElementById("words")?.dataset ?? {};
const main = document.querySelector("main.desk[data-ticket]");

if (main) {
  const ticket = Number(main.dataset.ticket);
  const me = Number(main.dataset.me);
  let others = [], writing = false, timer;
  const look = () => document.body.dispatchEvent(new CustomEvent("look", { detail: { id: ticket, writing } }));

  function face(person) {
    const han = person.name[0] > "\u2e80";
    const face = Object.assign(document.createElement("span"), { className: "face small", textContent: han ? person.name.slice(0, 1) : person.name.slice(0, 1).toUpperCase(), title: person.name });
    if (person.writing) face.classList.add("writing-now");
    return face;
  }
  function show() {
    const box = document.getElementById("present");
    if (box) {
      box.replaceChildren(...others.slice(0, 5).map(face));
      box.hidden = !others.length;
      box.setAttribute("aria-label", others.length ? words.alsoHere.replace("NAMES", others.map((p) => p.name).join(words.comma)) : "");
    }
    const line = document.getElementById("writing");
    const names = others.filter((p) => p.writing).map((p) => p.name).join(words.comma);
    const text = names ? words.isWriting.replace("NAMES", names) : "";
    if (line && line.textContent !== text) line.textContent = text;
  }
  document.body.addEventListener("present", ({ detail }) => {
    if (detail.ticket !== undefined && detail.ticket !== ticket) return;
    others = (detail.people ?? []).filter((person) => person.id !== me);
    show();
  });
  // The head of the ticket fetches itself again and comes without faces.
  document.addEventListener("htmx:after:swap", show);

  function pause() { clearTimeout(timer); if (writing) { writing = false; look(); } }
  document.addEventListener("input", (event) => {
    if (event.target.id !== "reply") return;
    clearTimeout(timer);
    timer = setTimeout(pause, 6000);
    if (!writing && event.target.value && document.getElementById("composer")?.dataset.mode === "reply") { writing = true; look(); }
  });
  document.addEventListener("sent", pause);
  look();
}
