// Plays an exchange: what happens on this telephone is reported to the hook, as any exchange would do it.

const phone = document.querySelector(".softphone");
const words = document.getElementById("words")?.dataset ?? {};
const one = (selector) => phone.querySelector(selector);

if (phone && one("[data-do]")) {
  let call = null, since = 0;
  const state = (name) => {
    phone.dataset.state = name;
    one("#phone-state").textContent = words[name];
    since = name === "ring" || name === "talk" ? Date.now() : 0;
    if (!since) one("#phone-clock").textContent = "";
    const may = { ring: name === "idle" || name === "ended", answer: name === "ring", pass: name === "ring", "give-up": name === "ring", hangup: name === "talk" };
    for (const button of phone.querySelectorAll("[data-do]")) button.disabled = !may[button.dataset.do];
  };
  setInterval(() => { if (since) { const s = Math.floor((Date.now() - since) / 1000); one("#phone-clock").textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`; } }, 500);
  async function report(event, more = {}) {
    const body = { event, id: call.id, caller: call.caller, callee: phone.dataset.hotline, direction: "inbound", queue: call.queue, agent: call.extension, at: new Date().toISOString(), ...more };
    const answer = await fetch(phone.dataset.hook, { method: "POST", headers: { "Content-Type": "application/json", "X-Huiyin-Secret": phone.dataset.secret }, body: JSON.stringify(body) });
    if (!answer.ok) { one("#phone-state").textContent = words.refused; throw new Error(String(answer.status)); }
  }
  const acts = {
    async ring() {
      const number = crypto.getRandomValues(new Uint32Array(2)).join("-");
      call = { id: `demo-${number}`, caller: one("#caller").value, queue: one("#queue").value, extension: one("#extension").value };
      await report("ring");
      state("ring");
    },
    async answer() { await report("answer"); state("talk"); },
    async pass() {
      const list = one("#extension");
      list.selectedIndex = (list.selectedIndex + 1) % list.options.length;
      call.extension = list.value;
      await report("ring");
    },
    async "give-up"() { await report("hangup", { outcome: "abandoned" }); state("ended"); },
    async hangup() { await report("hangup"); state("ended"); },
  };
  phone.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-do]");
    if (button && !button.disabled) acts[button.dataset.do]().catch(() => {});
  });
  state("idle");
}
