// Two-dimensional pads: gaze and head turn. The drawing follows; arrows step by one degree.
(() => {
  const { state, store, table, history, clamp } = studio;
  const { make, one, escape } = studio.dom;
  const SIZE = 200;
  const HALF = SIZE / 2;

  const DRAWING = {
    gaze: `<path d="M26 100s28-46 74-46 74 46 74 46-28 46-74 46-74-46-74-46Z"/>
      <g class="moving"><circle cx="100" cy="100" r="34"/><circle class="pupil" cx="100" cy="100" r="13"/></g>`,
    head: `<path d="M100 38c36 0 56 27 56 63 0 40-25 68-56 68s-56-28-56-68c0-36 20-63 56-63Z"/>
      <g class="moving"><path d="M100 62v46l-11 9h22M68 92h16M116 92h16M82 140h36"/></g>`,
  };
  const FOLLOW = { gaze: 0.3, head: 0.22 };

  const grid = [20, 60, 140, 180].map((at) => `M${at} 0v${SIZE}M0 ${at}h${SIZE}`).join("");

  class Pad {
    /**
     * axes(): names of the two values at this moment. Signs: +1 if the value grows to the right and downwards on the picture.
     * safe: what the dashed area shows, the band of real faces or the limit.
     */
    constructor({ key, label, axes, xSign = 1, ySign, safe = "band" }) {
      this.safe = safe;
      this.key = key;
      this.axes = axes;
      this.sign = [xSign, ySign];
      this.el = make(`<div class="pad" data-pad="${key}" tabindex="0" role="slider"
        aria-label="${label}" title="${escape(this.tip(label))}" aria-valuemin="-90" aria-valuemax="90" aria-valuenow="0">
        <svg viewBox="0 0 ${SIZE} ${SIZE}" aria-hidden="true"><path class="grid" d="${grid}"/><path class="safe"/>
        <path class="axis" d="M${HALF} 0v${SIZE}M0 ${HALF}h${SIZE}"/><g class="shape">${DRAWING[key]}</g>
        <circle class="home" cx="${HALF}" cy="${HALF}" r="4"/><path class="lead"/><circle class="knob" r="8"/></svg></div>`);
      this.drawSafeArea();
      this.listen();
      studio.on("paint", (slots) => this.concerns(slots) && this.paint());
      studio.on("panel", () => this.paint());
      studio.on("portrait", () => this.drawSafeArea());
    }

    controls() {
      return this.axes().map(table.controlOf);
    }

    tip(label) {
      const [control] = this.controls();
      return table.tip(label.replace(/\.$/, ""), control.unit, control.source);
    }

    concerns(slots) {
      return this.axes().some((name) => table.resolve(name).some((slot) => slots.has(slot)));
    }

    reach(axis) {
      const control = this.controls()[axis];
      return Math.max(Math.abs(control.lo), Math.abs(control.hi));
    }

    toPad(axis, value) {
      return HALF + (HALF * this.sign[axis] * value) / this.reach(axis);
    }

    drawSafeArea() {
      const bands = this.controls().map((control) => (this.safe === "limit" ? table.limitOf(control) : control.band));
      if (!bands[0] || !bands[1]) return;
      const [x0, x1] = bands[0].map((end) => this.toPad(0, end)).sort((a, b) => a - b);
      const [y0, y1] = bands[1].map((end) => this.toPad(1, end)).sort((a, b) => a - b);
      one(".safe", this.el).setAttribute("d", `M${x0} ${y0}H${x1}V${y1}H${x0}Z`);
    }

    paint() {
      if (this.controls()[0].panel !== state.panel) return;
      const values = this.axes().map(studio.get);
      const [x, y] = values.map((value, axis) => this.toPad(axis, value));
      const knob = one(".knob", this.el);
      knob.setAttribute("cx", clamp(x, 8, SIZE - 8));
      knob.setAttribute("cy", clamp(y, 8, SIZE - 8));
      one(".lead", this.el).setAttribute("d", `M${HALF} ${HALF} ${x} ${y}`);
      const follow = FOLLOW[this.key];
      one(".moving", this.el).setAttribute("transform", `translate(${(x - HALF) * follow} ${(y - HALF) * follow})`);
      this.el.setAttribute("aria-valuenow", Math.round(values[0]));
      const text = this.controls().map((control, axis) => `${control.label} ${table.spoken(control, values[axis])}`);
      this.el.setAttribute("aria-valuetext", text.join(", "));
    }

    /** Both axes in one write, so that one vector goes out. */
    write(values) {
      store.batch(() =>
        this.axes().forEach((name, axis) => studio.set(name, table.snap(this.controls()[axis], values[axis]))),
      );
    }

    follow(event) {
      const box = this.el.getBoundingClientRect();
      const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      this.write(place.map((part, axis) => (clamp(part, 0, 1) * 2 - 1) * this.sign[axis] * this.reach(axis)));
    }

    step(event) {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      const move = moves[event.key];
      if (event.key === "Home") this.write([0, 0]);
      else if (!move || event.ctrlKey || event.metaKey) return;
      else {
        const size = event.shiftKey ? 5 : 1;
        this.write(this.axes().map((name, axis) => studio.get(name) + size * move[axis] * this.sign[axis]));
      }
      event.preventDefault();
      studio.rows.touch(this.axes()[move?.[0] ? 0 : 1]);
      this.commit(true);
    }

    commit(merges = false) {
      history.commit(this.key === "gaze" ? "Gaze" : "Head turn", { merges });
    }

    listen() {
      let dragging = false;
      this.el.addEventListener("pointerdown", (event) => {
        dragging = true;
        this.el.setPointerCapture(event.pointerId);
        this.follow(event);
      });
      this.el.addEventListener("pointermove", (event) => dragging && this.follow(event));
      for (const end of ["pointerup", "pointercancel"]) {
        this.el.addEventListener(end, () => {
          if (dragging) this.commit();
          dragging = false;
        });
      }
      this.el.addEventListener("dblclick", () => {
        this.write([0, 0]);
        this.commit();
      });
      this.el.addEventListener("keydown", (event) => this.step(event));
    }
  }

  studio.Pad = Pad;
})();
