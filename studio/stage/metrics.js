// Measured, not estimated: the time from an edit to its drawn pixels, and frames drawn per second.
(() => {
  const KEPT = 60;
  const IDLE_MS = 1500;
  const latencies = [];
  const drawTimes = [];
  const renderMs = [];
  let lastDraw = 0;

  function push(list, value, limit = KEPT) {
    list.push(value);
    if (list.length > limit) list.shift();
  }

  /** One answered edit is on the canvas. editedAt: performance.now() of the oldest edit it carries. */
  function drawn(editedAt, serverMs) {
    const now = performance.now();
    lastDraw = now;
    push(drawTimes, now, 240);
    if (editedAt) push(latencies, now - editedAt);
    if (Number.isFinite(serverMs)) push(renderMs, serverMs);
  }

  function quantile(list, q) {
    if (!list.length) return null;
    const sorted = [...list].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  }

  /** Frames of the last second, over the time they really took. */
  function framesPerSecond() {
    const now = performance.now();
    const recent = drawTimes.filter((time) => now - time < 1000);
    if (recent.length < 3) return null;
    return (recent.length - 1) / ((recent.at(-1) - recent[0]) / 1000);
  }

  const isMoving = () => performance.now() - lastDraw < IDLE_MS;

  studio.metrics = {
    drawn,
    isMoving,
    /** When the newest answered edit came on the canvas; 0 before the first. */
    lastDraw: () => lastDraw,
    framesPerSecond,
    latencies,
    median: () => quantile(latencies, 0.5),
    p95: () => quantile(latencies, 0.95),
    renderMs: () => quantile(renderMs, 0.5),
    clear: () => [latencies, drawTimes, renderMs].forEach((list) => (list.length = 0)),
  };
})();
