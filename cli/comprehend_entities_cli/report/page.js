"use strict";
const $ = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en-US");
const price = (usd) => usd >= 1 ? `${usd.toLocaleString("en-US", {minimumFractionDigits: 2, maximumFractionDigits: 2})} USD` : `${usd.toFixed(4)} USD`;
const HUES = {PERSON: 255, LOCATION: 150, ORGANIZATION: 305, COMMERCIAL_ITEM: 55, EVENT: 25, DATE: 95, QUANTITY: 200, TITLE: 345};
const BATCH = 40, ROWS = 200, SHOWN = 20000, CHUNKS = 12;

/* An element with attributes and children; texts are never read as HTML. */
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

async function unpacked(id) {
  const text = atob($(id).textContent), bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

let index, docs, found, types, styles, feed, hidden = new Set();
const chunks = new Map();

/* The documents of a chunk: [text or null, why there is none, entities] each. */
function chunk(of) {
  if (!chunks.has(of)) {
    if (chunks.size >= CHUNKS) chunks.delete(chunks.keys().next().value);
    chunks.set(of, unpacked(`chunk${of}`));
  }
  return chunks.get(of);
}
function chunkOf(document) {
  let low = 0, high = index.first.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (index.first[middle] <= document) low = middle; else high = middle - 1;
  }
  return low;
}
async function content(document) {
  const of = chunkOf(document);
  return (await chunk(of))[document - index.first[of]];
}

function style(type) {
  if (!styles[type]) {
    const name = types[type], known = name in HUES;
    styles[type] = name === "OTHER" ? "--hue: 260; --chroma: .015" : `--hue: ${known ? HUES[name] : (40 + type * 137.5) % 360}; --chroma: .1`;
  }
  return styles[type];
}
const tag = (type) => el("span", {class: "type", style: style(type)}, types[type]);

/* Shows a long list a batch at a time, as its end comes into sight. */
class Feed {
  constructor(into, items, batch, make) {
    Object.assign(this, {into, items, batch, make, next: 0});
    this.more = el("button", {type: "button"});
    this.more.onclick = () => this.show();
    this.seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.show(), {rootMargin: "800px"});
    into.after(el("p", {class: "soft"}, this.more));
    this.show();
    this.seen.observe(this.more);
  }
  show() {
    const until = Math.min(this.items.length, this.next + this.batch);
    for (; this.next < until; this.next++) this.into.append(this.make(this.items[this.next]));
    this.more.parentNode.hidden = this.next >= this.items.length;
    this.more.textContent = `Show more of ${number(this.items.length)}`;
    if (this.next >= this.items.length) this.end();
  }
  end() { this.seen.disconnect(); }
}

const plain = (text) => text.split(/\s+/).filter(Boolean).join(" ");
const label = ([, , score, type]) => el("small", {}, `${types[type]} ${score.toFixed(2)}`);

/* A text with its entities marked, from one place on; entities that overlap others come apart. */
function marked(into, text, entities, from, apart) {
  const until = Math.min(text.length, from + SHOWN);
  let place = from;
  for (const entity of entities) {
    const [begin, end, , type] = entity;
    if (begin < from || begin >= until) continue;
    if (hidden.has(type)) continue;
    if (begin < place || end > text.length || plain(text.slice(begin, end)) !== plain(entity[4])) { apart.push(entity); continue; }
    into.append(text.slice(place, begin), el("mark", {style: style(type)}, text.slice(begin, end), label(entity)));
    place = end;
  }
  const next = Math.max(place, until);
  into.append(text.slice(place, next));
  return next;
}

function card(document, meant) {
  const made = el("article", {class: meant === document ? "card meant" : "card", id: `document-${document + 1}`},
    el("div", {class: "head"}, el("h2", {}, el("a", {href: `#document-${document + 1}`}, docs.name[document])),
      el("span", {}, docs.error[document] ? "failed or missing" : `${number(docs.found[document])} ${docs.found[document] === 1 ? "entity" : "entities"}`)),
    docs.source[document] ? el("p", {class: "soft"}, docs.source[document]) : null);
  if (docs.error[document]) made.append(el("p", {class: "failure"}, `${docs.error[document][0]}: ${docs.error[document][1]}`));
  else fill(made, document);
  return made;
}

