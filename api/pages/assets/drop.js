// Files may be dropped anywhere on a form that takes one; without this script, on its file field alone.

for (const area of document.querySelectorAll(".drop")) {
  const form = area.closest("form");
  const file = area.querySelector("input[type=file]");
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("over");
  });
  form.addEventListener("dragleave", () => area.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    area.classList.remove("over");
    if (!event.dataTransfer.files.length) return; // text that is dragged into a field
    event.preventDefault();
    file.files = event.dataTransfer.files;
    file.dispatchEvent(new Event("change", { bubbles: true }));
    form.dispatchEvent(new CustomEvent("dropped"));
  });
}
