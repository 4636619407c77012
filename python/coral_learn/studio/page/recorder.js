/** Hold-to-record: pictures of a class for as long as a button is held, by pointer or key. */

import { addPhotos, record } from "./api.js";
import { NoCamera, grabFrame, openCamera } from "./camera.js";
import { button, el, withCode } from "./dom.js";
import { attempt } from "./notices.js";
import { texts } from "./texts.js";

const RATES = [2, 5, 10];
const DEFAULT_RATE = 5;
const BOARD_SECONDS = 1;
const MAX_FRAMES = 300; // that are sent at once

/**
 * Makes a recorder, which opens the camera at once.
 *
 * @param {string} name The class to record.
 * @returns {HTMLElement} It closes the camera on the event `end`.
 */
export function makeRecorder(name) {
  const screen = el("div", { class: "screen" });
  const hold = el("button", {
    type: "button",
    class: "button button-main hold",
    text: texts.hold,
    disabled: true,
  });
  const rate = el(
    "select",
    {},
    ...RATES.map((value) => el("option", { value, text: String(value), selected: value === DEFAULT_RATE })),
  );
  const tally = el("p", { class: "quiet", role: "status" });
  const element = el(
    "div",
    { class: "recorder" },
    screen,
    el(
      "div",
      { class: "recorder-bar" },
      hold,
      el("label", { class: "rate" }, el("span", { text: texts.rate }), rate),
    ),
    tally,
    el("p", { class: "quiet", text: texts.holdHint }),
  );
  let camera = null;
  let ended = false;
  const open = async () => {
    try {
      camera = await openCamera();
    } catch (error) {
      if (!(error instanceof NoCamera)) throw error;
      return screen.replaceChildren(
        el("p", { class: "trouble" }, ...withCode(error.message)),
        button({ text: texts.tryAgain, press: open }),
      );
    }
    if (ended) return camera.close();
    screen.replaceChildren(camera.element);
    hold.disabled = false;
  };
  const tape = makeTape(name, tally);
  const recording = () =>
    camera.board ? recordOnBoard(name, tally) : tape(camera.element, Number(rate.value));
  whileHeld(hold, recording);
  element.addEventListener("end", () => {
    ended = true;
    hold.dispatchEvent(new Event("blur")); // ends a recording
    camera?.close();
  });
  open();
  return element;
}

/** Runs `start` when the button is pressed, and what it returned when it is let go. */
function whileHeld(hold, start) {
  let stop = null;
  const press = () => {
    if (stop || hold.disabled) return;
    stop = start();
    hold.classList.add("held");
    hold.textContent = texts.holding;
  };
  const release = () => {
    stop?.();
    stop = null;
    hold.classList.remove("held");
    hold.textContent = texts.hold;
  };
  const isKey = ({ key }) => key === " " || key === "Enter";
  hold.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    hold.setPointerCapture(event.pointerId);
    press();
  });
  for (const event of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
    hold.addEventListener(event, release);
  hold.addEventListener("click", ({ detail }) => {
    if (detail) return; // of a pointer, which has pressed and released
    press(); // by a screen reader, which cannot hold
    release();
  });
  hold.addEventListener("contextmenu", (event) => event.preventDefault()); // of a long touch
  hold.addEventListener("keydown", (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    press();
  });
  hold.addEventListener("keyup", (event) => {
    if (!isKey(event)) return;
    event.preventDefault(); // a click, which Firefox would make of it
    release();
  });
}

/** Makes what records with the browser's camera. What was recorded at one go is one change, so one undo takes it back. */
function makeTape(name, tally) {
  let waiting = [];
  let sending = Promise.resolve();
  const send = async () => {
    if (!waiting.length) return;
    const frames = waiting;
    waiting = [];
    tally.textContent = texts.sendingFrames(frames.length);
    const answer = await attempt(() => addPhotos(name, frames, { thin: true }));
    if (!answer) waiting = [...frames, ...waiting];
    tally.textContent = answer ? texts.recorded(frames.length, answer) : texts.framesWait(waiting.length);
  };
  const sendNext = () => (sending = sending.then(send));
  const take = async (source) => {
    waiting.push(await grabFrame(source));
    tally.textContent = texts.recording(waiting.length);
    if (waiting.length >= MAX_FRAMES) sendNext();
  };
  /** Starts to record; what it returns ends it. */
  return (source, rate) => {
    let last = take(source);
    const timer = setInterval(() => (last = take(source)), 1000 / rate);
    return () => {
      clearInterval(timer);
      last.then(sendNext);
    };
  };
}

function recordOnBoard(name, tally) {
  let held = true;
  tally.textContent = texts.boardRecord;
  (async () => {
    while (held && (await attempt(() => record(name, BOARD_SECONDS))));
  })();
  return () => {
    held = false;
    tally.textContent = "";
  };
}
