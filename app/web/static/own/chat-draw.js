// How a message of a chat looks. Words of people are only ever text; addresses in them become links. chat.js finds it here.

const ADDRESS = /(https?:\/\/[!-~]*[\w/=&#%+~-])/;
const icon = (name) => {
  const sprite = document.querySelector("svg use").getAttribute("href").split("#")[0];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon small");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
};
const make = (tag, className, words = "") => Object.assign(document.createElement(tag), { className, textContent: words });

function clock(moment) { return new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false }); }

function day(moment, say) {
  const date = new Date(moment), midnight = (d) => new Date(d).setHours(0, 0, 0, 0);
  const ago = Math.round((midnight(Date.now()) - midnight(date)) / 864e5);
  if (ago === 0) return say.sayToday;
  if (ago === 1) return say.sayYesterday;
  return date.toLocaleDateString(say.locale === "en" ? "en" : "zh-CN", { year: "numeric", month: "short", day: "numeric" });
}

function words(message) {
  const box = make("div", "bubble");
  message.text.split(ADDRESS).forEach((part, n) => {
    if (n % 2) box.append(Object.assign(make("a", "", part), { href: part, target: "_blank", rel: "noopener noreferrer nofollow" }));
    else box.append(part);
  });
  return box;
}

function picture(file, files) {
  const button = make("button", "picture");
  button.type = "button";
  const img = Object.assign(document.createElement("img"), { alt: file.name });
  button.append(img);
  files.content(file).then((url) => { img.src = url; button.dataset.url = url; button.onclick = () => window.open(url, "_blank", "noopener"); }, () => button.replaceWith(paper(file, files)));
  return button;
}

function paper(file, files) {
  const button = make("button", "document");
  button.type = "button";
  button.append(icon("paperclip"), make("span", "cut", file.name), make("span", "quiet small", size(file.size)));
  button.onclick = async () => {
    const url = await files.content(file).catch(() => files.trouble());
    if (url) Object.assign(document.createElement("a"), { href: url, download: file.name }).click();
  };
  return button;
}
const size = (n) => (n < 1000 ? `${n} B` : n < 1e6 ? `${Math.round(n / 1000)} kB` : `${(n / 1e6).toFixed(1)} MB`);

// A menu of ours: each item is a button until one was tapped or somebody wrote after it.
function menu(message, pick, open) {
  const box = make("div", "menuitems");
  for (const one of message.menu) {
    const button = make("button", "", one.text);
    button.type = "button";
    button.disabled = !open;
    button.onclick = () => pick(one);
    box.append(button);
  }
  return box;
}

// A link of ours with its title and a line of words.
function card({ title, text, url }) {
  const box = Object.assign(make("a", "bubble linkcard"), { href: url, target: "_blank", rel: "noopener" });
  box.append(make("b", "", title), make("span", "", text));
  return box;
}

function bubble(message, { first, time: timed, foot, say, files, retry, remove, pick, open }) {
  const mine = message.author.type === "visitor";
  const item = make("li", `say ${mine ? "mine" : message.author.type}${first ? " first" : ""}${message.failed ? " failed" : message.waiting ? " waiting" : ""}`);
  const name = mine ? say.sayYou : message.author.name;
  if (first && !mine && name) item.append(make("span", "who", name));
  else item.append(make("span", "sr", `${name}: `));
  if (message.card) item.append(card(message.card));
  else if (message.menu) item.append(words({ text: message.head || message.text }), menu(message, pick, open));
  else if (message.text) item.append(words(message));
  for (const file of message.files ?? []) item.append(file.image ? picture(file, files) : paper(file, files));
  const time = make("time", "", clock(message.created_at));
  time.dateTime = message.created_at;
  const below = make("span", "foot");
  if (message.failed) {
    below.className = "foot bad";
    below.append(message.failed, " ");
    for (const [label, act] of [[say.sayRetry, retry], [say.sayRemove, remove]]) {
      const button = make("button", "", label);
      button.type = "button";
      button.onclick = () => act(message.client_msg_id);
      below.append(button);
    }
  } else {
    below.append(time);
    if (foot) below.append(` · ${say[`say${foot[0].toUpperCase()}${foot.slice(1)}`]}`);
  }
  item.append(below);
  if (!timed) below.classList.add("sr");
  return item;
}

function unlink(element) {
  for (const shown of element.querySelectorAll("[data-url]")) URL.revokeObjectURL(shown.dataset.url);
  element.remove();
}

window.chatDraw = { bubble, day, unlink };
