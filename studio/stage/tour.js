// First visit: three steps that show where things are. Skippable, remembered in this browser, begun again from the shortcut sheet.
(() => {
  const { state } = studio;
  const { make, one, root } = studio.dom;
  const KEY = "tour";
  const BEGIN_MS = 900;
  const GAP_PX = 16;
  const STEPS = [
    {
      target: ".viewport",
      title: "Drag the face",
      text: "Each numbered handle moves the face where it sits; Shift drags its depth. Hold C to see the source.",
      touch: "Each numbered handle moves the face where it sits. The button beside the face map shows the source while you hold it.",
    },
    {
      target: "#st-side",
      also: ".rail",
      prepare: () => studio.openPanel("expression"),
      title: "Or move sliders",
      text: "The rail has a panel for every kind of control. Double click resets one, and Ctrl Z takes back anything.",
      touch: "The tabs have a panel for every kind of control. The dot beside a name resets it, and the arrow at the top takes back anything.",
    },
    {
      target: ".bar .primary",
      title: "Take it with you",
      text: "Export writes the picture, a video once something plays, or the edit itself for another photo.",
    },
  ];
  /** Fingers have no keys and no double click. */
  const touches = matchMedia("(hover: none) and (pointer: coarse)");
  let card = null;
  /** Around what the card speaks of, over everything that scrolls or sticks in it. */
  let ring = null;
  let at = 0;
  /** Where the focus was, so that it goes back there. */
  let before = null;

  /** The timeline opens, a panel grows: the card stays beside what it speaks of. */
  const sizes = new ResizeObserver(() => place());

  const isNew = () => studio.recall(KEY) === null;

  function markup() {
    return `<section class="tour" role="dialog" aria-labelledby="tour-title" aria-describedby="tour-text">
      <small aria-hidden="true"></small><h2 id="tour-title"></h2><p id="tour-text"></p>
      <div class="steps"><button type="button" class="chip" data-tour="skip" title="Close the tour · Escape">Skip</button><span class="space"></span>
      <button type="button" class="chip" data-tour="back">Back</button>
      <button type="button" class="chip strong" data-tour="next">Next</button></div></section>`;
  }

  function begin() {
    if (card || !state.portrait) return;
    before = document.activeElement;
    card = make(markup());
    ring = make('<div class="tour-ring" aria-hidden="true"></div>');
    root().append(ring, card);
    card.addEventListener("click", (event) => ACTIONS[event.target.closest("[data-tour]")?.dataset.tour]?.());
    card.addEventListener("keydown", onKey);
    show(0);
  }

  function end({ returnsFocus = true } = {}) {
    if (!card) return false;
    sizes.disconnect();
    studio.remember(KEY, "done");
    ring.remove();
    card.remove();
    card = null;
    if (returnsFocus && before?.isConnected) before.focus({ preventScroll: true });
    return true;
  }

  const ACTIONS = {
    skip: () => end(),
    back: () => show(at - 1),
    next: () => (at === STEPS.length - 1 ? end() : show(at + 1)),
  };

  function onKey(event) {
    const run = { Escape: ACTIONS.skip, ArrowRight: ACTIONS.next, ArrowLeft: () => at && ACTIONS.back() }[event.key];
    // letters are shortcuts of the page, not of the card; Tab and Enter stay the browser's
    event.stopPropagation();
    if (!run) return;
    event.preventDefault();
    run();
  }

  function show(index) {
    at = index;
    const { title, text, touch, prepare } = STEPS[at];
    prepare?.();
    const isLast = at === STEPS.length - 1;
    one("small", card).textContent = `${at + 1} of ${STEPS.length}`;
    one("h2", card).textContent = title;
    one("p", card).textContent = (touches.matches && touch) || text;
    one("[data-tour=back]", card).hidden = at === 0;
    one("[data-tour=skip]", card).hidden = isLast;
    one("[data-tour=next]", card).textContent = isLast ? "Done" : "Next";
    card.setAttribute("aria-label", `Tour, step ${at + 1} of ${STEPS.length}`);
    const target = one(STEPS[at].target, root());
    sizes.disconnect();
    if (target) sizes.observe(target);
    place();
    one("[data-tour=next]", card).focus({ preventScroll: true });
  }

  /** Beside what it speaks of, on the side with the most room; inside it where there is none. */
  function place() {
    const target = card && one(STEPS[at].target, root());
    if (!target) return;
    const box = target.getBoundingClientRect();
    for (const side of ["left", "top", "width", "height"]) ring.style[side] = `${box[side]}px`;
    const { offsetWidth: width, offsetHeight: height } = card;
    const also = STEPS[at].also && one(STEPS[at].also, root()).getBoundingClientRect();
    const left = Math.min(box.left, also?.left ?? Infinity);
    const room = { left, right: innerWidth - box.right, top: box.top, bottom: innerHeight - box.bottom };
    let x = box.left + (box.width - width) / 2;
    let y = box.bottom - height - GAP_PX;
    if (room.left > width + 2 * GAP_PX && room.left >= room.bottom) [x, y] = [left - width - GAP_PX, box.top + 2 * GAP_PX];
    else if (room.bottom > height + 2 * GAP_PX) y = box.bottom + GAP_PX;
    else if (room.top > height + 2 * GAP_PX) y = box.top - height - GAP_PX;
    card.style.setProperty("--x", `${studio.clamp(x, GAP_PX, innerWidth - width - GAP_PX).toFixed(0)}px`);
    card.style.setProperty("--y", `${studio.clamp(y, GAP_PX, innerHeight - height - GAP_PX).toFixed(0)}px`);
  }

  /** What is spoken of may be tried; whoever begins to work elsewhere needs no tour. */
  function onPointer({ target }) {
    const { target: own, also } = STEPS[at];
    if (card && !card.contains(target) && !target.closest?.([own, also].filter(Boolean).join())) end({ returnsFocus: false });
  }

  /** After the first picture, never before it; whoever has seen or skipped it is not asked again. */
  function offer() {
    if (!isNew()) return;
    studio.stage.onframe.push(function once() {
      studio.stage.onframe.splice(studio.stage.onframe.indexOf(once), 1);
      setTimeout(begin, BEGIN_MS);
    });
  }

  window.addEventListener("resize", place);
  document.addEventListener("pointerdown", onPointer, true);
  studio.on("data", offer);
  studio.tour = { begin, end, isOpen: () => card !== null };
})();
