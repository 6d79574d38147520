// The control table as the page sees it: lookups over the data Python generated, and how values are written.
(() => {
  const { state, clamp } = studio;
  const slots = new Map();
  const controls = new Map();
  const slotsOf = new Map();
  const regionLabels = new Map();

  function load(data) {
    state.data = data;
    data.controls.forEach((control) => controls.set(control.key, control));
    data.slots.forEach((slot, index) => {
      slots.set(slot.key, { ...slot, index });
      if (!slotsOf.has(slot.control)) slotsOf.set(slot.control, []);
      slotsOf.get(slot.control).push(slot.key);
    });
    data.regions.forEach((region) => regionLabels.set(region.key, region.label));
    studio.emit("data");
  }

  /** Slot keys behind a name: one for a slot or an unsided control, right and left for a sided one. */
  const resolve = (name) => (slots.has(name) ? [name] : slotsOf.get(name) || []);
  const controlOf = (name) => controls.get(name) || controls.get(slots.get(name)?.control);
  const isSided = (control) => slotsOf.get(control.key).length > 1;
  const ofPanel = (panel, ...kinds) =>
    state.data.controls.filter((control) => control.panel === panel && kinds.includes(control.kind));

  const SIDE = { right: "Right", left: "Left" };
  /** "Brow raise, right" for a slot, "Brow raise" for a control, "3 Brow draw" for a dimension. */
  function label(name) {
    const control = controlOf(name);
    if (!control) return name;
    const side = slots.get(name)?.side;
    const prefix = control.kind === "dim" ? `${control.dim} ` : "";
    return prefix + control.label + (side ? `, ${SIDE[side].toLowerCase()}` : "");
  }

  // ---- figures ----
  const scaleOf = (control) => (control.unit === "%" ? 100 : 1);

  function digitsOf(control) {
    const step = control.step * scaleOf(control);
    return clamp(Math.ceil(-Math.log10(step) - 1e-6), 0, 3);
  }

  /** The figure alone, in display units: true minus, plus only where a control goes both ways. */
  function figure(control, value, digits = digitsOf(control)) {
    const text = (value * scaleOf(control)).toFixed(digits);
    const isZero = Number(text) === 0;
    if (isZero) return (0).toFixed(digits);
    return (value > 0 && control.lo < 0 ? "+" : "") + text.replace("-", "\u2212");
  }

  /** "asked → given"; as many digits as it takes to tell them apart. */
  function change(control, asked, given) {
    let digits = digitsOf(control);
    while (digits < 3 && figure(control, asked, digits) === figure(control, given, digits)) digits += 1;
    return `${figure(control, asked, digits)} → ${figure(control, given, digits)}${unitText(control)}`;
  }

  /** Where the limit bites at strength 1: a portrait that looks aside turns less far than the table says. */
  const limitOf = (control) => studio.state.portrait?.limits?.[control.key] || control.limit;

  const unitText = (control) => (control.unit === "%" ? "\u202f%" : control.unit === "°" ? "°" : "");
  const withUnit = (control, value) => figure(control, value) + unitText(control);

  /** What a control does, in which unit, and where its range comes from: the one wording of every value on the page. */
  const tip = (what, unit, source = "") => `${what} · unit: ${unit} · source: ${source || "the studio's own setting"}`;

  const SPOKEN = { "%": "percent", "°": "degrees", "10⁻³": "thousandths" };
  const spoken = (control, value) => `${figure(control, value)} ${SPOKEN[control.unit] || ""}`.trim();

  /** Typed text to a value, or null. */
  function parse(control, text) {
    const number = Number.parseFloat(text.replace("\u2212", "-").replace(",", "."));
    return Number.isFinite(number) ? number / scaleOf(control) : null;
  }

  /** Steps count from zero, so that zero is always on the grid whatever the slider's end. */
  function snap(control, value) {
    const snapped = Math.round(value / control.step) * control.step;
    return clamp(Number(snapped.toFixed(6)), control.lo, control.hi);
  }

  /** Rank of a raw dimension among real faces, from the table's [percentile, value] pairs. */
  function percentile(control, value) {
    const pairs = control.percentiles || [];
    if (!pairs.length) return null;
    if (value <= pairs[0][1]) return 0;
    for (let i = 1; i < pairs.length; i++) {
      const [[lowRank, low], [highRank, high]] = [pairs[i - 1], pairs[i]];
      if (value <= high) return Math.round(lowRank + ((highRank - lowRank) * (value - low)) / (high - low || 1));
    }
    return 100;
  }

  /** The region most of these slots belong to: the hue of a layer. */
  function regionOf(names) {
    const counts = new Map();
    for (const name of names) {
      const region = controlOf(name)?.region || "inert";
      counts.set(region, (counts.get(region) || 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "inert";
  }

  studio.table = {
    load,
    slots,
    controls,
    slotsOf,
    resolve,
    controlOf,
    regionOf,
    isSided,
    ofPanel,
    label,
    figure,
    withUnit,
    tip,
    change,
    unitText,
    limitOf,
    spoken,
    parse,
    snap,
    percentile,
    scaleOf,
    regionLabel: (key) => regionLabels.get(key) || key[0].toUpperCase() + key.slice(1),
  };
})();
