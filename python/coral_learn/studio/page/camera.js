/** The cameras: those of the browser, and the board's own, which the server reads. */

import { el } from "./dom.js";
import { currentState } from "./state.js";
import { texts } from "./texts.js";

const MAX_SIDE = 640; // of frames that are sent
const QUALITY = 0.9;

/** Why a camera gives nothing, as a sentence with what to do. */
export class NoCamera extends Error {}

/** The camera that was chosen: "board", the id of a camera of the browser, or null for the most fitting one. */
let chosen = null;
export const chooseCamera = (camera) => (chosen = camera);

const browserHasCamera = () => isSecureContext && Boolean(navigator.mediaDevices);

/** Whether the board's camera is the one to show. */
export function usesBoard() {
  const board = Boolean(currentState()?.camera);
  return board && (chosen === "board" || !browserHasCamera());
}

/**
 * Lists the cameras to choose from; browsers tell the names only after they gave one.
 *
 * @returns {Promise<{value: string, name: string}[]>}
 */
export async function listCameras() {
  const cameras = [];
  if (browserHasCamera()) {
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter(
      ({ kind }) => kind === "videoinput",
    );
    devices.forEach(({ deviceId, label }, place) =>
      cameras.push({ value: deviceId, name: label || texts.browserCamera(place + 1) }),
    );
  }
  const board = currentState()?.camera;
  if (board) cameras.push({ value: "board", name: texts.boardCamera(board.name) });
  return cameras;
}

/**
 * Opens the chosen camera.
 *
 * @returns {Promise<{element: HTMLVideoElement | HTMLImageElement, board: boolean, close: () => void}>}
 * @throws {NoCamera}
 */
export async function openCamera() {
  return usesBoard() ? openBoard() : openBrowser();
}

async function openBoard() {
  const element = el("img", { class: "picture", alt: texts.liveCamera });
  element.src = `/api/camera?${Date.now()}`; // a stream that was closed is not taken up again
  await new Promise((resolve, reject) => {
    element.addEventListener("load", resolve, { once: true });
    element.addEventListener("error", () => reject(new NoCamera(texts.boardCameraGone)), { once: true });
  });
  return { element, board: true, close: () => element.removeAttribute("src") };
}

async function openBrowser() {
  if (!browserHasCamera()) throw new NoCamera(texts.notSecure);
  const video =
    chosen && chosen !== "board" ? { deviceId: { exact: chosen } } : { facingMode: "environment" };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { ...video, width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    throw new NoCamera(reasonOf(error));
  }
  const element = el("video", {
    class: "picture",
    muted: true,
    playsinline: true,
    "aria-label": texts.liveCamera,
  });
  element.muted = true; // the attribute alone is too late for the rule on playing by itself
  element.srcObject = stream;
  await element.play();
  return { element, board: false, close: () => stream.getTracks().forEach((track) => track.stop()) };
}

function reasonOf(error) {
  if (error.name === "NotAllowedError") return texts.cameraRefused;
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return texts.noCamera;
  if (error.name === "NotReadableError") return texts.cameraBusy;
  return texts.cameraFailed(error.message);
}

const canvas = document.createElement("canvas");

/**
 * Takes the picture that an element shows now.
 *
 * @param {HTMLVideoElement | HTMLImageElement | ImageBitmap} source
 * @returns {Promise<Blob>} A JPEG of at most 640 pixels.
 */
export function grabFrame(source) {
  const width = source.videoWidth || source.naturalWidth || source.width;
  const height = source.videoHeight || source.naturalHeight || source.height;
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
}
