/** The requests to the server. Each throws a `Refusal` with a sentence for people. */

import { takeState } from "./state.js";
import { texts } from "./texts.js";

/** What the server, or the way to it, refused. */
export class Refusal extends Error {
  /** @param {string} message @param {number} status 0 where there was no answer. */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(method, path, body) {
  const options = { method, headers: method === "GET" ? {} : { "X-Coral-Learn": "1" } };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refusal(texts.notReachable, 0);
  }
  if (!response.ok) throw new Refusal(await sentenceOf(response), response.status);
  return response;
}

async function sentenceOf(response) {
  try {
    return (await response.json()).error || texts.status(response.status);
  } catch {
    return texts.status(response.status);
  }
}

const get = async (path) => (await request("GET", path)).json();

async function change(method, path, body) {
  const answer = await (await request(method, path, body)).json();
  takeState(answer.state ?? answer);
  return answer;
}

/** Sends files, which takes long enough to be told how far it is; `fetch` does not tell. */
function upload(path, form, sent) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open("POST", path);
    sending.setRequestHeader("X-Coral-Learn", "1");
    sending.responseType = "json";
    sending.upload.addEventListener("progress", ({ loaded, total }) => sent(loaded / total));
    sending.addEventListener("error", () => reject(new Refusal(texts.notReachable, 0)));
    sending.addEventListener("load", () => {
      const { status, response } = sending;
      if (status >= 400) return reject(new Refusal(response?.error || texts.status(status), status));
      takeState(response.state);
      return resolve(response);
    });
    sending.send(form);
  });
}

function formOf(files) {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name || "picture.jpg");
  return form;
}

const part = encodeURIComponent;

export const readState = () => get("/api/state");
export const addClass = (name) => change("POST", "/api/classes", { name });
export const renameClass = (name, to) => change("PATCH", `/api/classes/${part(name)}`, { name: to });
export const removeClass = (name) => change("DELETE", `/api/classes/${part(name)}`);

/**
 * Adds pictures to a class.
 *
 * @param {string} className
 * @param {File[] | Blob[]} files
 * @param {{thin?: boolean, sent?: (part: number) => void}} [options] `thin` leaves out frames that are nearly identical;
 *   `sent` is told which part was sent, up to 1.
 */
export const addPhotos = (className, files, { thin = false, sent = () => {} } = {}) =>
  upload(`/api/photos?class=${part(className)}${thin ? "&thin=1" : ""}`, formOf(files), sent);

/** Lists photos of a class, the newest first. */
export const listPhotos = (className, offset, limit) =>
  get(`/api/photos?class=${part(className)}&offset=${offset}&limit=${limit}`);

export const thumbnailOf = (id) => `/api/photos/${part(id)}/thumbnail`;
export const pictureOf = (id) => `/api/photos/${part(id)}/picture`;
export const movePhotos = (ids, className) => change("POST", "/api/photos/move", { ids, class: className });
export const dropPhotos = (ids) => change("POST", "/api/photos/drop", { ids });

export const confirmPhotos = (ids) => change("POST", "/api/photos/confirm", { ids });

export const undo = () => change("POST", "/api/undo");
export const redo = () => change("POST", "/api/redo");
export const addDemo = () => change("POST", "/api/demo");

export const readQuality = () => get("/api/quality");

export const watchFolder = (number, className) => change("POST", `/api/folders/${number}`, { class: className });

export const record = (className, seconds) =>
  change("POST", "/api/camera/record", { class: className, seconds });

export const addToTray = (frame) => change("POST", "/api/tray", formOf([frame]));
export const listTray = () => get("/api/tray");
export const trayPictureOf = (id) => `/api/tray/${part(id)}`;
export const sortTray = (ids, className) => change("POST", "/api/tray/sort", { ids, class: className });

export const readCheck = () => get("/api/check");
export const listExports = () => get("/api/exports");
export const fetchExport = async (id) => (await request("GET", `/api/exports/${part(id)}`)).blob();

/** Opens a WebSocket of the server. */
export function openSocket(path) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(`${scheme}//${location.host}${path}`);
}
