// Nothing typed is lost: unsaved words stay in this browser until they are saved, and leaving the page asks first.
const form = document.getElementById("editor"), words = form?.dataset ?? {};
const PREFIX = "knowledge-kept:", KEY = PREFIX + (words.kept ?? ""), DAYS = 14;
const NAMES = ["title", "questions", "body", "comment", "phone_script", "internal_note"];

const busy = () => Boolean(form.dataset.sending);
const now = () => Object.fromEntries(NAMES.map((name) => [name, (form.elements[name]?.value ?? "").replaceAll("\r\n", "\n")]));
const same = (one, other) => NAMES.every((name) => (one[name] ?? "").trim() === (other[name] ?? "").trim());
function read() { try { return JSON.parse(localStorage.getItem(KEY)); } catch { return null; } }
function write(kept) { try { localStorage.setItem(KEY, JSON.stringify(kept)); return true; } catch { return false; } }

if (form) {
  const stood = now(), came = words.fresh === "1";
  const status = document.getElementById("kept-status"), notice = document.getElementById("kept");
  let leaving = false, clock = 0, listed = form.querySelectorAll("[name='files']").length;
  const dirty = () => !came || !same(now(), stood) || form.querySelectorAll("[name='files']").length !== listed;

  // What a form brought back with errors is unsaved too.
  const kept = read();
  if (kept && Date.now() - kept.at > DAYS * 86400000) localStorage.removeItem(KEY);
  else if (kept && came && (same(kept.words, stood) || (kept.sent && Number(words.version) > kept.version))) localStorage.removeItem(KEY);
  else if (kept && came) {
    const text = notice.querySelector("p"), when = new Date(kept.at).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    text.textContent = `${words.keptFrom} ${when}。${Number(words.version) > kept.version ? words.keptOlder : ""}`;
    notice.hidden = false;
    notice.querySelector("[data-kept-restore]").addEventListener("click", () => {
      for (const name of NAMES) if (form.elements[name] && kept.words[name] !== undefined) form.elements[name].value = kept.words[name];
      notice.hidden = true;
      status.textContent = words.restored;
      for (const name of ["body", "title"]) form.elements[name]?.dispatchEvent(new Event("input", { bubbles: true }));
    });
    notice.querySelector("[data-kept-drop]").addEventListener("click", () => { localStorage.removeItem(KEY); notice.hidden = true; });
  }

  function keep(sent = false) {
    clearTimeout(clock);
    if (!sent && !dirty()) { if (notice.hidden) localStorage.removeItem(KEY); return; }
    if (write({ words: now(), at: Date.now(), version: Number(words.version), sent }) && !sent) status.textContent = words.keptNow;
  }
  form.addEventListener("input", () => {
    clearTimeout(clock);
    clock = setTimeout(keep, 800);
  });
  window.addEventListener("pagehide", () => { if (!leaving) keep(); });
  form.addEventListener("submit", (event) => {
    if (busy()) { event.preventDefault(); status.textContent = `${words.uploading}…`; return; }
    leaving = true;
    keep(true);
  });
  window.addEventListener("pageshow", () => { leaving = false; });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && (busy() || dirty())) event.preventDefault();
  });
}
