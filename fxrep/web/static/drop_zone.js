// Files dropped anywhere on the page, or chosen, go to the server to be listened to.
import { upload } from "./api.js";
import { showError, withProgress } from "./notices.js";
import { uploadSource } from "./sources.js";
import { bytes } from "./format.js";
import { h } from "./elements.js";

/**
 * @param {HTMLElement} zone shows where to drop; @param {HTMLInputElement} chooser of files
 * @param {HTMLElement} place for progress and errors; @param {object} limits of the server
 * @param {(source: object) => void} onReady is told every recording as it is there
 */
export function bindDropZone(zone, chooser, place, limits, onReady) {
  const take = async (files) => {
    place.replaceChildren();
    for (const file of files) await send(file);
  };

  const send = async (file) => {
    const line = place.appendChild(h("div")); // every file has its own progress and its own error
    if (file.size > limits.upload_bytes) {
      showError(line, Object.assign(new Error(
        `${file.name} has ${bytes(file.size)}; at most ${bytes(limits.upload_bytes)} are taken: cut or compress it.`,
      ), { status: 413 }));
      return;
    }
    const result = await withProgress(line, file.name, (options) => upload(file, options), () => send(file));
    if (!result) return;
    line.remove();
    onReady({ ...uploadSource(result.upload, result.name), x: result.x, y: result.y, duration_s: result.duration_s });
  };

  chooser.addEventListener("change", () => {
    take([...chooser.files]);
    chooser.value = ""; // the same file can be chosen again
  });
  zone.addEventListener("click", () => chooser.click());

  let depth = 0; // of elements that the dragged file is over
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const show = (over) => document.body.classList.toggle("dropping", over);
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    show(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(0, depth - 1);
    show(depth > 0);
  });
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    take([...event.dataTransfer.files]);
  });
}
