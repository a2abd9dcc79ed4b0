// Who the visitor is, said by somebody who knows: the site's JWT (from the page around us), or our own login on the
// portal. It is exchanged on the server for a token; the proof itself is kept nowhere.

window.ChatProof = class {
  constructor(slug, say, store) {
    Object.assign(this, { slug, say, store });
    this.jwt = "";
    this.said = say.home === "1"; // on the portal the page itself knows; elsewhere the page around us says so
  }

  // The site's own name for them, only to see whether it is still the same person. The server checks, not we.
  get who() {
    if (this.say.known) return this.say.who;
    try {
      const said = JSON.parse(atob(this.jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
      return `site:${said.external_user_id ?? said.sub}`;
    } catch { return ""; }
  }

  get any() { return Boolean(this.jwt || this.say.known); }

  // The page around us says who is there now; true where that is somebody else than before.
  take(jwt) {
    if (this.say.known || typeof jwt !== "string") return false;
    const before = this.who;
    this.jwt = jwt;
    this.said = true;
    return this.who !== before;
  }

  // Somebody else's words must not stay on a machine that they left.
  forget() {
    for (const name of ["token", "who", "draft", ...this.store.names("out:")]) this.store.drop(name);
  }

  // The token of this person, fetched where we have none; null where nobody vouches. Throws the server's words.
  async token(anew = false) {
    const kept = this.store.get("token"), mine = this.store.get("who") ?? "";
    if (!this.any) {
      if (mine && this.said) this.forget();
      return mine && this.said ? null : kept;
    }
    if (kept && mine === this.who && !anew) return kept;
    if (mine && mine !== this.who) this.forget();
    const headers = { "Content-Type": "application/json" };
    if (kept && !mine) headers["X-Huiyin-Visitor"] = kept;
    const body = JSON.stringify({ proof: this.jwt || undefined, known: this.say.known || undefined, language: this.say.locale });
    const answer = await fetch(`/chat/${this.slug}/token`, { method: "POST", headers, body, credentials: "omit" });
    const given = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(given.message ?? "");
    this.store.set("token", given.token);
    this.store.set("who", this.who);
    return given.token;
  }
};
