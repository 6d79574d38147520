// The shortcuts of the page. Single letters are ignored while a text field has focus.
(() => {
  const { history, actions, rows, viewport, facemap, mask, toast, dialogs, playback, keying, state } = studio;
  const { one } = studio.dom;

  const isTyping = (target) =>
    target.isContentEditable || target.matches?.("textarea, select, input:not([type=range]):not([type=checkbox]):not([type=radio])");

  const LETTERS = {
    f: () => facemap.toggle(),
    p: () => studio.view.toggle(),
    m: () => actions.mirror(),
    v: () => studio.comparison.toggle(),
    r: resetFocused,
    R: () => actions.resetPanel(state.panel),
    0: () => viewport.fit(),
    1: () => viewport.actual(),
    "+": () => viewport.zoomIn(),
    "=": () => viewport.zoomIn(),
    "-": () => viewport.zoomOut(),
    "−": () => viewport.zoomOut(),
    Delete: () => keying.remove(),
    Backspace: () => keying.remove(),
    k: () => keying.addAtPlayhead(),
    "/": findDimension,
    "?": () => dialogs.toggleShortcuts(),
    "[": () => studio.stepPanel(-1),
    "]": () => studio.stepPanel(1),
  };

  /** Keys of the timeline; what has focus keeps those it uses itself. */
  const PLAYER = {
    " ": () => playback.toggle(),
    Home: () => playback.seek(0),
    End: () => playback.seek(playback.lastFrame()),
    ArrowLeft: ({ shiftKey }) => playback.step(shiftKey ? -10 : -1),
    ArrowRight: ({ shiftKey }) => playback.step(shiftKey ? 10 : 1),
    j: () => keying.jump(-1),
    l: jumpOrLoop,
    L: jumpOrLoop,
    t: () => studio.timeline.fold(),
  };
  const USES_SPACE = "button, summary, a, [role=switch], input[type=checkbox], input[type=radio]";
  const USES_ARROWS = "input, [role=slider], [role=radio], [role=tab], .st-native";

  function jumpOrLoop({ shiftKey }) {
    if (shiftKey) playback.setLoop(!playback.isLoop());
    else keying.jump(1);
  }

  function playerKey(event) {
    const run = playback.frames() > 0 && PLAYER[event.key];
    if (!run || (event.key === " " && event.target.closest(USES_SPACE))) return false;
    if (event.key.length > 1 && event.target.closest(USES_ARROWS)) return false;
    event.preventDefault();
    run(event);
    return true;
  }

  /** The control with focus: a row, a point, a pad, a region; else the one touched last. */
  function resetFocused() {
    const focused = document.activeElement;
    const point = focused?.closest?.(".handle");
    if (point) return facemap.reset(Number(point.dataset.point));
    const region = focused?.closest?.("[data-region]");
    if (region) return actions.resetControl(region.dataset.region);
    const pad = focused?.closest?.("[data-pad]");
    if (pad) return pad.dispatchEvent(new MouseEvent("dblclick"));
    const row = rows.focused();
    return row && rows.reset(row);
  }

  function findDimension() {
    studio.openPanel("expression");
    const field = one("[data-section=dims] input[type=search]");
    field.focus();
    field.select();
    field.scrollIntoView({ block: "start" });
    // the panel's head is sticky and would cover the field
    one("#st-side").scrollTop -= one(".panel.open .panel-head").offsetHeight + 48;
  }

  /** Keys of the timeline with Ctrl; text that is marked on the page is still copied as text. */
  const CLIPBOARD = {
    a: () => studio.timeline.isOpen() && (keying.selectAll(), true),
    c: () => !String(getSelection()) && keying.copy(),
    v: () => keying.paste(),
  };

  function commandKey(event) {
    if (!event.shiftKey && !event.altKey && CLIPBOARD[event.key]?.()) return event.preventDefault();
    return undoKey(event);
  }

  function undoKey(event) {
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) history.redo();
    else history.undo();
  }

  function escape(event) {
    if (one("dialog.sheet")) return;
    if (dialogs.closePopover() || studio.tour.end() || (mask.tool() && (mask.choose(""), true)) || toast.dismiss("error") || toast.dismiss("info")) {
      event.preventDefault();
      return;
    }
    if (isTyping(event.target)) event.target.blur();
  }

  function onKeyDown(event) {
    if (!state.data || event.defaultPrevented) return;
    if (event.key === "Escape") return escape(event);
    // typed figures and searches keep the browser's own undo
    if (event.ctrlKey || event.metaKey) return isTyping(event.target) ? undefined : commandKey(event);
    if (event.altKey || isTyping(event.target)) return;
    if (one("dialog.sheet") && event.key !== "?") return;
    if (event.key.toLowerCase() === "c" && !event.repeat) return studio.compare(true);
    if (playerKey(event)) return;
    const run = LETTERS[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  }

  document.addEventListener("keydown", onKeyDown);
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === "c" && studio.compare(false));
  window.addEventListener("blur", () => studio.compare(false));

  /** Arrow keys inside a radio group move the choice. */
  document.addEventListener("keydown", (event) => {
    const radio = event.target.closest?.("#studio [role=radio]");
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!radio || !move) return;
    event.preventDefault();
    const all = [...radio.parentElement.querySelectorAll("[role=radio]")];
    const next = all[(all.indexOf(radio) + move + all.length) % all.length];
    next.focus();
    next.click();
  });
})();
