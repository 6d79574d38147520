// Bench panel: sweep a control or region, or compare two settings; figures, table, contact sheet, CSV, plot.
(() => {
  const { state, store, table, jobs, toast, transport } = studio;
  const { make, one, escape } = studio.dom;
  const STEPS = [5, 9, 13];
  const SWEPT = ["semantic", "dim", "emotion", "pose", "gaze", "eye", "region"];
  let host = null;
  let part = null;
  let steps = 9;
  /** The stored setting: {values, label}. */
  let stored = null;
  let shown = 0;

  // ---- orders ----
  async function order(body) {
    try {
      const headers = { "content-type": "application/json" };
      const response = await fetch(transport.route("bench"), { method: "POST", body: JSON.stringify(body), headers });
      const answer = await response.json();
      if (response.ok) return jobs.watch("bench");
      return toast.show({ kind: "error", text: answer.error });
    } catch {
      return toast.show({ kind: "error", text: "Nothing was measured because the server did not answer." });
    }
  }

  const chosen = () => one("[data-sweep-side]", host).value || one("[data-control]", host).value;

  const plural = (count) => `${count} ${count === 1 ? "value" : "values"}`;

  function keep() {
    const values = store.edits();
    stored = { values, label: plural(Object.keys(values).length) };
    paint();
  }

  // ---- markup ----
  const option = (value, label) => `<option value="${escape(value)}">${escape(label)}</option>`;

  function controlOptions() {
    return state.data.panels.map(({ key, label }) => {
      const controls = state.data.controls.filter(
        (control) => control.panel === key && SWEPT.includes(control.kind) && control.key !== "emotion_intensity" && control.live,
      );
      const options = controls.map((control) => option(control.key, table.label(control.key)));
      return options.length ? `<optgroup label="${escape(label)}">${options.join("")}</optgroup>` : "";
    }).join("");
  }

  function sweepSection() {
    const choices = STEPS.map(
      (count) => `<button type="button" role="radio" data-steps="${count}" title="${table.tip("Values of the slider that are drawn", "steps")}">${count}</button>`,
    );
    return make(`<section class="sec" data-section="sweep"><header><h3>Sweep</h3><small>from one end of the slider to the other</small></header>
      <div class="pairs"><label title="What is moved · any slider or region of the table"><span>Control</span>
        <select data-control aria-label="Control to sweep">${controlOptions()}</select></label>
      <label data-sides title="The subject's own side"><span>Side</span><select data-sweep-side aria-label="Side"></select></label></div>
      <div class="tools-row"><span>Steps</span><div class="segments" role="radiogroup" aria-label="Steps">${choices.join("")}</div><span class="space"></span>
      <button type="button" class="chip" data-action="sweep" title="Draws every step and finds the face in it again">Sweep this control</button></div></section>`);
  }

  function compareSection() {
    return make(`<section class="sec" data-section="settings"><header><h3>Two settings</h3><small data-stored></small></header>
      <div class="tools-row"><button type="button" class="chip" data-action="keep-b" title="The edit as it is now becomes B">Store this edit as B</button>
      <button type="button" class="chip" data-action="compare-b" title="A is the edit as it is now">Compare A with B</button></div></section>`);
  }

  function resultSection() {
    return make(`<section class="sec" data-section="result" hidden><header><h3 data-title></h3></header>
      <dl class="figures-list"></dl><div class="sheet-view"><a target="_blank" rel="noopener" title="Show the sheet large"><img alt="Contact sheet with heat maps"></a></div>
      <table class="bench-table"><thead></thead><tbody></tbody></table>
      <div class="tools-row"><a class="chip" data-file="sheet" title="PNG">Save the sheet</a><a class="chip" data-file="csv" title="Figures of every step, comma separated">Save as CSV</a></div></section>`);
  }

  // ---- painting ----
  function paint() {
    if (!host) return;
    const isBusy = !state.portrait || Boolean(jobs.running());
    for (const button of host.querySelectorAll("[data-steps]")) {
      const isOn = Number(button.dataset.steps) === steps;
      button.setAttribute("aria-checked", isOn);
      button.tabIndex = isOn ? 0 : -1;
    }
    one("[data-action=sweep]", host).disabled = isBusy;
    one("[data-action=keep-b]", host).disabled = !state.portrait;
    one("[data-action=compare-b]", host).disabled = isBusy || !stored;
    one("[data-stored]", host).textContent = stored ? `B: ${stored.label} · A: the edit as it is now` : "A: the edit as it is now";
  }

  function paintSides() {
    const control = table.controls.get(one("[data-control]", host).value);
    const slots = table.slotsOf.get(control.key);
    const side = one("[data-sweep-side]", host);
    const sides = slots.length > 1 ? slots.map((slot) => option(slot, table.slots.get(slot).side === "right" ? "Right" : "Left")) : [];
    side.innerHTML = option("", sides.length ? "Both" : "None") + sides.join("");
    side.disabled = !sides.length;
    one("[data-sides]", host).hidden = side.disabled;
  }

  function figureOf(value) {
    if (value === null) return "none by nature";
    return typeof value === "number" ? String(value).replace("-", "\u2212") : escape(value);
  }

  function cell(value, at, control) {
    if (typeof value !== "number") return escape(value);
    if (at === "value") return table.withUnit(control, value);
    return (at === "energy" ? (value / 1e6).toFixed(1) : value.toFixed(2)).replace("-", "\u2212");
  }

  const HEADS = { along: "all", energy: "energy", moved: "moved" };

  function headOf(name) {
    const unit = name === "energy" ? "10⁶" : name === "value" || name === "region" ? "" : "%";
    return `<th scope="col">${escape(HEADS[name] || name)}${unit && ` <em>${unit}</em>`}</th>`;
  }

  function address(name) {
    const url = transport.route(name);
    url.searchParams.set("n", shown);
    return url.href;
  }

  async function showResult() {
    const response = await fetch(transport.route("bench"));
    if (!response.ok) return;
    const result = await response.json();
    shown += 1;
    const section = one("[data-section=result]", host);
    section.hidden = false;
    one("[data-title]", section).textContent = result.kind === "sweep" ? table.label(result.control) : "A against B";
    one(".figures-list", section).innerHTML = result.figures
      .map(([name, value, unit]) => `<dt>${escape(name)}</dt><dd><b>${figureOf(value)}</b> <span>${value === null ? "" : escape(unit)}</span></dd>`).join("");
    one("thead", section).innerHTML = `<tr>${result.head.map(headOf).join("")}</tr>`;
    one("tbody", section).innerHTML = result.rows
      .map((row) => `<tr>${row.map((value, at) => `<td>${cell(value, result.head[at], table.controlOf(result.control))}</td>`).join("")}</tr>`).join("");
    one(".sheet-view img", section).src = one(".sheet-view a", section).href = address("bench_sheet");
    for (const [name, ending] of [["sheet", "png"], ["csv", "csv"]]) {
      const link = one(`[data-file=${name}]`, section);
      link.href = address(`bench_${name}`);
      link.download = `ditto-${result.kind === "sweep" ? `sweep-${result.control}` : "comparison"}.${ending}`;
    }
    part?.trigger("measured", {});
    section.scrollIntoView({ block: "start" });
  }

  // ---- hands ----
  const ACTIONS = {
    sweep: () => order({ control: chosen(), steps }),
    "keep-b": keep,
    "compare-b": () => order({ first: stored.values, second: store.edits() }),
  };

  /** Large over the page; whoever wants a tab of its own holds a key as with any link. */
  function enlarge(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const title = one("[data-section=result] [data-title]", host).textContent;
    studio.dialogs.showPicture({ title, url: one(".sheet-view img", host).src });
  }

  function onClick(event) {
    const { target } = event;
    if (target.closest(".sheet-view a")) return enlarge(event);
    const button = target.closest("button");
    if (!button || button.disabled) return undefined;
    if (button.dataset.steps) {
      steps = Number(button.dataset.steps);
      paint();
    }
    return ACTIONS[button.dataset.action]?.();
  }

  jobs.define("bench", { title: "Measuring", done: showResult });

  studio.panels.bench = (body) => {
    host = body;
    body.append(sweepSection(), compareSection(), resultSection());
    body.addEventListener("click", onClick);
    one("[data-control]", body).addEventListener("change", paintSides);
    ["portrait", "job"].forEach((event) => studio.on(event, paint));
    paintSides();
    paint();
  };
  studio.mountBench = (_, mounted) => (part = mounted);
})();
