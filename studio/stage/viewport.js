// Zoom and pan of the picture: buttons, wheel at the pointer, drag, pinch.
(() => {
  const { clamp } = studio;
  const { one } = studio.dom;
  const STEP = 1.25;
  const LOWEST = 0.5;
  const HIGHEST = 8;
  let viewport = null;
  let board = null;
  let zoom = 1;
  let pan = [0, 0];
  const pointers = new Map();
  let gesture = null;

  /** Screen pixels per picture pixel when the picture fits. */
  function fitScale() {
    const canvas = one("canvas", board);
    return board.offsetWidth / canvas.width;
  }

  function apply(isEased = false) {
    const limit = [0, 1].map((axis) => {
      const size = axis ? board.offsetHeight : board.offsetWidth * studio.comparison.columns();
      const room = axis ? viewport.clientHeight : viewport.clientWidth;
      return Math.max(0, (size * zoom - room) / 2 + 40);
    });
    pan = pan.map((value, axis) => (zoom <= 1 ? 0 : clamp(value, -limit[axis], limit[axis])));
    board.classList.toggle("eased", isEased);
    board.style.setProperty("--zoom", zoom.toFixed(4));
    board.style.setProperty("--pan-x", `${pan[0].toFixed(1)}px`);
    board.style.setProperty("--pan-y", `${pan[1].toFixed(1)}px`);
    viewport.classList.toggle("zoomed", zoom > 1);
    studio.emit("zoom", Math.round(zoom * fitScale() * 100));
  }

  /** Zoom so that the picture point under (x, y), counted from the middle of the viewport, stays put. */
  function zoomTo(next, x = 0, y = 0, isEased = false) {
    const target = clamp(next, LOWEST, HIGHEST);
    const factor = target / zoom;
    pan = [x - (x - pan[0]) * factor, y - (y - pan[1]) * factor];
    zoom = target;
    apply(isEased);
  }

  function fit() {
    zoom = 1;
    pan = [0, 0];
    apply(true);
  }

  const fromMiddle = (event) => {
    const box = viewport.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  };

  function onWheel(event) {
    event.preventDefault();
    if (studio.mask.tool() && !event.ctrlKey) return studio.mask.setBrush(studio.mask.brush() * Math.exp(-event.deltaY / 600));
    zoomTo(zoom * Math.exp(-event.deltaY / (event.ctrlKey ? 120 : 480)), ...fromMiddle(event));
  }

  // ---- one finger or mouse pans, two fingers pinch ----
  function down(event) {
    if (event.target.closest("button, .toast, .veil") || studio.mask.tool() || event.button > 1) return;
    pointers.set(event.pointerId, fromMiddle(event));
    viewport.setPointerCapture(event.pointerId);
    begin();
  }

  function begin() {
    const places = [...pointers.values()];
    gesture = { places, pan: [...pan], zoom };
    viewport.classList.toggle("panning", places.length === 1 && zoom > 1);
  }

  const middle = (places) => [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
  const span = (places) => Math.hypot(places[0][0] - places[1][0], places[0][1] - places[1][1]);

  function moved(event) {
    if (!pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, fromMiddle(event));
    const places = [...pointers.values()];
    const from = middle(gesture.places);
    const to = middle(places);
    const factor = places.length > 1 ? span(places) / Math.max(1, span(gesture.places)) : 1;
    zoom = clamp(gesture.zoom * factor, LOWEST, HIGHEST);
    const scale = zoom / gesture.zoom;
    pan = [0, 1].map((axis) => to[axis] - (from[axis] - gesture.pan[axis]) * scale);
    apply();
  }

  function up(event) {
    if (!pointers.delete(event.pointerId)) return;
    if (pointers.size) begin();
    else viewport.classList.remove("panning");
  }

  function mount(element) {
    viewport = element;
    board = one(".board", element);
    viewport.addEventListener("wheel", onWheel, { passive: false });
    viewport.addEventListener("pointerdown", down);
    viewport.addEventListener("pointermove", moved);
    ["pointerup", "pointercancel"].forEach((name) => viewport.addEventListener(name, up));
    new ResizeObserver(() => apply()).observe(viewport);
    apply();
  }

  studio.viewport = {
    mount,
    fit,
    zoomIn: () => zoomTo(zoom * STEP, 0, 0, true),
    zoomOut: () => zoomTo(zoom / STEP, 0, 0, true),
    actual: () => zoomTo(1 / fitScale(), 0, 0, true),
    refresh: () => apply(),
    level: () => zoom,
  };
})();
