// Gradio's own components take no tooltip: theirs are set here, whenever Gradio has put one on the page.
(() => {
  const { state } = studio;
  const { all, root } = studio.dom;

  function paint() {
    for (const [id, tip] of Object.entries(state.data.tips)) {
      const element = document.getElementById(id);
      if (element && element.title !== tip) element.title = tip;
    }
  }

  studio.on("panel", paint);
  studio.watchNativeTips = () => {
    const observer = new MutationObserver(paint);
    // what shows later (the voice, a finished picture) is added inside of these
    for (const place of all(".st-native", root())) observer.observe(place, { childList: true, subtree: true });
    paint();
  };
})();
