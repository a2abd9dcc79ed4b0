// The Markdown editor: what the buttons and keys do to the text, lists that go on by themselves, the meter of the script.
// Edits go through execCommand, because that is what Ctrl-Z undoes. Scripts beside this one ask by the event "put-block".
const form = document.getElementById("editor"), body = document.getElementById("w-body"), words = form?.dataset ?? {};

function put(text, from = body.selectionStart, to = body.selectionEnd) {
  body.focus();
  body.setSelectionRange(from, to);
  if (!document.execCommand(text ? "insertText" : "delete", false, text)) body.setRangeText(text, from, to, "end");
  body.setSelectionRange(from + text.length, from + text.length);
  body.dispatchEvent(new Event("input", { bubbles: true }));
}
const chosen = () => body.value.slice(body.selectionStart, body.selectionEnd);

// Words around the selection; with nothing selected a sample stands there, selected, to be typed over.
function wrap(before, after, sample) {
  const from = body.selectionStart, text = chosen() || sample;
  put(before + text + after);
  body.setSelectionRange(from + before.length, from + before.length + text.length);
}

// A block of its own lines, with an empty line before and after it.
function block(text, select = "") {
  const at = body.selectionEnd, before = body.value.slice(0, at), after = body.value.slice(at);
  const gap = before === "" || before.endsWith("\n\n") ? "" : before.endsWith("\n") ? "\n" : "\n\n";
  const end = after === "" || after.startsWith("\n\n") ? "\n" : after.startsWith("\n") ? "\n" : "\n\n";
  put(gap + text + end, at, at);
  const place = select ? (gap + text).indexOf(select) : -1;
  if (place >= 0) body.setSelectionRange(at + place, at + place + select.length);
}

// The sign of a list or heading at the begin of each chosen line; a second press takes it away again.
function lines(sign, sample) {
  const from = body.value.lastIndexOf("\n", body.selectionStart - 1) + 1;
  let to = body.value.indexOf("\n", Math.max(body.selectionEnd, from));
  if (to < 0) to = body.value.length;
  const had = body.value.slice(from, to).split("\n"), any = /^(\d+\. |- |#+ )/;
  const off = had.every((line, n) => line.startsWith(sign(n)));
  const text = had.map((line, n) => (off ? line.slice(sign(n).length) : sign(n) + (line.replace(any, "") || (had.length === 1 ? sample : "")))).join("\n");
  put(text, from, to);
  if (had.length === 1 && !had[0] && !off) body.setSelectionRange(from + sign(0).length, from + text.length);
}

const ACTS = {
  heading: () => lines(() => "## ", words.heading),
  bold: () => wrap("**", "**", words.bold),
  steps: () => lines((n) => `${n + 1}. `, words.item),
  list: () => lines(() => "- ", words.item),
  table: () => block(`| ${words.table} 1 | ${words.table} 2 |\n| --- | --- |\n|  |  |`, `${words.table} 1`),
  link: () => {
    const text = chosen() || words.link, from = body.selectionStart, address = /^(https?:\/\/|\/)/.test(text) ? text : "article:";
    put(`[${address === text ? words.link : text}](${address})`);
    const at = from + 1 + (address === text ? words.link : text).length + 2;
    body.setSelectionRange(at, at + address.length);
  },
  code: () => (chosen().includes("\n") ? block(`\`\`\`\n${chosen()}\n\`\`\``) : wrap("`", "`", "E07")),
  warning: () => {
    const text = chosen() || words.warning;
    if (chosen()) put(`::: warning\n${text}\n:::`);
    else block(`::: warning\n${text}\n:::`, text);
    const box = document.getElementById("a-safety");
    if (box && !box.checked) { box.checked = true; box.dispatchEvent(new Event("change", { bubbles: true })); }
  },
};
const KEYS = { Digit1: "heading", Digit2: "steps", Digit3: "list", Digit4: "table", Digit5: "link", Digit6: "code", Digit7: "warning" };

if (form && body) {
  form.addEventListener("put-block", ({ detail }) => block(detail.text, detail.select));
  form.addEventListener("click", (event) => {
    const tool = event.target.closest?.("[data-md]");
    if (tool) ACTS[tool.dataset.md]();
    const tick = event.target.closest?.("[data-tick]"), box = tick && document.getElementById(tick.dataset.tick);
    if (box) { box.checked = true; box.dispatchEvent(new Event("change", { bubbles: true })); }
    const asked = event.target.closest?.("[data-add-question]"), field = document.getElementById("w-questions");
    if (asked && field) {
      field.value = `${field.value.trimEnd()}\n${asked.dataset.addQuestion}`.trimStart();
      asked.closest("li").remove();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
  // One stop of Tab for the whole bar, arrows inside it.
  const bar = form.querySelector("[role='toolbar']"), tools = [...bar.querySelectorAll("button[data-md]")];
  tools.forEach((tool, n) => { tool.tabIndex = n ? -1 : 0; });
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], at = tools.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    tools[at].tabIndex = -1;
    const next = tools[(at + step + tools.length) % tools.length];
    next.tabIndex = 0;
    next.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || document.querySelector("dialog[open]")) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.code === "KeyS") {
      event.preventDefault();
      form.requestSubmit([...form.querySelectorAll(".pagehead button.primary")].pop());
    }
  });
  body.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const ctrl = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    const act = ctrl && event.code === "KeyB" ? "bold" : event.altKey && !event.ctrlKey && !event.metaKey ? KEYS[event.code] : "";
    if (act) { event.preventDefault(); return ACTS[act](); }
    if (event.key === "Enter" && !event.shiftKey && !ctrl && body.selectionStart === body.selectionEnd) goOn(event);
  });
  // Text and preview scroll together.
  const proof = form.querySelector(".proof");
  body.addEventListener("scroll", () => {
    const room = body.scrollHeight - body.clientHeight;
    if (room > 0) proof.scrollTop = (body.scrollTop / room) * (proof.scrollHeight - proof.clientHeight);
  }, { passive: true });
  // What a calm voice needs: four and a half Han characters a second.
  const meter = document.getElementById("script-meter"), script = meter && document.getElementById(meter.dataset.for);
  script?.addEventListener("input", () => {
    const seconds = Math.round(script.value.replace(/\s/g, "").length / 4.5), bar = meter.querySelector("meter"), said = meter.querySelector("span");
    bar.value = Math.min(60, seconds);
    said.textContent = said.textContent.replace(/\d+/, String(seconds));
    meter.classList.toggle("over", seconds > 40);
  });
  script?.dispatchEvent(new Event("input"));
}

// Enter in a list writes the next sign; in an empty item it ends the list.
function goOn(event) {
  const from = body.value.lastIndexOf("\n", body.selectionStart - 1) + 1, line = body.value.slice(from, body.selectionStart);
  const found = /^(\s*)(?:(\d+)\. |([-*]) )(.*)$/.exec(line);
  if (!found) return;
  event.preventDefault();
  // Behind an empty line: without one, what is written next would be read as a part of the last item.
  const before = body.value.slice(0, from);
  if (!found[4].trim()) return put(before && !before.endsWith("\n\n") ? "\n" : "", from, body.selectionStart);
  put(`\n${found[1]}${found[2] ? `${Number(found[2]) + 1}. ` : `${found[3]} `}`);
}
