// Phones: what the wide bar has buttons for, in one menu at its left end.
(() => {
  const { dialogs, actions } = studio;
  const { make, one } = studio.dom;

  const ITEMS = {
    theme: { icon: "theme", label: () => (document.body.classList.contains("dark") ? "Light theme" : "Dark theme"), run: () => studio.toggleTheme() },
    tour: { icon: "help", label: () => "Show the tour", run: () => studio.tour.begin() },
    keys: { icon: "keys", label: () => "Keyboard shortcuts", run: () => dialogs.toggleShortcuts() },
    reset: { icon: "reset", label: () => "Reset everything", run: () => actions.resetAll() },
  };

  function markup() {
    const items = Object.entries(ITEMS).map(
      ([key, { icon, label }]) => `<li><button type="button" data-item="${key}" title="${label()}">${studio.icon(icon, 20)}<span>${label()}</span></button></li>`,
    );
    return `<div class="popover menu" role="dialog" aria-label="Menu"><ul>${items.join("")}</ul></div>`;
  }

  function toggle(button) {
    if (dialogs.closePopover()) return;
    const popover = make(markup());
    popover.addEventListener("click", (event) => {
      const item = ITEMS[event.target.closest("[data-item]")?.dataset.item];
      if (!item) return;
      dialogs.closePopover();
      item.run();
    });
    button.closest(".bar").append(popover);
    button.setAttribute("aria-expanded", "true");
    one("[data-item]", popover).focus();
  }

  studio.menu = { toggle };
})();
