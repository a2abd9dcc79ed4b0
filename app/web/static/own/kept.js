// A form that is left half written (for the login, or by a slip) has its words again when one comes back in this tab.
// They stay in the tab, and are gone once the form was sent.

const form = document.querySelector("form[data-keep]");
if (form) {
  const key = `kept:${form.dataset.keep}`;
  const fields = () => [...form.elements].filter((f) => f.name && f.name !== "csrf_token" && /^(textarea|select-one|text|email|tel|radio)$/.test(f.type));
  let sent = false;
  const before = JSON.parse(sessionStorage.getItem(key) ?? "{}");
  for (const field of fields()) {
    const words = before[field.name];
    if (!words) continue;
    if (field.type === "radio") field.checked ||= field.value === words && !form.querySelector(`[name="${field.name}"]:checked`);
    else field.value ||= words;
  }
  sessionStorage.removeItem(key);
  form.addEventListener("submit", () => { sent = true; });
  window.addEventListener("pageshow", () => { sent = false; });
  window.addEventListener("pagehide", () => {
    const words = Object.fromEntries(fields().filter((f) => f.value && (f.type !== "radio" || f.checked)).map((f) => [f.name, f.value]));
    if (!sent && (words.text ?? "").trim()) sessionStorage.setItem(key, JSON.stringify(words));
  });
}
