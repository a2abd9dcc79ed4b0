// A tone of our own for a new message: two soft notes, made here, no file. Browsers let a page sound only after somebody
// touched it; before that it stays silent.

window.ChatSound = class {
  constructor(button, say, store) {
    Object.assign(this, { button, say, store });
    this.on = store.get("mute") !== "1";
    button.addEventListener("click", () => { this.on = !this.on; store.set("mute", this.on ? "" : "1"); this.show(); if (this.on) { this.wake(); this.ring(); } });
    for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, () => this.wake(), { once: true });
    this.show();
  }

  show() {
    this.button.setAttribute("aria-pressed", String(this.on));
    this.button.title = this.on ? this.say.saySoundOff : this.say.saySoundOn;
  }

  // What a browser remembers arrives late where the page around us keeps it.
  again() { this.on = this.store.get("mute") !== "1"; this.show(); }

  wake() {
    try { this.air ??= new (window.AudioContext ?? window.webkitAudioContext)(); this.air.resume?.(); } catch { /* no sound here */ }
  }

  ring() {
    const air = this.air;
    if (!this.on || !air || air.state !== "running") return;
    for (const [at, pitch] of [[0, 660], [0.13, 880]]) {
      const note = air.createOscillator(), loud = air.createGain(), from = air.currentTime + at;
      note.type = "sine";
      note.frequency.value = pitch;
      loud.gain.setValueAtTime(0.0001, from);
      loud.gain.exponentialRampToValueAtTime(0.12, from + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.0001, from + 0.22);
      note.connect(loud).connect(air.destination);
      note.start(from);
      note.stop(from + 0.24);
    }
    document.body.dataset.rang = String(Number(document.body.dataset.rang ?? 0) + 1);
  }
};
