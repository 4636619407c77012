/** Files out of what people drop and paste. */

/**
 * @typedef {{file: File, folder: string}} Found `folder` is the name of the innermost folder, "" for none.
 */

/**
 * Finds the files that were dropped, those in folders too.
 *
 * @param {DataTransfer} transfer
 * @returns {Promise<Found[]>}
 */
export async function droppedFiles(transfer) {
  // Both are to be asked for before the first await: the transfer is empty afterwards.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...transfer.files];
  if (!entries.length) return files.map((file) => ({ file, folder: "" }));
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return found;
}

async function walk(entry, folder, found) {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, folder });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!part.length) return; // it gives at most 100 at a time
    for (const inner of part) await walk(inner, entry.name, found);
  }
}

/** @returns {File[]} The pictures in what a paste event brings. */
export const pastedFiles = (event) => [...(event.clipboardData?.files ?? [])];

/**
 * Reads pictures from the clipboard. Browsers may ask the person first.
 *
 * @returns {Promise<Blob[]>}
 */
export async function clipboardPictures() {
  const pictures = [];
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((name) => name.startsWith("image/"));
    if (type) pictures.push(await item.getType(type));
  }
  return pictures;
}

/**
 * Lets people drop files on an element, which has the class `dropping` meanwhile.
 *
 * @param {HTMLElement} element
 * @param {(found: Found[]) => void} take
 */
export function acceptDrops(element, take) {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  element.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    element.classList.add("dropping");
  });
  element.addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth -= 1;
    if (depth <= 0) element.classList.remove("dropping");
  });
  element.addEventListener("drop", async (event) => {
    depth = 0;
    element.classList.remove("dropping");
    event.preventDefault();
    take(await droppedFiles(event.dataTransfer));
  });
}
