// The curves editor: the channels of the layer at hand as values over time, keys dragged in time and value.
(() => {
  const { state, keying, curves, timeview, table, ink, clamp } = studio;
  const { one, escape, make } = studio.dom;
  const KEY_PX = 8;
  const MARGIN_PX = 14;
  const STEP_PX = 2;
  const INSET_PX = 4;
  /** Room above and below the keys, and the least height shown, as shares of the control's span. */
  const ROOM = { around: 0.15, least: 0.1 };
  let host = null;
  let canvas = null;
  let isDue = false;
  let labelled = "";
  /** Channel whose scale is written at the edge; null is the first one. */
  let active = null;
  const hidden = new Set();
  /** While a key is dragged the scale stands still. */
  const frozen = new Map();

  const index = () => (keying.layers()[state.target] ? state.target : keying.layers().length - 1);
  const channels = () => keying.channelsOf(index());
  const isShown = () => studio.timeline.view() === "curves";
  const regionOf = (slot) => table.regionOf([slot]);

  function activeSlot() {
    const slots = Object.keys(channels());
    return slots.includes(active) ? active : slots[0];
  }

  // ---- scales: each channel has its own, since degrees and shares do not compare ----
  /** Values at the lower and the upper edge. */
  function scaleOf(slot) {
    if (frozen.has(slot)) return frozen.get(slot);
    const keys = channels()[slot];
    let [low, high] = [Infinity, -Infinity];
    for (const [, value] of keys) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const { lo, hi } = table.slots.get(slot);
    const room = Math.max(ROOM.around * (high - low), (ROOM.least * (hi - lo)) / 2);
    return [low - room, high + room];
  }

  const width = () => canvas.clientWidth;
  const height = () => canvas.clientHeight;
  function yOf(slot, value) {
    const [low, high] = scaleOf(slot);
    return MARGIN_PX + (height() - 2 * MARGIN_PX) * (1 - (value - low) / (high - low));
  }
  const perPixel = (slot) => (scaleOf(slot)[1] - scaleOf(slot)[0]) / (height() - 2 * MARGIN_PX);

  // ---- labels ----
  function label(slot) {
    const name = escape(table.label(slot));
    return `<div class="tl channel ${slot === activeSlot() ? "on" : ""} ${hidden.has(slot) ? "is-muted" : ""}" data-slot="${slot}"
      title="${name} · click shows its scale"><button type="button" class="eye" data-action="show" aria-pressed="${!hidden.has(slot)}"
      title="${hidden.has(slot) ? "Show" : "Hide"} this curve" aria-label="Curve of ${name}"><b class="dot-region"
      style="--c:var(--rg-${regionOf(slot)})"></b></button><span>${name}</span><em data-value></em></div>`;
  }

  function layOut() {
    if (!host || !isShown()) return;
    const layer = keying.layers()[index()];
    const markup = layer ? Object.keys(channels()).map(label).join("") : "";
    const text = markup || `<p>${layer ? `${escape(layer.name)} holds no value yet.` : "Keys live in layers. Add one in the Layers panel."}</p>`;
    if (text !== labelled) {
      labelled = text;
      one(".tlabels", host).innerHTML = text;
    }
    schedule();
  }

  function schedule() {
    if (isDue || !host || !isShown()) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (canvas.isConnected && width()) paint();
    });
  }

  // ---- drawing ----
  function paint() {
    const context = ink.begin(canvas, width(), height());
    const slot = activeSlot();
    if (!slot) return;
    paintScale(context, slot, false);
    const others = Object.keys(channels()).filter((key) => key !== slot && !hidden.has(key));
    for (const key of others) paintCurve(context, key, 0.45);
    if (!hidden.has(slot)) paintCurve(context, slot, 1);
    paintScale(context, slot, true);
    paintValues();
  }

  /** Three lines, or over the curves their values in the units of the slider. */
  function paintScale(context, slot, hasFigures) {
    const control = table.controlOf(slot);
    const [low, high] = scaleOf(slot);
    const colours = ink.colours();
    context.font = `${colours.note} ${getComputedStyle(host).fontFamily}`;
    context.textBaseline = "bottom";
    for (const value of [low, (low + high) / 2, high]) {
      const y = Math.round(yOf(slot, value)) + 0.5;
      context.fillStyle = hasFigures ? colours.bg0 : colours.line;
      if (!hasFigures) {
        context.fillRect(0, y - 0.5, width(), 1);
        continue;
      }
      const text = table.withUnit(control, value);
      context.fillRect(0, y - MARGIN_PX, context.measureText(text).width + 2 * INSET_PX, MARGIN_PX - 1);
      context.fillStyle = colours.t3;
      context.fillText(text, INSET_PX, y);
    }
  }

  function paintCurve(context, slot, alpha) {
    const keys = channels()[slot];
    const colours = ink.colours();
    context.globalAlpha = alpha;
    context.beginPath();
    for (let x = 0; x <= width(); x += STEP_PX) {
      const seconds = timeview.secondsAt(x / width()) - timeview.half_s();
      context.lineTo(x, yOf(slot, curves.valueAt(keys, Math.max(0, seconds))));
    }
    context.strokeStyle = colours.region(regionOf(slot));
    context.lineWidth = 1.5;
    context.stroke();
    if (!keying.isConstant(keys)) paintKeys(context, slot, keys);
    context.globalAlpha = 1;
  }

  function paintKeys(context, slot, keys) {
    const [plain, chosen] = [[], []];
    for (const [time, value] of keys) {
      const at = timeview.middle(time);
      if (at < -0.01 || at > 1.01) continue;
      (keying.isPicked(index(), slot, time) ? chosen : plain).push([at * width(), yOf(slot, value)]);
    }
    ink.diamonds(context, plain, ink.colours().t2);
    ink.diamonds(context, chosen, ink.colours().acc, ink.KEY_PX + 1);
  }

  /** Values at the playhead beside the names. */
  function paintValues() {
    const now_s = (studio.playback.frame() ?? 0) / studio.playback.fps();
    for (const element of host.querySelectorAll("[data-slot]")) {
      const { slot } = element.dataset;
      const keys = channels()[slot];
      if (keys) studio.dom.setText(one("[data-value]", element), table.withUnit(table.controlOf(slot), curves.valueAt(keys, now_s)));
    }
  }

  // ---- hands ----
  function place(event) {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** The nearest key within reach, of the active curve first. */
  function keyUnder({ x, y }) {
    let best = null;
    let reach = KEY_PX;
    for (const [slot, keys] of Object.entries(channels())) {
      if (hidden.has(slot) || keying.isConstant(keys)) continue;
      for (const [time, value] of keys) {
        const favour = slot === activeSlot() ? 0.5 : 0;
        const away = Math.hypot(timeview.middle(time) * width() - x, yOf(slot, value) - y) - favour;
        if (away <= reach) [best, reach] = [{ slot, time, value }, away];
      }
    }
    return best;
  }

  /** Shift keeps the time or the value, whichever moved less. */
  function dragKeys(event, { slot, time }) {
    const at = index();
    if (event.shiftKey && keying.isPicked(at, slot, time)) keying.unselect(at, [[slot, time]]);
    else if (!keying.isPicked(at, slot, time)) keying.select(at, [[slot, time]], { adds: event.shiftKey });
    // what cannot be seen here is not moved
    keying.keepLayer(at);
    if (!keying.count()) return null;
    active = slot;
    const held = channels();
    const picks = keying.picksOf(at);
    const [first] = keying.extent();
    const start = place(event);
    Object.keys(held).forEach((key) => frozen.set(key, scaleOf(key)));
    const gesture = keying.gesture(`${event.altKey ? "Copy" : "Move"} ${keying.count() > 1 ? `${keying.count()} keys` : "a key"}`);
    let by = 0;
    return {
      move(moved) {
        const { x, y } = place(moved);
        const isLevel = moved.shiftKey && Math.abs(x - start.x) >= Math.abs(y - start.y);
        const isUpright = moved.shiftKey && !isLevel;
        by = isUpright ? 0 : Math.max(-first, timeview.snap(time + ((x - start.x) / width()) * timeview.span_s()) - time);
        const up_px = isLevel ? 0 : start.y - y;
        const change = event.altKey ? curves.duplicated : curves.moved;
        const put = ([seconds, value, kind], key) => [seconds + by, inRange(key, value + up_px * perPixel(key)), kind];
        gesture.show([{ index: at, curves: change(held, picks, put) }]);
      },
      async end(wasMoved) {
        if (wasMoved) keying.follow((seconds) => seconds + by);
        else if (!event.shiftKey) keying.select(at, [[slot, time]]);
        await gesture.end();
        frozen.clear();
        layOut();
      },
    };
  }

  /** A value inside what a layer of this mode can hold. */
  const inRange = (slot, value) => clamp(value, ...table.slots.get(slot).ranges[keying.layers()[index()].mode]);

  function dragBand(event) {
    const box = canvas.parentElement.getBoundingClientRect();
    const band = one(".rubber", host);
    const start = [event.clientX, event.clientY];
    return {
      move(moved) {
        const [left, right] = [start[0], moved.clientX].sort((a, b) => a - b);
        const [top, bottom] = [start[1], moved.clientY].sort((a, b) => a - b);
        const style = { left: left - box.left, top: top - box.top, width: right - left, height: bottom - top };
        for (const [key, pixels] of Object.entries(style)) band.style[key] = `${pixels}px`;
        band.hidden = false;
        const area = canvas.getBoundingClientRect();
        const found = [];
        for (const [slot, keys] of Object.entries(channels())) {
          if (hidden.has(slot) || keying.isConstant(keys)) continue;
          for (const [time, value] of keys) {
            const x = area.left + timeview.middle(time) * width();
            const y = area.top + yOf(slot, value);
            if (x >= left && x <= right && y >= top && y <= bottom) found.push([slot, time]);
          }
        }
        keying.select(index(), found, { adds: event.shiftKey });
      },
      end(wasMoved) {
        band.hidden = true;
        if (!wasMoved && !event.shiftKey) keying.clear();
      },
    };
  }

  /** Place of a key on the page, in CSS pixels. */
  function spot(slot, time) {
    const key = channels()[slot]?.find((each) => each[0] === time);
    const box = canvas.getBoundingClientRect();
    return key ? { x: box.left + timeview.middle(time) * box.width, y: box.top + yOf(slot, key[1]) } : null;
  }

  function listen() {
    canvas.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      if (event.button > 0 || !keying.layers().length) return;
      event.preventDefault();
      const key = keyUnder(place(event));
      studio.rowHands.follow(event, canvas, key ? dragKeys(event, key) : dragBand(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons) canvas.style.cursor = keyUnder(place(event)) ? "grab" : "crosshair";
    });
    canvas.addEventListener("dblclick", (event) => {
      const slot = activeSlot();
      if (!slot || keyUnder(place(event))) return;
      keying.add(index(), timeview.secondsAt(place(event).x / width()) - timeview.half_s(), slot);
    });
    canvas.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      const key = keyUnder(place(event));
      if (key && !keying.isPicked(index(), key.slot, key.time)) keying.select(index(), [[key.slot, key.time]]);
      studio.keyMenu.open(event);
    });
    one(".tlabels", host).addEventListener("click", (event) => {
      const slot = event.target.closest("[data-slot]")?.dataset.slot;
      if (!slot) return;
      if (!event.target.closest("[data-action=show]")) active = slot;
      else if (!hidden.delete(slot)) hidden.add(slot);
      layOut();
    });
  }

  function mount(element) {
    host = element;
    labelled = "";
    host.replaceChildren(
      make('<div class="tlabels"></div>'),
      make('<canvas class="tcurve" title="Drag keys in time and value · Shift keeps one of them · double-click sets a key"></canvas>'),
      make('<i class="rubber" hidden></i>'),
    );
    canvas = one("canvas", host);
    listen();
  }

  ["document", "target", "timeline-view"].forEach((name) => studio.on(name, layOut));
  ["timeview", "keys-selected", "keys-preview", "playhead"].forEach((name) => studio.on(name, schedule));

  studio.timelineCurves = { mount, layOut, schedule, spot };
})();
