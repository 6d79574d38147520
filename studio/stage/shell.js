// Where Gradio hands over: every gr.HTML part mounts here, in any order; parts before the data wait.
(() => {
  const { state, table } = studio;
  const { one, root } = studio.dom;
  const waiting = [];
  let isReady = false;

  const PARTS = {
    bar: (host) => studio.mountBar(host),
    stage: mountStagePart,
    time: (host) => studio.mountTimeline(host),
    rail: (host) => studio.mountRail(host),
    speech: (host, part) => studio.mountSpeech(host, part),
    bench: (host, part) => studio.mountBench(host, part),
    panels: (host) => studio.mountPanels(host),
  };

  /** Called by each part's js_on_load. */
  function mount(name, element, props, trigger, server, watch) {
    if (props.data && !state.data) {
      table.load(typeof props.data === "string" ? JSON.parse(props.data) : props.data);
    }
    const part = { name, element, props, trigger, server, watch };
    if (!state.data) return void waiting.push(part);
    place(part);
    while (waiting.length) place(waiting.shift());
  }

  function place(part) {
    prepare();
    const host = one("[data-part]", part.element) || part.element;
    PARTS[part.name]?.(host, part);
  }

  function mountStagePart(host, { props, trigger, server, watch }) {
    studio.portrait.connect(trigger);
    studio.transport.useServer(server);
    studio.mountStage(host);
    studio.portrait.receive(props.value);
    watch?.("value", () => studio.portrait.receive(props.value));
  }

  function prepare() {
    if (isReady || !root()) return;
    isReady = true;
    const asked = studio.query.get("panel");
    if (asked && studio.panels[asked]) state.panel = asked;
    root().dataset.panel = state.panel;
    root().dataset.view = state.view;
    studio.applyTheme(studio.chosenTheme());
    keepTheme();
    studio.rows.listen(root());
    studio.portrait.watchNative(root());
    studio.watchNativeTips();
  }

  /** Gradio sets the class from the system's preference after it has loaded; the visitor's choice wins. */
  function keepTheme() {
    const wanted = () => studio.chosenTheme() !== "light";
    new MutationObserver(() => {
      if (document.body.classList.contains("dark") !== wanted()) studio.applyTheme(studio.chosenTheme());
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  studio.mount = mount;
})();