async function fill(made, document) {
  const [text, why, all] = await content(document), apart = [];
  const entities = all.toSorted((one, other) => one[0] - other[0] || other[1] - one[1]);
  if (text === null) {
    if (why) made.append(el("p", {class: "soft"}, why));
    apart.push(...entities.filter((entity) => !hidden.has(entity[3])));
  } else {
    const body = el("p", {class: "text"});
    let next = marked(body, text, entities, 0, apart);
    made.append(body);
    if (next < text.length) {
      const more = el("button", {type: "button"});
      const say = () => { more.textContent = `Show more: ${number(text.length - next)} characters are left`; };
      more.onclick = () => { next = marked(body, text, entities, next, []); say(); if (next >= text.length) more.remove(); };
      say();
      made.append(more);
    }
  }
  if (apart.length) {
    if (text !== null) made.append(el("p", {class: "soft"}, "These overlap another entity, or don't stand at their place:"));
    const list = el("ul", {class: "apart"});
    made.append(list);
    new Feed(list, apart, ROWS, (entity) => el("li", {}, tag(entity[3]), ` ${entity[4]} ${entity[2].toFixed(2)}`));
  }
}

/* Documents in which an entity of the given index stands. */
function places(entity) {
  let at = 0;
  return found.places[entity].map((step) => (at += step));
}
function standing(entities) {
  const seen = new Uint8Array(docs.name.length);
  for (const entity of entities) for (const document of places(entity)) seen[document] = 1;
  return seen;
}
const searched = () => $("search").value.trim().toLowerCase();
let lowered;
function matching(query) {
  lowered ??= {text: found.text.map((text) => text.toLowerCase()), document: docs.name.map((name, at) => `${docs.source[at]} ${name}`.toLowerCase())};
  const matches = [];
  for (let entity = 0; entity < found.text.length; entity++) if (!hidden.has(found.type[entity]) && (!query || lowered.text[entity].includes(query))) matches.push(entity);
  return matches;
}

function chosenDocuments() {
  const query = searched(), job = $("job").value, outcome = $("outcome").value;
  const entities = query || hidden.size ? matching(query) : null, within = entities && standing(entities);
  const chosen = [];
  for (let document = 0; document < docs.name.length; document++) {
    if (job !== "" && docs.job[document] !== Number(job)) continue;
    const failed = Boolean(docs.error[document]), some = docs.found[document] > 0;
    if (outcome && outcome !== (failed ? "failed" : some ? "found" : "none")) continue;
    if (within && !within[document] && !(query ? lowered.document[document].includes(query) : !some)) continue;
    chosen.push(document);
  }
  if ($("order").value === "name") chosen.sort((one, other) => docs.name[one].localeCompare(docs.name[other], "en", {numeric: true}));
  if ($("order").value === "found") chosen.sort((one, other) => docs.found[other] - docs.found[one]);
  return chosen;
}

function listed(view, size, what, none = `No ${what} fit.`) {
  view.append(el("p", {class: size ? "soft" : "soft empty", role: "status"}, size ? `${number(size)} ${what}` : none));
}

