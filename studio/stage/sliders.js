// One slider row: a native range input for keyboard and screen readers under a painted track.
(() => {
  const { state, store, table, clamp } = studio;
  const { make, one, escape } = studio.dom;

  const percent = (fraction) => `${(100 * clamp(fraction, 0, 1)).toFixed(2)}%`;

  class Row {
    /**
     * control: record of the table; name: control or slot key; kind: "", "child", "dense", "region" or "emotion".
     * read, rest, write replace the store for rows that show something derived (converge).
     */
    constructor({ control, name, kind = "", label, panel, chain = false, lead = "", color = "", read, rest, write, slots }) {
      this.control = control;
      this.name = name;
      this.kind = kind;
      this.panel = panel || control.panel;
      this.label = label || control.label;
      this.slots = slots || table.resolve(name);
      this.read = read || (() => store.get(name));
      this.rest = rest || (() => mean(this.slots.map(store.rest)));
      this.write = write || ((value) => store.set(name, value));
      this.reset = () => (write ? write(this.rest()) : store.reset(this.slots));
      this.group = null;
      this.isStale = true;
      this.isDragged = false;
      this.chain = chain;
      this.el = make(this.markup(lead, color));
      this.el.row = this;
      this.input = one("input[type=range]", this.el);
      this.field = one(".value", this.el);
      this.percentile = one(".percentile", this.el);
      this.dot = one(".dot", this.el);
      this.placeBand();
    }

    position(value) {
      return percent((value - this.control.lo) / (this.control.hi - this.control.lo));
    }

    markup(lead, color) {
      const { control, name, kind } = this;
      const spokenName = this.spokenName();
      const tip = this.tip();
      const classes = ["sl", kind].join(" ");
      const number = control.kind === "dim" ? `<i>${control.dim}</i>` : "";
      const unit = control.unit === "10⁻³" ? "" : control.unit;
      const linkTip = "Left and right move together";
      const link = this.chain ? studio.button("link", linkTip, { small: true, kind: "chain", pressed: true }) : "";
      const region = color || (control.region ? `var(--rg-${control.region})` : "");
      const dot = `<button type="button" class="dot" data-reset title="Reset ${escape(spokenName)}"
        aria-label="Reset ${escape(spokenName)}" tabindex="-1"></button>`;
      return `<div class="${classes}" data-key="${name}" title="${escape(tip)}" ${region ? `style="--c:${region}"` : ""} ${control.live ? "" : "data-inert"}>
        ${lead || dot}
        <span class="name">${number}${escape(this.label)}</span>
        <span class="track"><span class="line"></span>${control.band ? '<span class="band"></span>' : ""}<span class="fill"></span>
          <span class="limit low"></span><span class="limit high"></span><span class="rest"></span>
          <input type="range" min="${control.lo}" max="${control.hi}" step="any" aria-label="${escape(spokenName)}"
          aria-description="${escape(tip)}"></span>
        ${kind === "dense" ? '<span class="percentile" title="Percentile in real faces"></span>' : ""}
        <span class="field"><input class="value" inputmode="decimal" autocomplete="off"
          aria-label="${escape(spokenName)} value"><em>${unit}</em></span>${link}
      </div>`;
    }

    spokenName() {
      const { control } = this;
      const side = table.slots.get(this.name)?.side;
      if (control.kind === "dim") return `Dimension ${control.dim}, ${control.label}, point ${control.keypoint} ${control.axis}`;
      if (control.kind === "region") return `${table.label(this.name)} weight`;
      return side ? `${control.label}, subject's ${side}` : this.label;
    }

    tip() {
      const side = table.slots.get(this.name)?.side;
      const whose = side ? `The ${side} side of the person, not of the picture. ` : "";
      const { tip, unit, kind, source } = this.control;
      return table.tip(whose + (tip || this.label), unit || (kind === "eye" ? "ratio" : "factor"), source);
    }

    placeBand() {
      const { band } = this.control;
      if (!band) return;
      this.el.style.setProperty("--b0", this.position(band[0]));
      this.el.style.setProperty("--b1", this.position(band[1]));
      const between = `${table.withUnit(this.control, band[0])} to ${table.withUnit(this.control, band[1])}`;
      one(".track", this.el).title = `Real faces: ${between} (5th to 95th percentile)`;
    }

    isVisible() {
      return this.panel === state.panel && !this.el.hidden && (!this.group || this.group.open);
    }

    isEditedNow() {
      return this.slots.some(store.isEdited);
    }

    /** Asked and given when a limit bites any of the row's slots. */
    limited() {
      const hits = this.slots.map((slot) => state.limits[slot]).filter(Boolean);
      if (!hits.length) return null;
      const given = mean(this.slots.map((slot) => (state.limits[slot] ? state.limits[slot][1] : store.shown(slot))));
      return { given };
    }

    paint() {
      this.isStale = false;
      const value = this.read();
      const limited = this.limited();
      const effective = limited ? limited.given : value;
      const { style, classList } = this.el;
      style.setProperty("--v", this.position(value));
      style.setProperty("--e", this.position(effective));
      // a weight is filled from nothing, everything else from its rest
      style.setProperty("--z", this.position(this.control.kind === "region" ? this.control.lo : this.rest()));
      const isEdited = this.isEditedNow();
      classList.toggle("edited", isEdited);
      classList.toggle("limited", Boolean(limited));
      if (limited) this.placeLimits(limited.given);
      this.paintInputs(value, limited);
      if (this.percentile) {
        const rank = isEdited ? table.percentile(this.control, value) : null;
        this.percentile.textContent = rank === null ? "" : `p${rank}`;
      }
      if (this.dot) this.dot.tabIndex = isEdited ? 0 : -1;
      this.onpaint?.(value);
    }

    paintInputs(value, limited) {
      // while the thumb is held the browser moves it; writing back would make it stutter
      if (!this.isDragged) this.input.value = value;
      const note = limited ? `limited to ${table.withUnit(this.control, limited.given)}` : "";
      this.input.setAttribute("aria-valuetext", table.spoken(this.control, value) + (note ? `, ${note}` : ""));
      if (document.activeElement !== this.field) this.field.value = table.figure(this.control, value);
      if (note) this.field.title = note[0].toUpperCase() + note.slice(1);
      // an empty title would hide that of the row
      else this.field.removeAttribute("title");
    }

    placeLimits(given) {
      const strength = store.get("limit_strength") || 1;
      const limit = table.limitOf(this.control);
      const [low, high] = limit
        ? limit.map((end) => end / strength)
        : [2 * this.rest() - given, given].sort((a, b) => a - b);
      this.el.style.setProperty("--l0", this.position(low));
      this.el.style.setProperty("--l1", this.position(high));
    }

    paintLink() {
      const button = this.chain && one("[data-action=link]", this.el);
      if (!button) return;
      const isApart = store.isApart(this.name);
      const tip = isApart ? "Left and right move apart" : "Left and right move together";
      button.setAttribute("aria-pressed", !isApart);
      button.setAttribute("aria-label", `${tip}: ${this.label}`);
      button.title = tip;
      button.innerHTML = studio.icon(isApart ? "unlink" : "link", 15);
    }

    setDisabled(reason) {
      this.el.classList.toggle("disabled", Boolean(reason));
      this.el.title = reason || this.tip();
      for (const input of this.el.querySelectorAll("input, button")) input.disabled = Boolean(reason);
    }
  }

  const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

  studio.Row = Row;
})();
