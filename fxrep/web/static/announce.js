// Says what happened to people who do not see it, through a live region that is there from the start.

export function announce(text) {
  const region = document.getElementById("announcer");
  region.textContent = "";
  // Screen readers notice a change, not the same text again.
  setTimeout(() => { region.textContent = text; }, 30);
}
