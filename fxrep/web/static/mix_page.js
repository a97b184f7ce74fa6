// The page of a mix: its console, to be moved, rendered again, compared and saved.
import { announce } from "./announce.js";
import { bindShortcuts } from "./shortcuts.js";
import { bindThemeSwitch } from "./theme.js";
import { ConsoleState } from "./console_state.js";
import { Curves } from "./curves.js";
import { fill, h } from "./elements.js";
import { mixShortcuts } from "./mix_shortcuts.js";
import { MixRenders } from "./mix_renders.js";
import { plural, time } from "./format.js";
import { request } from "./api.js";
import { showError, withProgress } from "./notices.js";
import { StripEditor } from "./strip_editor.js";
import { stripView } from "./strip_view.js";

const at = (id) => document.getElementById(id);
const page = { state: null, renders: null, strips: [], editor: null };

async function start() {
  bindThemeSwitch(at("theme"));
  bindActions();
  try {
    const mixes = await request("/api/mixes");
    fill(at("mix-choice"), mixes.map(({ id, name }) => h("option", { value: id }, name)));
    at("mix-choice").addEventListener("change", () => openMix(at("mix-choice").value));
    at("file-choice").addEventListener("change", () => openMix(at("mix-choice").value, at("file-choice").value));
    at("section-choice").addEventListener("change", () => page.state.show(numberOrNull(at("section-choice").value)));
    if (!mixes.length) {
      at("console").append(h("p", { class: "hint" }, "No mix is served: start with `fxrep serve LIB.fxindex --mix OUT/`, "
        + "where OUT is what fxrep transfer or fxrep mix wrote."));
      return;
    }
    const wanted = decodeURIComponent(location.hash.slice(1));
    at("mix-choice").value = mixes.some(({ id }) => String(id) === wanted) ? wanted : mixes[0].id;
    await openMix(at("mix-choice").value);
  } catch (error) {
    showError(at("notice"), error, () => location.reload());
  }
}

async function openMix(id, file = null) {
  const path = `/api/mixes/${encodeURIComponent(id)}${file ? `?console=${encodeURIComponent(file)}` : ""}`;
  const mix = await withProgress(at("notice"), "Opening the mix", (options) => request(path, options),
    () => openMix(id, file));
  if (!mix) return;
  showConsoles(mix.consoles, mix.console_file);
  showSections(mix);
  history.replaceState(null, "", `#${encodeURIComponent(id)}`);
  document.title = `${mix.name} · fxrep`;
  const state = new ConsoleState(mix);
  const curves = new Curves(mix, state);
  page.renders?.close();
  page.state = state;
  page.renders = new MixRenders(mix, state, { transport: at("transport"), notice: at("notice"), list: at("renders") });
  page.editor = new StripEditor(at("editor"), state, curves);
  page.strips = mix.strips.map((strip) => ({ place: strip.place, ...stripView(strip, state, mix.tables, {
    open: openStrip, reset }) }));
  at("mix-facts").textContent = [plural(mix.tracks, "track"), mix.method, mix.reference_note].filter(Boolean).join(", ");
  fill(at("console"), page.strips.map(({ element }) => element));
  state.addEventListener("change", ({ detail }) => show(detail.places));
  curves.addEventListener("change", ({ detail }) => {
    for (const strip of page.strips) if (detail.places.has(strip.place)) strip.showCurves(curves.byPlace.get(strip.place));
  });
  curves.addEventListener("failure", ({ detail }) => showError(at("notice"), detail));
  show();
  curves.ask(mix.strips.map(({ place }) => place));
  openStrip(mix.strips[0].place);
  page.renders.hearFirst();
}

/** The files of settings that lie in the folder of the mix. */
function showConsoles(files, chosen) {
  fill(at("file-choice"), [...new Set(files)].map((name) => h("option", { selected: name === chosen }, name)));
  at("file-choice").hidden = files.length < 2;
}

/** The sections of a mix; changes go to all of them until one is chosen. */
function showSections({ section_starts_s: starts, duration_s: end }) {
  const edges = [0, ...starts, end];
  fill(at("section-choice"), h("option", { value: "" }, "all sections"), edges.slice(1).map((stop, place) => (
    h("option", { value: place }, `only ${time(edges[place])}–${time(stop)}`))));
  at("section").hidden = !starts.length;
}

function numberOrNull(text) {
  return text === "" ? null : Number(text);
}

function show(places = null) {
  for (const strip of page.strips) if (!places || places.has(strip.place)) strip.show();
  const { state } = page;
  at("undo").disabled = !state.done.length;
  at("redo").disabled = !state.undone.length;
  at("reset").disabled = !state.isChanged();
  at("render").classList.toggle("stale", page.renders.isStale());
  const count = state.edits().length;
  at("changes").textContent = count ? `${plural(count, "setting")} changed` : "as saved";
}

function openStrip(place) {
  page.editor.open(place);
  for (const strip of page.strips) {
    strip.element.classList.toggle("open", strip.place === place);
    strip.element.querySelector(".strip-name").setAttribute("aria-expanded", String(strip.place === place));
  }
}

function reset(place) {
  page.state.reset(place);
  announce(`${place === null ? "The console" : place.replace(":", " ")} is as it was saved`);
}

function undo() {
  if (page.state?.undo()) announce("Undone");
}

function redo() {
  if (page.state?.redo()) announce("Done again");
}

async function save() {
  const name = at("save-name").value.trim().replace(/\s+/g, "-"); // it becomes part of the name of a file
  const saved = await withProgress(at("notice"), "Saving", (options) => request(
    `/api/mixes/${encodeURIComponent(at("mix-choice").value)}/console`, {
      json: { edits: page.state.edits(), console: at("file-choice").value, name: name || null }, ...options }), save);
  if (!saved) return;
  const files = [...at("file-choice").options].map(({ value }) => value);
  showConsoles([...files, saved.path], at("file-choice").value);
  fill(at("notice"), h("div", { class: "notice done", role: "status" }, h("p", {}, "Saved as ", h("strong", {}, saved.path),
    ". The mix that was there stays as it is; ", h("code", {}, `fxrep render ${saved.path}`), " renders this one.")));
}

function bindActions() {
  at("undo").addEventListener("click", undo);
  at("redo").addEventListener("click", redo);
  at("reset").addEventListener("click", () => reset(null));
  at("render").addEventListener("click", () => page.renders?.render().then(() => show()));
  at("save").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.tagName === "INPUT") return;
    event.preventDefault();
    if (event.shiftKey) redo();
    else undo();
  });
  bindShortcuts(mixShortcuts({ page, undo, redo, openStrip, render: () => at("render").click() }));
}

start();
