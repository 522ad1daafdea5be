// HTML from templates that escape what is put into them.

/** HTML that needs no escaping. */
class Markup {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

const ENTITIES = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'};

/**
 * A tagged template: values are escaped, in attributes too, unless they are `html` themselves; lists are joined; null,
 * undefined and false leave nothing.
 *
 * @returns {Markup}
 */
export function html(strings, ...values) {
  // The indentation of the source is left out.
  const [first, ...rest] = strings.map((string) => string.replace(/\n\s*/g, '\n'));
  return new Markup(rest.reduce((text, string, i) => text + render(values[i]) + string, first));
}

function render(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(render).join('');
  if (value === null || value === undefined || value === false) return '';
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** Text that goes in as it is: our own style sheet. */
export function trusted(text) {
  return new Markup(text);
}
