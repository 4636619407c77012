/** Sends pictures to the server, and says what became of them. */

import { addPhotos } from "./api.js";
import { attempt, notify } from "./notices.js";
import { showProgress } from "./progress.js";
import { currentState } from "./state.js";
import { texts } from "./texts.js";

// Of one request, which is one change to undo.
const MAX_FILES = 1000;
const MAX_BYTES = 256e6;
const MAX_REASONS = 4;

/**
 * Adds files to a class.
 *
 * @param {string} className
 * @param {(File | Blob)[]} files Pictures, archives and videos.
 */
export async function addFiles(className, files) {
  const large = files.filter((file) => file.size > limitOf(file));
  for (const file of large) notify(texts.tooLarge(file.name, limitOf(file)), { error: true });
  files = files.filter((file) => !large.includes(file));
  if (!files.length) return;
  const sum = { added: 0, copies: 0, similar: 0, other_classes: [], skipped: [] };
  let sent = 0;
  for (const batch of batchesOf(files)) {
    const before = sent;
    const tell = (part) => showProgress("send", before + Math.floor(part * batch.length), files.length);
    const answer = await attempt(() => addPhotos(className, batch, { sent: tell }));
    if (!answer) continue; // the others may do
    addUp(sum, answer);
    sent += batch.length;
  }
  showProgress("send", 1, 1);
  if (sent < files.length && files.length > 1) notify(texts.sendStopped(sent, files.length), { error: true });
  if (sent) report(sum, className);
}

/** Returns how large a file may be: what the studio would refuse is not sent. */
function limitOf({ name = "" }) {
  const { bytes, large_bytes: largeBytes, large_suffixes: suffixes } = currentState().limits;
  return suffixes.some((suffix) => name.toLowerCase().endsWith(suffix)) ? largeBytes : bytes;
}

/** Splits files into requests: large files travel alone. */
function* batchesOf(files) {
  let batch = [];
  let bytes = 0;
  for (const file of files) {
    if (batch.length && (batch.length === MAX_FILES || bytes + file.size > MAX_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.size;
  }
  if (batch.length) yield batch;
}

function addUp(sum, answer) {
  for (const name of ["added", "copies", "similar"]) sum[name] += answer[name];
  for (const name of ["other_classes", "skipped"]) sum[name].push(...answer[name]);
}

function report(sum, className) {
  notify(texts.added(sum, className));
  const reasons = [
    ...sum.skipped.map(({ name, reason }) => texts.skipped(name, reason)),
    ...sum.other_classes.map((other) => texts.inOtherClass(other.name, other.class)),
  ];
  const shown = reasons.slice(0, MAX_REASONS);
  if (shown.length) notify(texts.leftOut(shown, reasons.length - shown.length), { error: true });
}
