/** The loop of the live preview: pictures out, answers in. */

import { openSocket } from "./api.js";
import { grabFrame } from "./camera.js";

const IN_FLIGHT = 2;
const SHOW_MS = 80; // numbers that change more often cannot be read
const PAUSE_MS = 500;

/**
 * Follows a camera.
 *
 * @param {{element: HTMLVideoElement | HTMLImageElement, board: boolean}} camera
 * @param {import("./live.js").LiveModel} model
 * @param {(answer: import("./live.js").Answer, frame: () => Promise<Blob>, rate: number) => void} show Is called with the
 *   pictures a second, not for every picture.
 * @returns {() => void} Ends it.
 */
export function startFollowing(camera, model, show) {
  const meter = makeMeter();
  let shown = 0;
  const take = (answer, frame) => {
    const rate = meter();
    if (performance.now() - shown < SHOW_MS) return;
    shown = performance.now();
    show(answer, frame, rate);
  };
  return camera.board ? followBoard(camera, take) : followBrowser(camera, model, take);
}

function followBoard(camera, take) {
  let running = true;
  let socket;
  const open = () => {
    socket = openSocket("/api/camera/preview");
    socket.addEventListener("message", ({ data }) => take(JSON.parse(data), () => grabFrame(camera.element)));
    socket.addEventListener("close", () => running && setTimeout(() => running && open(), PAUSE_MS));
  };
  open();
  return () => {
    running = false;
    socket.close();
  };
}

function followBrowser(camera, model, take) {
  let running = true;
  let asking = 0;
  const one = async () => {
    asking += 1;
    const frame = await grabFrame(camera.element);
    const answer = await model.ask(frame);
    if (answer && running) take(answer, async () => frame);
    if (!answer || answer.error) await pause();
    asking -= 1;
  };
  const loop = async () => {
    while (running) {
      await newPicture(camera.element);
      if (running && asking < IN_FLIGHT) one();
    }
  };
  loop();
  return () => (running = false);
}

/** Waits until the camera has given a picture that was not sent yet. Nothing comes while the page is hidden. */
const newPicture = (video) =>
  new Promise((resolve) =>
    video.requestVideoFrameCallback
      ? video.requestVideoFrameCallback(resolve)
      : requestAnimationFrame(resolve),
  );

const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** Counts events a second, over the last second. */
function makeMeter() {
  const times = [];
  return () => {
    const now = performance.now();
    times.push(now);
    while (now - times[0] > 1000) times.shift();
    return times.length > 1 ? (1000 * (times.length - 1)) / (now - times[0]) : 0;
  };
}
