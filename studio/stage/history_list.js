// The list of steps below the undo buttons: newest first, a click goes there.
(() => {
  const { history, dialogs } = studio;
  const { make, one, all, escape, root } = studio.dom;

  function markup() {
    const labels = history.labels();
    const at = history.position();
    const items = labels.map(
      (label, step) => `<li><button type="button" data-step="${step}" title="Go back or forward to this step" class="${step > at ? "undone" : ""}"
        ${step === at ? 'aria-current="step"' : ""}><span>${escape(label)}</span></button></li>`,
    );
    return `<h3>History</h3><ol class="steps" reversed>${items.reverse().join("")}</ol>`;
  }

  /** Made anew after every step; whoever walks through it with the keys stays in it. */
  function paint() {
    const popover = one(".popover.history", root());
    if (!popover) return;
    const hasFocus = popover.contains(document.activeElement);
    popover.innerHTML = markup();
    const current = one("[aria-current]", popover);
    current?.scrollIntoView({ block: "nearest" });
    if (hasFocus) current?.focus();
  }

  function toggle(button) {
    if (dialogs.closePopover()) return;
    const popover = make('<div class="popover history" role="dialog" aria-label="History"></div>');
    popover.addEventListener("click", (event) => {
      const step = event.target.closest("[data-step]")?.dataset.step;
      if (step !== undefined) history.jump(Number(step));
    });
    popover.addEventListener("keydown", (event) => {
      const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!move) return;
      event.preventDefault();
      const steps = all("[data-step]", popover);
      steps[studio.clamp(steps.indexOf(document.activeElement) + move, 0, steps.length - 1)].focus();
    });
    button.closest(".bar").append(popover);
    button.setAttribute("aria-expanded", "true");
    paint();
    one("[aria-current]", popover)?.focus();
  }

  studio.on("history", () => root() && paint());
  studio.historyList = { toggle };
})();
