// Keeps the last seen pages of orders, and the files they are made of, for the time without a line. The network is always
// asked first; a page that leads to the login throws everything away that was kept.
const PAGES = "orders-pages", FILES = "orders-files";
const KEPT = /^\/orders(\/\d+)?$/;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
// A page that was on its way while this began stands outside until it asks.
self.addEventListener("message", (event) => event.waitUntil(self.clients.claim()));

async function page(request) {
  const cache = await caches.open(PAGES);
  try {
    const answer = await fetch(request);
    const url = new URL(answer.url || request.url);
    if (answer.redirected && url.pathname === "/login") await caches.delete(PAGES);
    else if (answer.ok && !answer.redirected && KEPT.test(url.pathname)) await cache.put(url.pathname + url.search, answer.clone());
    else if (answer.status === 404 || answer.status === 403) await cache.delete(url.pathname + url.search);
    return answer;
  } catch (problem) {
    const { pathname, search } = new URL(request.url);
    const kept = (await cache.match(pathname + search)) ?? (await cache.match(pathname, { ignoreSearch: true }));
    if (kept && request.mode === "navigate") return kept;
    throw problem;
  }
}

async function file(request) {
  const cache = await caches.open(FILES);
  const kept = await cache.match(request);
  const named = new URL(request.url).searchParams.has("v") || request.url.includes("/static/vendor/");
  if (kept && named) return kept;
  try {
    const answer = await fetch(request);
    if (answer.ok) {
      // An older release of the same file is of no use any more.
      for (const old of await cache.keys()) if (new URL(old.url).pathname === new URL(request.url).pathname && old.url !== request.url) await cache.delete(old);
      await cache.put(request, answer.clone());
    }
    return answer;
  } catch (problem) {
    if (kept) return kept;
    throw problem;
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  // A step changes the open page in place, from the same page asked for again: what is kept follows it.
  if (KEPT.test(url.pathname) && (request.mode === "navigate" || request.headers.has("HX-Request"))) event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
});
