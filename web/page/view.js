// Shows what is heard of a run.

import { Chart } from "./chart.js";
import { follow } from "./follow.js";
import { bytes, duration, speed } from "./format.js";

const $ = (id) => document.getElementById(id);
const FADE = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 500; // milliseconds
const ENDED = ["finished", "stopped", "failed"];
const STATES = { starting: "starting …", running: "running", stopping: "stopping after this iteration …" };

const chart = new Chart($("chart"), $("legend"), $("readout"));
let leave = null; // ends the connection
let run = null;
let isFirst = true; // of this connection: the news has the whole curve
let shown = 0; // version of the picture shown
let isLoading = false;
let hasFinished = false;
const TILES = 3; // along each side, of the picture that is shown as a tile

function connect() {
  if (!window.SharedWorker) return follow(hear);
  const { port } = new SharedWorker("/worker.js", { type: "module" });
  port.onmessage = ({ data }) => hear(data);
  return () => port.postMessage("leave");
}

function hear({ kind, news }) {
  if (kind === "news") {
    show(news);
  } else if (kind === "open") {
    isFirst = true;
  } else {
    setState("lost", "connection lost, trying again …");
    $("stop").disabled = true;
  }
}

function show(news) {
  if (news.run !== run) {
    run = news.run;
    shown = 0;
  }
  if (isFirst) chart.clear();
  isFirst = false;
  setState(news.state, news.message || STATES[news.state]);
  showProgress(news);
  if (news.latest) chart.add(news.names, news.points, news.latest);
  if (ENDED.includes(news.state)) finish(news);
  else showPicture(news.picture);
}

function setState(state, text) {
  document.body.dataset.state = state;
  if ($("state-text").textContent !== text) $("state-text").textContent = text;
}

function showProgress(news) {
  const percent = `${Math.floor(100 * news.done + 1e-6)} %`;
  const hasEnded = ENDED.includes(news.state);
  $("name").textContent = news.name;
  document.title = hasEnded ? `${news.state} · ${news.name}` : `${percent} · ${news.name}`;
  $("stop").disabled = !["starting", "running"].includes(news.state);
  $("iteration").textContent = news.iteration;
  $("total").textContent = news.total ? `of ${news.total}` : "";
  $("percent").textContent = percent;
  $("progress").value = news.done;
  $("left").textContent = hasEnded ? "–" : duration(news.left);
  $("elapsed").textContent = duration(news.seconds);
  $("size").textContent = news.size ? `${news.size[1]} × ${news.size[0]}` : "–";
  [$("speed-name").textContent, $("speed").textContent] = speed(news.speed);
  $("memory").textContent = news.memory ? bytes(news.memory.now) : "–";
  $("peak").textContent = news.memory ? bytes(news.memory.peak) : "–";
}

// Load a new picture, in the size in which it is shown, unless the last one is still on its way.
async function showPicture(picture) {
  if (!picture || picture.version === shown || isLoading || document.hidden) return;
  isLoading = true;
  try {
    const width = Math.ceil($("frame").clientWidth * devicePixelRatio);
    await putUp(`/image?w=${width}&version=${picture.version}`, picture);
  } catch {
    // It is tried again with the next event.
  } finally {
    isLoading = false;
  }
}

async function putUp(url, picture) {
  const [old, next] = [$("front"), $("back")];
  next.src = url;
  await next.decode();
  const [height, width] = picture.size;
  $("frame").style.setProperty("--shape", width / height);
  $("placeholder").hidden = true;
  $("caption").textContent = `after iteration ${picture.iteration} · ${width} × ${height} pixels`;
  if (!$("download").href) $("download").href = "/download"; // without it, it takes no focus either
  $("download").setAttribute("aria-disabled", "false");
  next.alt = `The picture after iteration ${picture.iteration}, ${width} by ${height} pixels`;
  next.removeAttribute("aria-hidden");
  old.setAttribute("aria-hidden", "true");
  [old.id, next.id] = ["back", "front"];
  shown = picture.version;
  old.after(next); // above it
  next.hidden = false;
  showTiles();
  await next.animate([{ opacity: 0 }, { opacity: 1 }], FADE).finished;
  old.hidden = true;
}

// Repeat the picture shown, as it was loaded, over the whole frame: its seam would show.
function showTiles() {
  const [canvas, picture] = [$("tiles"), $("front")];
  canvas.hidden = $("tile").getAttribute("aria-pressed") !== "true" || !picture.naturalWidth;
  if (canvas.hidden) return;
  [canvas.width, canvas.height] = [TILES * picture.naturalWidth, TILES * picture.naturalHeight];
  const context = canvas.getContext("2d");
  context.fillStyle = context.createPattern(picture, "repeat");
  context.fillRect(0, 0, canvas.width, canvas.height);
}

// The program goes away after the run: fetch its last picture, so that it stays and can be downloaded.
async function finish(news) {
  if (hasFinished) return;
  hasFinished = true;
  let picture = null;
  try {
    if (news.picture) picture = URL.createObjectURL(await (await fetch("/image")).blob());
  } finally {
    leave();
  }
  if (!picture) return;
  $("frame").href = $("download").href = picture;
  $("download").download = `${news.name.replace(/\.py$/, "")}-${news.picture.iteration}.png`;
  while (isLoading) await new Promise((resolve) => setTimeout(resolve, 50));
  await putUp(picture, news.picture);
}

$("stop").addEventListener("click", async () => {
  $("stop").disabled = true;
  setState("stopping", STATES.stopping);
  await fetch("/stop", { method: "POST" });
});

$("tile").addEventListener("click", () => {
  $("tile").setAttribute("aria-pressed", $("tile").getAttribute("aria-pressed") !== "true");
  showTiles();
});

addEventListener("pagehide", () => leave());
// A page that comes back from the browser's memory has left its connection behind.
addEventListener("pageshow", (event) => event.persisted && location.reload());

leave = connect();