const VIEWS = {
  overview(view) {
    const cards = el("div", {class: "grid"});
    view.append(cards);
    if (!index.jobs.length) listed(view, 0, "jobs");
    feed = new Feed(cards, index.jobs, BATCH, jobCard);
  },
  documents(view, meant) {
    const chosen = meant === undefined ? chosenDocuments() : [...docs.name.keys()].slice(meant, meant + BATCH);
    if (meant === undefined) listed(view, chosen.length, "documents");
    else view.append(el("p", {class: "soft"}, `From document ${number(meant + 1)} of ${number(docs.name.length)} on. `, el("a", {href: "#documents"}, "All documents")));
    const cards = el("div", {class: "grid"});
    view.append(cards);
    feed = new Feed(cards, chosen, BATCH, (document) => card(document, meant));
  },
  entities(view) {
    const chosen = matching(searched());
    if ($("order").value === "name") chosen.sort((one, other) => found.text[one].localeCompare(found.text[other], "en"));
    if ($("order").value === "documents") chosen.sort((one, other) => found.places[other].length - found.places[one].length);
    listed(view, chosen.length, "entities");
    const rows = el("tbody");
    view.append(el("div", {class: "wide"}, el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Entity"), el("th", {}, "Type"), el("th", {class: "n"}, "Mentions"), el("th", {class: "n"}, "Documents"))), rows)));
    feed = new Feed(rows, chosen, ROWS, entityRow);
    rows.closest(".wide").after(feed.more.parentNode);
  },
  problems(view) {
    const query = searched();
    matching("\0");
    const chosen = [...docs.name.keys()].filter((document) => docs.error[document] && (!query || `${lowered.document[document]} ${docs.error[document].join(" ").toLowerCase()}`.includes(query)));
    listed(view, chosen.length, "failed or missing documents", query ? undefined : "No document failed or is missing.");
    const rows = el("tbody");
    view.append(el("div", {class: "wide"}, el("table", {hidden: !chosen.length}, el("thead", {}, el("tr", {}, el("th", {}, "Document"), el("th", {}, "Error"), el("th", {}, "Message"))), rows)));
    feed = new Feed(rows, chosen, ROWS, (document) => el("tr", {}, el("td", {}, docs.source[document] || docs.name[document], docs.line[document] === null ? "" : `, line ${docs.line[document] + 1}`), el("td", {}, docs.error[document][0]), el("td", {}, docs.error[document][1])));
    rows.closest(".wide").after(feed.more.parentNode);
  },
};

function entityRow(entity) {
  const cell = el("td", {}, found.text[entity], " "), open = el("button", {type: "button", "aria-expanded": "false"}, "where");
  open.onclick = () => {
    const list = cell.querySelector("ul");
    open.setAttribute("aria-expanded", String(!list));
    if (list) { list.nextSibling?.remove(); list.remove(); return; }
    const made = el("ul", {class: "places"});
    cell.append(made);
    new Feed(made, places(entity), ROWS, (document) => el("li", {}, el("a", {href: `#document-${document + 1}`}, docs.name[document])));
  };
  cell.append(open);
  return el("tr", {}, cell, el("td", {}, tag(found.type[entity])), el("td", {class: "n", "data-unit": "mentions"}, number(found.mentions[entity])), el("td", {class: "n", "data-unit": "documents"}, number(found.places[entity].length)));
}

const time = (text) => text ? text.slice(0, 19).replace("T", " ") : "";
function took(job) {
  const seconds = Math.round((Date.parse(job.ended) - Date.parse(job.begun)) / 1000);
  return Number.isNaN(seconds) ? "unknown" : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} min`;
}
function figure(name, value) { return el("div", {}, el("dt", {}, name), el("dd", {}, value)); }
function jobCard(job) {
  const counts = job.counts, kinds = Object.entries(job.types).sort((one, other) => other[1] - one[1]);
  const bars = el("div", {class: "bars"}, kinds.flatMap(([name, times]) => [el("span", {}, name), el("i", {style: `${style(types.indexOf(name))}; width: ${100 * times / kinds[0][1]}%`}), el("b", {}, number(times))]));
  return el("section", {class: "card"},
    el("div", {class: "head"}, el("h2", {}, job.name || job.id), el("span", {class: `status ${job.status}`}, job.status)),
    el("p", {class: "soft"}, `${job.input ?? ""} (${job.language ?? "?"})`), el("p", {class: "soft"}, `Job ${job.id}, ${time(job.begun)} to ${time(job.ended)} UTC`),
    el("dl", {}, figure("Documents", number(counts.Documents ?? 0)), figure("Entities", number(counts.Entities ?? 0)), figure("Failed or missing", number((counts.DocumentErrors ?? 0) + (counts.MissingDocuments ?? 0))),
      figure("Job time", took(job)), figure("Seen after", job.lag === null ? "unknown" : `${Math.round(job.lag)} s`), figure("Cost at most", job.usd === null ? "unknown" : price(job.usd))),
    job.error ? el("p", {class: "failure"}, `${job.error.Code}: ${job.error.Message ?? ""}${job.error.Hint ? `\nWhat to do: ${job.error.Hint}` : ""}`) : null,
    job.warnings.map((warning) => el("p", {class: "soft"}, `Note: ${warning}`)),
    kinds.length ? [el("h3", {}, "Entities by type"), bars] : null);
}

const ORDERS = {documents: {given: "as published", name: "name", found: "entities"}, entities: {mentions: "mentions", name: "name", documents: "documents"}, problems: {given: "as published"}};
let shown = "";
function show() {
  const at = location.hash.slice(1), single = /^document-(\d+)$/.exec(at);
  const name = single ? "documents" : at in VIEWS ? at : "overview";
  const meant = single ? Math.min(docs.name.length, Number(single[1])) - 1 : undefined;
  for (const link of document.querySelectorAll("nav a")) link.toggleAttribute("aria-current", link.hash === `#${name}`);
  $("tools").hidden = name === "overview" || meant !== undefined;
  if (shown !== name && ORDERS[name]) $("order").replaceChildren(...Object.entries(ORDERS[name]).map(([value, text]) => el("option", {value}, text)));
  $("outcomes").hidden = $("labels").hidden = name !== "documents";
  $("jobs").hidden = name !== "documents" || index.jobs.length < 2;
  $("types").hidden = name === "problems";
  shown = name;
  feed?.end();
  $("view").replaceChildren();
  VIEWS[name]($("view"), meant);
  if (single) window.scrollTo({top: $("view").offsetTop - 20});
}

async function open() {
  index = await unpacked("index");
  ({documents: docs, entities: found, types} = index);
  styles = [];
  const failed = docs.error.filter(Boolean).length, usd = index.jobs.reduce((sum, job) => sum + (job.usd ?? 0), 0);
  const all = docs.found.reduce((sum, each) => sum + each, 0);
  $("figures").append(figure("Jobs", number(index.jobs.length)), figure("Documents", number(docs.name.length)), figure("Entities", number(all)), figure("Different", number(found.text.length)), figure("Failed or missing", number(failed)), figure("Cost at most", price(usd)));
  document.title = `Entities found in ${number(docs.name.length)} documents`;
  if (index.left_out) $("note").append(` The texts of ${number(index.left_out)} documents are left out: the report would be larger than 80 MB.`);
  $("job").append(el("option", {value: ""}, "all"), ...index.jobs.map((job, at) => el("option", {value: at}, job.name || job.id)));
  const totals = new Array(types.length).fill(0);
  found.type.forEach((type, entity) => { totals[type] += found.mentions[entity]; });
  for (const type of [...types.keys()].sort((one, other) => totals[other] - totals[one])) {
    const box = el("input", {type: "checkbox", checked: true, autocomplete: "off"});
    box.onchange = () => { box.checked ? hidden.delete(type) : hidden.add(type); show(); };
    $("types").append(el("label", {class: "type", style: style(type)}, box, types[type], el("b", {}, number(totals[type]))));
  }
  let waiting;
  $("search").oninput = () => { clearTimeout(waiting); waiting = setTimeout(show, 150); };
  for (const id of ["job", "outcome", "order"]) $(id).onchange = show;
  $("labelled").onchange = () => document.body.classList.toggle("plain", !$("labelled").checked);
  $("tools").onsubmit = (event) => event.preventDefault();
  window.onhashchange = show;
  show();
}
open().catch((error) => { $("view").textContent = `The report can't be opened: ${error.message}. It needs a browser of 2023 or later.`; });
