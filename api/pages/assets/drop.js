// Accept a dropped file anywhere on a form with a file field. Without this script only the field accepts it.

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
    if (!event.dataTransfer.files.length) return; // dragged text
    event.preventDefault();
    file.files = event.dataTransfer.files;
    file.dispatchEvent(new Event("change", { bubbles: true }));
    form.dispatchEvent(new CustomEvent("dropped"));
  });
}
