// The heatmap's cells under the pointer: what a cell says, and the way to its day. No framework: it works on the first
// answer's HTML as on what Dash draws later.
(function () {
  "use strict";
  let parsed = null;
  let parsedFrom = null;

  function read(image) {
    if (parsedFrom !== image) {
      const words = {};
      image.dataset.words.split(";").forEach((pair) => {
        words[pair.slice(0, 1)] = pair.slice(2);
      });
      parsed = {
        symbols: image.dataset.symbols.split(" "),
        days: image.dataset.days.split(" "),
        codes: image.dataset.codes.split(" "),
        words: words,
      };
      parsedFrom = image;
    }
    return parsed;
  }

  function cellAt(event) {
    const image = event.target;
    if (!(image instanceof HTMLImageElement) || !image.classList.contains("heatmap-cells")) return null;
    const data = read(image);
    const box = image.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * data.days.length);
    const row = Math.floor(((event.clientY - box.top) / box.height) * data.symbols.length);
    if (!(column >= 0 && row >= 0 && column < data.days.length && row < data.symbols.length)) return null;
    return { symbol: data.symbols[row], day: data.days[column], says: data.words[data.codes[row][column]] };
  }

  function tip() {
    let box = document.getElementById("heatmap-tip");
    if (!box) {
      box = document.createElement("div");
      box.id = "heatmap-tip";
      document.body.appendChild(box);
    }
    return box;
  }

  document.addEventListener("mousemove", (event) => {
    const cell = cellAt(event);
    const box = tip();
    box.style.display = cell ? "block" : "none";
    if (!cell) return;
    const weekday = new Date(cell.day + "T00:00:00Z").toLocaleDateString("en", { weekday: "short", timeZone: "UTC" });
    box.textContent = cell.symbol + "  " + cell.day + " " + weekday + "\n" + cell.says;
    const left = Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 8);
    const top = event.clientY + 18 + box.offsetHeight > window.innerHeight ? event.clientY - box.offsetHeight - 10 : event.clientY + 18;
    box.style.left = left + "px";
    box.style.top = top + "px";
  });

  document.addEventListener("click", (event) => {
    const cell = cellAt(event);
    if (cell) window.location.assign("/day/" + encodeURIComponent(cell.symbol).replace(/%40/g, "@") + "/" + cell.day);
  });
})();
