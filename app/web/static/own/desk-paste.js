// A picture pasted into an answer: it goes along as a file, and a mail shows it at the place where it was pasted.

document.addEventListener("paste", (event) => {
  const field = event.target.closest?.("#reply"), form = field?.form;
  const pictures = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
  if (!form || !pictures.length || form.dataset.mode === "note") return;
  event.preventDefault();
  const input = form.elements.files, kept = new DataTransfer(), chinese = document.documentElement.lang.startsWith("zh");
  for (const file of input.files) kept.items.add(file);
  for (const picture of pictures) {
    const name = `${new Date().toTimeString().slice(0, 8).replaceAll(":", "")}-${kept.items.length + 1}.${picture.type.slice(6).replace("jpeg", "jpg").replace(/\W.*/, "")}`;
    kept.items.add(new File([picture], name, { type: picture.type }));
    if (form.dataset.channel === "email") field.setRangeText(chinese ? `[图片：${name}]\n` : `[image: ${name}]\n`, field.selectionStart, field.selectionEnd, "end");
  }
  input.files = kept.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
