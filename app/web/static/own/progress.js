// The progress page works without this. With it: what changed shows by itself, and nothing that is being written is touched.

const page = document.querySelector("[data-pulse-url]");
const EVERY = 15_000;
let known = page?.dataset.pulse;

function busy(part) {
  if (part.contains(document.activeElement) && document.activeElement.matches("textarea, input, select")) return true;
  return [...part.querySelectorAll("textarea, input")].some((f) => (f.type === "radio" || f.type === "checkbox" ? f.checked !== f.defaultChecked : f.type !== "hidden" && f.value !== f.defaultValue));
}

async function look() {
  if (document.hidden || !navigator.onLine) return;
  try {
    const answer = await fetch(page.dataset.pulseUrl, { headers: { Accept: "text/plain" } });
    if (!answer.ok) return;
    const pulse = await answer.text();
    if (pulse === known) return;
    const fresh = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
    let all = true;
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (!other) { part.replaceChildren(); continue; }
      if (part.innerHTML === other.innerHTML) continue;
      if (busy(part)) { all = false; continue; }
      part.replaceChildren(...other.childNodes);
    }
    // What one may still do follows from how it stands.
    const talk = document.querySelector(".talk");
    if (talk && !fresh.querySelector(".talk") && !busy(talk)) talk.remove();
    if (all) known = pulse;
  } catch { /* The next look tries again. */ }
}

if (known) {
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
}
