// Pictures by paste and drop, attachments by choosing: sent one by one, with their place kept in the text meanwhile.
const form = document.getElementById("editor"), body = document.getElementById("w-body"), words = form?.dataset ?? {};
const shown = document.getElementById("uploads"), list = document.getElementById("filelist");
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
let sending = 0;
const count = (more) => { sending += more; form.dataset.sending = sending || ""; };

function say(text, bad = false) {
  const line = Object.assign(document.createElement("p"), { textContent: text, className: bad ? "wrong" : "quiet" });
  shown.append(line);
  if (bad) setTimeout(() => line.remove(), 12000);
  return line;
}

async function send(file) {
  const limit = Number(PICTURES.includes(file.type) ? words.imageMb : words.fileMb);
  if (file.size > limit * 1048576) { say(`${file.name}：${words.tooBig}`, true); return null; }
  const line = say(`${words.uploading} ${file.name}…`), data = new FormData();
  data.append("file", file, file.name);
  data.append("article", words.article);
  data.append("basket", words.basket);
  data.append("csrf_token", form.elements.csrf_token.value);
  count(1);
  try {
    const answer = await fetch("/knowledge/files", { method: "POST", body: data, headers: { Accept: "application/json" }, redirect: "error" });
    const found = await answer.json().catch(() => ({}));
    if (answer.ok) return found;
    say(found.message || `${file.name}：${words.failed}`, true);
  } catch {
    say(`${file.name}：${words.failed}`, true);
  } finally {
    count(-1);
    line.remove();
  }
  return null;
}

const named = (file) => (/^image\.\w+$/.test(file.name) ? "" : file.name.replace(/\.\w+$/, "").replace(/[[\]()!*_`#|<>\\]/g, " ").trim());

async function pictures(files) {
  for (const file of files) {
    const found = await send(file), text = found && (named(file) || words.picture);
    if (found?.image) form.dispatchEvent(new CustomEvent("put-block", { detail: { text: `![${text}](${found.url})`, select: text } }));
    else if (found) attach(found);
  }
}

function attach(found) {
  const item = document.createElement("li"), link = document.createElement("a"), size = document.createElement("span"), off = document.createElement("button");
  item.append(Object.assign(document.createElement("input"), { type: "hidden", name: "files", value: found.id }));
  Object.assign(link, { href: found.url, target: "_blank", className: "grow cut", textContent: found.name });
  Object.assign(size, { className: "quiet num", textContent: found.size });
  Object.assign(off, { type: "button", className: "button plain small square", textContent: "×", ariaLabel: `${words.remove} ${found.name}` });
  off.dataset.removeFile = "";
  item.append(link, size, off);
  list.append(item);
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

if (form && body) {
  body.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => PICTURES.includes(file.type));
    if (!files.length || event.clipboardData.getData("text/plain").trim()) return; // a table of a spreadsheet brings a picture too
    event.preventDefault();
    pictures(files);
  });
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      form.classList.add("dropping");
    });
  }
  for (const name of ["dragleave", "drop"]) form.addEventListener(name, (event) => { if (name === "drop" || event.target === form) form.classList.remove("dropping"); });
  form.addEventListener("drop", async (event) => {
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    if (event.target.closest(".filebox")) { for (const file of files) { const found = await send(file); if (found) attach(found); } return; }
    pictures(files);
  });
  document.getElementById("pick-picture").addEventListener("change", (event) => { pictures([...event.target.files]); event.target.value = ""; });
  document.getElementById("pick-file").addEventListener("change", async (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    for (const file of files) { const found = await send(file); if (found) attach(found); }
  });
  form.addEventListener("click", (event) => {
    const off = event.target.closest?.("[data-remove-file]");
    if (!off) return;
    off.closest("li").remove();
    form.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
