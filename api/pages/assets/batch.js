// Update the progress of a batch. Without this script the page reloads itself.

const batch = document.querySelector("#batch");
const progress = document.querySelector("#progress");

function update(event) {
  const data = JSON.parse(event.data);
  const counts = { ...data, finished: data.total - data.states.pending };
  for (const place of batch.querySelectorAll("[data-count]")) {
    place.textContent = place.dataset.count.split(".").reduce((value, key) => value[key], counts);
  }
  progress.value = counts.finished;
}

if (batch.dataset.over === "false") {
  const events = new EventSource(batch.dataset.events);
  events.addEventListener("progress", update);
  events.addEventListener("finished", (event) => {
    events.close();
    update(event);
    location.reload();
  });
}
