/** HTML built element by element; text is escaped. */

/** Text of HTML, as it goes into a page. */
export class Html {
  constructor(readonly text: string) {}
}

/** `null` and `false` leave nothing. */
export type Child = Html | string | number | null | false | readonly Child[];

const ENTITIES: Readonly<Record<string, string>> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'};
/** Elements without an end. */
const VOID = new Set(['img', 'meta']);

const escape = (text: string) => text.replace(/[&<>"]/g, (character) => ENTITIES[character]);

export function element(
  tag: string,
  attributes: Readonly<Record<string, string | number>>,
  ...children: Child[]
): Html {
  const list = Object.entries(attributes).map(([name, value]) => ` ${name}="${escape(String(value))}"`);
  const start = `<${tag}${list.join('')}>`;
  return new Html(VOID.has(tag) ? start : `${start}${children.map(render).join('')}</${tag}>`);
}

function render(child: Child): string {
  if (child === null || child === false) return '';
  if (child instanceof Html) return child.text;
  return Array.isArray(child) ? child.map(render).join('') : escape(String(child));
}
