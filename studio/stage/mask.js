// The painted mask: a brush on the stage in crop space; edits show where it is painted.
(() => {
  const { state, store, clamp } = studio;
  const { make, one, root } = studio.dom;
  const SIZE = 512;
  const BRUSH = { low: 0.02, high: 0.4, start: 0.12 };

  let canvas = null;
  let context = null;
  let ring = null;
  let board = null;
  let tool = "";
  let brush = BRUSH.start;
  let last = null;
  /** The finished mask (immutable), or null for none. */
  let grey = null;
  /** Name of the server's mask that `grey` is, and how many are on their way there. */
  let known = null;
  let uploading = 0;

  // ---- picture of the mask ----
  function readCanvas() {
    const { data } = context.getImageData(0, 0, SIZE, SIZE);
    const result = new Uint8Array(SIZE * SIZE);
    for (let i = 0; i < result.length; i++) result[i] = data[4 * i + 3];
    return result.some(Boolean) ? result : null;
  }

  function drawGrey() {
    if (!context) return;
    const image = context.createImageData(SIZE, SIZE);
    const [red, green, blue] = paintColour();
    for (let i = 0; grey && i < grey.length; i++) image.data.set([red, green, blue, grey[i]], 4 * i);
    context.putImageData(image, 0, 0);
  }

  function paintColour() {
    const text = getComputedStyle(one(".map", board)).getPropertyValue("--mask-paint").trim();
    return [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16) || 0);
  }

  // ---- to the server, one after the other ----
  /** A step of the history, in turn with all others. The server uses a mask as soon as it has one. */
  async function upload(label, joins = studio.doc.gesture(label)) {
    const mask = grey;
    const run = async () => {
      const url = studio.transport.route("mask");
      url.searchParams.set("label", label);
      url.searchParams.set("joins", joins);
      const body = mask && (await studio.greyPng(mask, SIZE));
      return fetch(url, mask ? { method: "POST", body, headers: { "content-type": "image/png" } } : { method: "DELETE" });
    };
    uploading += 1;
    store.assign({ mask_enabled: mask ? 1 : 0 });
    store.touched().delete("mask_enabled");
    const sent = studio.doc.enqueue({ run, slots: ["mask_enabled"], before: (doc) => told(doc, mask) });
    sent.catch(() => {});
    return sent;
  }

  /** The answer to an upload names the mask that is here already. */
  function told(doc, mask) {
    uploading -= 1;
    if (!uploading && mask === grey) known = doc?.mask_key ?? known;
  }

  function keep(next, label, joins) {
    grey = next;
    const sent = upload(label, joins);
    studio.emit("mask");
    return sent;
  }

  // ---- strokes ----
  const toMask = (event) => {
    const box = board.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIZE, ((event.clientY - box.top) / box.height) * SIZE];
  };

  function stroke(from, to) {
    context.globalCompositeOperation = tool === "erase" ? "destination-out" : "source-over";
    context.strokeStyle = `rgb(${paintColour().join(" ")})`;
    context.lineWidth = brush * SIZE;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(to[0] + 0.01, to[1]);
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  function down(event) {
    if (!tool || event.button > 0 || event.target.closest("button, .toast")) return;
    event.preventDefault();
    board.setPointerCapture(event.pointerId);
    last = toMask(event);
    stroke(last, last);
  }

  function moved(event) {
    if (!tool) return;
    const [x, y] = toMask(event);
    ring.hidden = false;
    ring.setAttribute("cx", (x / SIZE) * studio.facemap.UNIT);
    ring.setAttribute("cy", (y / SIZE) * studio.facemap.UNIT);
    if (!last) return;
    stroke(last, [x, y]);
    last = [x, y];
  }

  function up() {
    if (!last) return;
    last = null;
    keep(readCanvas(), tool === "erase" ? "Erase the mask" : "Paint the mask");
  }

  // ---- tools ----
  function choose(next) {
    if (tool === next || !board) return;
    tool = next;
    root().classList.toggle("painting", Boolean(tool));
    if (ring) ring.hidden = true;
    if (tool && state.view !== "crop") studio.view.choose("crop");
    studio.emit("mask");
  }

  function setBrush(value) {
    brush = clamp(value, BRUSH.low, BRUSH.high);
    ring?.setAttribute("r", (brush / 2) * studio.facemap.UNIT);
    studio.emit("brush");
  }

  function clear({ label = "Clear the mask", joins } = {}) {
    if (!grey) return;
    context?.clearRect(0, 0, SIZE, SIZE);
    keep(null, label, joins);
  }

  function invert() {
    const source = grey || new Uint8Array(SIZE * SIZE);
    const next = source.map((value) => 255 - value);
    keep(next.some(Boolean) ? next : null, "Invert the mask");
    drawGrey();
  }

  function mirror({ label, joins }) {
    if (!grey) return;
    const source = grey;
    grey = source.map((_, i) => source[i - (i % SIZE) + SIZE - 1 - (i % SIZE)]);
    drawGrey();
    upload(label, joins);
    studio.emit("mask");
  }

  /** Take over the server's mask by its name: undo, an edit file, another portrait. */
  async function sync(key) {
    if (uploading || key === known) return;
    known = key;
    const next = key ? await fetchMask() : null;
    if (uploading || known !== key) return;
    grey = next;
    drawGrey();
    studio.emit("mask");
  }

  async function fetchMask() {
    const response = await fetch(studio.transport.route("mask")).catch(() => null);
    if (response?.status !== 200) return null;
    const bitmap = await createImageBitmap(await response.blob());
    const scratch = new OffscreenCanvas(SIZE, SIZE).getContext("2d");
    scratch.drawImage(bitmap, 0, 0, SIZE, SIZE);
    const { data } = scratch.getImageData(0, 0, SIZE, SIZE);
    return Uint8Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i]);
  }

  function mount(element) {
    board = element;
    canvas = make(`<canvas class="mask" width="${SIZE}" height="${SIZE}" aria-hidden="true" hidden></canvas>`);
    one("canvas", board).after(canvas);
    context = canvas.getContext("2d", { willReadFrequently: true });
    ring = one(".brush", board);
    setBrush(brush);
    board.addEventListener("pointerdown", down);
    board.addEventListener("pointermove", moved);
    ["pointerup", "pointercancel"].forEach((name) => board.addEventListener(name, up));
    board.addEventListener("pointerleave", () => (ring.hidden = true));
    drawGrey();
  }

  /** The overlay shows while the mask is being worked on. */
  function showOverlay() {
    if (canvas) canvas.hidden = !(tool || (state.panel === "regions" && grey && store.get("mask_enabled") > 0.5));
  }
  ["mask", "panel", "paint"].forEach((event) => studio.on(event, showOverlay));

  studio.mask = {
    mount, choose, clear, invert, mirror, sync, setBrush,
    brush: () => brush,
    tool: () => tool,
    /** Exactly this mask, 512 x 512 values from 0 to 255, or none; resolves when the server has it. */
    set(next) {
      grey = next;
      drawGrey();
      return keep(next, "Mask");
    },
    /** Resolves when every change of the mask has reached the server. */
    sent: () => studio.doc.settled(),
    current: () => grey,
  };
})();
