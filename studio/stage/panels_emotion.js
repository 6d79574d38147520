// Emotion panel: a stacked bar of the mix over eight rows, then the intensity.
(() => {
  const { state, table, rows } = studio;
  const { make, one, escape } = studio.dom;
  const LABEL_FROM = 0.12;

  const keys = () => state.data.emotions.map((emotion) => emotion.key);

  /** One piece of the bar; it names itself where there is room. */
  function segment(share, label, { color = "", kind = "" }) {
    const isWide = share >= LABEL_FROM;
    return `<span class="${kind} ${isWide ? "" : "sliver"}" style="flex:${share.toFixed(4)} 0 0;--c:${color}"
      title="${escape(label)} ${Math.round(share * 100)} %">${isWide ? escape(label) : ""}</span>`;
  }

  /** Shares in order, and what the photo itself keeps. */
  function paintMix(bar) {
    const shares = keys().map((key, at) => ({ at, label: state.data.emotions[at].label, share: studio.get(key) }));
    const rest = Math.max(0, 1 - shares.reduce((sum, { share }) => sum + share, 0));
    const parts = shares.filter(({ share }) => share > 0.001);
    const spans = parts.map(({ at, label, share }) => segment(share, label, { color: `var(--em-${at})` }));
    if (rest > 0.001) spans.push(segment(rest, "As photographed", { kind: "rest-share" }));
    bar.innerHTML = spans.join("");
    const words = parts.map(({ label, share }) => `${label} ${Math.round(share * 100)} percent`);
    bar.setAttribute("aria-label", `Emotion mix: ${words.join(", ") || "as photographed"}`);
  }

  studio.panels.emotion = (body) => {
    const mix = make(`<section class="sec"><header><h3>Mix</h3><small>the rest of 100 % is the photo</small></header>
      <div class="mix" role="img"></div><div class="list"></div></section>`);
    keys().forEach((key, at) => {
      const row = rows.add({ control: table.controls.get(key), name: key, kind: "emotion", color: `var(--em-${at})` });
      one(".list", mix).append(row.el);
    });
    const amount = make('<section class="sec"><header><h3>Amount</h3></header><div class="list"></div></section>');
    const intensity = table.controls.get("emotion_intensity");
    one(".list", amount).append(rows.add({ control: intensity, name: intensity.key }).el);
    body.append(mix, amount);
    const bar = one(".mix", mix);
    const paint = () => state.panel === "emotion" && paintMix(bar);
    studio.on("paint", paint);
    studio.on("panel", paint);
    paintMix(bar);
  };
})();
