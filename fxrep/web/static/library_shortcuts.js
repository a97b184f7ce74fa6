// The keys of the page of the library.

export function libraryShortcuts({ listening, map, results, choose, find }) {
  const heard = (act) => () => listening.player && act(listening.player);
  const step = (by) => () => {
    const hit = results.step(by);
    if (hit) listening.playHit(hit);
  };
  return [
    { title: "Anywhere", keys: [
      { key: "/", text: "search songs by name", run: () => find.focus() },
      { key: "f", text: "choose a file to find its neighbours", run: choose },
      { key: "g", text: "go to the map", run: () => map.canvas.focus() },
      { key: "h", text: "go to what was found", run: () => results.list.querySelector(".result")?.focus() },
      { key: "j", text: "play the next hit", run: step(1) },
      { key: "k", text: "play the hit before", run: step(-1) },
      { key: "?", text: "this list" },
    ] },
    { title: "Listening", keys: [
      { key: " ", shown: "Space", text: "play or pause", run: heard((player) => player.toggle()) },
      { key: "a", text: "hear A, the query", run: () => listening.side(0) },
      { key: "b", text: "hear B, the hit", run: () => listening.side(1) },
      { key: "m", text: "match levels, or leave them as they are", run: heard((player) => player.setMatched(!player.matched)) },
      { key: "r", text: "repeat the matched window", run: heard(() => listening.transport.toggleLoop()) },
      { key: ",", text: "back 5 s", run: heard(() => listening.transport.skip(-5)) },
      { key: ".", text: "on 5 s", run: heard(() => listening.transport.skip(5)) },
    ] },
    { title: "On the map", keys: [
      { key: "Arrow", shown: "← ↑ → ↓", text: "to the next song that way" },
      { key: "Shift+Arrow", shown: "Shift ← ↑ → ↓", text: "move the map" },
      { key: "+", shown: "+ − 0", text: "zoom in, out, show all" },
      { key: "p", text: "play the song" },
      { key: "Enter", shown: "Enter", text: "find songs like it" },
      { key: "x", text: "mark it, or take its mark away" },
      { key: "v", text: "mark all in view (Shift: as well)" },
      { key: "l", text: "lasso by mouse on or off; Shift and drag does it once", run: () => map.toggleLasso() },
      { key: "Escape", shown: "Esc", text: "mark none" },
    ] },
    { title: "On a hit", keys: [
      { key: "Arrow", shown: "↑ ↓ Home End", text: "to another hit" },
      { key: "Enter", shown: "Enter", text: "play its matched window" },
      { key: "c", text: "compare with the query (A/B)" },
      { key: "w", text: "why it was found" },
      { key: "l", text: "look for songs like it too" },
      { key: "u", text: "look for songs not like it" },
    ] },
  ];
}
