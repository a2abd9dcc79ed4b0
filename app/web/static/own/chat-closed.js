// A closed entrance can still be put away.
const close = document.getElementById("close");
if (window.parent !== window) {
  close.hidden = false;
  close.addEventListener("click", () => window.parent.postMessage({ huiyin: "close" }, "*"));
}
