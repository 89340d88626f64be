"use strict";
/* What a report page does: sorts tables, and draws a parameter's figures when they are first seen. */
(() => {
  const END = 8;
  // Two hues that every kind of colour vision tells apart, and a jump of lightness at the threshold.
  const SCALE = [[0, "#08306b"], [0.25, "#2f6db1"], [0.5, "#b8d6ee"],
    [0.5, "#fdd9a6"], [0.75, "#d9670d"], [1, "#6b2500"]];
  const WITHIN = "#2f6db1", BEYOND = "#d9670d";
  const CONFIG = { displayModeBar: false, responsive: true, showTips: false };
  const pageScript = document.currentScript;

  const written = (value) => typeof value === "number" ? String(value) : value;

  /* Plotly: another file beside this one on a site, text that waits in a page that stands alone. */
  let library = null;
  function plotly() {
    if (!library) library = new Promise((resolve, reject) => {
      // Plotly writes its rules into the page, which a policy forbids, unless told that they are there:
      // report.css has those that are needed
      if (!document.getElementById("plotly.js-style-global")) {
        const rules = document.createElement("link");
        rules.id = "plotly.js-style-global";
        rules.className = "no-inline-styles";
        document.head.append(rules);
      }
      const script = document.createElement("script");
      const waiting = document.getElementById("gradjury-plotly");
      if (waiting) {
        script.textContent = waiting.textContent;
        document.head.append(script);
        resolve(window.Plotly);
        return;
      }
      script.src = new URL("plotly/plotly-cartesian.min.js", pageScript.src);
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => reject(new Error("the figures' library could not be loaded"));
      document.head.append(script);
    });
    return library;
  }

  function layout(element, more) {
    const style = getComputedStyle(element);
    const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
    const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, color: ink, automargin: true };
    const { xaxis = {}, yaxis = {}, ...rest } = more;
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, showlegend: false,
      font: { family: "system-ui, sans-serif", size: 12, color: ink },
      margin: { l: 52, r: 12, t: 10, b: 44 }, hoverlabel: { align: "left" },
      xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
    };
  }

  const hoverData = (data, i) => [
    "[" + data.index[i].join(", ") + "]", written(data.submitted[i]), written(data.expected[i]), written(data.error[i]),
  ];
  const HOVER = "index %{customdata[0]}<br>submitted %{customdata[1]}<br>expected %{customdata[2]}" +
    "<br>error %{customdata[3]}<extra></extra>";

  function heatmap(element, data) {
    const [rows, columns] = data.block, cells = [];
    for (let r = 0; r < data.down; r++) {
      cells.push(Array.from({ length: data.across }, (_, c) => hoverData(data, r * data.across + c)));
    }
    const z = data.severity.map((line) => line.map((value) => typeof value === "number" ? value : null));
    const trace = {
      type: "heatmap", z, customdata: cells, hovertemplate: HOVER, hoverongaps: true,
      x0: (columns - 1) / 2, dx: columns, y0: (rows - 1) / 2, dy: rows,
      // drawn as a picture of a pixel a cell, which report.css keeps from being smoothed; small ones with lines
      ...(data.across <= 48 && data.down <= 32 ? { xgap: 1, ygap: 1 } : { zsmooth: "fast" }),
      zmin: -END, zmax: END, colorscale: SCALE, showscale: false, // the page has a legend of its own
    };
    return [[trace], layout(element, {
      plot_bgcolor: "#8a8f98", // what is undecided has no colour of its own
      xaxis: { title: { text: "column" }, showgrid: false, zeroline: false, ...whole(data.across) },
      yaxis: { title: { text: "row" }, autorange: "reversed", showgrid: false, zeroline: false, ...whole(data.down) },
    })];
  }

  const whole = (count) => count <= 12 ? { dtick: 1, tick0: 0 } : {};

  function histogram(element, data) {
    const width = 2 * END / data.counts.length;
    const middle = data.from.map((edge) => edge + width / 2);
    const trace = {
      type: "bar", x: middle, y: data.counts, width,
      marker: { color: middle.map((value) => value <= 0 ? WITHIN : BEYOND) },
      hovertemplate: "%{y} numbers at 10^%{x}<extra></extra>",
    };
    const marked = layout(element, {
      bargap: 0, xaxis: { title: { text: "log10(error / threshold)" }, range: [-END, END] },
      yaxis: { title: { text: "numbers" }, rangemode: "tozero" },
    });
    marked.shapes = [{ type: "line", x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1, line: { color: marked.font.color, dash: "dash", width: 1.5 } }];
    return [[trace], marked];
  }

  function scatter(element, data) {
    const drawable = (value) => typeof value === "number" && Math.abs(value) < 1e290; // beyond it axes overflow
    const finite = data.index.map((_, i) => i).filter((i) => drawable(data.submitted[i]) && drawable(data.expected[i]));
    const points = (beyond) => {
      const chosen = finite.filter((i) => data.beyond[i] === beyond);
      return {
        type: "scatter", mode: "markers", x: chosen.map((i) => data.expected[i]), y: chosen.map((i) => data.submitted[i]),
        customdata: chosen.map((i) => hoverData(data, i)), hovertemplate: HOVER,
        marker: { size: 6, opacity: 0.75, color: beyond ? BEYOND : WITHIN, symbol: beyond ? "x" : "circle" },
      };
    };
    const expected = finite.map((i) => data.expected[i]);
    const ends = expected.length ? [Math.min(...expected), Math.max(...expected)] : [0, 1];
    const drawn = layout(element, {
      xaxis: { title: { text: "expected" } }, yaxis: { title: { text: "submitted" } },
    });
    const line = (slope, dash, name) => ({
      type: "scatter", mode: "lines", x: ends, y: ends.map((end) => slope * end), hoverinfo: "skip",
      line: { color: drawn.font.color, width: 1.5, dash }, name,
    });
    const traces = [line(1, "dot", "right"), points(0), points(1)];
    if (data.slope !== null) {
      traces.push(line(data.slope, "solid", "slope"));
      drawn.annotations = [{
        x: ends[1], y: data.slope * ends[1], text: "slope " + data.slope.toPrecision(6).replace(/\.?0+$/, ""),
        showarrow: false, xanchor: "right", yanchor: "bottom", font: { color: drawn.font.color },
      }];
    }
    return [traces, drawn];
  }

  const KINDS = { heatmap, histogram, scatter };

  async function draw(group) {
    if (group.dataset.drawn) return;
    group.dataset.drawn = "begun";
    const data = JSON.parse(group.querySelector("script").textContent);
    try {
      const Plotly = await plotly();
      for (const figure of group.querySelectorAll("[data-figure]")) {
        const place = figure.querySelector(".drawing");
        if (figure.dataset.figure === "heatmap") {
          place.style.height = Math.min(28, Math.max(12, 6 + data.heatmap.down * 1.6)) + "rem";
        }
        const [traces, drawn] = KINDS[figure.dataset.figure](place, data[figure.dataset.figure]);
        await Plotly.react(place, traces, drawn, CONFIG);
        await new Promise((resolve) => setTimeout(resolve)); // let the reader in between two figures
      }
      group.dataset.drawn = "done";
    } catch (error) {
      delete group.dataset.drawn;
      console.error(error);
      group.querySelectorAll(".drawing").forEach((place) => { place.textContent = error.message; });
    }
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "200px" });

  function redraw() {
    for (const group of document.querySelectorAll('.figures[data-drawn="done"]')) {
      delete group.dataset.drawn;
      draw(group);
    }
  }

  /* Sorting: a button in every head; numbers by size, what is empty last. */
  function key(row, column) {
    const cell = row.cells[column], text = cell.dataset.value ?? cell.textContent.trim();
    const words = { NaN: Infinity, Infinity: Infinity, "-Infinity": -Infinity };
    if (text in words) return words[text];
    return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
  }

  function sort(table, column, head) {
    const now = head.getAttribute("aria-sort"), first = head.classList.contains("number") ? "descending" : "ascending";
    const order = now === null ? first : now === "ascending" ? "descending" : "ascending";
    const sign = order === "ascending" ? 1 : -1;
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
    rows.sort(([one], [other]) => {
      if (one === "" || other === "") return (one === "") - (other === "");
      if (typeof one === "number" && typeof other === "number") return sign * (one === other ? 0 : one - other);
      return sign * String(one).localeCompare(String(other), undefined, { numeric: true });
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }

  function sortable(table) {
    if (table.dataset.sortable) return;
    table.dataset.sortable = "yes";
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(table, column, head));
      head.replaceChildren(button);
    });
  }

  /* Also for a section that a site puts into its page later: `GradJury.enliven(element)`. */
  function enliven(root) {
    root.querySelectorAll("table.sortable").forEach(sortable);
    root.querySelectorAll(".gradjury-report .figures").forEach((group) => seen.observe(group));
  }

  window.GradJury = { enliven };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    document.querySelectorAll(".gradjury-report details").forEach((details) => { details.open = true; });
  });
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", () => enliven(document));
  else enliven(document);
})();
