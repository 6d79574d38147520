// One icon set: 20-unit grid, 1.5 stroke, round caps, currentColor.
(() => {
  const PATHS = {
    portrait:
      "M4 7V4h3M13 4h3v3M16 13v3h-3M7 16H4v-3M10 10.2a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM6.6 14c.5-1.8 1.8-2.6 3.4-2.6s2.9.8 3.4 2.6",
    expression:
      "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7.5 8.2v.4M12.5 8.2v.4M6.8 11.6c.8 1.5 1.9 2.2 3.2 2.2s2.4-.7 3.2-2.2",
    head: "M10 3.5c2.8 0 4.5 2 4.5 5 0 3.3-2 6.5-4.5 6.5s-4.5-3.2-4.5-6.5c0-3 1.7-5 4.5-5ZM2.5 12.5c1 2.7 4 4.3 7.5 4.3s6.5-1.6 7.5-4.3M17.7 15.3l-.2-2.8-2.7.6",
    eyes: "M2.5 10S5 5.5 10 5.5 17.5 10 17.5 10 15 14.5 10 14.5 2.5 10 2.5 10ZM10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Z",
    emotion: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 10V3M10 10l6 3.5M10 10l-6 3.5",
    regions:
      "M10 3c3.3 0 5.2 2.2 5.2 5.6 0 4-2.2 8.4-5.2 8.4s-5.2-4.4-5.2-8.4C4.8 5.2 6.7 3 10 3ZM4.8 8.8h10.4M10 8.8V17",
    export:
      "M10 12.5V3.5M6.5 6.7 10 3.3l3.5 3.4M4 11.5v3.7c0 .8.5 1.3 1.3 1.3h9.4c.8 0 1.3-.5 1.3-1.3v-3.7",
    speech: "M3 10v0M5.8 7.5v5M8.6 4.5v11M11.4 7v6M14.2 5.5v9M17 9v2",
    poses: "M3.5 3.5h5.5v5.5H3.5zM11 3.5h5.5v5.5H11zM3.5 11h5.5v5.5H3.5zM13.7 11v5.5M11 13.7h5.5",
    dice: "M5 4h10a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1ZM7.5 7.5v.1M12.5 7.5v.1M10 10v.1M7.5 12.5v.1M12.5 12.5v.1",
    play: "M6.5 4.5v11l9-5.5-9-5.5Z",
    pause: "M7 4.5v11M13 4.5v11",
    first: "M14.5 5v10l-7-5 7-5ZM5.5 5v10",
    last: "M5.5 5v10l7-5-7-5ZM14.5 5v10",
    loop: "M4 9V8a2.5 2.5 0 0 1 2.5-2.5H16M13.5 3 16 5.5 13.5 8M16 11v1a2.5 2.5 0 0 1-2.5 2.5H4M6.5 17 4 14.5 6.5 12",
    undo: "M4 8h8a4 4 0 0 1 0 8H8M7 4.7 3.7 8 7 11.3",
    redo: "M16 8H8a4 4 0 0 0 0 8h4M13 4.7 16.3 8 13 11.3",
    compare: "M10 3v14M4 5h4.5v10H4zM12 5h4v10h-4",
    wipe: "M10 2.5v15M3.5 5h13v10h-13zM7 8 5.2 10 7 12M13 8l1.8 2-1.8 2",
    map: "M10 3c3.4 0 5.5 2.5 5.5 6 0 4.2-2.5 8-5.5 8s-5.5-3.8-5.5-8c0-3.5 2.1-6 5.5-6ZM7.6 8.5v.1M12.4 8.5v.1M10 11v.1M8.3 13.5v.1M11.7 13.5v.1",
    plus: "M10 5v10M5 10h10",
    minus: "M5 10h10",
    fit: "M4 7.5V4h3.5M12.5 4H16v3.5M16 12.5V16h-3.5M7.5 16H4v-3.5",
    link: "M8.5 11.5a2.7 2.7 0 0 0 3.8 0l2.5-2.5a2.7 2.7 0 0 0-3.8-3.8l-.8.8M11.5 8.5a2.7 2.7 0 0 0-3.8 0L5.2 11A2.7 2.7 0 0 0 9 14.8l.8-.8",
    unlink: "M11 6l.3-.8A2.7 2.7 0 0 1 15 9l-1.2 1.2M9 14l-.3.8A2.7 2.7 0 0 1 5 11l1.2-1.2M4 4l12 12",
    search: "M9 14a5 5 0 1 0 0-10 5 5 0 0 0 0 10ZM12.7 12.7 16.5 16.5",
    chevron: "M7.5 5.5 12 10l-4.5 4.5",
    down: "M5.5 7.5 10 12l4.5-4.5",
    mirror: "M10 3v14M7.5 6 3 14h4.5ZM12.5 6l4.5 8h-4.5Z",
    reset: "M5 6.5A6.2 6.2 0 1 1 3.8 10M5 3v3.7h3.7",
    theme: "M10 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM10 2.5V4M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M15.3 4.7l-1 1M5.7 14.3l-1 1",
    alert: "M10 3.5 17.5 16.5h-15L10 3.5ZM10 8.5v3.5M10 14.3v.2",
    info: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 9.3v4.2M10 6.6v.2",
    image: "M3.5 5h13v10h-13zM6.8 9a1 1 0 1 0 0-2 1 1 0 0 0 0 2ZM4 13.5l3.5-3 2.5 2 3-3.2 3.5 3.7",
    keys: "M2.5 6h15v8.5h-15zM5.5 9h.1M8.5 9h.1M11.5 9h.1M14.5 9h.1M6.5 12h7",
    close: "M5.5 5.5l9 9M14.5 5.5l-9 9",
    brush: "M15.8 3.8 9 10.6M9.2 13.3a2.7 2.7 0 0 0-3.9 0c-.9 1-.3 2.3-1.8 3 2.4.8 4.7.3 5.7-.8a1.8 1.8 0 0 0 0-2.2ZM16.5 4.6a1.1 1.1 0 0 0-1.6-1.5L7.8 10.5l2 2Z",
    eraser: "M8 16h8M4.2 12.2l7.5-7.5a1.2 1.2 0 0 1 1.7 0l2.6 2.6a1.2 1.2 0 0 1 0 1.7L9 16H7.5l-3.3-2.9a.7.7 0 0 1 0-.9ZM8.3 8.2l4.3 4.3",
    trash: "M4 6h12M8 6V4h4v2M5.5 6l.7 10h7.6l.7-10M8.5 9v4.5M11.5 9v4.5",
    share: "M7.2 9l5.6-3.2M7.2 11l5.6 3.2M5.5 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM14.5 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM14.5 17a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
    invert: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 3v14M10 6.5h5.5M10 10h6.8M10 13.5h5.5",
  };

  const { escape } = studio.dom;

  studio.icon = (name, size = 18) =>
    `<svg class="ic" width="${size}" height="${size}" viewBox="0 0 20 20" aria-hidden="true"><path d="${PATHS[name]}"/></svg>`;

  /** Icon button. The tip reads "What · key"; what stands before the dot names the button. */
  studio.button = (name, tip, { action = name, text = "", small = false, pressed = null, disabled = false, kind = "" } = {}) =>
    `<button type="button" class="ib ${small ? "small" : ""} ${text ? "worded" : ""} ${kind}" data-action="${action}" title="${escape(tip)}"
      aria-label="${escape(tip.split(" · ")[0])}" ${pressed === null ? "" : `aria-pressed="${pressed}"`} ${disabled ? "disabled" : ""}>
      ${studio.icon(name)}${text ? `<span>${text}</span>` : ""}</button>`;
})();
