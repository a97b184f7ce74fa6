// Talks to the server. What it refuses becomes a ServerError whose message says what to do.

export class ServerError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.name = "ServerError";
    this.status = status;
  }
}

const POLL_S = 0.3; // the server answers at once when a job ends, and after this time with how far it is
const UNREACHABLE = "The server does not answer: see whether `fxrep serve` still runs, then try again.";

/** GET, or whatever `options` say; `json` becomes the body. Returns what was answered, a job's result included. */
export async function request(path, { json, method, signal, onProgress } = {}) {
  const response = await send(path, {
    method: method ?? (json === undefined ? "GET" : "POST"),
    headers: json === undefined ? {} : { "Content-Type": "application/json" },
    body: json === undefined ? undefined : JSON.stringify(json),
    signal,
  });
  const answer = await read(response);
  return response.status === 202 ? finishJob(answer.job, { signal, onProgress }) : answer;
}

/** Waits for a job and returns its result. Aborting the signal cancels it on the server. */
export async function finishJob(id, { signal, onProgress } = {}) {
  const path = `/api/jobs/${encodeURIComponent(id)}`;
  try {
    for (;;) {
      const job = await read(await send(`${path}?wait_s=${POLL_S}`, { signal }));
      onProgress?.(job.progress, job.message ?? "");
      if (job.state === "done") return job.result;
      if (job.state === "failed") throw new ServerError(job.error ?? "The server could not finish this; try again.");
      if (job.state === "cancelled") throw new DOMException("cancelled", "AbortError");
    }
  } catch (error) {
    if (signal?.aborted) fetch(path, { method: "DELETE" }).catch(() => {}); // nobody waits for it any more
    throw error;
  }
}

/** The bytes of a file, for decoding. */
export async function bytesOf(path, signal) {
  const response = await send(path, { signal });
  if (!response.ok) await read(response);
  return response.arrayBuffer();
}

/** Sends a file; onProgress is told how much of it is there, then how far the server is. */
export function upload(file, { signal, onProgress } = {}) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest(); // fetch does not tell how much was sent
    call.open("POST", `/api/uploads?name=${encodeURIComponent(file.name)}`);
    call.setRequestHeader("Content-Type", "application/octet-stream");
    call.responseType = "json";
    call.upload.onprogress = (event) => onProgress?.(event.loaded / event.total, "sending");
    call.onerror = () => reject(new ServerError(UNREACHABLE));
    call.onabort = () => reject(signal.reason);
    call.onload = () => {
      if (call.status >= 400) reject(new ServerError(call.response?.error ?? refusal(call.status), call.status));
      else if (call.status === 202) resolve(finishJob(call.response.job, { signal, onProgress }));
      else resolve(call.response);
    };
    signal?.addEventListener("abort", () => call.abort(), { once: true });
    call.send(file);
  });
}

export function isAbort(error) {
  return error?.name === "AbortError";
}

async function send(path, options) {
  try {
    return await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    throw isAbort(error) ? error : new ServerError(UNREACHABLE);
  }
}

async function read(response) {
  let answer = null;
  try {
    answer = await response.json();
  } catch (error) {
    if (isAbort(error)) throw error;
  }
  if (!response.ok) throw new ServerError(answer?.error ?? refusal(response.status), response.status);
  return answer;
}

function refusal(status) {
  return `The server refused this (${status}); reload the page and try again.`;
}
