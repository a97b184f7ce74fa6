// Dark and light: the system's choice until a person makes another.

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
}

/** Makes a button switch between the two. */
export function bindThemeSwitch(element) {
  const show = () => {
    element.setAttribute("aria-pressed", String(isDark()));
    element.title = isDark() ? "Light colours" : "Dark colours";
  };
  element.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("fxrep-theme", document.documentElement.dataset.theme);
    } catch {
      // Without storage it holds until the page is left.
    }
    listeners.forEach((listener) => listener());
  });
  onThemeChange(show);
  show();
}

/** Calls back whenever colours change; what is drawn on a canvas is drawn again. Returns what ends it. */
export function onThemeChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

system.addEventListener("change", () => listeners.forEach((listener) => listener()));

/** A colour of tokens.css, as it is now. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
