// The keys of the page of a mix.

export function mixShortcuts({ page, undo, redo, openStrip, render }) {
  const heard = (act) => () => page.renders?.player && act(page.renders.player);
  const transport = (act) => () => page.renders?.made && act(page.renders.made);
  const step = (by) => () => {
    const here = page.strips.findIndex(({ element }) => element.classList.contains("open"));
    const next = page.strips[Math.min(page.strips.length - 1, Math.max(0, here + by))];
    if (!next) return;
    openStrip(next.place);
    next.element.querySelector(".strip-name").focus();
    next.element.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  return [
    { title: "The mix", keys: [
      { key: "r", text: "render what is set", run: render },
      { key: "u", text: "undo (also Ctrl+Z)", run: undo },
      { key: "y", text: "redo (also Ctrl+Shift+Z)", run: redo },
      { key: "j", text: "next strip", run: step(1) },
      { key: "k", text: "strip before", run: step(-1) },
      { key: "?", text: "this list" },
    ] },
    { title: "Listening", keys: [
      { key: " ", shown: "Space", text: "play or pause", run: heard((player) => player.toggle()) },
      { key: "a", text: "hear A: the render, or else the mix", run: transport((bar) => bar.hear(0)) },
      { key: "b", text: "hear B", run: transport((bar) => bar.hear(1)) },
      { key: "c", text: "hear C: the reference, after a render", run: transport((bar) => bar.hear(2)) },
      { key: "m", text: "match levels, or leave them as they are", run: heard((player) => player.setMatched(!player.matched)) },
      { key: ",", text: "back 5 s", run: transport((bar) => bar.skip(-5)) },
      { key: ".", text: "on 5 s", run: transport((bar) => bar.skip(5)) },
    ] },
    { title: "On a fader or knob", keys: [
      { key: "Arrow", shown: "← ↑ → ↓", text: "a step; with Shift a fine one" },
      { key: "Page", shown: "PgUp PgDn", text: "a large step" },
      { key: "Home", shown: "Home End", text: "the lowest, the highest" },
      { key: "Delete", shown: "Del", text: "its neutral value (also a double click)" },
    ] },
    { title: "On a band of the equaliser", keys: [
      { key: "Arrow", shown: "↑ ↓", text: "gain" },
      { key: "Arrow2", shown: "← →", text: "frequency" },
      { key: "Q", shown: "[ ]", text: "narrower, wider" },
    ] },
  ];
}
