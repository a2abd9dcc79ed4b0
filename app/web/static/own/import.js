// Files and folders by drop, with the way that each stands in its folder; and how far the upload is.
const form = document.getElementById("import-form");
const zone = document.getElementById("dropzone");
const input = form.querySelector("input[name=files]");
const folder = form.querySelector("input[data-folder]");
const chosen = document.getElementById("chosen");
const bar = document.getElementById("sending");
let dropped = [];

if ("webkitdirectory" in folder) {
  folder.webkitdirectory = true;
  folder.closest("label").hidden = false;
}

function show(files) {
  dropped = files;
  chosen.textContent = files.length ? form.dataset.count.replace("TEXT", files.length) + (files.length < 4 ? `：${files.map((f) => f.path).join("、")}` : "") : "";
}

input.addEventListener("change", () => show([...input.files].map((file) => ({ file, path: file.name }))));
folder.addEventListener("change", () => show([...folder.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }))));

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
  } else if (entry.isDirectory) {
    const reader = entry.createReader();
    for (;;) {
      const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!part.length) break;
      for (const inside of part) await walk(inside, found);
    }
  }
}

for (const name of ["dragover", "dragleave", "drop"]) {
  zone.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.toggle("over", name === "dragover");
  });
}
zone.addEventListener("drop", async (event) => {
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...event.dataTransfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  show(found.length ? found : plain);
});

form.addEventListener("submit", (event) => {
  if (!dropped.length) return;
  event.preventDefault();
  const data = new FormData(form);
  data.delete("files");
  for (const { file, path } of dropped) data.append("files", file, path);
  const sending = new XMLHttpRequest();
  sending.open("POST", form.action);
  sending.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.hidden = false;
    bar.value = total ? (100 * loaded) / total : 0;
    chosen.textContent = form.dataset.sending.replace("TEXT", `${Math.round(bar.value)}%`);
  });
  sending.addEventListener("load", () => {
    if (sending.status === 200 && sending.responseURL !== location.href) {
      location.assign(sending.responseURL);
      return;
    }
    bar.hidden = true;
    const page = new DOMParser().parseFromString(sending.responseText, "text/html");
    chosen.textContent = (page.querySelector(".wrong") ?? page.querySelector("main p") ?? page.body).textContent.trim();
  });
  sending.addEventListener("error", () => form.submit());
  sending.send(data);
});
