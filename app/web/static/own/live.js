// Socket.IO says what changed; the fragments that care fetch themselves again. No content comes this way.
// `changed` {what, id, version} becomes "changed:<what>:<id>" and "changed:<what>" on <body>.

const words = document.getElementById("words")?.dataset ?? {};
const sign = document.getElementById("live");
const tell = (name, detail = {}) => document.body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));

function show(state, text) {
  if (!sign) return;
  sign.dataset.state = state;
  sign.querySelector(".word").textContent = text;
  sign.title = text;
}

// After a pause we cannot know what was missed: everything that can refetch does.
function refetch() {
  for (const element of document.querySelectorAll("[hx-trigger*='changed:'], [data-hold-live]")) element.dispatchEvent(new CustomEvent("refresh"));
}

if (window.io && sign) {
  const socket = window.io("/agent", { transports: ["websocket", "polling"], reconnectionDelayMax: 10000 });
  let before = false;
  // A page that just opens is not "disconnected" yet.
  show("wait", "");
  const slow = setTimeout(() => { if (!socket.connected) show("off", words.liveOff); }, 4000);
  // Who may not hear of everything asks for the rows that this page shows; the server asks its gatekeeper.
  const watch = () => {
    const rows = new Set([...document.querySelectorAll("[hx-trigger*='changed:']")].flatMap((e) => e.getAttribute("hx-trigger").match(/changed:[a-z]+:\d+/g) ?? []));
    for (const row of rows) {
      const [, what, id] = row.split(":");
      socket.emit("watch", { what, id: Number(id) });
    }
  };
  socket.on("connect", () => {
    clearTimeout(slow);
    watch();
    show("on", words.liveOn);
    if (before) { refetch(); tell("toast", { text: words.liveBack, seconds: 3 }); }
    // What happened after this page was made and before anybody could tell it.
    else socket.timeout(10000).emit("since", { asked: sign.dataset.asked }, (broken, answer) => { if (broken || !answer?.ok) refetch(); });
    before = true;
  });
  // Which ticket this page shows, so that colleagues see who is there; told again after each reconnection.
  let looking;
  document.body.addEventListener("look", ({ detail }) => { looking = detail; if (socket.connected) socket.emit("look", detail); });
  socket.on("connect", () => { if (looking) socket.emit("look", looking); });
  socket.on("present", (detail) => tell("present", detail));
  socket.on("disconnect", () => { show("off", words.liveOff); tell("present", { people: [] }); });
  // The telephone of whoever sits here: see call-pop.js.
  socket.on("ring", (detail) => tell("ring", detail));
  // Only for the moment, to and from the visitor of a web chat: see desk-chat.js.
  socket.on("typing", (detail) => tell("visitor-typing", detail));
  for (const name of ["typing", "seen"]) document.body.addEventListener(`chat-${name}`, ({ detail }) => { if (socket.connected) socket.emit(name, detail); });
  socket.on("changed", (hint) => {
    if (!hint?.what) return;
    tell(`changed:${hint.what}`, hint);
    if (hint.id !== undefined && hint.id !== null) tell(`changed:${hint.what}:${hint.id}`, hint);
  });
  // A page kept for "back" has a dead socket and old content.
  window.addEventListener("pageshow", (event) => { if (event.persisted) { socket.connect(); refetch(); } });
  window.addEventListener("pagehide", () => socket.disconnect());
}

// A list under the pointer does not move: it offers to refresh instead, and does so when the pointer has left.
for (const list of document.querySelectorAll("[data-hold-live]")) {
  const fresh = () => list.querySelector("[data-refresh]");
  const busy = () => list.matches(":hover") || list.contains(document.activeElement);
  let waiting = false;
  const refresh = () => { waiting = false; list.dispatchEvent(new CustomEvent("refresh")); };
  for (const name of list.dataset.holdLive.split(" ")) {
    document.body.addEventListener(name, () => {
      if (!busy()) return refresh();
      waiting = true;
      const button = fresh();
      if (button) button.hidden = false;
    });
  }
  list.addEventListener("click", (event) => { if (event.target.closest("[data-refresh]")) refresh(); });
  list.addEventListener("mouseleave", () => { if (waiting && !list.contains(document.activeElement)) refresh(); });
}
