
"use strict";
(() => {
  const collator = new Intl.Collator(document.documentElement.lang, {numeric: true});
  const text = cell => cell.textContent.trim();

  const keyOf = (heading, column) => {
    const order = heading.dataset.order && heading.dataset.order.split("|");
    return row => {
      const cell = row.cells[column], time = cell.querySelector("time");
      return order ? order.indexOf(text(cell)) : time ? time.dateTime : text(cell);
    };
  };

  const compare = (a, b) => typeof a === "number" ? a - b : collator.compare(a, b);

  const sort = (body, rows, key, sign) => {
    const keyed = rows.map((row, place) => [key(row), place, row]);
    keyed.sort((a, b) => sign * compare(a[0], b[0]) || a[1] - b[1]);
    const fragment = document.createDocumentFragment();
    for (const each of keyed) fragment.append(each[2]);
    body.append(fragment);
  };

  const makeSortable = (table, rows) => {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const falling = heading.getAttribute("aria-sort") === "ascending";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
        sort(table.tBodies[0], rows, keyOf(heading, column), falling ? -1 : 1);
      });
    });
  };

  const makeFilterable = (controls, rows) => {
    const input = controls.querySelector("input"), live = controls.querySelector("[aria-live]");
    let texts, waiting;
    const show = () => {
      texts = texts || rows.map(row => [...row.cells].map(text).join("\n").toLocaleLowerCase());
      const words = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, place) => {
        row.hidden = !words.every(word => texts[place].includes(word));
        shown += row.hidden ? 0 : 1;
      });
      live.textContent = live.dataset.shown.replace("{shown}", shown).replace("{all}", rows.length);
    };
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(show, 150);
    });
    controls.hidden = false;
  };

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const rows = [...table.tBodies[0].rows];
    makeSortable(table, rows);
    makeFilterable(table.closest("section").querySelector(".filter"), rows);
  }
})();
