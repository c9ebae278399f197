// A call that isn't analysed yet: wait for it, then show it.

const box = document.getElementById("waiting");
const ENDS = new Set(["done", "no_speech", "dead", "skipped"]);
const events = new EventSource(`/v1/recordings/${box.dataset.recording}/events`);

events.addEventListener("progress", ({ data }) => {
  const { stage } = JSON.parse(data);
  if (!ENDS.has(stage)) return;
  events.close();
  location.reload();
});
