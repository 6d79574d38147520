// Moving the handles: drag for x and y, Shift for depth, arrows, nearest handle on touch.
(() => {
  const { store, table, history, facemap, clamp } = studio;
  const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [1, -1], ArrowDown: [1, 1] };
  const KEY_STEPS = 5;
  const TOUCH_REACH = 34;
  let drag = null;

  const toMap = (svg, event) => {
    const box = svg.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * facemap.UNIT,
      ((event.clientY - box.top) / box.height) * facemap.UNIT,
    ];
  };

  /** On touch handles overlap under a finger: the nearest counts, not the topmost. */
  function pick(svg, event) {
    const topmost = event.target.closest(".handle");
    if (event.pointerType !== "touch") return topmost ? Number(topmost.dataset.point) : -1;
    const [x, y] = toMap(svg, event);
    const reach = TOUCH_REACH * 1.5;
    let best = -1;
    let bestDistance = reach;
    facemap.points().forEach((point, index) => {
      const [px, py] = facemap.position(point);
      const distance = Math.hypot(px - x, py - y);
      if (distance < bestDistance) [best, bestDistance] = [index, distance];
    });
    return best;
  }

  function write(point, values) {
    const entries = {};
    values.forEach((value, axis) => {
      const control = table.controls.get(point.dims[axis]);
      entries[point.dims[axis]] = table.snap(control, clamp(value, control.lo, control.hi));
    });
    store.assign(entries);
  }

  function start(svg, event) {
    const index = pick(svg, event);
    if (index < 0 || event.button > 0) return;
    event.preventDefault();
    event.stopPropagation();
    const point = facemap.points()[index];
    drag = { index, point, from: toMap(svg, event), values: point.dims.map(store.raw) };
    svg.setPointerCapture(event.pointerId);
    point.isHeld = true;
    point.el.classList.add("dragged");
    point.el.focus({ preventScroll: true });
    facemap.show(index);
  }

  function follow(svg, event) {
    if (!drag) return;
    const [x, y] = toMap(svg, event);
    const dx = (x - drag.from[0]) / facemap.GAIN;
    const dy = (y - drag.from[1]) / facemap.GAIN;
    const [vx, vy, vz] = drag.values;
    write(drag.point, event.shiftKey ? [vx, vy, vz - dy] : [vx + dx, vy + dy, vz]);
    studio.rows.touch(drag.point.dims[Math.abs(dx) > Math.abs(dy) ? 0 : 1]);
  }

  function end() {
    if (!drag) return;
    drag.point.isHeld = false;
    drag.point.el.classList.remove("dragged");
    history.commit(`Point ${drag.index}`);
    drag = null;
  }

  function reset(index) {
    store.reset(facemap.points()[index].dims);
    history.commit(`Reset point ${index}`);
  }

  function onKey(event) {
    const element = event.target.closest(".handle");
    if (!element || event.ctrlKey || event.metaKey) return;
    const index = Number(element.dataset.point);
    const point = facemap.points()[index];
    const move = ARROWS[event.key];
    const depth = { PageUp: 1, PageDown: -1 }[event.key];
    if (!move && !depth && event.key !== "Home") return;
    event.preventDefault();
    if (event.key === "Home") return void reset(index);
    const isDepth = depth || (event.shiftKey && move[0] === 1);
    const axis = isDepth ? 2 : move[0];
    const direction = depth || (isDepth ? -move[1] : move[1]);
    const values = point.dims.map(store.raw);
    const control = table.controls.get(point.dims[axis]);
    values[axis] += direction * KEY_STEPS * control.step;
    write(point, values);
    studio.rows.touch(control.key);
    facemap.show(index);
    history.commit(`Point ${index}`, { merges: true });
  }

  function listen(svg) {
    const viewport = svg.closest(".viewport");
    // capture: a touch near a handle must not start a pan
    viewport.addEventListener("pointerdown", (event) => canDrag() && start(svg, event), true);
    svg.addEventListener("pointermove", (event) => follow(svg, event));
    ["pointerup", "pointercancel"].forEach((name) => svg.addEventListener(name, end));
    svg.addEventListener("keydown", onKey);
    svg.addEventListener("dblclick", (event) => {
      const element = event.target.closest(".handle");
      if (element) reset(Number(element.dataset.point));
    });
    svg.addEventListener("pointerover", (event) => {
      const element = event.target.closest(".handle");
      if (element && !drag) facemap.show(Number(element.dataset.point));
    });
    svg.addEventListener("pointerout", (event) => {
      if (!drag && !event.relatedTarget?.closest?.(".handle")) facemap.show(-1);
    });
    svg.addEventListener("focusin", (event) => {
      const element = event.target.closest(".handle");
      if (element) facemap.show(Number(element.dataset.point));
    });
    svg.addEventListener("focusout", () => !drag && facemap.show(-1));
  }

  const isCovered = () =>
    ["wipe", "difference"].includes(studio.comparison.mode()) || studio.dom.root().classList.contains("comparing");
  const canDrag = () => studio.state.map && studio.state.view === "crop" && !studio.mask.tool() && !isCovered();

  facemap.listen = listen;
  facemap.reset = reset;
})();
