'use strict';
// Sorting and filtering of the lists. The page is whole without this file. Texts are set as text, never as markup.

/** Rows that are drawn at once; a button draws more. */
const PAGE = 250;
const language = document.documentElement.lang;
const collator = new Intl.Collator(language, { numeric: true });
const count = new Intl.NumberFormat(language);
/** A sentence of the page with its numbers in it. */
const filled = (text, ...numbers) => text.replace(/\{(\d)\}/g, (_, at) => numbers[at]);

const main = (cell) => (typeof cell === 'string' ? cell : cell[0]);
const whole = (row) => (row.text ??= row.cells.flat().join('\n').toLowerCase());

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The same row as the one that the page came with. */
function drawn(row, columns) {
  const cells = row.cells.map((cell, index) => {
    const first = row.verdict !== null && index === 0;
    const td = element('td', { role: 'cell', 'data-column': columns[index].name, 'data-label': columns[index].label });
    td.append(first ? element('span', { class: `chip ${row.weight}` }, main(cell)) : element('bdi', {}, main(cell)));
    if (typeof cell !== 'string' && cell[1]) td.append(element('small', {}, element('bdi', {}, cell[1])));
    if (typeof cell !== 'string' && cell[2]) td.append(element('code', {}, cell[2]));
    return td;
  });
  return element('tr', { role: 'row' }, ...cells);
}

function enhance(table) {
  const id = table.dataset.list;
  const name = id.replace(/-rows$/, '');
  const form = document.getElementById(`${name}-filters`);
  const status = document.getElementById(`${name}-status`);
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const columns = heads.map((head) => ({ name: head.dataset.column, label: head.textContent }));
  const { shown: shownText, chosen: chosenText, more: moreText } = table.dataset;
  const verdicts = ['verdict', 'state'].includes(columns[0].name);
  const sort = { column: null, down: false };
  let data;
  let rows;
  let limit = body.rows.length;

  const more = element('button', { type: 'button', class: 'more' });
  more.hidden = true;
  table.after(more);

  function load() {
    data ??= JSON.parse(document.getElementById(id).textContent);
    rows ??= data.rows;
  }

  function choose() {
    load();
    const wanted = form ? new FormData(form) : new Map();
    const verdict = wanted.get('verdict') || '';
    const rule = wanted.get('rule') || '';
    const words = (wanted.get('text') || '').toLowerCase().split(/\s+/).filter(Boolean);
    rows = data.rows.filter((row) =>
      (!verdict || row.verdict === verdict) &&
      (!rule || main(row.cells[1]) === rule) &&
      words.every((word) => whole(row).includes(word)));
    const { column, down } = sort;
    if (column !== null) {
      const compare = column === 0 && verdicts
        ? (a, b) => a.rank - b.rank
        : (a, b) => collator.compare(main(a.cells[column]), main(b.cells[column]));
      rows.sort(down ? (a, b) => compare(b, a) : compare);
    }
    limit = PAGE;
    draw();
  }

  function draw() {
    body.replaceChildren(...rows.slice(0, limit).map((row) => drawn(row, columns)));
    tell();
  }

  function tell() {
    const shown = body.rows.length;
    const carried = data ? data.rows.length : shown;
    const chosen = rows ? rows.length : shown;
    const total = count.format(data.total);
    const of = chosen === carried ? total : filled(chosenText, count.format(chosen), total);
    status.textContent = filled(shownText, count.format(shown), of);
    more.hidden = shown >= chosen;
    more.textContent = filled(moreText, count.format(Math.min(PAGE, chosen - shown)));
  }

  more.addEventListener('click', () => {
    load();
    limit = body.rows.length + PAGE;
    const next = rows.slice(body.rows.length, limit).map((row) => drawn(row, columns));
    body.append(...next);
    tell();
  });

  heads.forEach((head, column) => {
    const button = element('button', { type: 'button' }, columns[column].label);
    head.replaceChildren(button);
    head.setAttribute('aria-sort', 'none');
    button.addEventListener('click', () => {
      sort.down = sort.column === column && !sort.down;
      sort.column = column;
      heads.forEach((other) => other.setAttribute('aria-sort', 'none'));
      head.setAttribute('aria-sort', sort.down ? 'descending' : 'ascending');
      choose();
    });
  });

  if (form) {
    form.hidden = false;
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', choose);
    form.addEventListener('reset', () => setTimeout(() => {
      sort.column = null;
      heads.forEach((head) => head.setAttribute('aria-sort', 'none'));
      choose();
    }));
    for (const link of document.querySelectorAll(`a.to-list[href="#${name}"]`)) {
      link.addEventListener('click', () => {
        form.elements.rule.value = link.dataset.rule;
        form.elements.verdict.value = '';
        form.elements.text.value = '';
        choose();
      });
    }
  }

  const note = document.getElementById(`${name}-note`);
  if (note) {
    more.hidden = false;
    more.textContent = filled(moreText, count.format(PAGE));
  }
}

document.querySelectorAll('table[data-list]').forEach(enhance);
