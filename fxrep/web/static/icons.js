// Pictures on buttons, drawn on a 16 by 16 grid in the colour of the text.
import { svg } from "./elements.js";

const PATHS = {
  play: "M4 2.5v11l9.5-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  plus: "M7 2.5h2V7h4.5v2H9v4.5H7V9H2.5V7H7z",
  minus: "M2.5 7h11v2h-11z",
  fit: "M2 2h4.5v1.6H3.6v2.9H2zM9.5 2H14v4.5h-1.6V3.6H9.5zM2 9.5h1.6v2.9h2.9V14H2zM12.4 9.5H14V14H9.5v-1.6h2.9z",
  lasso: "M8 2c3.6 0 6.3 1.7 6.3 4.1S11.6 10.3 8 10.3c-.7 0-1.4-.1-2-.2.2.9-.1 1.7-.8 2.2-.5.3-.9.7-.9 1.5H2.8"
    + "c0-1.3.6-2.1 1.5-2.7.4-.3.4-.8 0-1.4C2.7 9 1.7 7.7 1.7 6.1 1.7 3.7 4.4 2 8 2zm0 1.5"
    + "c-2.8 0-4.8 1.2-4.8 2.6S5.2 8.8 8 8.8s4.8-1.2 4.8-2.7S10.8 3.5 8 3.5z",
  close: "M3.5 2.4 8 6.9l4.5-4.5 1.1 1.1L9.1 8l4.5 4.5-1.1 1.1L8 9.1l-4.5 4.5-1.1-1.1L6.9 8 2.4 3.5z",
  theme: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm0 1.6v9.8a4.9 4.9 0 0 1 0-9.8z",
  back: "M6.5 2.5 2 7l4.5 4.5V8.6c3.4-.4 5.6.7 7.3 3.4C13.5 8 11 5.5 6.5 5.3z",
  forward: "M9.5 2.5 14 7l-4.5 4.5V8.6C6.1 8.2 3.9 9.3 2.2 12 2.5 8 5 5.5 9.5 5.3z",
  loop: "M4.5 3.5h6A3.5 3.5 0 0 1 14 7v1h-1.6V7a1.9 1.9 0 0 0-1.9-1.9h-6V7L1.7 4.3 4.5 1.6zm7 9h-6A3.5 3.5 0 0 1 2 9V8"
    + "h1.6v1a1.9 1.9 0 0 0 1.9 1.9h6V9l2.8 2.7-2.8 2.7z",
  file: "M7.2 10.5V4.7L5 6.9 3.9 5.8 8 1.7l4.1 4.1L11 6.9 8.8 4.7v5.8zM2.5 9.5h1.6v3.4h7.8V9.5h1.6v5h-11z",
};

export function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }));
}
