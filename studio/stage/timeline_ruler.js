// The ruler: figures, the stretch a loop repeats with its two handles, zoom and scroll with the wheel.
(() => {
  const { playback, timeview, clamp } = studio;
  const { one } = studio.dom;
  const WHEEL = 0.0022;
  const EDGE = { start: "Loop start; drag, or arrow keys", stop: "Loop end; drag, or arrow keys" };
  let lane = null;

  const handle = (end) =>
    `<b class="loop-end ${end}" data-end="${end}" role="slider" tabindex="0" aria-label="Loop ${end}" aria-valuemin="0" title="${studio.table.tip(EDGE[end], "s")}"></b>`;
  const markup = () => `<div class="loop-range" title="What the loop repeats · s">${handle("start")}${handle("stop")}</div><div class="marks"></div>`;

  function paint() {
    if (!lane?.clientWidth) return;
    const marks = timeview.ticks(lane.clientWidth);
    one(".marks", lane).innerHTML = marks
      .map(({ seconds, text }) => `<i style="left:${(100 * timeview.share(seconds)).toFixed(3)}%">${text}</i>`)
      .join("");
    paintLoop();
  }

  const ends = () => {
    const { start_s, stop_s } = playback.range();
    return { start: start_s, stop: stop_s ?? playback.duration() };
  };

  function paintLoop() {
    if (!lane) return;
    const element = one(".loop-range", lane);
    const { start, stop } = ends();
    element.hidden = !playback.isLoop();
    element.style.left = `${(100 * timeview.share(start)).toFixed(3)}%`;
    element.style.width = `${(100 * (timeview.share(stop) - timeview.share(start))).toFixed(3)}%`;
    for (const grip of element.children) {
      const seconds = ends()[grip.dataset.end];
      grip.setAttribute("aria-valuemax", playback.reach_s().toFixed(2));
      grip.setAttribute("aria-valuenow", seconds.toFixed(2));
      grip.setAttribute("aria-valuetext", `${seconds.toFixed(2)} seconds`);
    }
  }

  function setEnd(end, seconds) {
    const { start_s, stop_s } = playback.range();
    const frame_s = 1 / playback.fps();
    if (end === "start") playback.setRange(clamp(seconds, 0, ends().stop - frame_s), stop_s);
    else playback.setRange(start_s, Math.abs(seconds - playback.duration()) < 1e-6 ? null : Math.max(seconds, start_s + frame_s));
  }

  function dragEnd(event) {
    const end = event.target.dataset?.end;
    if (!end || event.button > 0) return;
    event.preventDefault();
    event.stopPropagation();
    const box = lane.getBoundingClientRect();
    studio.rowHands.follow(event, event.target, {
      move: (moved) => setEnd(end, timeview.snap(timeview.secondsAt(clamp((moved.clientX - box.left) / box.width, 0, 1)))),
      end: () => {},
    });
  }

  function stepEnd(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const { end } = event.target.dataset;
    if (!by || !end) return;
    event.preventDefault();
    event.stopPropagation();
    setEnd(end, timeview.snap(ends()[end] + (by * (event.shiftKey ? 10 : 1)) / playback.fps()));
  }

  /** The wheel zooms about the pointer; sideways or with Shift it scrolls; rows that do not fit keep it for themselves. */
  function wheel(event) {
    const rows = event.target.closest(".trows");
    const scrolls = rows && rows.scrollHeight > rows.clientHeight + 1;
    const isSideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (scrolls && !event.ctrlKey && !isSideways) return;
    event.preventDefault();
    const box = lane.getBoundingClientRect();
    if (isSideways) return timeview.scroll((event.deltaX || event.deltaY) / box.width);
    return timeview.zoom(Math.exp(-event.deltaY * WHEEL), clamp((event.clientX - box.left) / box.width, 0, 1));
  }

  function mount(element, grid) {
    lane = element;
    lane.innerHTML = markup();
    lane.addEventListener("pointerdown", dragEnd);
    lane.addEventListener("keydown", stepEnd);
    lane.addEventListener("dblclick", (event) => event.target.dataset.end && playback.setRange(0, null));
    grid.addEventListener("wheel", wheel, { passive: false });
    paint();
  }

  studio.on("timeview", paint);
  studio.on("playing", paintLoop);
  studio.on("document", paint);

  studio.timelineRuler = { mount, paint };
})();
