// Files of a chat go and come by HTTP with the token in a header: no address of one works without it.

window.ChatFiles = class {
  constructor(slug, token, say, chips, tell, changed) {
    Object.assign(this, { slug, token, say, chips, tell, changed });
    this.done = [];
    this.pending = 0;
    this.urls = new Map();
  }

  get busy() { return this.pending > 0; }

  trouble() { this.tell(this.say.sayGone); }

  add(chosen) {
    this.tell();
    for (const file of chosen) {
      if (this.done.length + this.pending >= 10) return this.tell(this.say.sayMany);
      if (file.size > Number(this.say.largest)) { this.tell(this.say.sayLarge); continue; }
      this.upload(file);
    }
  }

  async upload(file) {
    this.pending += 1;
    const chip = document.createElement("li"), name = document.createElement("span");
    chip.className = "chip busy";
    name.className = "cut";
    name.textContent = file.name;
    chip.append(name);
    this.chips.append(chip);
    this.changed();
    try {
      const body = new FormData();
      body.append("file", file, file.name);
      const answer = await fetch(`/chat/${this.slug}/files`, { method: "POST", body, headers: { "X-Huiyin-Visitor": this.token() }, credentials: "omit" });
      const given = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(given.message ?? "");
      this.urls.set(given.id, Promise.resolve(URL.createObjectURL(file)));
      this.done.push(given);
      chip.classList.remove("busy");
      const off = document.createElement("button");
      off.type = "button";
      off.setAttribute("aria-label", this.say.sayRemove);
      off.textContent = "×";
      off.onclick = () => { this.done = this.done.filter((f) => f !== given); chip.remove(); this.changed(); };
      chip.append(off);
    } catch (problem) {
      chip.remove();
      this.tell(problem.message && problem.name === "Error" ? problem.message : this.say.sayUpload);
    } finally {
      this.pending -= 1;
      this.changed();
    }
  }

  // What is ready goes with the next message.
  take() {
    const taken = this.done;
    this.done = [];
    this.chips.replaceChildren();
    return taken;
  }

  content(file) {
    if (!this.urls.has(file.id)) {
      this.urls.set(file.id, fetch(`/chat/${this.slug}/files/${file.id}`, { headers: { "X-Huiyin-Visitor": this.token() }, credentials: "omit" }).then(async (answer) => {
        if (!answer.ok) { this.urls.delete(file.id); throw new Error(String(answer.status)); }
        return URL.createObjectURL(await answer.blob());
      }));
    }
    return this.urls.get(file.id);
  }
};

// Chosen, pasted, dropped.
window.chatDrops = (files, text) => {
  document.getElementById("file").addEventListener("change", (event) => { files.add([...event.target.files]); event.target.value = ""; });
  text.addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length) { event.preventDefault(); files.add(pasted); }
  });
  document.addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) { event.preventDefault(); document.body.classList.add("dropping"); } });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (event.dataTransfer?.files.length) { event.preventDefault(); files.add([...event.dataTransfer.files]); }
  });
};
