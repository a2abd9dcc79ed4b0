// The small forms of the chat: what is asked before the first word, the rating at the end, the transcript by mail.
// chat.js says when each stands there.

const one = (id) => document.getElementById(id);
const make = (tag, given = {}) => Object.assign(document.createElement(tag), given);
const TYPES = { email: ["email", "email"], phone: ["tel", "tel"], number: ["text", "off"], text: ["text", "off"] };

function wrong(id, words) {
  one(id).textContent = words;
  one(id).hidden = !words;
}

// ---- before the first word
const NARROW = ["email", "phone", "number"];
function field(f, say, contact, pair) {
  const id = `f-${f.key}`, box = make("div", { className: pair && NARROW.includes(f.type) ? "" : "wide" });
  const label = make("label", { htmlFor: id, textContent: f.label });
  label.append(make("span", { className: "quiet small", textContent: ` ${f.required ? say.sayRequired : say.sayOptional}` }));
  let input;
  if (f.type === "choice") {
    input = make("select", { className: "input" });
    input.append(make("option", { value: "", textContent: say.sayChoose }), ...f.choices.map((c) => make("option", { value: c, textContent: c })));
  } else if (f.type === "long") input = make("textarea", { className: "input", rows: 3, maxLength: 2000 });
  else {
    input = make("input", { className: "input", type: TYPES[f.type][0], maxLength: 254 });
    input.autocomplete = f.key === "name" ? "name" : TYPES[f.type][1];
    if (f.type === "number") input.inputMode = "decimal";
    input.value = contact[f.type] ?? (f.key === "name" ? contact.name : "") ?? "";
  }
  input.id = id;
  input.name = f.key;
  input.required = f.required;
  input.setAttribute("aria-required", String(f.required));
  box.append(label, input);
  return box;
}

// Draws the questions once and calls `done` with the answers; `send(answers, said)` hands them to the server.
function prechat(fields, say, contact, send, done) {
  const form = one("prechat"), mark = fields.map((f) => f.key).join(" ");
  if (form.dataset.drawn === mark) return;
  form.dataset.drawn = mark;
  one("prechat-fields").replaceChildren(...fields.map((f, n) => field(f, say, contact, NARROW.includes(fields[n + 1]?.type) || NARROW.includes(fields[n - 1]?.type))));
  one("prechat-skip").hidden = fields.some((f) => f.required);
  one("prechat-skip").onclick = () => done({});
  form.onsubmit = (event) => {
    event.preventDefault();
    const answers = Object.fromEntries(fields.map((f) => [f.key, form.elements[f.key].value.trim()]));
    const point = (key, words) => {
      wrong("prechat-wrong", words);
      for (const f of fields) form.elements[f.key].setAttribute("aria-invalid", String(Boolean(words) && f.key === key));
      if (words) form.elements[key]?.focus();
    };
    const missing = fields.find((f) => f.required && !answers[f.key]);
    if (missing) return point(missing.key, `${missing.label}：${say.sayRequired}`);
    send(answers, (answer) => {
      if (!answer?.ok) return point(answer?.field ?? fields[0].key, answer?.message || say.sayLost);
      point("", "");
      done(answer.contact ?? {});
    });
  };
}

// ---- the rating
function rating(say, send, done) {
  const form = one("rating");
  one("rating-skip").onclick = () => done(false);
  form.onsubmit = (event) => {
    event.preventDefault();
    const data = new FormData(form), score = data.get("score"), solved = data.get("solved");
    if (!score && (one("solved").hidden || !solved)) { form.querySelector("[name=score]").focus(); return; }
    const given = { score: score ? Number(score) : null, comment: String(data.get("comment") ?? "").trim(), solved: solved === null ? null : solved === "1" };
    send(given, (answer) => {
      wrong("rating-wrong", answer?.ok ? "" : answer?.message || say.sayLost);
      if (answer?.ok) { form.reset(); done(true); }
    });
  };
}

// ---- the transcript
function transcript(say, send, done) {
  const form = one("transcript");
  one("transcript-skip").onclick = () => done("");
  form.onsubmit = (event) => {
    event.preventDefault();
    send({ email: one("t-email").value.trim() }, (answer) => {
      wrong("transcript-wrong", answer?.ok ? "" : answer?.message || say.sayLost);
      one("t-email").setAttribute("aria-invalid", String(!answer?.ok));
      if (answer?.ok) done(answer.email);
      else one("t-email").focus();
    });
  };
}

window.chatForms = { prechat, rating, transcript };
