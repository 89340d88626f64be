// Show what students will see while the form of an assignment is filled in. Without this script the button
// "Preview" does it.

const form = document.querySelector("#assignment");
const state = document.querySelector("#state");
const PAUSE = 600; // milliseconds after the last change
let timer;
let latest = 0; // number of the newest request: answers to earlier ones are dropped

async function preview() {
  const number = ++latest;
  const fields = new FormData(form);
  const hasDocument = fields.get("file")?.size || fields.get("text")?.trim() || fields.get("kept");
  if (!hasDocument && form.action.includes("/assignments#")) return; // nothing to show yet
  fields.set("preview", "yes");
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields, headers: { "X-Part": "preview" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (number !== latest) return;
    const shown = page.querySelector("#preview") ?? page.querySelector("main");
    document.querySelector("#preview").replaceChildren(...shown.childNodes);
    state.textContent = "";
  } catch {
    if (number === latest) state.textContent = "The service could not be reached. Try again.";
  }
}

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(preview, PAUSE);
});
form?.addEventListener("dropped", preview);
if (form) preview();
