/** What the model sees: in the camera, live, or in a picture that people try. */

import { makeBars } from "./bars.js";
import { NoCamera, chooseCamera, grabFrame, listCameras, openCamera, usesBoard } from "./camera.js";
import { acceptDrops } from "./dropped.js";
import { button, el, withCode } from "./dom.js";
import { icon } from "./icons.js";
import { LiveModel } from "./live.js";
import { notify } from "./notices.js";
import { startFollowing } from "./preview_loop.js";
import { currentState, onState } from "./state.js";
import { texts } from "./texts.js";
import { keepUnsure, makeUnsureSwitch } from "./unsure.js";

const SMALL = 640; // pictures up to this size go to the model as they are

/** @returns {{element: HTMLElement, end: () => void}} */
export function makePreview() {
  const model = new LiveModel();
  const bars = makeBars();
  const screen = el("div", { class: "screen" });
  const line = el("p", { class: "quiet preview-line" });
  const hint = el("p", { class: "quiet", hidden: true }, ...withCode(texts.notSecureBoard));
  const about = el("p", { class: "quiet" });
  const start = button({
    icon: icon("camera"),
    text: texts.startPreview,
    kind: "button-main",
    press: () => (camera ? stop() : open()),
  });
  const choice = el("select", { hidden: true, "aria-label": texts.cameraChoice });
  const file = el("input", { type: "file", accept: "image/*", hidden: true });
  const still = button({ icon: icon("files"), text: texts.tryPicture, press: () => file.click() });
  const element = el(
    "aside",
    { class: "preview", "aria-label": texts.seeTitle },
    el("h2", { text: texts.seeTitle }),
    screen,
    el("div", { class: "preview-bar" }, start, still, file, choice, hint),
    bars.element,
    line,
    makeUnsureSwitch(),
    about,
    el("div", { class: "drop-sign", "aria-hidden": "true", text: texts.dropPicture }),
  );

  let camera = null;
  let following = null;
  let picture = null; // the still picture that is shown
  let speed = "";
  let opening = 0; // grows when an opening is overtaken

  const say = (text) => screen.replaceChildren(el("p", { class: "quiet", text }));
  const rest = () => say(currentState()?.has_model ? texts.previewIdle : texts.previewNeeds);
  const showStart = () =>
    start.lastChild.replaceWith(el("span", { text: camera ? texts.stopPreview : texts.startPreview }));
  const showAnswer = (answer) => {
    if (answer.error) {
      bars.clear();
      line.textContent = answer.error;
      return;
    }
    bars.show(answer, currentState());
    line.textContent = speed;
  };

  const open = async () => {
    const turn = ++opening;
    picture = null;
    let opened;
    try {
      opened = await openCamera();
    } catch (error) {
      if (!(error instanceof NoCamera)) throw error;
      if (turn === opening) screen.replaceChildren(el("p", { class: "trouble" }, ...withCode(error.message)));
      return;
    }
    if (turn !== opening) return opened.close();
    camera = opened;
    screen.replaceChildren(camera.element);
    following = startFollowing(camera, model, (answer, frame, rate) => {
      speed = answer.error ? "" : texts.speed(rate, answer.milliseconds);
      showAnswer(answer);
      keepUnsure(answer, frame);
    });
    hint.hidden = !camera.board || isSecureContext;
    showStart();
    showChoice();
  };
  const stop = () => {
    opening += 1;
    following?.();
    camera?.close();
    camera = following = null;
    bars.clear();
    line.textContent = "";
    showStart();
    rest();
  };
  const showChoice = async () => {
    const cameras = await listCameras();
    choice.hidden = cameras.length < 2;
    const now = usesBoard()
      ? "board"
      : camera?.element.srcObject?.getVideoTracks()[0]?.getSettings().deviceId;
    choice.replaceChildren(
      ...cameras.map(({ value, name }) => el("option", { value, text: name, selected: value === now })),
    );
  };
  const tryPicture = async (chosen) => {
    let bitmap;
    try {
      bitmap = await createImageBitmap(chosen);
    } catch {
      return notify(texts.notAPicture(chosen.name), { error: true });
    }
    stop();
    const asItIs = chosen.type === "image/jpeg" && Math.max(bitmap.width, bitmap.height) <= SMALL;
    picture = asItIs ? chosen : await grabFrame(bitmap);
    const image = el("img", { class: "picture", alt: texts.triedPicture(chosen.name) });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    image.src = URL.createObjectURL(chosen);
    screen.replaceChildren(image);
    askAgain();
  };
  const askAgain = async () => {
    const asked = picture;
    const answer = asked && (await model.ask(asked));
    if (!answer || asked !== picture) return;
    speed = answer.error ? "" : texts.stillSpeed(answer.milliseconds);
    showAnswer(answer);
  };

  choice.addEventListener("change", () => {
    chooseCamera(choice.value);
    stop();
    open();
  });
  file.addEventListener("change", () => {
    if (file.files[0]) tryPicture(file.files[0]);
    file.value = "";
  });
  acceptDrops(element, (found) => found[0] && tryPicture(found[0].file));
  let version = null;
  const forget = onState((state) => {
    about.textContent = [
      state.has_model && texts.threshold(state.threshold),
      texts.runsOn(state.device),
    ]
      .filter(Boolean)
      .join(" ");
    if (!camera && !picture) rest();
    if (version !== state.version) askAgain(); // what it learned may change the answer
    version = state.version;
  });
  const end = () => {
    forget();
    stop();
    model.close();
  };
  return { element, end };
}
