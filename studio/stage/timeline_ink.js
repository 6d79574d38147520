// Drawing on the canvases of the timeline: sharp on any screen, in the colours of the tokens.
(() => {
  const NAMES = ["acc", "bg0", "bg1", "bg3", "line", "line2", "t1", "t2", "t3", "knob"];
  const KEY_PX = 5;
  /** Keys closer than this are one diamond. */
  const APART_PX = 2.5;
  let tokens = null;
  let theme = "";

  /** Colours of the theme at hand; region hues by name. */
  function colours() {
    if (tokens && theme === document.body.className) return tokens;
    theme = document.body.className;
    const style = getComputedStyle(studio.dom.root());
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    tokens = Object.fromEntries(NAMES.map((name) => [name, read(name)]));
    tokens.region = (name) => read(`rg-${name}`) || tokens.t3;
    tokens.note = read("fs-note");
    return tokens;
  }

  /** Context of a canvas that fills its box: one unit is one CSS pixel, and it is empty. */
  function begin(canvas, width, height) {
    const scale = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }

  function addDiamond(context, x, y, size = KEY_PX) {
    context.moveTo(x, y - size);
    context.lineTo(x + size, y);
    context.lineTo(x, y + size);
    context.lineTo(x - size, y);
    context.closePath();
  }

  /** Diamonds in one path; those that would cover one another are drawn once. spots: [[x, y], ...] in the order of x. */
  function diamonds(context, spots, colour, size = KEY_PX) {
    context.beginPath();
    let last = -Infinity;
    let lastY = 0;
    for (const [x, y] of spots) {
      if (x - last < APART_PX && Math.abs(y - lastY) < 1) continue;
      addDiamond(context, x, y, size);
      [last, lastY] = [x, y];
    }
    context.fillStyle = colour;
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = colours().bg0;
    context.stroke();
  }

  studio.ink = { colours, begin, diamonds, KEY_PX };
})();
