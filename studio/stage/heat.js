// How far two pictures of one size differ, pixel by pixel, as colours of the heat scale.
(() => {
  const { root } = studio.dom;
  const LEVELS = 256;
  const STOPS = 5;
  /** Where pictures are read; a canvas of its own, so that the shown one may stay on the GPU. */
  const reader = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  let scale = null;
  let remembered = { bitmap: null, pixels: null };

  /** 256 colours from the tokens --heat-0 to --heat-4, as little-endian RGBA. */
  function colours() {
    if (scale) return scale;
    const style = getComputedStyle(root().querySelector(".on-photo"));
    const strip = document.createElement("canvas");
    [strip.width, strip.height] = [LEVELS, 1];
    const context = strip.getContext("2d");
    const gradient = context.createLinearGradient(0, 0, LEVELS, 0);
    for (let i = 0; i < STOPS; i++) gradient.addColorStop(i / (STOPS - 1), style.getPropertyValue(`--heat-${i}`).trim());
    context.fillStyle = gradient;
    context.fillRect(0, 0, LEVELS, 1);
    scale = new Uint32Array(context.getImageData(0, 0, LEVELS, 1).data.buffer);
    return scale;
  }

  function pixelsOf({ width, height }, bitmap) {
    if (remembered.bitmap === bitmap) return remembered.pixels;
    reader.canvas.width = width;
    reader.canvas.height = height;
    reader.drawImage(bitmap, 0, 0);
    return reader.getImageData(0, 0, width, height).data;
  }

  /**
   * Paint the difference of `edit` and `source` into `context`, whose canvas takes their size.
   * A pixel's difference is the largest of its red, green and blue, in grey levels 0 to 255; times `gain` it is the colour.
   * Returns {largest, changed}: grey levels, and the share of pixels that differ.
   */
  function paint(context, edit, source, gain) {
    const { width, height } = edit;
    const before = pixelsOf(edit, source);
    // the source of a still stays the same from edit to edit
    remembered = { bitmap: source, pixels: before };
    const after = pixelsOf(edit, edit);
    const result = context.createImageData(width, height);
    const out = new Uint32Array(result.data.buffer);
    const ramp = colours();
    let largest = 0;
    let changed = 0;
    for (let i = 0, at = 0; i < out.length; i++, at += 4) {
      const red = Math.abs(after[at] - before[at]);
      const green = Math.abs(after[at + 1] - before[at + 1]);
      const blue = Math.abs(after[at + 2] - before[at + 2]);
      const level = Math.max(red, green, blue);
      if (level) changed += 1;
      if (level > largest) largest = level;
      out[i] = ramp[Math.min(LEVELS - 1, level * gain)];
    }
    context.putImageData(result, 0, 0);
    return { largest, changed: changed / out.length };
  }

  studio.heat = { paint, forget: () => (remembered = { bitmap: null, pixels: null }) };
})();
