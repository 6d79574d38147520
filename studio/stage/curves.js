// Values between keys, by the same cubics as pipelines/motion/keyframes.py, and the cutting and pasting of keys. All pure.
(() => {
  /** To the next key: straight; slow at both ends; no change until then; through the neighbours without overshoot. */
  const KINDS = ["linear", "smooth", "hold", "spline"];
  /** Keys closer than a microsecond are one key. */
  const TIME_DECIMALS = 6;
  const VALUE_DECIMALS = 9;
  const [TIME, VALUE, KIND] = [0, 1, 2];

  const exact = (seconds) => Number(Math.max(0, seconds).toFixed(TIME_DECIMALS));

  // ---- values ----
  /** Slope at the first of three points, such that the curve does not overshoot. */
  function slopeAtEnd(h0, h1, m0, m1) {
    const slope = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1);
    if (Math.sign(slope) !== Math.sign(m0)) return 0;
    return Math.sign(m0) !== Math.sign(m1) && Math.abs(slope) > 3 * Math.abs(m0) ? 3 * m0 : slope;
  }

  function slopeInside(h0, h1, m0, m1) {
    if (Math.sign(m0) !== Math.sign(m1) || m0 === 0 || m1 === 0) return 0;
    const [w0, w1] = [2 * h1 + h0, h1 + 2 * h0];
    return (w0 + w1) / (w0 / m0 + w1 / m1);
  }

  /** Slopes of the monotone cubic (PCHIP) through all keys. */
  function slopes(spans, rises) {
    const steep = rises.map((rise, i) => rise / spans[i]);
    const last = spans.length - 1;
    if (last === 0) return [steep[0], steep[0]];
    const inner = steep.slice(1).map((m, i) => slopeInside(spans[i], spans[i + 1], steep[i], m));
    return [
      slopeAtEnd(spans[0], spans[1], steep[0], steep[1]),
      ...inner,
      slopeAtEnd(spans[last], spans[last - 1], steep[last], steep[last - 1]),
    ];
  }

  /** Coefficients of 1, s, s², s³ from each key on, s in seconds since the key; the last stretch is constant. */
  function cubics(keys) {
    const spans = keys.slice(1).map((key, i) => key[TIME] - keys[i][TIME]);
    const rises = keys.slice(1).map((key, i) => key[VALUE] - keys[i][VALUE]);
    const needsSlopes = keys.slice(0, -1).some((key) => key[KIND] === "spline");
    const tilt = needsSlopes ? slopes(spans, rises) : null;
    return keys.map((key, i) => {
      const [span, rise] = [spans[i], rises[i]];
      if (i === keys.length - 1 || key[KIND] === "hold") return [key[VALUE], 0, 0, 0];
      if (key[KIND] === "linear") return [key[VALUE], rise / span, 0, 0];
      if (key[KIND] === "smooth") return [key[VALUE], 0, (3 * rise) / span ** 2, (-2 * rise) / span ** 3];
      const mean = rise / span;
      const [a, b] = [tilt[i], tilt[i + 1]];
      return [key[VALUE], a, (3 * mean - 2 * a - b) / span, (a + b - 2 * mean) / span ** 2];
    });
  }

  /** Index of the last key that is not after a time; the first where all are. */
  function stretchAt(keys, seconds) {
    let [low, high] = [0, keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (keys[middle][TIME] <= seconds) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  const compiled = new WeakMap();

  /** Value of a curve at a time. Keys are never changed in place, so that their cubics are reckoned once. */
  function valueAt(keys, seconds) {
    if (!compiled.has(keys)) compiled.set(keys, cubics(keys));
    const i = stretchAt(keys, seconds);
    const s = Math.max(0, seconds - keys[i][TIME]);
    const [a, b, c, d] = compiled.get(keys)[i];
    return a + s * (b + s * (c + s * d));
  }

  // ---- editing; `channels` is {slot: keys}, `picks` is Map slot -> Set of times, results are {slot: keys | null} ----
  const isPicked = (picks, slot, key) => Boolean(picks.get(slot)?.has(key[TIME]));

  /** Keys in the order of time; of two at one time the later given one stays. */
  function inOrder(keys) {
    const byTime = new Map(keys.map((key) => [key[TIME], key]));
    return [...byTime.values()].sort((a, b) => a[TIME] - b[TIME]);
  }

  function changed(channels, picks, change) {
    const result = {};
    for (const slot of picks.keys()) if (channels[slot]) result[slot] = change(channels[slot], slot);
    return result;
  }

  /** Picked keys go where `place` says: [time_s, value, kind] -> the same; what lies there already gives way. */
  function moved(channels, picks, place) {
    return changed(channels, picks, (keys, slot) => {
      const rest = keys.filter((key) => !isPicked(picks, slot, key));
      const gone = keys.filter((key) => isPicked(picks, slot, key)).map((key) => tidy(place(key, slot)));
      return inOrder([...rest, ...gone]);
    });
  }

  const tidy = ([time, value, kind]) => [exact(time), Number(value.toFixed(VALUE_DECIMALS)), kind];

  /** The same with the picked keys staying where they are as well. */
  function duplicated(channels, picks, place) {
    return changed(channels, picks, (keys, slot) => {
      const twins = keys.filter((key) => isPicked(picks, slot, key)).map((key) => tidy(place(key, slot)));
      return inOrder([...keys, ...twins]);
    });
  }

  function removed(channels, picks) {
    return changed(channels, picks, (keys, slot) => {
      const kept = keys.filter((key) => !isPicked(picks, slot, key));
      return kept.length ? kept : null;
    });
  }

  const withKind = (channels, picks, kind) => moved(channels, picks, ([time, value]) => [time, value, kind]);

  /** Picked keys with times counted from `start`. */
  function copied(channels, picks, start) {
    const clip = {};
    for (const slot of picks.keys()) {
      const keys = (channels[slot] || []).filter((key) => isPicked(picks, slot, key));
      if (keys.length) clip[slot] = keys.map(([time, value, kind]) => [exact(time - start), value, kind]);
    }
    return clip;
  }

  /** Copied keys laid in from a time on, in place of those that lie between the first and the last. */
  function pasted(channels, clip, at_s) {
    const result = {};
    for (const [slot, copies] of Object.entries(clip)) {
      const keys = copies.map(([time, value, kind]) => [exact(time + at_s), value, kind]);
      const [first, last] = [keys[0][TIME], keys.at(-1)[TIME]];
      const rest = (channels[slot] || []).filter((key) => key[TIME] < first || key[TIME] > last);
      result[slot] = inOrder([...rest, ...keys]);
    }
    return result;
  }

  /** First and last picked time. */
  function extent(picks) {
    let [first, last] = [Infinity, -Infinity];
    for (const times of picks.values()) {
      for (const time of times) {
        first = Math.min(first, time);
        last = Math.max(last, time);
      }
    }
    return [first, last];
  }

  /** All times at which any channel has a key, in order. */
  function timesOf(channels) {
    const times = new Set();
    for (const keys of Object.values(channels)) for (const key of keys) times.add(key[TIME]);
    return Float64Array.from(times).sort();
  }

  studio.curves = {
    KINDS,
    exact,
    cubics,
    valueAt,
    stretchAt,
    moved,
    duplicated,
    removed,
    withKind,
    copied,
    pasted,
    extent,
    timesOf,
  };
})();
