// The form by keyboard alone: Enter goes on from who it is to what they say, Ctrl+Enter sends it from anywhere.
const form = document.querySelector("[data-newticket]"), who = form?.querySelector("#who"), words = form?.querySelector("[name='text']");

function person() { return form.querySelector("[name='contact']:checked"); }

form?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    form.requestSubmit();
  } else if (event.target === who || event.target.name === "contact") {
    event.preventDefault();
    (person() || event.target.name === "contact" ? words : form.querySelector("[name='contact']") ?? who).focus();
  }
});
// From the field down into the people, as in any list.
who?.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown") return;
  const first = form.querySelector("[name='contact']");
  if (!first) return;
  event.preventDefault();
  (person() ?? first).focus();
  if (!person()) { first.checked = true; first.dispatchEvent(new Event("change", { bubbles: true })); }
});
if (person() && !who?.value) words?.focus();
