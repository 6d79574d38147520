// One row a layer, one a channel of an opened layer: the bar of its time range and its keys, on one canvas.
(() => {
  const { state, keying, curves, timeview, table, ink } = studio;
  const { one, escape, make } = studio.dom;
  const PEEK_PX = 2;
  /** The grips that stretch the selected keys stand beside the first and the last of them. */
  const GRIP = { beside_px: 10, width_px: 3, height_px: 12 };
  let host = null;
  let canvas = null;
  let scroller = null;
  let rows = [];
  let labelled = "";
  let isDue = false;
  const opened = new Set();

  const rowHeight = () => host.querySelector(".tl")?.offsetHeight || 28;
  const width = () => canvas.clientWidth;

  // ---- rows ----
  function listRows() {
    const list = [];
    for (let index = keying.layers().length - 1; index >= 0; index--) {
      list.push({ index, slot: null });
      if (!opened.has(index)) continue;
      for (const slot of Object.keys(keying.channelsOf(index))) list.push({ index, slot });
    }
    return list;
  }

  const rowRegion = ({ index, slot }) => table.regionOf(slot ? [slot] : Object.keys(keying.channelsOf(index)));

  function label(row, at) {
    const { index, slot } = row;
    const dot = `<b class="dot-region" style="--c:var(--rg-${rowRegion(row)})"></b>`;
    if (slot) {
      const name = escape(table.label(slot));
      return `<div class="tl channel" data-row="${at}" title="${name} · double-click its lane to set a key">${dot}<span>${name}</span></div>`;
    }
    const { name, muted } = keying.layers()[index];
    const isOpen = opened.has(index);
    return `<div class="tl layer ${muted ? "is-muted" : ""}" data-row="${at}" title="${escape(name)} · click to edit this layer">
      <button type="button" class="caret" data-action="channels" data-index="${index}" aria-expanded="${isOpen}"
        title="${isOpen ? "Hide" : "Show"} its channels" aria-label="Channels of ${escape(name)}">${studio.icon("chevron", 14)}</button>
      ${dot}<span>${escape(name)}</span></div>`;
  }

  /** Labels are made anew only if they read differently: a drag moves keys, not words. */
  function layOut() {
    if (!host) return;
    rows = listRows();
    const markup = rows.map(label).join("");
    if (markup !== labelled) {
      labelled = markup;
      one(".tlabels", host).innerHTML = markup;
      place();
    }
    for (const element of host.querySelectorAll(".tl.layer")) {
      element.classList.toggle("on", rows[element.dataset.row].index === state.target);
    }
    schedule();
  }

  /** The canvas covers what can be seen of the rows, not all of them. */
  function place() {
    if (!host) return;
    const hidden = Math.max(0, scroller.scrollTop - host.offsetTop);
    const whole = rows.length * rowHeight();
    const height = Math.max(0, Math.min(scroller.clientHeight, whole - hidden));
    canvas.style.top = `${hidden}px`;
    canvas.style.height = `${height}px`;
    schedule();
  }

  // ---- drawing ----
  function schedule() {
    if (isDue || !host) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (canvas.isConnected && width()) paint();
    });
  }

  /** Shares of the lane where a bar and its fades begin and end. */
  function bar(layer) {
    const whole = timeview.whole_s();
    const stop_s = layer.stop_s ?? whole;
    return {
      start: timeview.share(layer.start_s),
      stop: timeview.share(stop_s),
      easeIn: timeview.share(Math.min(stop_s, layer.start_s + layer.ease_in_s)),
      easeOut: timeview.share(Math.max(layer.start_s, stop_s - layer.ease_out_s)),
    };
  }

  function paint() {
    const height = canvas.clientHeight;
    const context = ink.begin(canvas, width(), height);
    const h = rowHeight();
    const top = canvas.offsetTop;
    const first = Math.floor(top / h);
    const last = Math.min(rows.length - 1, Math.floor((top + height) / h));
    for (let at = first; at <= last; at++) paintRow(context, rows[at], at * h - top, h);
    return undefined;
  }

  function paintRow(context, row, y, h) {
    const colours = ink.colours();
    context.fillStyle = colours.line;
    context.fillRect(0, y + h - 1, width(), 1);
    const layer = keying.layerAt(row.index);
    if (!layer) return;
    context.globalAlpha = layer.muted ? 0.4 : 1;
    if (row.slot) paintTrace(context, layer.channels[row.slot], rowRegion(row), y, h);
    else paintBar(context, bar(layer), row, y, h);
    paintKeys(context, layer, row, y + h / 2 - 0.5);
    context.globalAlpha = 1;
  }

  function paintBar(context, { start, stop, easeIn, easeOut }, row, y, h) {
    const colour = ink.colours().region(rowRegion(row));
    const w = width();
    const [x0, x1, top, bottom] = [start * w, stop * w, y + 4, y + h - 5];
    context.beginPath();
    context.rect(x0, top, Math.max(1, x1 - x0), bottom - top);
    const alpha = context.globalAlpha;
    context.fillStyle = context.strokeStyle = colour;
    context.globalAlpha = alpha * 0.14;
    context.fill();
    context.beginPath();
    context.moveTo(x0, bottom);
    context.lineTo(easeIn * w, top);
    context.lineTo(easeOut * w, top);
    context.lineTo(x1, bottom);
    context.closePath();
    context.fill();
    context.globalAlpha = alpha * 0.6;
    context.strokeRect(x0 + 0.5, top + 0.5, Math.max(1, x1 - x0 - 1), bottom - top - 1);
    context.globalAlpha = alpha;
    if (row.index === state.target) paintHandles(context, [x0, x1], [easeIn * w, easeOut * w], top, bottom);
  }

  /** The layer at hand shows what can be gripped: its ends as bars, its fades as dots. */
  function paintHandles(context, ends, fades, top, bottom) {
    context.fillStyle = ink.colours().t2;
    context.fillRect(ends[0], top, 3, bottom - top);
    context.fillRect(ends[1] - 3, top, 3, bottom - top);
    context.fillStyle = ink.colours().knob;
    fades.forEach((x) => {
      context.beginPath();
      context.arc(x, top, 3, 0, 2 * Math.PI);
      context.fill();
    });
  }

  /** A channel's curve, small, behind its keys. */
  function paintTrace(context, keys, region, y, h) {
    if (!keys) return;
    const values = keys.map((key) => key[1]);
    const [low, high] = [Math.min(...sparse(values)), Math.max(...sparse(values))];
    const place = (value) => y + 5 + (h - 11) * (high > low ? 1 - (value - low) / (high - low) : 0.5);
    context.beginPath();
    for (let x = 0; x <= width(); x += PEEK_PX) {
      const value = curves.valueAt(keys, Math.max(0, timeview.secondsAt(x / width()) - timeview.half_s()));
      context.lineTo(x, place(value));
    }
    context.strokeStyle = ink.colours().region(region);
    context.lineWidth = 1;
    context.stroke();
  }

  /** Enough of many values to know their range; spreading thousands into a call is not for free. */
  const sparse = (values) => (values.length > 4000 ? values.filter((_, i) => i % 4 === 0) : values);

  function paintKeys(context, layer, row, y) {
    const w = width();
    const [plain, chosen] = [[], []];
    const picked = new Set();
    for (const [slot, times] of keying.picksOf(row.index)) if (!row.slot || slot === row.slot) times.forEach((time) => picked.add(time));
    for (const time of keying.timesOf(layer.channels, row.slot)) {
      const at = timeview.middle(time);
      if (at < -0.01 || at > 1.01) continue;
      (picked.has(time) ? chosen : plain).push([at * w, y]);
    }
    ink.diamonds(context, plain, ink.colours().t2);
    ink.diamonds(context, chosen, ink.colours().acc, ink.KEY_PX + 1);
    const grips = row.slot ? null : stretchGrips(row.index);
    context.fillStyle = ink.colours().acc;
    for (const x of Object.values(grips ?? {})) {
      context.fillRect(x - GRIP.width_px / 2, y - GRIP.height_px / 2, GRIP.width_px, GRIP.height_px);
    }
  }

  /** Places of the two grips in the row of a layer with selected keys, in pixels of the lane; null where nothing stretches. */
  function stretchGrips(index) {
    if (!keying.picksOf(index).size || !keying.length_s()) return null;
    const [first, last] = keying.extent().map((time) => timeview.middle(time) * width());
    return { early: first - GRIP.beside_px, late: last + GRIP.beside_px };
  }

  // ---- where things are ----
  const rowAt = (y) => rows[Math.floor((y + canvas.offsetTop) / rowHeight())];

  /** Place of a key on the page, in CSS pixels: for hands that are not a mouse, and for tests. */
  function spot(index, time, slot = null) {
    const at = rows.findIndex((row) => row.index === index && row.slot === slot);
    const box = canvas.getBoundingClientRect();
    const y = box.top + (at + 0.5) * rowHeight() - canvas.offsetTop;
    return at < 0 ? null : { x: box.left + timeview.middle(time) * box.width, y };
  }

  function toggle(index) {
    if (opened.has(index)) opened.delete(index);
    else opened.add(index);
    layOut();
  }

  function mount(element, scrolling) {
    host = element;
    scroller = scrolling;
    labelled = "";
    host.replaceChildren(make('<div class="tlabels"></div>'), make('<canvas class="tkeys" tabindex="-1"></canvas>'), make('<i class="rubber" hidden></i>'));
    canvas = one("canvas", host);
    host.addEventListener("click", (event) => {
      const caret = event.target.closest("[data-action=channels]");
      const row = rows[event.target.closest(".tl")?.dataset.row];
      if (caret) toggle(Number(caret.dataset.index));
      else if (row) studio.doc.setTarget(row.index);
    });
    scroller.addEventListener("scroll", place);
    studio.rowHands.listen(canvas, one(".rubber", host));
    layOut();
  }

  studio.on("document", layOut);
  studio.on("target", layOut);
  ["timeview", "keys-selected", "keys-preview"].forEach((name) => studio.on(name, schedule));

  studio.timelineRows = {
    mount,
    place,
    layOut,
    schedule,
    rowAt,
    rowHeight,
    bar,
    stretchGrips,
    spot,
    width,
    toggle,
    isOpened: (index) => opened.has(index),
    rows: () => rows,
    top: () => canvas.offsetTop,
  };
})();
