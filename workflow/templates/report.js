// Sorting and copying of tables, what a claim says while it is pointed at, open on arrival at an anchor, and the place
// in the contents. The page reads well without any of it.
(() => {
  "use strict";
  const value = (row, place) => {
    const cell = row.cells[place];
    const text = cell.dataset.sort ?? cell.textContent.trim();
    const number = Number(text);
    return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => {
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");
  };
  for (const figure of document.querySelectorAll("figure.table")) {
    const table = figure.querySelector("table");
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      if (!head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows].map((row, at) => ({ row, at, key: value(row, place) }));
        rows.sort((a, b) => (a.key === null || b.key === null ? compare(a.key, b.key) : (down ? -1 : 1) * compare(a.key, b.key)) || a.at - b.at);
        table.tBodies[0].append(...rows.map(({ row }) => row));
      });
    });
    const copy = document.createElement("button");
    copy.type = "button";
    copy.textContent = "Copy";
    copy.setAttribute("aria-label", "Copy this table as text");
    copy.addEventListener("click", async () => {
      const lines = [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()).join("\t"));
      const text = lines.join("\n");
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const area = document.createElement("textarea");
        area.value = text;
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      figure.dataset.copied = text;
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
    figure.querySelector(".tools").append(copy);
  }
  const told = document.querySelector(".told");
  if (told) {
    for (const chip of document.querySelectorAll(".chip"))
      for (const event of ["mouseenter", "focus"]) chip.addEventListener(event, () => { told.textContent = chip.dataset.says; });
  }
  const arrive = () => {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!place) return;
    for (let at = place; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    place.scrollIntoView();
  };
  addEventListener("hashchange", arrive);
  arrive();
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((it) => { it.open = true; }));
  if ("IntersectionObserver" in window) {
    const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
    const seen = new Set();
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) entry.isIntersecting ? seen.add(entry.target.id) : seen.delete(entry.target.id);
      let done = false;
      for (const [id, link] of links) {
        const here = !done && seen.has(id);
        done = done || here;
        here ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
      }
    }, { rootMargin: "0px 0px -60% 0px" });
    document.querySelectorAll("main > section").forEach((section) => watch.observe(section));
  }
})();
