// Check without leaving the page, so that the chosen file and the text stay. Without this script the browser
// sends the form.

const form = document.querySelector("#check");
const state = document.querySelector("#state");
const file = form?.querySelector("#file");
const text = form?.querySelector("#text");

async function check() {
  const button = form.querySelector("button.main");
  button.disabled = true;
  state.textContent = "Judging…";
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { "X-Part": "outcome" },
    });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    show(page.querySelector("#outcome") ?? page.querySelector("main"));
    state.textContent = answer.ok ? "Judged." : "Not judged.";
  } catch {
    state.textContent = "The service could not be reached. Try again.";
  } finally {
    button.disabled = false;
  }
}

function show(fragment) {
  const outcome = document.querySelector("#outcome");
  outcome.replaceChildren(...fragment.childNodes);
  window.GradJury?.enliven(outcome);
  outcome.focus({ preventScroll: true });
  outcome.scrollIntoView({ block: "start" });
}

form?.addEventListener("submit", (event) => {
  if (event.submitter?.name === "download") return; // the browser saves the file
  event.preventDefault();
  check();
});
form?.addEventListener("dropped", check);
file?.addEventListener("change", () => {
  state.textContent = file.files.length ? `${file.files[0].name} is checked, not the text below.` : "";
});
text?.addEventListener("input", () => {
  file.value = ""; // the text was typed last, so it is the document
});
