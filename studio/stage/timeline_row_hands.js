// Hands on the rows of the timeline: select, rubber band, drag keys, drag a layer's range and fades, double-click a key.
(() => {
  const { state, keying, curves, timeview, playback, clamp } = studio;
  const GRIP_PX = 6;
  const KEY_PX = 7;
  const MOVE_PX = 3;
  const CURSORS = { key: "grab", early: "ew-resize", late: "ew-resize", start: "col-resize", stop: "col-resize", easeIn: "ew-resize", easeOut: "ew-resize", body: "move", empty: "crosshair" };
  const SAID = { start: "Start", stop: "End", easeIn: "Ease in", easeOut: "Ease out", body: "Time" };
  let canvas = null;
  let bandElement = null;

  // ---- what is under the pointer ----
  /** Nearest key of a row to a place, within reach: its time, or null. */
  function keyUnder(row, x) {
    const w = studio.timelineRows.width();
    let [best, reach] = [null, KEY_PX];
    for (const time of keying.timesOf(keying.channelsOf(row.index), row.slot)) {
      const away = Math.abs(timeview.middle(time) * w - x);
      if (away <= reach) [best, reach] = [time, away];
    }
    return best;
  }

  /** {row, kind: key, early, late, start, stop, easeIn, easeOut, body or empty, time} under the pointer. */
  function hit(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const row = studio.timelineRows.rowAt(y);
    if (!row) return null;
    const layer = keying.layerAt(row.index);
    const h = studio.timelineRows.rowHeight();
    const inRow = (y + studio.timelineRows.top()) % h;
    const edges = row.slot ? null : studio.timelineRows.bar(layer);
    const near = (key) => Math.abs(edges[key] * box.width - x) <= GRIP_PX;
    if (edges && row.index === state.target && inRow < 10) {
      const fade = ["easeIn", "easeOut"].find((key) => near(key));
      if (fade) return { row, kind: fade };
    }
    const grip = edges && studio.timelineRows.stretchGrips(row.index);
    const stretch = grip && ["early", "late"].find((key) => Math.abs(grip[key] - x) <= KEY_PX / 2);
    if (stretch) return { row, kind: stretch };
    const time = keyUnder(row, x);
    if (time !== null) return { row, kind: "key", time };
    if (!edges) return { row, kind: "empty" };
    const end = ["stop", "start"].find((key) => near(key));
    if (end) return { row, kind: end };
    const inside = x > edges.start * box.width && x < edges.stop * box.width;
    // a bar over the whole time leaves no room for the rubber band
    const isBounded = layer.start_s > 0 || layer.stop_s !== null;
    return { row, kind: inside && isBounded && !event.ctrlKey && !event.metaKey ? "body" : "empty" };
  }

  const secondsOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return timeview.secondsAt((event.clientX - box.left) / box.width);
  };

  // ---- gestures: each gives {move, end} ----
  /** Selected keys move together and snap to frames; with Alt their twins do. */
  function dragKeys(event, { row, time }) {
    const here = keying.keysAt(row.index, time, row.slot);
    const wasPicked = here.every(([slot, at]) => keying.isPicked(row.index, slot, at));
    if (event.shiftKey && wasPicked) keying.unselect(row.index, here);
    else if (!wasPicked) keying.select(row.index, here, { adds: event.shiftKey });
    if (!keying.count()) return null;
    const isCopy = event.altKey;
    const held = keying.selection();
    const [first] = keying.extent();
    const from = secondsOf(event);
    const word = isCopy ? "Copy" : "Move";
    const gesture = keying.gesture(`${word} ${keying.count() > 1 ? `${keying.count()} keys` : "a key"}`);
    let by = 0;
    const place = (seconds) => seconds + by;
    return {
      move(moved) {
        const wanted = timeview.snap(time + secondsOf(moved) - from) - time;
        by = Math.max(-first, wanted);
        const change = isCopy ? curves.duplicated : curves.moved;
        gesture.show(keying.changed((channels, picks) => change(channels, picks, ([at, value, kind]) => [place(at), value, kind]), held));
      },
      end(wasMoved) {
        if (wasMoved) keying.follow(place);
        else if (!event.shiftKey) keying.select(row.index, here);
        return gesture.end();
      },
    };
  }

  /** The selected keys over more or less time: one end stands, the other follows the pointer. */
  function dragStretch(event, { kind }) {
    const held = keying.selection();
    const [first, last] = keying.extent();
    const from = secondsOf(event);
    const gesture = keying.gesture("Retime keys");
    let place = (seconds) => seconds;
    return {
      move(moved) {
        const by = secondsOf(moved) - from;
        const length = kind === "late" ? timeview.snap(last + by) - first : last - Math.max(0, timeview.snap(first + by));
        place = keying.stretch(Math.max(length, 1 / playback.fps()), kind === "early");
        const put = ([time, value, way]) => [place(time), value, way];
        gesture.show(keying.changed((channels, picks) => curves.moved(channels, picks, put), held));
      },
      end() {
        keying.follow(place);
        return gesture.end();
      },
    };
  }

  /** New fields of a layer while one of its grips is dragged to a moment. */
  const RANGE = {
    start: (layer, at) => ({ start_s: clamp(at, 0, stopOf(layer) - 1 / playback.fps()) }),
    stop: (layer, at) => ({ stop_s: at >= timeview.whole_s() - 1e-6 ? null : Math.max(at, layer.start_s + 1 / playback.fps()) }),
    easeIn: (layer, at) => ({ ease_in_s: clamp(at - layer.start_s, 0, stopOf(layer) - layer.start_s) }),
    easeOut: (layer, at) => ({ ease_out_s: clamp(stopOf(layer) - at, 0, stopOf(layer) - layer.start_s) }),
  };
  const stopOf = (layer) => layer.stop_s ?? timeview.whole_s();

  function dragRange({ row, kind }) {
    const layer = keying.layerAt(row.index);
    const gesture = keying.gesture(`${SAID[kind]} of ${layer.name}`);
    studio.doc.setTarget(row.index);
    return {
      move: (moved) => gesture.show([{ index: row.index, changes: tidy(RANGE[kind](layer, timeview.snap(secondsOf(moved)))) }]),
      end: () => gesture.end(),
    };
  }

  const tidy = (changes) =>
    Object.fromEntries(Object.entries(changes).map(([key, value]) => [key, value === null ? null : curves.exact(value)]));

  /** The bar with everything on it. */
  function dragBody(event, { row }) {
    const layer = keying.layerAt(row.index);
    const from = secondsOf(event);
    const times = keying.timesOf(layer.channels);
    const least = -Math.min(layer.start_s, times.length ? times[0] : layer.start_s);
    const picks = new Map(
      Object.entries(layer.channels)
        .filter(([, keys]) => !keying.isConstant(keys))
        .map(([slot, keys]) => [slot, new Set(keys.map(([time]) => time))]),
    );
    const gesture = keying.gesture(`${SAID.body} of ${layer.name}`);
    studio.doc.setTarget(row.index);
    return {
      move(moved) {
        const by = Math.max(least, timeview.snap(secondsOf(moved) - from));
        const stop_s = layer.stop_s === null ? null : layer.stop_s + by;
        const changed = curves.moved(layer.channels, picks, ([time, value, kind]) => [time + by, value, kind]);
        const changes = tidy({ start_s: layer.start_s + by, stop_s });
        gesture.show([{ index: row.index, changes, curves: picks.size ? changed : undefined }]);
      },
      end: () => gesture.end(),
    };
  }

  /** Rubber band over rows, of one layer or several. */
  function dragBand(event, { row }) {
    const box = canvas.parentElement.getBoundingClientRect();
    const start = { x: event.clientX - box.left, y: event.clientY - box.top, s: secondsOf(event) };
    const h = studio.timelineRows.rowHeight();
    return {
      move(moved) {
        const [x, y] = [moved.clientX - box.left, moved.clientY - box.top];
        const [left, top] = [Math.min(x, start.x), Math.min(y, start.y)];
        Object.assign(bandElement.style, {
          left: `${left}px`,
          top: `${top}px`,
          width: `${Math.abs(x - start.x)}px`,
          height: `${Math.abs(y - start.y)}px`,
        });
        bandElement.hidden = false;
        const half = timeview.half_s();
        const [from_s, to_s] = [start.s, secondsOf(moved)].sort((a, b) => a - b).map((seconds) => seconds - half);
        const covered = studio.timelineRows
          .rows()
          .filter((_, at) => (at + 1) * h > top && at * h < top + Math.abs(y - start.y));
        const found = covered.map((each) => [each.index, keying.keysBetween(each.index, from_s, to_s, each.slot)]);
        keying.selectMany(found, { adds: event.shiftKey });
      },
      end(wasMoved) {
        bandElement.hidden = true;
        if (wasMoved) return;
        if (!event.shiftKey) keying.clear();
        studio.doc.setTarget(row.index);
      },
    };
  }

  function begin(event, found) {
    if (found.kind === "key") return dragKeys(event, found);
    if (found.kind === "early" || found.kind === "late") return dragStretch(event, found);
    if (found.kind === "body") return dragBody(event, found);
    return found.kind === "empty" ? dragBand(event, found) : dragRange(found);
  }

  /** A drag starts after some pixels, so that a click stays a click; it ends wherever the pointer is let go. */
  function follow(event, element, gesture) {
    if (!gesture) return;
    let wasMoved = false;
    element.setPointerCapture(event.pointerId);
    const move = (moved) => {
      wasMoved ||= Math.hypot(moved.clientX - event.clientX, moved.clientY - event.clientY) > MOVE_PX;
      if (wasMoved) gesture.move(moved);
    };
    const end = () => {
      element.removeEventListener("pointermove", move);
      ["pointerup", "pointercancel"].forEach((name) => element.removeEventListener(name, end));
      gesture.end(wasMoved);
    };
    element.addEventListener("pointermove", move);
    ["pointerup", "pointercancel"].forEach((name) => element.addEventListener(name, end));
  }

  const TIPS = {
    early: "Stretch the selected keys · s · drag",
    late: "Stretch the selected keys · s · drag",
    start: "Start of the layer · s · drag",
    stop: "End of the layer · s · drag",
    easeIn: "Ease in · s · drag",
    easeOut: "Ease out · s · drag",
    body: "Time of the layer · s · drag; Ctrl drag selects keys",
    empty: "Double-click sets a key; drag selects keys",
  };

  function tip(found) {
    if (found?.kind !== "key") return TIPS[found?.kind] ?? "";
    return `Key at ${found.time.toFixed(2)} s · drag moves it, Alt drag copies it`;
  }

  function hover(event) {
    if (event.buttons) return;
    const found = hit(event);
    canvas.style.cursor = CURSORS[found?.kind] ?? "";
    const text = tip(found);
    if (canvas.title !== text) canvas.title = text;
  }

  function listen(element, band) {
    canvas = element;
    bandElement = band;
    canvas.addEventListener("pointerdown", (event) => {
      const found = hit(event);
      event.stopPropagation();
      if (!found || event.button > 0) return;
      event.preventDefault();
      follow(event, canvas, begin(event, found));
    });
    canvas.addEventListener("pointermove", hover);
    canvas.addEventListener("dblclick", (event) => {
      const found = hit(event);
      if (!found || found.kind === "key") return;
      studio.doc.setTarget(found.row.index);
      keying.add(found.row.index, secondsOf(event) - timeview.half_s(), found.row.slot);
    });
    canvas.addEventListener("contextmenu", (event) => {
      const found = hit(event);
      if (!found) return;
      event.preventDefault();
      if (found.kind === "key") {
        const here = keying.keysAt(found.row.index, found.time, found.row.slot);
        if (!here.every(([slot, at]) => keying.isPicked(found.row.index, slot, at))) keying.select(found.row.index, here);
      }
      studio.keyMenu.open(event);
    });
  }

  studio.rowHands = { listen, follow };
})();
